package main

import (
	"encoding/csv"
	"strings"

	"github.com/spf13/cobra"

	"mailops/reconcile/preview"
	"mailops/schema"
)

func (a *app) exportCommand() *cobra.Command {
	var kind string
	cmd := verb("export [flags]", "Print what is wanted as CSV or JSON",
		"export prints the effective resources: profiles merged, schedules applied. CSV has\none row a user, or a resource of the --kind asked for.",
		cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
			_, w, err := a.want(cmd.Context())
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.printJSON(struct {
					Format    string       `json:"format"`
					Resources schema.State `json:"resources"`
				}{"mailops.export/v1", append(schema.State{}, withKinds(w.State)...)})
			}
			return a.exportCSV(w.State, schema.Kind(kind))
		})
	a.atFlag(cmd)
	a.formats(cmd, "csv", "json")
	cmd.Flags().StringVar(&kind, "kind", string(schema.KindUser), "which `KIND` a CSV lists: User | Domain | Alias | DistributionList")
	return cmd
}

// withKinds makes every resource say its kind, so that JSON alone is enough, and
// takes out of users what is no effective value: the schedule that was applied,
// and the password.
func withKinds(s schema.State) schema.State {
	out := make(schema.State, len(s))
	for i, r := range s {
		out[i] = schema.Clone(r)
		schema.SetKind(out[i])
		if u, ok := out[i].(*schema.User); ok {
			u.Password, u.Schedule = "", nil
		}
	}
	return out
}

// exportCSV writes a table: the name, then every field. Passwords are left out.
func (a *app) exportCSV(s schema.State, kind schema.Kind) error {
	fields := schema.Fields(kind)
	if len(fields) == 0 {
		return usage("--kind %s: want User, Domain, Alias or DistributionList", kind)
	}
	w := csv.NewWriter(a.out)
	header := []string{identityColumn(kind)}
	for _, f := range fields {
		if !f.Secret() {
			header = append(header, f.Path)
		}
	}
	rows := [][]string{header}
	for _, r := range s {
		if r.Key().Kind != kind {
			continue
		}
		row := []string{inert(r.Key().Name)}
		for _, f := range fields {
			if !f.Secret() {
				row = append(row, inert(cell(f, f.Get(r))))
			}
		}
		rows = append(rows, row)
	}
	return w.WriteAll(rows)
}

func cell(f schema.Field, v schema.Value) string {
	if v == "" {
		return ""
	}
	if strings.HasPrefix(string(v), "{") {
		return preview.Value(f.Path, v)
	}
	return strings.ReplaceAll(v.Text(), ", ", " ")
}

// inert keeps a spreadsheet from taking a value for a formula (OWASP, "CSV
// Injection").
func inert(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// identityColumn is the heading of the names.
func identityColumn(kind schema.Kind) string {
	if kind == schema.KindDomain {
		return "name"
	}
	return "address"
}
