// Command bench makes organizations of any size and measures mailops on them,
// beside cue vet on the same files and beside the floor: reading the same YAML
// and doing nothing with it. It runs the programs as people do, as processes of
// their own. Imports: the standard library and the YAML reader of the floor.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"
)

const manual = `bench generate [-users N] DIR                       write an organization of N users into DIR, a new folder
bench floor DIR                                     read the YAML below DIR and do nothing with it
bench agent [-users N] [-commits N] [-idle TIME] [-mailops PATH] [-dir DIR]   measure an agent
bench preview [-users N] [-peers N] [-mailops PATH] [-dir DIR]   measure previews of pull requests; where terraform is installed, it with N users
bench run [-users N,N,...] [-mailops PATH] [-dir DIR]   generate, measure, and print a table
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := command(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// command carries out one command line.
func command(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return errors.New("say what to do:\n" + manual)
	}
	flags := flag.NewFlagSet("bench "+args[0], flag.ContinueOnError)
	switch args[0] {
	case "generate":
		users := flags.Int("users", 1000, "how many users")
		dir, err := folder(flags, args[1:])
		if err != nil {
			return err
		}
		return generate(dir, *users)
	case "floor":
		dir, err := folder(flags, args[1:])
		if err != nil {
			return err
		}
		n, err := floor(dir)
		fmt.Fprintln(out, n, "documents")
		return err
	case "agent":
		users := flags.Int("users", 100_000, "how many users")
		commits := flags.Int("commits", 20, "how many commits")
		idle := flags.Duration("idle", 3*time.Minute, "how long to leave it alone")
		b := bench{log: os.Stderr}
		b.flags(flags)
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		return b.agent(ctx, out, *users, *commits, *idle)
	case "preview":
		users := flags.Int("users", 100_000, "how many users")
		peers := flags.Int("peers", 300, "how many users for Terraform")
		b := bench{log: os.Stderr}
		b.flags(flags)
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		return b.preview(ctx, out, *users, *peers)
	case "run":
		sizes := flags.String("users", "1000,10000,100000", "how many users, one organization for each number")
		b := bench{log: os.Stderr}
		b.flags(flags)
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		return b.run(ctx, out, *sizes)
	}
	return fmt.Errorf("there is no command %q:\n%s", args[0], manual)
}

func (b *bench) flags(flags *flag.FlagSet) {
	flags.StringVar(&b.mailops, "mailops", "", "the program to measure (default: built from this module)")
	flags.StringVar(&b.dir, "dir", "", "where the organizations are written (default: a temporary folder)")
}

// folder parses a command line that ends with one folder.
func folder(flags *flag.FlagSet, args []string) (string, error) {
	if err := flags.Parse(args); err != nil {
		return "", err
	}
	if flags.NArg() != 1 {
		return "", fmt.Errorf("%s: want one folder", flags.Name())
	}
	return flags.Arg(0), nil
}

// numbers reads numbers with commas between them.
func numbers(list string) ([]int, error) {
	var out []int
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < leastUsers {
			return nil, fmt.Errorf("-users %s: want numbers of %d or more", list, leastUsers)
		}
		out = append(out, n)
	}
	return out, nil
}
