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

// TestServesAndStops: the command says where its hosts are, serves what it was
// told, and ends well on SIGTERM.
func TestServesAndStops(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state.json")
	if err := os.WriteFile(state, []byte(`{"users":[{"username":"ada","domain":"other.example","quota":500}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	c, log := command(t, "-state", state, "-quirk", "numbers=bare", "-quirk", "fail,only=read,host=primary")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	said := make(map[string]string)
	for lines := bufio.NewScanner(out); said["password"] == "" && lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), "=")
		said[name] = value
	}
	_, data := post(t, said["url"], url.Values{"action": {"login"}, "username": {said["username"]}, "password": {said["password"]}})
	token, _ := data.(string)
	ask := url.Values{"action": {"getUserInfo"}, "username": {"ada"}, "domain": {"other.example"}, "token": {token}}
	if status, _ := post(t, said["url"], ask); status != 500 {
		t.Errorf("the primary host says %d", status)
	}
	if _, data := post(t, said["fallback_url"], ask); data.(map[string]any)["quota"] != 500.0 {
		t.Errorf("got %v", data)
	}
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("it ended with %v: %s", err, log)
	}
	if got := log.String(); strings.Count(got, "\n") != 3 || !strings.Contains(got, "fallback POST /admin/json.php getUserInfo") || strings.Contains(got, said["password"]) || strings.Contains(got, token) {
		t.Errorf("stderr has %s", got)
	}
}

// post sends a form and returns the data of the reply.
func post(t *testing.T, host string, form url.Values) (status int, data any) {
	t.Helper()
	answer, err := http.PostForm(host+"/admin/json.php", form)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var reply struct {
		Data any `json:"returndata"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&reply); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, reply.Data
}

// TestHelpAndMistakes: the help says what this is, and a mistake is told.
func TestHelpAndMistakes(t *testing.T) {
	c, log := command(t, "-help")
	if err := c.Run(); err != nil || !strings.Contains(log.String(), "was never\ncompared with the service") {
		t.Errorf("%v: %s", err, log)
	}
	for _, args := range [][]string{{"-quirk", "nothing"}, {"-state", "nowhere.json"}, {"word"}, {"-nothing"}, {"-port", "x"}} {
		c, log := command(t, args...)
		if err := c.Run(); c.ProcessState.ExitCode() != 2 || !strings.Contains(log.String(), "mailops-arraysim: ") {
			t.Errorf("%v: %v: %s", args, err, log)
		}
	}
}
