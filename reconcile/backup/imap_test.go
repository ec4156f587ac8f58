package backup_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"

	"mailops/reconcile/backup"
	"mailops/reconcile/backup/pop3sim"
)

// imapServer serves carla's folders from memory.
func imapServer(t *testing.T, folders map[string][]pop3sim.Message) (address string, user *imapmemserver.User) {
	t.Helper()
	user = imapmemserver.NewUser(carla+"*"+master, password)
	for folder, messages := range folders {
		if err := user.Create(folder, nil); err != nil {
			t.Fatal(err)
		}
		deliver(t, user, folder, messages)
	}
	memory := imapmemserver.New()
	memory.AddUser(user)
	server := imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return memory.NewSession(), nil, nil
		},
		Caps:         imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapNamespace: {}},
		InsecureAuth: true,
		Logger:       log.New(io.Discard, "", 0),
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return "imap://" + listener.Addr().String(), user
}

func deliver(t *testing.T, user *imapmemserver.User, folder string, messages []pop3sim.Message) {
	t.Helper()
	for _, m := range messages {
		if _, err := user.Append(folder, literal{strings.NewReader(string(m.Body)), int64(len(m.Body))}, &imap.AppendOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

type literal struct {
	*strings.Reader
	size int64
}

// Size implements imap.LiteralReader.
func (l literal) Size() int64 { return l.size }

// TestIMAP: every folder, every byte, nothing marked as seen; what is moved to
// another folder is fetched there, and what it was stays.
func TestIMAP(t *testing.T) {
	t.Parallel()
	for _, storage := range backup.Storages {
		t.Run(storage, func(t *testing.T) {
			t.Parallel()
			// The server in memory writes headers anew, so it gets messages that it
			// hands out as they are; TestExactIMAP is about the others.
			exact := slices.DeleteFunc(slices.Clone(hostile), func(m pop3sim.Message) bool {
				return !slices.Contains([]string{"plain", "dots", "arrows", "no-end", "twin-1", "twin-2"}, m.UID)
			})
			folders := map[string][]pop3sim.Message{"INBOX": exact, "Sent": numbered(3), "Arquivo/2024 é": numbered(2), "../../etc": numbered(1), "Empty": nil}
			address, user := imapServer(t, folders)
			o := withStorage(options(t, address), storage)
			run := take(t, o)
			if want := len(exact) + 6; run.Stored != want || run.Protocol != "imap" {
				t.Errorf("run %+v, want %d", run, want)
			}
			inFolders(t, o.Dir, folders)
			private(t, o.Dir)
			if status, err := user.Status("INBOX", &imap.StatusOptions{NumUnseen: true, NumMessages: true}); err != nil || *status.NumUnseen != *status.NumMessages {
				t.Errorf("after the backup, messages are seen: %+v, %v", status, err)
			}
			if run := take(t, o); run.Fetched != 0 {
				t.Errorf("once more: %+v", run)
			}
			deliver(t, user, "Sent", numbered(5)[3:])
			if run := take(t, o); run.Fetched != 2 || run.Stored != 2 {
				t.Errorf("latest: %+v", run)
			}

			// The folder is made anew: other names for the same messages.
			if err := errors.Join(user.Delete("Sent"), user.Create("Sent", nil)); err != nil {
				t.Fatal(err)
			}
			deliver(t, user, "Sent", numbered(5))
			if run := take(t, o); run.Fetched != 5 || run.Stored != 0 || !strings.Contains(strings.Join(run.Odd, ""), "under another name") {
				t.Errorf("new UIDVALIDITY: %+v", run)
			}
		})
	}
}

// inFolders holds the manifest against the folders, byte by byte.
func inFolders(t *testing.T, dir string, folders map[string][]pop3sim.Message) {
	t.Helper()
	want, got := []string{}, []string{}
	for folder, messages := range folders {
		for _, m := range messages {
			want = append(want, folder+" "+sum(m.Body))
		}
	}
	for _, m := range manifest(t, dir).Messages {
		got = append(got, m.Folder+" "+m.SHA256)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if v, err := backup.Verify(t.Context(), dir); err != nil || len(v.Damaged)+v.Strays > 0 {
		t.Errorf("verify: %+v, %v", v, err)
	}
}

// TestHostileIMAP: servers that lie about the length of what they send.
func TestHostileIMAP(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		replies map[string]string
		flood   string
		err     string
	}{
		{name: "no IMAP", replies: map[string]string{"": "+OK ready\r\n"}, err: "sign in to imap://"},
		{name: "huge literal", replies: one("* 1 FETCH (UID 1 RFC822.SIZE 10 BODY[] {10737418240}\r\n"), err: "more than is allowed"},
		{name: "literal that ends early", replies: one("* 1 FETCH (UID 1 RFC822.SIZE 10 BODY[] {100}\r\nonly this\x00"), err: "the server closed the connection"},
		{name: "an atom without end", replies: one("* 1 FETCH (UID 1 RFC822.SIZE 10 "), flood: "ENVELOPE", err: "more than is allowed"},
		{name: "another message", replies: one("* 1 FETCH (UID 1 RFC822.SIZE 10)\r\n"), err: "the server sends nothing for it"},
		{name: "folders without end", replies: map[string]string{"LIST": ""}, flood: "* LIST () \"/\" x\r\n", err: "more than is allowed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o := options(t, "imap://"+liar(t, test.replies, test.flood))
			o.Limits.Message, o.Limits.Listing = 1<<20, 1<<20
			_, err := backup.Take(t.Context(), o)
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("error %v, want %q", err, test.err)
			}
		})
	}
}

// one are the replies of a server with one message, and what it sends for it.
func one(body string) map[string]string {
	return map[string]string{
		"LIST":          "* LIST () \"/\" INBOX\r\n",
		"EXAMINE":       "* 1 EXISTS\r\n* OK [UIDVALIDITY 1] \r\n",
		"UID FETCH 1:*": "* 1 FETCH (UID 1 RFC822.SIZE 10)\r\n",
		"UID FETCH 1 ":  body,
	}
}

// TestExactIMAP: a message arrives as the bytes that it is.
func TestExactIMAP(t *testing.T) {
	t.Parallel()
	for _, m := range hostile {
		o := options(t, "imap://"+liar(t, one(fmt.Sprintf("* 1 FETCH (UID 1 BODY[] {%d}\r\n%s)\r\n", len(m.Body), m.Body)), ""))
		o.Storage = "mbox"
		take(t, o)
		inFolders(t, o.Dir, map[string][]pop3sim.Message{"INBOX": {m}})
	}
}

// liar answers each command that begins as a reply's name does with that reply
// and OK. A reply that ends in NUL ends the connection; with a flood, the last
// command that has a reply gets that too, without end.
func liar(t *testing.T, replies map[string]string, flood string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go lie(c, replies, flood)
		}
	}()
	return listener.Addr().String()
}

