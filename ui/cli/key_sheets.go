package cli

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/privatefile"
	"github.com/holdfast-backup/holdfast/core/sheets"
)

// keySheetsCommand splits the key over three sheets.
func keySheetsCommand(c *cli) *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use: "sheets --out DIR", Short: "Split the key over three sheets, any two of which give it back", Args: noArgs,
		Long: `Split the key over three sheets, sheet-1.txt to sheet-3.txt in DIR, for three people to hold. Any two give the key back, one alone
tells nothing. Two of them, one after the other, are a file for --key-in:

    cat sheet-1.txt sheet-3.txt | holdfast restore latest --destination DEST --key-in - --to DIR`,
		RunE: c.withApp(func(ctx context.Context, a *core.App) error {
			if out == "" {
				return usagef("key sheets needs --out DIR")
			}
			k, err := a.Encryption().Key(ctx)
			if err != nil {
				return err
			}
			defer k.Clear()
			all := sheets.Split(k)
			for _, s := range all {
				defer s.Clear()
			}
			for _, s := range all {
				text := s.Text()
				err := privatefile.Create(filepath.Join(out, fmt.Sprintf("sheet-%d.txt", s.Number())), text)
				clear(text)
				if err != nil {
					return fmt.Errorf("%w: --out: %w", core.ErrInvalid, err)
				}
			}
			c.done("Three sheets are in %s. They have the number %s in common: others do not fit.", out, all[0].Split())
			return nil
		}),
	}
	cmd.Flags().StringVar(&out, "out", "", "folder for the three sheets, which has none yet")
	return cmd
}
