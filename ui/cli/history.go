package cli

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/holdfast-backup/holdfast/core"
)

// toJSON returns an entry for programs.
func toJSON(e core.Entry) entryJSON {
	j := entryJSON{Path: e.Path, Kind: e.Kind, Size: e.Size, Modified: e.Modified, Mode: e.Mode, Link: e.Link}
	if !utf8.ValidString(e.Path) {
		j.Path, j.PathHex = core.DisplayName(e.Path), hex.EncodeToString([]byte(e.Path))
	}
	return j
}

// versionJSON is a version for programs.
type versionJSON struct {
	entryJSON
	Host    string         `json:"host"`
	First   core.BackupRef `json:"first"`
	Last    core.BackupRef `json:"last"`
	Backups int            `json:"backups"`
}

func findCommand(c *cli) *cobra.Command {
	return c.versionsOf("find PATTERN", "Find names in all backups",
		`Find files and folders by their names in all backups: PATTERN is a part of a name, or, with * ? [ ], a
pattern of a whole one. Each version is listed once, the newest first, with the backup that restores it.`,
		func(ctx context.Context, r *core.Reader, arg string) ([]core.Version, error) { return r.Find(ctx, arg) })
}

func versionsCommand(c *cli) *cobra.Command {
	return c.versionsOf("versions PATH", "List the versions of a file over all backups",
		`List the versions of a file or folder over all backups, the newest first, with the backup that restores
each. PATH is a path as ls shows it, or an absolute path on the computer that was backed up.`,
		func(ctx context.Context, r *core.Reader, arg string) ([]core.Version, error) {
			return r.Versions(ctx, arg)
		})
}

func (c *cli) versionsOf(use, short, long string, fn func(context.Context, *core.Reader, string) ([]core.Version, error)) *cobra.Command {
	var p place
	cmd := &cobra.Command{Use: use, Short: short, Long: long, Args: exactArgs(1, "one argument")}
	p.flags(c, cmd)
	cmd.RunE = c.withReader(&p, func(ctx context.Context, r *core.Reader, args []string) error {
		found, err := fn(ctx, r, args[0])
		if err != nil {
			return err
		}
		out := make([]versionJSON, 0, len(found))
		for _, v := range found {
			if !c.json {
				c.say("%s", versionLine(v))
				continue
			}
			out = append(out, versionJSON{toJSON(v.Entry), v.Host, v.First, v.Last, v.Backups})
		}
		if c.json {
			return c.printJSON(out)
		}
		return nil
	})
	return cmd
}

func versionLine(v core.Version) string {
	e := v.Entry
	e.Name = e.Path
	return fmt.Sprintf("%s  %s", v.Last.ID[:12], entryLine(e))
}

// differenceJSON is a difference for programs.
type differenceJSON struct {
	Kind core.DifferenceKind `json:"change"`
	entryJSON
	OldSize     *int64     `json:"old_size,omitempty"`
	OldModified *time.Time `json:"old_modified,omitempty"`
}

func diffCommand(c *cli) *cobra.Command {
	var p place
	cmd := &cobra.Command{
		Use: "diff SNAPSHOT SNAPSHOT", Short: "List what differs between two backups",
		Long: `List what differs from one backup to another: + added, - removed, M changed, m changed in mode, owner, time or attributes alone.`,
		Args: exactArgs(2, "two snapshots: ids, or \"latest\""),
	}
	p.flags(c, cmd)
	cmd.RunE = c.withReader(&p, func(ctx context.Context, r *core.Reader, args []string) error {
		out := []differenceJSON{}
		err := r.Diff(ctx, args[0], args[1], func(d core.Difference) error {
			if !c.json {
				c.say("%s", differenceLine(d))
				return nil
			}
			j := differenceJSON{Kind: d.Kind}
			if d.Old != nil {
				j.entryJSON, j.OldSize, j.OldModified = toJSON(*d.Old), &d.Old.Size, &d.Old.Modified
			}
			if d.New != nil {
				j.entryJSON = toJSON(*d.New)
			}
			out = append(out, j)
			return nil
		})
		if err != nil || !c.json {
			return err
		}
		return c.printJSON(out)
	})
	return cmd
}

var differenceSigns = map[core.DifferenceKind]string{core.DiffAdded: "+", core.DiffRemoved: "-", core.DiffChanged: "M", core.DiffMeta: "m"}

func differenceLine(d core.Difference) string {
	e := d.New
	if e == nil {
		e = d.Old
	}
	name := core.DisplayName(d.Path)
	if e.Kind == core.EntryFolder {
		name += "/"
	}
	return differenceSigns[d.Kind] + " " + name
}
