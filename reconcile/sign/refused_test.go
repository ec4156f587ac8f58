package sign_test

import (
	"bytes"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"mailops/reconcile/sign"
)

// TestRefused: each way in which a signature does not hold has its own words.
func TestRefused(t *testing.T) {
	file, other := newEd25519(t), newEd25519(t)
	rsa, ecdsa := newKey(t, "-t", "rsa", "-b", "2048", "-N", ""), newKey(t, "-t", "ecdsa", "-N", "")
	mine, public := "ci@acme.example ", read(t, file+".pub")
	good := string(signed(t, file, message, sign.Plan))
	lines := strings.SplitAfter(good, "\n")

	for _, test := range []struct {
		name    string
		signers string
		text    string
		sig     string
		want    error
		says    string
	}{
		{"another key", mine + read(t, other+".pub"), message, good, sign.ErrUnknown, "of nobody who may sign: SHA256:"},
		{"another key's list of two", mine + read(t, other+".pub") + mine + read(t, ecdsa+".pub"), message, good, sign.ErrUnknown, "nobody"},
		{"another purpose", mine + public, message, string(signed(t, file, message, sign.Snapshot)), sign.ErrNamespace, `for "mailops-snapshot@v1", and not for mailops-plan@v1`},
		{"a commit's purpose", mine + public, message, string(signedByKeygen(t, file, message, "git")), sign.ErrNamespace, `for "git"`},
		{"a key for something else", mine + `namespaces="git,file" ` + public, message, good, sign.ErrNamespace, "may sign git,file, and not mailops-plan@v1"},
		{"a key for all but this", mine + `namespaces="*,!mailops-plan@*" ` + public, message, good, sign.ErrNamespace, "may sign"},
		{"another text", mine + public, message + " ", good, sign.ErrChanged, "not the one that was signed"},
		{"no text", mine + public, "", good, sign.ErrChanged, "not the one"},
		{"a key that has ended", mine + `valid-before="20261122115959Z" ` + public, message, good, sign.ErrTime, "ci@acme.example was valid before 2026-11-22T11:59:59Z"},
		{"a key that is to come", mine + `valid-after="20270101Z" ` + public, message, good, sign.ErrTime, "is valid after 2027-01-01T00:00:00Z"},
		{"RSA", mine + read(t, rsa+".pub"), message, string(signedByKeygen(t, rsa, message, string(sign.Plan))), sign.ErrKeyType, "type ssh-rsa"},
		{"ECDSA", mine + read(t, ecdsa+".pub"), message, string(signedByKeygen(t, ecdsa, message, string(sign.Plan))), sign.ErrKeyType, "type ecdsa-sha2-nistp256"},
		{"nothing", mine + public, message, "", sign.ErrFormat, "does not begin with"},
		{"garbage", mine + public, message, "\x1f\x8b garbage", sign.ErrFormat, "does not begin with"},
		{"another armor", mine + public, message, string(pem.EncodeToMemory(&pem.Block{Type: "PGP SIGNATURE", Bytes: []byte("x")})), sign.ErrFormat, "PGP SIGNATURE"},
		{"empty armor", mine + public, message, string(pem.EncodeToMemory(&pem.Block{Type: "SSH SIGNATURE"})), sign.ErrFormat, "no SSH signature"},
		{"cut off", mine + public, message, good[:len(good)-20], sign.ErrFormat, "its end is missing"},
		{"a line missing", mine + public, message, strings.Join(append([]string{lines[0]}, lines[2:]...), ""), sign.ErrFormat, ""},
		{"the last line missing", mine + public, message, strings.Join(append(lines[:len(lines)-3:len(lines)-3], lines[len(lines)-2:]...), ""), sign.ErrFormat, ""},
		{"two of them", mine + public, message, good + good, sign.ErrFormat, "more after its end"},
		{"a text before it", mine + public, message, "x\n" + good, sign.ErrFormat, "does not begin"},
		{"endless", mine + public, message, good + strings.Repeat("\n", sign.MaxSize), sign.ErrFormat, "longer than"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := signers(t, test.signers).Verify(strings.NewReader(test.text), []byte(test.sig), sign.Plan, now)
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got error %v, want %v that says %q", err, test.want, test.says)
			}
		})
	}
}

// TestPermitted: options that let a key sign.
func TestPermitted(t *testing.T) {
	file, other := newEd25519(t), newEd25519(t)
	public := read(t, file+".pub")
	good := signed(t, file, message, sign.Plan)
	for _, list := range []string{
		`ci namespaces="mailops-plan@v1" ` + public,
		`ci Namespaces="git, mailops-plan@v1,mailops-*@v?" ` + public,
		`ci valid-after="20261122120000Z",valid-before="202611221200Z" ` + strings.Replace(public, "\n", " with a comment\n", 1),
		`ci valid-after="20200101",valid-before="20991231" ` + public,
		"new " + read(t, other+".pub") + "\n" + `old valid-before="20200101" ` + public + "\tagain\t" + public,
	} {
		_, err := sign.ParseSigners([]byte(list))
		if strings.Contains(list, "120000Z") != (err != nil) { // an instant of no length is refused, as ssh-keygen does
			t.Errorf("%q: %v", list, err)
		}
		if err != nil {
			continue
		}
		if _, err := signers(t, list).Verify(strings.NewReader(message), good, sign.Plan, now); err != nil {
			t.Errorf("%q: %v", list, err)
		}
	}
}

