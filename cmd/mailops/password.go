package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/argon2"
	"golang.org/x/term"

	"mailops/schema"
	"mailops/schema/load"
	"mailops/schema/load/edit"
)

func (a *app) passwordCommand() *cobra.Command {
	var r reset
	cmd := verb("password [flags] ADDRESS", "Ask for a password and write its hash into the YAML",
		"password asks for a user's new password, hashes it (argon2id), and writes the hash\ninto the user's declaration in place. Without a terminal it reads one line from\nstandard input. The password itself is never stored, shown or logged.\n\n"+
			"A hosted service takes no hashes. There --reset sets the password at the service at\nonce: this is how whoever gets a new mailbox gets into it.",
		cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
			address, err := load.FoldAddress(args[0])
			switch {
			case err != nil:
				return usage("%s: %w", args[0], err)
			case r.now:
				r.must = r.once && cmd.Flags().Changed("once")
				return a.resetPassword(cmd.Context(), address, r)
			case r.generate || cmd.Flags().Changed("once"):
				return usage("--generate and --once go with --reset")
			}
			return a.password(cmd.Context(), address)
		})
	cmd.Flags().BoolVar(&r.now, "reset", false, "set it in the live store, at once, and leave the YAML alone")
	cmd.Flags().BoolVar(&r.generate, "generate", false, "make the password up, and print it")
	cmd.Flags().BoolVar(&r.once, "once", true, "it holds for one sign-in, where the service can demand that")
	return cmd
}

func (a *app) password(ctx context.Context, address schema.Address) error {
	decls, _, err := a.declarations(ctx) // problems elsewhere do not keep anybody from a new password
	if err != nil {
		return err
	}
	key := keyOf(address)
	file := ""
	for _, d := range decls.All {
		if d.Key() == key {
			file = filepath.Join(a.dir, filepath.FromSlash(d.File))
		}
	}
	if file == "" {
		return fmt.Errorf("%s is not declared as a user, or the declaration has problems: see mailops validate", address)
	}
	password, err := a.askPassword(ctx, address)
	if err != nil {
		return err
	}
	hash, err := hashPassword(password)
	if err != nil {
		return err
	}
	if err := setPassword(file, key, hash); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "%s: the password of %s is set; apply brings it into force\n", file, address)
	return nil
}

// setPassword edits the declaration in place.
func setPassword(file string, key schema.Key, hash string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	edited, err := withPassword(text, key, hash)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	// A file that was in canonical form stays in it.
	if canonical, err := edit.Format(file, text); err == nil && bytes.Equal(canonical, text) {
		if formatted, err := edit.Format(file, edited); err == nil {
			edited = formatted
		}
	}
	return replace(file, edited)
}

func withPassword(text []byte, key schema.Key, hash string) ([]byte, error) {
	doc, err := edit.Find(text, key)
	if err != nil {
		return nil, err
	}
	return edit.Set(text, doc, "password", fmt.Sprintf("{hash: %q}", hash))
}

// askPassword asks twice at a terminal, and reads one line elsewhere.
func (a *app) askPassword(ctx context.Context, address schema.Address) (string, error) {
	f, ok := a.in.(*os.File)
	if !ok || !terminal(f) {
		line, err := bufio.NewReader(a.in).ReadString('\n')
		if line == "" {
			return "", fmt.Errorf("read the password: %w", err)
		}
		line = strings.TrimRight(line, "\r\n")
		return line, strong(line)
	}
	first, err := a.askHidden(ctx, f, fmt.Sprintf("New password for %s: ", address))
	if err == nil {
		err = strong(first)
	}
	if err != nil {
		return "", err
	}
	second, err := a.askHidden(ctx, f, "Again: ")
	if err == nil && first != second {
		err = errors.New("the two are not the same; nothing was changed")
	}
	return first, err
}

// askHidden reads a line that the terminal does not show. A signal ends it, and
// leaves the terminal as it was.
func (a *app) askHidden(ctx context.Context, f *os.File, question string) (string, error) {
	was, err := term.GetState(int(f.Fd()))
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	fmt.Fprint(a.err, question)
	text, err := answer(ctx, func() (string, error) {
		line, err := term.ReadPassword(int(f.Fd()))
		return string(line), err
	})
	fmt.Fprintln(a.err)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", errors.Join(err, term.Restore(int(f.Fd()), was)))
	}
	return text, nil
}

// strong demands what EmailArray's Manage Users page demands of a password:
// eight characters with upper case, lower case, a digit and a symbol; a
// passphrase of twenty is as good (NIST SP 800-63B §3.1.1 prefers length).
func strong(password string) error {
	var upper, lower, digit, symbol bool
	for _, r := range password {
		switch {
		case unicode.IsUpper(r):
			upper = true
		case unicode.IsLower(r):
			lower = true
		case unicode.IsDigit(r):
			digit = true
		default:
			symbol = true
		}
	}
	n := len([]rune(password))
	if n >= 20 || n >= 8 && upper && lower && digit && symbol {
		return nil
	}
	return errors.New("a password needs 8 characters with upper case, lower case, a digit and a symbol, or a passphrase of 20; nothing was changed")
}

// hashPassword makes a hash that Dovecot 2.3 verifies: argon2id with 19 MiB and
// two passes, the second choice of RFC 9106 §4 scaled to the OWASP Password
// Storage Cheat Sheet's minimum, because mail programs sign in often.
func hashPassword(password string) (string, error) {
	const (
		memory  = 19456 // KiB
		passes  = 2
		threads = 1
	)
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return "", err
	}
	b64 := base64.RawStdEncoding.EncodeToString
	sum := argon2.IDKey([]byte(password), salt, passes, memory, threads, 32)
	return fmt.Sprintf("{ARGON2ID}$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memory, passes, threads, b64(salt), b64(sum)), nil
}
