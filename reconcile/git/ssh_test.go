package git_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"mailops/reconcile/git"
)

// An sshServer runs git for whoever has the key.
type sshServer struct {
	t      *testing.T
	addr   string
	config *ssh.ServerConfig
	host   ssh.Signer
}

func newSigner(t *testing.T) (ssh.Signer, []byte) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	signer, err := ssh.NewSignerFromKey(key)
	must(t, err)
	block, err := ssh.MarshalPrivateKey(key, "")
	must(t, err)
	return signer, pem.EncodeToMemory(block)
}

func newSSH(t *testing.T, allowed ssh.PublicKey) *sshServer {
	t.Helper()
	s := &sshServer{t: t}
	s.host, _ = newSigner(t)
	s.config = &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if string(key.Marshal()) != string(allowed.Marshal()) {
			return nil, errors.New("not this one")
		}
		return nil, nil
	}}
	s.config.AddHostKey(s.host)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	s.addr = l.Addr().String()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(c)
		}
	}()
	return s
}

func (s *sshServer) serve(c net.Conn) {
	defer c.Close()
	_, channels, requests, err := ssh.NewServerConn(c, s.config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		channel, requests, err := offered.Accept()
		if err != nil {
			return
		}
		go s.session(channel, requests)
	}
}

// session runs what git asks for, and nothing else.
func (s *sshServer) session(channel ssh.Channel, requests <-chan *ssh.Request) {
	for r := range requests {
		if r.Type != "exec" || len(r.Payload) < 4 {
			r.Reply(false, nil)
			continue
		}
		r.Reply(true, nil)
		verb, path, _ := strings.Cut(string(r.Payload[4:]), " ")
		cmd := exec.Command("git", strings.TrimPrefix(verb, "git-"), strings.Trim(path, "'"))
		cmd.Env, cmd.Stdout, cmd.Stderr = environment(), channel, channel.Stderr()
		in, err := cmd.StdinPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			channel.Close()
			return
		}
		go func() {
			io.Copy(in, channel)
			in.Close()
		}()
		go func() {
			code := byte(0)
			if cmd.Wait() != nil {
				code = 1
			}
			channel.SendRequest("exit-status", false, []byte{0, 0, 0, code})
			channel.Close()
		}()
	}
}

// TestSSH: a host whose key is known, with a key that it takes; nothing else.
func TestSSH(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	signer, key := newSigner(t)
	_, wrong := newSigner(t)
	s := newSSH(t, signer.PublicKey())
	dir := t.TempDir()
	put := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, text, 0o600))
		return path
	}
	line := "[127.0.0.1]:" + s.addr[strings.LastIndexByte(s.addr, ':')+1:] + " "
	stranger, _ := newSigner(t)
	known := put("known", append([]byte(line), ssh.MarshalAuthorizedKey(s.host.PublicKey())...))
	other := put("other", append([]byte(line), ssh.MarshalAuthorizedKey(stranger.PublicKey())...))
	nobody := put("nobody", []byte("example.com "+string(ssh.MarshalAuthorizedKey(stranger.PublicKey()))))
	right, bad := put("key", key), put("wrong", wrong)
	for name, c := range map[string]struct {
		auth git.Auth
		want error
		says string
	}{
		"right":           {git.Auth{KeyFile: right, KnownHostsFile: known}, nil, ""},
		"wrong key":       {git.Auth{KeyFile: bad, KnownHostsFile: known}, git.ErrAuth, "unable to authenticate"},
		"unknown host":    {git.Auth{KeyFile: right, KnownHostsFile: nobody}, git.ErrUnreachable, "key is unknown"},
		"another host":    {git.Auth{KeyFile: right, KnownHostsFile: other}, git.ErrUnreachable, "key mismatch"},
		"no known hosts":  {git.Auth{KeyFile: right}, nil, "known_hosts"},
		"no key":          {git.Auth{KnownHostsFile: known}, nil, "key file"},
		"hosts not there": {git.Auth{KeyFile: right, KnownHostsFile: dir + "/none"}, nil, "known_hosts"},
		"not a key":       {git.Auth{KeyFile: known, KnownHostsFile: known}, nil, "read the ssh key"},
	} {
		o := r.options(t)
		o.URL, o.Auth = "ssh://git@"+s.addr+r.bare.dir, c.auth
		mirror := open(t, o)
		err := mirror.Fetch(t.Context())
		if c.want != nil && !errors.Is(err, c.want) || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v", name, err)
		}
		if name != "right" {
			continue
		}
		base := head(t, mirror)
		r.commit("second", "a.yaml", "a\n")
		r.push("main")
		fetch(t, mirror, nil)
		if got, err := mirror.Follows(t.Context(), base, head(t, mirror)); got != git.Ancestor || err != nil {
			t.Errorf("%s: %v %v", name, got, err)
		}
		rev, err := mirror.Commit(t.Context(), git.Commit{Branch: "adopt", Base: base, Files: map[string][]byte{"b.yaml": nil, "c.yaml": []byte("c\n")}, Author: "a", Email: "a", Message: "m", When: time.Unix(1767230000, 0)})
		must(t, err)
		must(t, mirror.Push(t.Context(), "adopt"))
		if got := r.bare.git("rev-parse", "adopt"); got != rev.Commit {
			t.Errorf("pushed %s", got)
		}
	}
}