// TestSigners: a list that cannot be read whole is refused whole, with the line.
func TestSigners(t *testing.T) {
	file := newEd25519(t)
	public := read(t, file+".pub")
	for _, test := range []struct{ name, text, want string }{
		{"nothing", "# nobody\n", "there is no key in it"},
		{"an authority", "ana " + public + "* cert-authority " + public, "line 2: cert-authority: mailops takes no certificates"},
		{"an authority for some", `ca CERT-AUTHORITY,namespaces="git" ` + public, "line 1: cert-authority"},
		{"no key", "ana\n", "line 1: a line is a name, then a public key"},
		{"half a key", "ana " + public[:40], "there is no public key"},
		{"no name among others", public + "ana " + public, "line 1: it does not say whose key this is"},
		{"an unknown option", `ana verify-required="yes" ` + public, "the option verify-required is not known"},
		{"an option without a value", `ana namespaces ` + public, "the option namespaces is not read"},
		{"no quotes", `ana valid-before=20200101 ` + public, "the option valid-before is not read"},
		{"twice", `ana namespaces="a",namespaces="b" ` + public, "namespaces is there twice"},
		{"no time", `ana valid-before="tomorrow" ` + public, `"tomorrow" is not a time`},
		{"half a time", `ana valid-before="2026113" ` + public, `is not a time`},
		{"never", `ana valid-after="20270101",valid-before="20260101" ` + public, "valid-before is not later than valid-after"},
		{"an open quote", `"ana ` + public, "a quote is not closed"},
		{"a private key", read(t, file), "this is a private key"},
		{"too long", strings.Repeat("#\n", 1<<20), "longer than"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := sign.ParseSigners([]byte(test.text)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got error %v, want %q", err, test.want)
			}
		})
	}
	if _, err := sign.ReadSigners(file + ".none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got error %v", err)
	}
	if _, err := sign.ReadSigners(file + ".pub"); err != nil {
		t.Error(err)
	}
}

// TestKeys: files that are no key that signs here, and what their owners are
// told.
func TestKeys(t *testing.T) {
	locked, rsa, file := newKey(t, "-t", "ed25519", "-N", "secret"), newKey(t, "-t", "rsa", "-b", "2048", "-N", ""), newEd25519(t)
	public, open := write(t, "key.pub", read(t, file+".pub")), write(t, "open", read(t, file))
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, file, want string }{
		{"a passphrase", locked, "the key has a passphrase, and nobody can be asked for it here"},
		{"RSA", rsa, "only ssh-ed25519 keys sign, and this one is of type ssh-rsa"},
		{"the public half", public, "this is a public key"},
		{"age", write(t, "age", "# created: 2026-01-01\n# public key: age1x\nAGE-SECRET-KEY-1QQQQ\n"), "a key of age, which encrypts and cannot sign"},
		{"age, the public half", write(t, "age", "age1qqqq\n"), "a key of age"},
		{"PuTTY", write(t, "ppk", "PuTTY-User-Key-File-3: ssh-ed25519\n"), "puttygen"},
		{"cut off", write(t, "cut", read(t, file)[:100]), "no private key in the format of OpenSSH"},
		{"garbage", write(t, "garbage", "\x00\x01"), "no private key"},
		{"too long", write(t, "long", strings.Repeat("x", 1<<17)), "no private key"},
		{"readable by others", open, "others may read it (mode 0644): chmod 600"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := sign.ReadKey(test.file)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), test.file+": ") {
				t.Errorf("got error %v, want %q", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "QQQQ") {
				t.Errorf("the error tells the key: %v", err)
			}
		})
	}
	if _, err := sign.ReadKey(file + ".none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got error %v", err)
	}
}

// TestMessageThatCannotBeRead is no forgery.
func TestMessageThatCannotBeRead(t *testing.T) {
	file := newEd25519(t)
	broken := io.MultiReader(strings.NewReader("what"), iotest.ErrReader(io.ErrClosedPipe))
	_, err := signers(t, read(t, file+".pub")).Verify(broken, signed(t, file, message, sign.Plan), sign.Plan, now)
	if !errors.Is(err, io.ErrClosedPipe) || errors.Is(err, sign.ErrChanged) {
		t.Errorf("got error %v", err)
	}
}

// FuzzVerify: no signature and no list of signers makes it panic, and a
// signature that was changed anywhere holds no more.
func FuzzVerify(f *testing.F) {
	file := newEd25519(f)
	public, err := os.ReadFile(file + ".pub")
	if err != nil {
		f.Fatal(err)
	}
	k, err := sign.ReadKey(file)
	if err != nil {
		f.Fatal(err)
	}
	good, err := k.Sign(strings.NewReader(message), sign.Plan)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, append([]byte("ci "), public...), message)
	f.Add(good, append([]byte(`ci namespaces="*",valid-after="20200101" `), public...), message)
	f.Add(good, public, "")
	f.Fuzz(func(t *testing.T, sig, list []byte, text string) {
		s, err := sign.ParseSigners(list)
		if err != nil {
			return
		}
		// Those who sign are those whose key this is: nobody else knows it.
		_, err = s.Verify(strings.NewReader(text), sig, sign.Plan, now)
		if err == nil && text != message && bytes.Contains(list, bytes.Fields(public)[1]) {
			t.Errorf("a signature holds for %q", text)
		}
	})
}
