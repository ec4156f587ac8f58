// Package agent shows the agent, and tests what it shows.
package agent

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// build makes the program.
func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "mailops")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../cmd/mailops")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return program
}

// TestDemo runs the demonstration, and holds that it shows what it says.
func TestDemo(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "./demo.sh", build(t)).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text := string(out)
	for _, want := range []string{
		`in force  git:\w+ the whole organization`,
		`in force  git:\w+ Bruno moves to the shop floor`,
		`mailboxActions.imap = off\n  set by    profiles.yaml:\d+:\d+ \(profile workshop\)`,
		`by Ana Prates on [\d-]+, in \w+ "the whole organization"`,
		`newest    git:\w+ Carla gets IMAP: invalid\nusers/carla.seixas.yaml:5:1: `,
		`\(exit 4\)\n`,
		`mailboxActions.pop = off\n(?s:.*?)  live      off\n`,
		`User/carla.seixas@acme.example was changed at [\d: -]+UTC  \(report\)\n    name  Carla Seixas → Carla S.`,
		`in force  git:\w+ Carla: mended`,
		`drift     User/carla.seixas@acme.example \(report\)`,
		`# The agent ends in peace.\n$`,
	} {
		at := regexp.MustCompile(want).FindStringIndex(text)
		if at == nil {
			t.Fatalf("the demonstration does not show %s, or not in its place:\n%s", want, out)
		}
		text = text[at[1]:]
	}
}

// TestDemoUsage: without the program, the demonstration says what it wants.
func TestDemoUsage(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "./demo.sh").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "usage: demo.sh .build/mailops") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestUnit holds the unit's exposure in the range that systemd calls OK.
func TestUnit(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", "security", "--offline=true", "mailops-agent.service").CombinedOutput()
	exposure := regexp.MustCompile(`Overall exposure level for \S+: ([\d.]+) OK`).FindSubmatch(out)
	if exposure == nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if level, err := strconv.ParseFloat(string(exposure[1]), 64); err != nil || level > 2 {
		t.Errorf("exposure %s, want 2 or less:\n%s", exposure[1], strings.TrimSpace(string(out)))
	}
}
