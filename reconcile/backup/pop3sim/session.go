package pop3sim

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// A session is one connection.
type session struct {
	*Server
	conn net.Conn
	in   *bufio.Reader
	out  *bufio.Writer
	name string
	box  []Message
	q    Quirks
	open bool  // signed in
	sent int64 // bytes of messages
}

func (s *session) run() {
	s.mu.Lock()
	s.q = s.quirks
	s.mu.Unlock()
	if s.q.Silent {
		s.wait()
		return
	}
	s.say("+OK ready")
	for s.out.Flush() == nil {
		line, err := s.in.ReadString('\n')
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		if !s.obey(strings.ToUpper(verb), rest) {
			_ = s.out.Flush()
			return
		}
	}
}

// obey carries out a command, and reports whether the session goes on.
func (s *session) obey(verb, rest string) bool {
	switch {
	case verb == "QUIT":
		s.say("+OK bye")
		return false
	case verb == "USER":
		s.name = rest
		s.say("+OK")
	case verb == "PASS":
		s.signIn(rest)
	case verb == "NOOP":
		s.say("+OK")
	case !s.open:
		s.say("-ERR sign in first")
	case verb == "STAT":
		s.say("+OK %d %d", len(s.box)+s.q.Count, s.size())
	case verb == "LIST":
		s.list()
	case verb == "UIDL" && !s.q.NoUIDL:
		return s.uidl()
	case verb == "RETR":
		return s.retr(rest)
	default:
		s.say("-ERR unknown command")
	}
	return true
}

func (s *session) say(format string, args ...any) {
	fmt.Fprintf(s.out, format+"\r\n", args...)
}

func (s *session) signIn(password string) {
	address, master, _ := strings.Cut(s.name, "*")
	s.mu.Lock()
	defer s.mu.Unlock()
	box, known := s.boxes[address]
	if master != s.User || password != s.Password || !known {
		text := "-ERR [AUTH] Authentication failed."
		if s.q.Echo {
			text += " \x1b[31m(you said " + password + ")"
		}
		s.say("%s", text)
		return
	}
	s.box, s.open = box, true
	s.say("+OK Logged in.")
}

func (s *session) size() (sum int) {
	for _, m := range s.box {
		sum += len(m.Body)
	}
	return sum
}

func (s *session) list() {
	s.say("+OK")
	for i, m := range s.box {
		size, lie := s.q.Sizes[i+1]
		if !lie {
			size = int64(len(m.Body))
		}
		s.say("%d %d", i+1, size)
	}
	s.say(".")
}

func (s *session) uidl() bool {
	s.say("+OK")
	if s.q.Listing {
		return s.flood("1 x", bytes.Repeat([]byte("x"), 1<<16))
	}
	for i, m := range s.box {
		uid, lie := s.q.UIDL[i+1]
		if !lie {
			uid = m.UID
		}
		s.say("%s", strings.TrimRight(fmt.Sprintf("%d %s", i+1, uid), " "))
	}
	s.say(".")
	return true
}

// wait sends nothing any more, until the client has enough of it.
func (s *session) wait() {
	_ = s.out.Flush()
	_, _ = s.in.Peek(1)
}

// flood sends a text again and again, until the client has enough of it.
func (s *session) flood(first string, again []byte) bool {
	_, err := s.out.WriteString(first)
	for err == nil {
		_, err = s.out.Write(again)
		s.count(len(again))
	}
	return false
}

func (s *session) count(n int) {
	s.sent += int64(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Server.sent += int64(n)
}

// note remembers that a message was asked for.
func (s *session) note(number int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetched[fmt.Sprintf("%d:%s", number, s.box[number-1].UID)]++
	s.total++
	close(s.news)
	s.news = make(chan struct{})
}

// retr sends a message, as well as the server can.
func (s *session) retr(rest string) bool {
	number, err := strconv.Atoi(rest)
	if err != nil || number < 1 || number > len(s.box) {
		s.say("-ERR there is no such message")
		return true
	}
	s.note(number)
	if number == s.q.Refuse {
		s.say("-ERR [SYS/PERM] the message cannot be read")
		return true
	}
	s.say("+OK")
	wire := Wire(s.box[number-1].Body, number != s.q.Unstuffed)
	half := wire[:len(wire)/2]
	switch {
	case number == s.q.Endless:
		return s.flood("", bytes.Repeat([]byte("and so on and on\r\n"), 1<<12))
	case number == s.q.Stall:
		_, _ = s.out.Write(half)
		s.wait()
		return false
	case number == s.q.Drip:
		return s.drip(wire)
	case number == s.q.Drop, s.q.DropAfter > 0 && s.sent+int64(len(wire)) > s.q.DropAfter:
		_, _ = s.out.Write(half)
		return false
	}
	_, err = s.out.Write(wire)
	s.count(len(wire))
	return err == nil
}

// drip sends a byte whenever a test says so.
func (s *session) drip(wire []byte) bool {
	for _, c := range wire {
		if s.out.WriteByte(c) != nil || s.out.Flush() != nil {
			return false
		}
		<-s.Tick
	}
	return true
}

// Wire is a message as POP3 carries it: the dots that begin lines doubled, a
// line's end at the end, and the dot that ends it. Lines end in CRLF alone.
func Wire(body []byte, stuff bool) []byte {
	var out bytes.Buffer
	if stuff && bytes.HasPrefix(body, []byte(".")) {
		out.WriteByte('.')
	}
	if stuff {
		body = bytes.ReplaceAll(body, []byte("\r\n."), []byte("\r\n.."))
	}
	out.Write(body)
	if !bytes.HasSuffix(body, []byte("\r\n")) && len(body) > 0 {
		out.WriteString("\r\n")
	}
	out.WriteString(".\r\n")
	return out.Bytes()
}

// Received is what a client must end up with for a body.
func Received(body []byte) []byte {
	if !bytes.HasSuffix(body, []byte("\r\n")) && len(body) > 0 {
		return append(bytes.Clone(body), "\r\n"...)
	}
	return body
}
