package schema_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestCueVet uses the law as it is, with the cue command of this module's tools:
// what mailops accepts, plain `cue vet` accepts, and it sees a wrong field.
func TestCueVet(t *testing.T) {
	users, err := filepath.Glob("../examples/acme/users/*.yaml")
	if err != nil || len(users) < 40 {
		t.Fatalf("%d users, %v", len(users), err)
	}
	if out, err := vet(t, users...); err != nil {
		t.Errorf("cue vet refuses examples/acme: %v\n%s", err, out)
	}
	wrong := filepath.Join(t.TempDir(), "ana.yaml")
	if err := os.WriteFile(wrong, []byte("kind: User\naddress: ana@acme.example\nmailboxaction: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := vet(t, wrong); err == nil {
		t.Errorf("cue vet accepts a field that does not exist:\n%s", out)
	}
}

func vet(t *testing.T, files ...string) (string, error) {
	law, err := filepath.Glob("*.cue")
	if err != nil {
		t.Fatal(err)
	}
	args := append(append([]string{"tool", "cue", "vet", "-c", "-d", "#User"}, law...), files...)
	out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput()
	return string(out), err
}
