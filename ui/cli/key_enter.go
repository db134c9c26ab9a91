package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/sheets"
)

// enterKeyCommand takes the key that another computer has put to use.
func enterKeyCommand(c *cli) *cobra.Command {
	var in string
	cmd := &cobra.Command{
		Use: "enter --key-in FILE", Short: "Take the new key, after another computer has changed it", Args: noArgs,
		RunE: c.withApp(func(ctx context.Context, a *core.App) error {
			if in == "" {
				return usagef("key enter needs --key-in FILE")
			}
			text, err := c.readKeyText(in)
			if err != nil {
				return err
			}
			defer clear(text)
			k, err := sheets.ReadKey(ctx, text)
			if err != nil {
				return err
			}
			defer k.Clear()
			if err := a.Encryption().EnterKey(ctx, k); err != nil {
				return err
			}
			c.done("This computer goes on with the new key.")
			return nil
		}),
	}
	cmd.Flags().StringVar(&in, "key-in", "", "file with the new 64-digit key (- is standard input)")
	return cmd
}
