package main

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"mailops/reconcile"
)

// A progressLine says on a terminal what takes longer than a second, in one line
// that is taken back.
type progressLine struct {
	app   *app
	doing string
	start time.Time

	mu   sync.Mutex
	is   reconcile.Progress
	stop chan struct{} // nil: nobody looks, or it has ended
	done chan struct{}
}

// progress is a progressLine that nobody tells how far it is; the function that it
// returns ends it.
func (a *app) progress(doing string) (done func()) { return a.progressLine(doing).end }

func (a *app) progressLine(doing string) *progressLine {
	l := &progressLine{app: a, doing: doing, start: time.Now()}
	if terminal(a.err) {
		l.stop, l.done = make(chan struct{}), make(chan struct{})
		go l.show(l.stop)
	}
	return l
}

// tell says how far it is.
func (l *progressLine) tell(p reconcile.Progress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.is = p
}

// end takes the line back.
func (l *progressLine) end() {
	l.mu.Lock()
	stop := l.stop
	l.stop = nil
	l.mu.Unlock()
	if stop != nil {
		close(stop)
		<-l.done
	}
}

func (l *progressLine) show(stop chan struct{}) {
	defer close(l.done)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			fmt.Fprintf(l.app.err, "\r\x1b[K%s", l.text())
		case <-stop:
			if time.Since(l.start) >= time.Second {
				fmt.Fprint(l.app.err, "\r\x1b[K")
			}
			return
		}
	}
}

// text is the line now: with a bar and the time left, where that is known.
func (l *progressLine) text() string {
	l.mu.Lock()
	p := l.is
	l.mu.Unlock()
	if p.Of == 0 {
		return fmt.Sprintf("%s … %ds", l.doing, int(time.Since(l.start).Seconds()))
	}
	const width = 24
	full := width * p.Done / p.Of
	return fmt.Sprintf("%s [%s%s] %d of %d requests, %s left", l.doing, strings.Repeat("█", full), strings.Repeat("░", width-full), p.Done, p.Of, lengthOf(p.Left))
}
