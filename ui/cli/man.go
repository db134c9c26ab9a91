package cli

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/holdfast-backup/holdfast/core/release"
)

// manCommand writes the pages from the same texts that --help shows. Cobra's own generator would do it by way of Markdown,
// whose parser costs every start of the program 1.6 ms.
func manCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the manual's pages, one for each command, into a folder",
		Args:  exactArgs(1, "one folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			return writePages(cmd.Root(), args[0], pageDay())
		},
	}
}

// pageDay is the day that SOURCE_DATE_EPOCH names, as for all that is built again, or today.
func pageDay() string {
	day := time.Now()
	if seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64); err == nil {
		day = time.Unix(seconds, 0)
	}
	return day.UTC().Format(time.DateOnly)
}

// writePages writes the page of a command and those of the commands under it.
func writePages(cmd *cobra.Command, dir, day string) error {
	name := pageName(cmd)
	if err := os.WriteFile(filepath.Join(dir, name+".1"), []byte(page(cmd, day)), 0o644); err != nil {
		return err
	}
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			if err := writePages(sub, dir, day); err != nil {
				return err
			}
		}
	}
	return nil
}

func pageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// page is a command's page of the manual, in the macros of man(7).
func page(cmd *cobra.Command, day string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line(`.TH "%s" "1" "%s" "Holdfast %s" "Holdfast"`, roff(strings.ToUpper(pageName(cmd))), day, roff(release.Version()))
	line(".SH NAME\n%s \\- %s", roff(pageName(cmd)), roff(cmd.Short))
	line(".SH SYNOPSIS\n.B %s", roff(cmd.UseLine()))
	line(".SH DESCRIPTION\n%s", paragraphs(cmp.Or(cmd.Long, cmd.Short)))
	flags := func(title string, set *pflag.FlagSet) {
		if !set.HasAvailableFlags() {
			return
		}
		line(".SH %s", title)
		set.VisitAll(func(f *pflag.Flag) {
			if f.Hidden {
				return
			}
			kind, usage := pflag.UnquoteUsage(f)
			short := ""
			if f.Shorthand != "" {
				short = `\fB\-` + f.Shorthand + `\fR, `
			}
			line(".TP\n%s\\fB\\-\\-%s\\fR \\fI%s\\fR\n%s", short, roff(f.Name), roff(kind), roff(usage))
		})
	}
	flags("OPTIONS", cmd.NonInheritedFlags())
	flags("OPTIONS OF ALL COMMANDS", cmd.InheritedFlags())
	if !cmd.HasParent() {
		line(".SH EXIT STATUS\n%s", paragraphs(exitCodes))
	}
	var others []string
	if cmd.HasParent() {
		others = append(others, pageName(cmd.Parent()))
	}
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			others = append(others, pageName(sub))
		}
	}
	if slices.Sort(others); len(others) > 0 {
		line(".SH SEE ALSO\n.BR %s (1)", roff(strings.Join(others, "(1), ")))
	}
	return b.String()
}

// exitCodes are those of docs/command-line.md.
const exitCodes = `0: done. 1: failed. 2: the command is not understood. 3: done, but some files could not be read or written.
4: wrong key or password. 5: the vault has destroyed the account. 6: the vault or the destination cannot be reached.
7: the vault asks to wait.`

// paragraphs are a text's, with a request between them. A line that is set in keeps its place.
func paragraphs(text string) string {
	var out []string
	for part := range strings.SplitSeq(text, "\n\n") {
		if strings.HasPrefix(part, "  ") {
			out = append(out, ".nf\n"+roff(part)+"\n.fi")
			continue
		}
		out = append(out, roff(part))
	}
	return strings.Join(out, "\n.PP\n")
}

// roff writes text so that it stands on the page as it is.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
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
