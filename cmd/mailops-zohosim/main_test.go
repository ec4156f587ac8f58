package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// asCommand makes the test binary the command.
const asCommand = "MAILOPS_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) == "1" {
		main()
		return
	}
	os.Exit(m.Run())
}

// command is the command with arguments, as a process of its own.
func command(t *testing.T, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	c := exec.CommandContext(t.Context(), os.Args[0], args...)
	c.Env = append(os.Environ(), asCommand+"=1")
	c.Stderr = &log
	return c, &log
}

// TestServesAndStops: the command says where it is, serves what it was told, and
// ends well on SIGTERM.
func TestServesAndStops(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state.json")
	if err := os.WriteFile(state, []byte(`{"users":[{"primaryEmailAddress":"ada@other.example","imapAccessEnabled":true}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	c, log := command(t, "-state", state, "-quirk", "one-as-object", "-quirk", "fail,only=write")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	said := make(map[string]string)
	for lines := bufio.NewScanner(out); said["refresh_token"] == "" && lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), "=")
		said[name] = value
	}
	reply := fetch(t, said["url"]+"/oauth/v2/token", "", url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {said["refresh_token"]}, "client_id": {said["client_id"]}, "client_secret": {said["client_secret"]},
	})
	token, _ := reply["access_token"].(string)
	reply = fetch(t, said["url"]+"/api/organization/"+said["organization"]+"/accounts", token, nil)
	if user, ok := reply["data"].(map[string]any); !ok || user["primaryEmailAddress"] != "ada@other.example" || user["imapAccessEnabled"] != true {
		t.Errorf("got %v", reply)
	}
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("it ended with %v: %s", err, log)
	}
	if got := log.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "GET /api/organization/") || strings.Contains(got, said["refresh_token"]) || strings.Contains(got, token) {
		t.Errorf("stderr has %s", got)
	}
}

// fetch posts a form, or gets what needs a token.
func fetch(t *testing.T, url, token string, form url.Values) (reply map[string]any) {
	t.Helper()
	method := http.MethodGet
	if form != nil {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Zoho-oauthtoken "+token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&reply); err != nil {
		t.Fatal(err)
	}
	return reply
}

// TestHelpAndMistakes: the help says what this is, and a mistake is told.
func TestHelpAndMistakes(t *testing.T) {
	c, log := command(t, "-help")
	if err := c.Run(); err != nil || !strings.Contains(log.String(), "built from documentation and was never\ncompared with the service") {
		t.Errorf("%v: %s", err, log)
	}
	for _, args := range [][]string{{"-quirk", "nothing"}, {"-state", "nowhere.json"}, {"word"}, {"-nothing"}, {"-port", "x"}} {
		c, log := command(t, args...)
		if err := c.Run(); c.ProcessState.ExitCode() != 2 || !strings.Contains(log.String(), "mailops-zohosim: ") {
			t.Errorf("%v: %v: %s", args, err, log)
		}
	}
}
