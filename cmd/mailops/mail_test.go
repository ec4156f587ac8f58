package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

	"mailops/reconcile/backup/pop3sim"
)

type mailKey struct{}

// mail is a script's mail server.
type mail struct{ server *pop3sim.Server }

// The master user of a script's mail server.
const (
	mailMaster   = "backup"
	mailPassword = "Correct-horse-7-battery"
)

// cmdPOP3 gives a user so many messages on a POP3 server over TLS, and starts it
// before: pop3 ADDRESS COUNT. It sets $POP3, and writes ca.pem and master.
func cmdPOP3(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: pop3 ADDRESS COUNT")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	m := ts.Value(mailKey{}).(*mail)
	if m.server == nil {
		config, pem, err := pop3sim.Certificate()
		ts.Check(err)
		m.server, err = pop3sim.Start(mailMaster, mailPassword, config)
		ts.Check(err)
		ts.Defer(func() { _ = m.server.Close() })
		ts.Check(os.WriteFile(ts.MkAbs("ca.pem"), pem, 0o600))
		ts.Check(os.WriteFile(ts.MkAbs("master"), []byte(mailPassword+"\n"), 0o600))
		ts.Setenv("POP3", "pop3s://"+m.server.Address())
	}
	messages := make([]pop3sim.Message, n)
	for i := range messages {
		messages[i] = pop3sim.Message{UID: fmt.Sprintf("u%d", i+1), Body: fmt.Appendf(nil, "Subject: %d\r\n\r\nFrom me\r\n", i+1)}
	}
	m.server.Put(args[0], messages)
}

// cmdMisbehave switches on faults of the mail server: misbehave JSON.
func cmdMisbehave(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: misbehave JSON")
	}
	var q pop3sim.Quirks
	ts.Check(json.Unmarshal([]byte(args[0]), &q))
	ts.Value(mailKey{}).(*mail).server.Misbehave(q)
}
