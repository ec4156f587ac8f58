package main

import (
	"fmt"
	"time"
)

// progress says on a terminal what takes longer than a second; the function
// that it returns takes the line back.
func (a *app) progress(doing string) (done func()) {
	if !terminal(a.err) {
		return func() {}
	}
	start := time.Now()
	stop := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				fmt.Fprintf(a.err, "\r\x1b[K%s … %ds", doing, int(time.Since(start).Seconds()))
			case <-stop:
				if time.Since(start) >= time.Second {
					fmt.Fprint(a.err, "\r\x1b[K")
				}
				return
			}
		}
	}()
	return func() {
		select {
		case <-stop:
		default:
			close(stop)
			<-stopped
		}
	}
}
