package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/holdfast-backup/holdfast/core"
)

// enterKeyCommand takes the key that another computer has put to use.
func enterKeyCommand(c *cli) *cobra.Command {
	var in []string
	cmd := &cobra.Command{
		Use: "enter --key-in FILE", Short: "Take the new key, after another computer has changed it", Args: noArgs,
		RunE: c.withApp(func(ctx context.Context, a *core.App) error {
			if len(in) == 0 {
				return usagef("key enter needs --key-in FILE")
			}
			k, text, err := c.readKey(ctx, in)
			if err != nil {
				return err
			}
			defer clear(text)
			defer k.Clear()
			if err := a.Encryption().EnterKey(ctx, k); err != nil {
				return err
			}
			c.done("This computer goes on with the new key.")
			return nil
		}),
	}
	cmd.Flags().StringArrayVar(&in, "key-in", nil, "the new key: "+keyInHelp)
	return cmd
}
