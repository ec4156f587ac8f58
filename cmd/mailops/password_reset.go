package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"mailops/reconcile"
	"mailops/schema"
)

// A reset is how a password is set in a live store that takes no hashes.
type reset struct {
	now      bool // it is to be
	generate bool // nobody is asked for one
	once     bool // it holds for one sign-in
	must     bool // and somebody said so
}

func (a *app) resetPassword(ctx context.Context, address schema.Address, r reset) error {
	s, name, err := a.open(ctx, toWrite)
	if err != nil {
		return err
	}
	defer s.Close()
	p := reconcile.NewPassword{User: address, Once: r.once, Must: r.must, Actor: a.env["USER"]}
	once, err := false, fmt.Errorf("%s: %w", name, reconcile.ErrHashes)
	if store, ok := s.(reconcile.Passwords); ok {
		if p.Text, err = a.newPassword(ctx, address, r.generate); err == nil {
			once, err = store.SetPassword(ctx, p)
		}
	}
	switch {
	case errors.Is(err, reconcile.ErrHashes):
		return usage("--reset: %w: mailops password %s writes one", err, address)
	case err != nil:
		return err
	}
	fmt.Fprintf(a.out, "The password of %s is set", address)
	if once {
		fmt.Fprint(a.out, "; it holds for one sign-in, at which another has to be chosen")
	}
	fmt.Fprintln(a.out, ".")
	if r.generate {
		fmt.Fprintf(a.out, "It is %s\n", p.Text)
	}
	return nil
}

// newPassword is one that is asked for, or made up.
func (a *app) newPassword(ctx context.Context, address schema.Address, generate bool) (string, error) {
	if generate {
		return madeUp(), nil
	}
	return a.askPassword(ctx, address)
}

// madeUp is a password of 128 bits with the four kinds of characters that services
// want (see [strong]), in parts that can be read aloud.
func madeUp() string {
	text := rand.Text()
	return text[:6] + "-" + text[6:13] + "-" + strings.ToLower(text[13:19]) + "-" + strings.ToLower(text[19:]) + "-1"
}
