package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// configuration makes each user's file a terraform_data, which is in Terraform
// itself and asks no service: what is measured is the planning alone.
const configuration = `locals {
  files = fileset(path.module, "users/*/*.yaml")
}

resource "terraform_data" "user" {
  for_each = local.files
  input    = yamldecode(file("${path.module}/${each.value}"))
}
`

// terraform measures Terraform on users from the same YAML, where it is
// installed: the first apply, and the plan of an edit of one user.
func (b *bench) terraform(ctx context.Context, out io.Writer, users int) error {
	program, err := exec.LookPath("terraform")
	if err != nil {
		fmt.Fprintln(out, "Terraform is not installed: no peer was measured.")
		return nil
	}
	org := filepath.Join(b.dir, "peer")
	files, err := b.repository(ctx, org, users)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(org, "main.tf"), []byte(configuration), 0o644); err != nil {
		return err
	}
	run := func(args ...string) (cost, error) {
		fmt.Fprintf(b.log, "%d users: terraform %s\n", users, args[0])
		return measure(ctx, org, b.output("terraform"), program, append(args, "-no-color", "-input=false")...)
	}
	if _, err := run("init"); err != nil {
		return err
	}
	applied, err := run("apply", "-auto-approve")
	if err != nil {
		return err
	}
	if err := rename(files[0], 1); err != nil {
		return err
	}
	planned, err := run("plan")
	if err != nil {
		return err
	}
	p := &previewBench{bench: b, org: filepath.Join(b.dir, "beside"), store: filepath.Join(b.dir, "beside.db"), cache: filepath.Join(b.dir, "cache-beside")}
	own, err := p.beside(ctx, users)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Terraform, %d users: apply %.1f s, plan of one edit %.1f s and %.0f MiB; mailops plan --base of the same, no cache: %.2f s and %.0f MiB (ratio %.0f)\n",
		users, applied.wall.Seconds(), planned.wall.Seconds(), mib(planned), own.wall.Seconds(), mib(own), planned.wall.Seconds()/own.wall.Seconds())
	return nil
}

// beside measures the preview of one edit in an organization of the same users.
func (p *previewBench) beside(ctx context.Context, users int) (cost, error) {
	if err := p.begin(ctx, users); err != nil {
		return cost{}, err
	}
	if err := p.branch(ctx, "pr", requests[0]); err != nil {
		return cost{}, err
	}
	return p.plan(ctx, "pr")
}
