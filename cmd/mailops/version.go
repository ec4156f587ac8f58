package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"mailops/reconcile"
	"mailops/schema"
)

func (a *app) versionCommand() *cobra.Command {
	cmd := verb("version [flags]", "Print the version", "version prints the program's version and the formats that it reads and writes.",
		cobra.NoArgs, func(*cobra.Command, []string) error {
			if a.format == "json" {
				return a.printJSON(struct {
					Format       string `json:"format"`
					Version      string `json:"version"`
					Go           string `json:"go"`
					Declarations string `json:"declarations"`
					Plans        string `json:"plans"`
				}{"mailops.version/v1", version(), runtime.Version(), schema.APIVersion, reconcile.Format})
			}
			fmt.Fprintf(a.out, "mailops %s (%s, %s/%s)\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			fmt.Fprintf(a.out, "declarations %s, plans %s\n", schema.APIVersion, reconcile.Format)
			return nil
		})
	a.formats(cmd, "text", "json")
	return cmd
}

// version is what the Go toolchain recorded: a tag, or the commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && (info.Main.Version == "" || info.Main.Version == "(devel)") {
			return s.Value[:min(12, len(s.Value))]
		}
	}
	return info.Main.Version
}
