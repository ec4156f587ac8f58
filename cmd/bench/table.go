package main

import (
	"fmt"
	"io"
	"runtime"
	"text/tabwriter"
)

// printTable prints what was measured, and what to know about it. The last two
// columns are the ratios: the time of a step as a multiple of the floor's, and
// the time of cue vet as a multiple of the step's.
func printTable(out io.Writer, outcomes []outcome) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "users\tstep\tseconds\tCPU s\tpeak MiB\tof the floor\tfaster than cue vet\t")
	for _, o := range outcomes {
		for _, s := range steps {
			c := o.costs[s]
			fmt.Fprintf(w, "%d\t%s\t%.2f\t%.2f\t%.0f\t%.1fx\t%.1fx\t\n", o.users, s, c.wall.Seconds(), c.cpu.Seconds(), mib(c),
				c.wall.Seconds()/o.costs[readYAML].wall.Seconds(), o.costs[cueVet].wall.Seconds()/c.wall.Seconds())
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, `
%s/%s, %d cores, %s; store: SQLite, fresh for each first plan.
Every step is a process of its own; files are in the system's cache, and a cold cache is not attempted.
Medians of 3 runs, above 10,000 users of 1 run; each number is the middle one of its own kind.
The floor decodes all files into yaml.Node on all cores, and does nothing with them.
cue vet -c checks the user files against #User, and nothing between files. When they are too many for one
command line it runs in batches, of which the times are summed and the largest memory is shown.
`, runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	return err
}
