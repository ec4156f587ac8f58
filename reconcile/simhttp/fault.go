package simhttp

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// A FaultKind names what goes wrong.
type FaultKind string

// The faults. Those with a moment of their own hit before the server acted, or,
// with Fault.After, when it has: a client cannot tell which.
const (
	Cut    FaultKind = "cut"    // the connection ends without an answer
	Fail   FaultKind = "fail"   // Fault.Status, 500 unless told otherwise
	HTML   FaultKind = "html"   // a page of HTML with status 200
	Half   FaultKind = "half"   // the server acts, and the connection ends in the middle of the answer
	Slow   FaultKind = "slow"   // the server acts, and pauses for Fault.Wait in the middle of the answer
	Huge   FaultKind = "huge"   // the server acts, and the answer has Fault.Bytes of filler
	Empty  FaultKind = "empty"  // the server acts, and the answer has no body
	Refuse FaultKind = "refuse" // refused within a reply that says 200; hits only calls of which that is documented
	Expire FaultKind = "expire" // the token expires just before
)

// A Fault is what goes wrong with some requests. The zero value hits none.
type Fault struct {
	Kind  FaultKind `json:"kind"`
	After bool      `json:"after,omitempty"` // the server acts first

	// Which requests: an empty field is any.
	Only   Kind   `json:"only,omitempty"`
	Host   string `json:"host,omitempty"`
	Method string `json:"method,omitempty"`
	Path   string `json:"path,omitempty"` // a part of the path
	Action string `json:"action,omitempty"`

	// Of these, the Nth and those that follow: one, unless Times says how many.
	// Without Nth, the first ones: all, unless Times says how many.
	Nth   int `json:"nth,omitempty"`
	Times int `json:"times,omitempty"`

	Status int           `json:"status,omitempty"` // for Fail
	Wait   time.Duration `json:"wait,omitempty"`   // for Slow
	Bytes  int64         `json:"bytes,omitempty"`  // for Huge
}

// String is the fault's name, as the log has it.
func (f Fault) String() string {
	switch {
	case f.Kind == "":
		return ""
	case f.After:
		return string(f.Kind) + ",after"
	case f.Kind == Fail:
		return fmt.Sprintf("%s=%d", f.Kind, f.Status)
	}
	return string(f.Kind)
}

// filled is the fault with what its kind takes for granted.
func (f Fault) filled() Fault {
	if f.Kind == Fail && f.Status == 0 {
		f.Status = http.StatusInternalServerError
	}
	if f.Kind == Slow && f.Wait == 0 {
		f.Wait = time.Minute
	}
	if f.Kind == Huge && f.Bytes == 0 {
		f.Bytes = 1 << 30
	}
	return f
}

// before reports whether the fault is of a kind, and hits before the server
// acted.
func (f Fault) before(k FaultKind) bool { return f.Kind == k && !f.After }

// concerns reports whether a request is one of those that the fault counts.
func (f Fault) concerns(r *Request) bool {
	return (f.Only == "" || f.Only == r.Kind) &&
		(f.Host == "" || f.Host == r.Host) &&
		(f.Method == "" || f.Method == r.Method) &&
		(f.Action == "" || f.Action == r.Action) &&
		(f.Kind != Refuse || r.Refusable) &&
		strings.Contains(r.Path, f.Path)
}

// An armed fault counts the requests that concern it.
type armed struct {
	Fault
	seen int
}

// hits counts a request and reports whether it is hit.
func (a *armed) hits(r *Request) bool {
	if !a.concerns(r) {
		return false
	}
	a.seen++
	first, last := max(a.Nth, 1), 0
	switch {
	case a.Times > 0:
		last = first + a.Times - 1
	case a.Nth > 0:
		last = first
	}
	return a.seen >= first && (last == 0 || a.seen <= last)
}

// hit is the fault that a request meets: the first that hits it. All count it.
func (f *Front) hit(r *Request) (out Fault) {
	for i := range f.faults {
		if f.faults[i].hits(r) && out.Kind == "" {
			out = f.faults[i].Fault
		}
	}
	return out
}

// page is what stands between a client and a service says when it is in trouble.
func page(changes []string) Answer {
	return Answer{
		Status: http.StatusOK, Header: map[string]string{"Content-Type": "text/html"},
		Body: []byte("<!DOCTYPE html><html><body><h1>We will be back soon</h1></body></html>\n"), Changes: changes,
	}
}

// deliver sends an answer, as well as the fault lets it.
func deliver(w http.ResponseWriter, r *http.Request, a Answer, f Fault) {
	if f.Kind == Cut {
		panic(http.ErrAbortHandler) // net/http's way to end a connection without a word
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	for name, value := range a.Header {
		w.Header().Set(name, value)
	}
	if f.Kind == Half {
		w.Header().Set("Content-Length", fmt.Sprint(len(a.Body)))
	}
	w.WriteHeader(a.Status)
	switch f.Kind {
	case Half:
		pause(w, r, a.Body, 0)
		panic(http.ErrAbortHandler)
	case Slow:
		if !pause(w, r, a.Body, f.Wait) {
			panic(http.ErrAbortHandler) // half an answer must not look like a whole one
		}
		_, _ = w.Write(a.Body[len(a.Body)/2:])
	case Huge:
		fill(w, a.Body, f.Bytes)
	default:
		_, _ = w.Write(a.Body)
	}
}

// pause sends half of a body and waits, unless the client goes first.
func pause(w http.ResponseWriter, r *http.Request, body []byte, wait time.Duration) bool {
	_, _ = w.Write(body[:len(body)/2])
	_ = http.NewResponseController(w).Flush()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// fill sends a body that is an object with so much filler before what it says:
// whoever reads to the end gets the true answer.
func fill(w http.ResponseWriter, body []byte, size int64) {
	rest, object := strings.CutPrefix(string(body), "{")
	if !object {
		rest = "}"
	}
	if _, err := w.Write([]byte(`{"filler":"`)); err != nil {
		return
	}
	chunk := []byte(strings.Repeat("x", 1<<16))
	for size > 0 {
		n, err := w.Write(chunk[:min(size, int64(len(chunk)))])
		if err != nil {
			return
		}
		size -= int64(n)
	}
	comma := ","
	if strings.HasPrefix(rest, "}") {
		comma = ""
	}
	_, _ = w.Write([]byte(`"` + comma + rest))
}
