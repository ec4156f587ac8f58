// Package pop3sim is a POP3 server for tests: real TCP or TLS on the loopback
// interface, mailboxes in memory, a master user as Dovecot has them, and faults
// that are switched on one by one. Imports: the standard library.
package pop3sim

import (
	"bufio"
	"crypto/tls"
	"net"
	"sync"
)

// A Message is a message of a mailbox.
type Message struct {
	UID  string
	Body []byte // what a client must end up with, up to a CRLF at the end, which the server adds where there is none
}

// Quirks are the faults of a server. Messages are named by their numbers, from
// one; zero is none.
type Quirks struct {
	Silent    bool           // there is no greeting
	NoUIDL    bool           // the command is unknown
	UIDL      map[int]string // what UIDL says instead; "" is a line without a name
	Sizes     map[int]int64  // what LIST says instead
	Count     int            // so many more messages are counted by STAT than there are
	Listing   bool           // UIDL answers with one line that never ends
	Endless   int            // this message never ends
	Stall     int            // this message stops half-way, and nothing comes any more
	Drip      int            // this message comes as one byte, and then another after each thing that Tick receives
	Drop      int            // the connection ends in the middle of this message
	DropAfter int64          // each connection ends after so many bytes of messages
	Refuse    int            // this message is not handed out
	Unstuffed int            // dots of this message are not doubled
	Echo      bool           // a refusal repeats the password
}

// A Server serves mailboxes until it is closed.
type Server struct {
	User     string // the master user, as in ADDRESS*USER
	Password string
	Tick     chan struct{} // for Drip

	listener net.Listener
	mu       sync.Mutex
	boxes    map[string][]Message
	quirks   Quirks
	fetched  map[string]int // RETR commands by UID and number
	total    int
	sent     int64
	news     chan struct{} // closed at every RETR, and made anew
	conns    map[net.Conn]bool
	closed   bool
}

// Start starts a server on a free port of the loopback interface; with TLS when
// there is a configuration.
func Start(user, password string, secure *tls.Config) (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	if secure != nil {
		l = tls.NewListener(l, secure)
	}
	s := &Server{
		User: user, Password: password, Tick: make(chan struct{}), listener: l, boxes: make(map[string][]Message),
		fetched: make(map[string]int), news: make(chan struct{}), conns: make(map[net.Conn]bool),
	}
	go s.serve()
	return s, nil
}

// Address is where the server listens: HOST:PORT.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Close ends the server and its connections.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for c := range s.conns {
		_ = c.Close()
	}
	return s.listener.Close()
}

// Put replaces a user's mailbox.
func (s *Server) Put(address string, messages []Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.boxes[address] = messages
}

// Misbehave replaces the faults.
func (s *Server) Misbehave(q Quirks) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quirks = q
}

// Fetched says how often each message was asked for, by NUMBER:UID, and how
// often any was.
func (s *Server) Fetched() (each map[string]int, total int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	each = make(map[string]int, len(s.fetched))
	for k, n := range s.fetched {
		each[k] = n
	}
	return each, s.total
}

// Sent is how many bytes of messages were sent.
func (s *Server) Sent() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent
}

// Next returns how many messages were asked for until now, and a channel that is
// closed when another one is.
func (s *Server) Next() (total int, next <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total, s.news
}

func (s *Server) serve() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		closed := s.closed
		s.conns[c] = true
		s.mu.Unlock()
		if closed {
			_ = c.Close()
			return
		}
		go func() {
			(&session{Server: s, conn: c, in: bufio.NewReader(c), out: bufio.NewWriter(c)}).run()
			_ = c.Close()
			s.mu.Lock()
			defer s.mu.Unlock()
			delete(s.conns, c)
		}()
	}
}
