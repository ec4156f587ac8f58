// Package zoho runs the example of a hosted service.
package zoho

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDemo: what the demo prints is in expect.txt, to the letter. UPDATE=1 rewrites
// it.
func TestDemo(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "../../cmd/mailops", "../../cmd/mailops-zohosim")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), "./demo.sh", filepath.Join(bin, "mailops"), filepath.Join(bin, "mailops-zohosim")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile("expect.txt", out, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("expect.txt")
	if diff := cmp.Diff(string(want), string(out)); err != nil || diff != "" {
		t.Errorf("error %v (-want +got)\n%s", err, diff)
	}
}
