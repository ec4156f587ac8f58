package notify

import (
	"bytes"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"time"
)

// mostSubject is short enough for one screen and for every server.
const mostSubject = 180

// compose writes the message. Every header value is either made here or passed
// through oneLine and an encoder, so that no text can begin a header.
func (m *email) compose(e *Event) []byte {
	var b bytes.Buffer
	header := func(name, value string) { b.WriteString(name + ": " + value + "\r\n") }
	header("Date", e.At.Format(time.RFC1123Z))
	header("Message-ID", "<"+idText(e.ID)+"@"+m.domain+">")
	header("From", fold(m.from.String()))
	header("To", recipients(m.to))
	header("Subject", subject(e))
	header("Auto-Submitted", "auto-generated") // RFC 3834: no holiday replies
	header("MIME-Version", "1.0")
	header("Content-Type", "text/plain; charset=utf-8")
	header("Content-Transfer-Encoding", "quoted-printable")
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(strings.ReplaceAll(text(e), "\n", "\r\n"))) // a Buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

// subject is the headline. What looks like an encoded word in it is broken up:
// a reader would decode it, line ends and all.
func subject(e *Event) string {
	line := cut(strings.ReplaceAll(headline(e), "=?", "= ?"), mostSubject)
	return fold(mime.QEncoding.Encode("utf-8", line))
}

// idText is an event's ID with nothing that a Message-ID cannot have. It is the
// same in each attempt, so that a mail server can drop what came twice.
func idText(id string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, cut(id, 64))
}

// fold ends the line between encoded words: together they may pass the 998
// octets that a line may have.
func fold(s string) string { return strings.ReplaceAll(s, "?= =?", "?=\r\n =?") }

func recipients(to []*mail.Address) string {
	out := make([]string, len(to))
	for i, one := range to {
		out[i] = fold(one.String())
	}
	return strings.Join(out, ",\r\n ")
}

// text is the body.
func text(e *Event) string {
	parts := []string{oneLine(e.Title)}
	if len(e.Lines) > 0 {
		parts = append(parts, strings.Join(tidyLines(e.Lines), "\n"))
	}
	parts = append(parts, strings.Join(facts(e), "\n"))
	if e.URL != "" {
		parts = append(parts, "Status page: "+oneLine(e.URL))
	}
	if lost := loss(e); lost != "" {
		parts = append(parts, lost)
	}
	return strings.Join(parts, "\n\n") + "\n"
}
