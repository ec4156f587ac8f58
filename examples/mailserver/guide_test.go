package mailserver_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// guide finds the commands of the README's way from an empty machine to a first
// mail.
var guide = regexp.MustCompile("(?s)## From an empty machine to a first mail\n.*?```sh\n(.*?)```")

// machine makes a machine of its own for a script, which begins in a copy of the
// repository: it sees this one's files, and what it writes is gone when it ends,
// as is every process that it started. Its network is its own loopback interface,
// so that every port is free. Debian's packages are installed already, Go has
// built the program, and there is no systemd.
const machine = `set -eu
ip link set lo up
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs "$1"
for dir in etc usr var srv root; do
  mkdir -p "$1/$dir" "$1/$dir.work"
  mount -t overlay overlay -o "lowerdir=/$dir,upperdir=$1/$dir,workdir=$1/$dir.work" "/$dir"
done
# A machine on which nobody has set anything up.
rm -rf /etc/dovecot/* /etc/postfix/main.cf /etc/postfix/master.cf /etc/rspamd/local.d/* /var/lib/mailops /var/vmail /srv/mail
apt-get() { :; }
make() { [ "$*" = build ]; }
systemctl() {
  [ "$1" = restart ]
  shift
  for daemon in "$@"; do
    case $daemon in
    dovecot) dovecot ;;
    postfix) postfix start ;;
    rspamd)
      install -d -o _rspamd -g _rspamd /run/rspamd
      rspamd -u _rspamd -g _rspamd
      ;;
    *) return 1 ;;
    esac
  done
  set +x
  for port in 25 993 11332; do
    for try in $(seq 600); do
      if (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi
      sleep 0.1
    done
  done
  set -x
}
cp -R "$2" /root/mailops
cd /root/mailops
set -x
`

// TestGuide follows the README on a machine of its own, and reads the mail.
func TestGuide(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	commands := guide.FindSubmatch(readme)
	if commands == nil {
		t.Fatal("the README has no guide")
	}
	repository := t.TempDir()
	if err := os.CopyFS(filepath.Join(repository, "examples/mailserver"), os.DirFS(".")); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", filepath.Join(repository, ".build/mailops"), "mailops/cmd/mailops")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	script := filepath.Join(t.TempDir(), "guide.sh")
	if err := os.WriteFile(script, []byte(machine+string(commands[1])), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", script, t.TempDir(), repository)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasSuffix(strings.TrimSpace(string(out)), "The first one.") {
		t.Fatalf("%v\n%s", err, out)
	}
}
