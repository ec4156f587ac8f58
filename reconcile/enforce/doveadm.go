package enforce

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"time"

	"mailops/schema"
)

// Dovecot is a Dovecot server by its doveadm HTTP interface (Dovecot 2.3
// manual, "Doveadm HTTP API").
type Dovecot struct {
	URL    string // such as http://127.0.0.1:8080
	Key    string // doveadm_api_key
	Client *http.Client
}

// patience is how long one call may take, where the client sets nothing.
const patience = 10 * time.Second

// mostAnswer bounds what is read of an answer: a hundred thousand sessions.
const mostAnswer = 64 << 20

var _ MailServer = (*Dovecot)(nil)

// address finds the addresses in a list such as "(10.0.0.1 2001:db8::1)".
var address = regexp.MustCompile(`[0-9A-Fa-f:.]+`)

// Sessions implements MailServer.
func (d *Dovecot) Sessions(ctx context.Context) ([]Session, error) {
	rows, err := d.call(ctx, "who", map[string]any{})
	if err != nil {
		return nil, err
	}
	out := make([]Session, len(rows))
	for i, row := range rows {
		out[i] = Session{User: schema.Address(row["username"]), Service: row["service"], IPs: address.FindAllString(row["ips"], -1)}
	}
	return out, nil
}

// Kick implements MailServer.
func (d *Dovecot) Kick(ctx context.Context, user schema.Address) error {
	_, err := d.call(ctx, "kick", map[string]any{"mask": []string{string(user)}})
	if code := new(exitCode); errors.As(err, code) && *code == nobody {
		return nil
	}
	return err
}

// Flush implements MailServer.
func (d *Dovecot) Flush(ctx context.Context, users []schema.Address) error {
	if users == nil {
		users = []schema.Address{} // without the parameter, Dovecot 2.3 breaks off; an empty one is everybody
	}
	_, err := d.call(ctx, "authCacheFlush", map[string]any{"user": users})
	return err
}

// An exitCode is how a command of doveadm ended (sysexits.h).
type exitCode int

const nobody exitCode = 68 // EX_NOHOST: there is no such session

func (c exitCode) Error() string { return fmt.Sprintf("doveadm ended with exit code %d", int(c)) }

// call runs one command and returns the rows of its answer.
func (d *Dovecot) call(ctx context.Context, command string, parameters map[string]any) ([]row, error) {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	body, err := json.Marshal([][]any{{command, parameters, "mailops"}})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL+"/doveadm/v1", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "X-Dovecot-API "+base64.StdEncoding.EncodeToString([]byte(d.Key)))
	client := d.Client
	if client == nil {
		client = http.DefaultClient
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask Dovecot: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusUnauthorized {
		return nil, fmt.Errorf("ask Dovecot: %s refuses the key (doveadm_api_key)", d.URL)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask Dovecot: %s answers %s", d.URL, response.Status)
	}
	return answer(io.LimitReader(response.Body, mostAnswer))
}

// A row is one row of an answer: all its values are texts.
type row map[string]string

// answer reads [["doveadmResponse", ROWS, TAG]], or [["error", ERROR, TAG]].
// Dovecot 2.3 closes the list of rows after the first, so that the others stand
// behind it.
func answer(r io.Reader) ([]row, error) {
	var replies [][]json.RawMessage
	if err := json.NewDecoder(r).Decode(&replies); err != nil {
		return nil, fmt.Errorf("read Dovecot's answer: %w", err)
	}
	if len(replies) != 1 || len(replies[0]) < 3 {
		return nil, errors.New("read Dovecot's answer: it is not one reply")
	}
	reply := replies[0]
	if string(reply[0]) == `"error"` {
		return nil, refusal(reply[1])
	}
	var rows []row
	for _, part := range reply[1 : len(reply)-1] {
		if part[0] != '[' {
			part = fmt.Appendf(nil, "[%s]", part)
		}
		var some []row
		if err := json.Unmarshal(part, &some); err != nil {
			return nil, fmt.Errorf("read Dovecot's answer: %w", err)
		}
		rows = append(rows, some...)
	}
	return rows, nil
}

func refusal(text []byte) error {
	var failed struct{ ExitCode exitCode }
	if err := json.Unmarshal(text, &failed); err != nil || failed.ExitCode == 0 {
		return fmt.Errorf("Dovecot refuses: %s", text)
	}
	return failed.ExitCode
}