func lie(c net.Conn, replies map[string]string, flood string) {
	defer c.Close()
	greeting, ok := replies[""]
	if !ok {
		greeting = "* OK ready\r\n"
	}
	fmt.Fprint(c, greeting)
	last := slices.Max(slices.Collect(maps.Keys(replies)))
	for in := bufio.NewScanner(c); in.Scan(); {
		tag, command, _ := strings.Cut(in.Text(), " ")
		name := ""
		for prefix := range replies {
			if prefix != "" && strings.HasPrefix(command, prefix) {
				name = prefix
			}
		}
		reply, ended := "", false
		if name != "" {
			reply, ended = strings.CutSuffix(replies[name], "\x00")
		}
		if strings.HasPrefix(command, "CAPABILITY") {
			reply = "* CAPABILITY IMAP4rev1\r\n"
		}
		_, err := fmt.Fprint(c, reply)
		for err == nil && flood != "" && name == last {
			_, err = fmt.Fprint(c, strings.Repeat(flood, 1000))
		}
		if ended || err != nil {
			return
		}
		fmt.Fprintf(c, "%s OK done\r\n", tag)
	}
}

// TestSilentIMAP: a server that never answers is given up.
func TestSilentIMAP(t *testing.T) {
	t.Parallel()
	o := options(t, "imap://"+silent(t))
	o.Limits.Idle = 50 * time.Millisecond
	if _, err := backup.Take(t.Context(), o); err == nil || !strings.Contains(err.Error(), "silent or too slow") {
		t.Errorf("error %v", err)
	}
}

// silent accepts connections, and that is all.
func silent(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String()
}
