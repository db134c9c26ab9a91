package cli

import (
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/holdfast-backup/holdfast/core/release"
)

// manCommand writes the pages from the same texts that --help shows. They carry the day that SOURCE_DATE_EPOCH
// names, or today.
func manCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the manual's pages, one for each command, into a folder",
		Args:  exactArgs(1, "one folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true
			header := &doc.GenManHeader{Section: "1", Source: "Holdfast " + release.Version(), Manual: "Holdfast"}
			return doc.GenManTree(root, header, args[0])
		},
	}
}

// completionCommand is the library's, but an unknown shell is a mistake as every other.
func completionCommand(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			c.Args, c.RunE = noArgs, needsVerb
		}
	}
}
