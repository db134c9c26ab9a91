package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// errUsage makes the exit code 2.
var errUsage = errors.New("usage")

func main() { os.Exit(run(os.Args[1:])) }

// errStays makes the exit code 3: starting again does not help, and with a wrong PIN would lock the token.
var errStays = errors.New("")

// run returns the exit code: 0 done, 1 failed, 2 usage, 3 failed and will fail again.
func run(args []string) int {
	forbidDumps()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := command()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage), strings.HasPrefix(err.Error(), "unknown command"):
		fmt.Fprintln(os.Stderr, "vaultd:", err)
		return 2
	}
	fmt.Fprintln(os.Stderr, "vaultd:", strings.TrimPrefix(err.Error(), "vaultd: "))
	if errors.Is(err, errStays) {
		return 3
	}
	return 1
}

func command() *cobra.Command {
	var s settings
	root := &cobra.Command{Use: "vaultd", Short: "Serves a Holdfast vault", SilenceErrors: true, SilenceUsage: true}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fmt.Errorf("%w: %w", errUsage, err) })
	for _, c := range []struct {
		use, short string
		flags      []string
		do         func(context.Context, settings) error
	}{
		{"init", "make the keys on the token; refuses to overwrite", []string{"unfit-token"}, initialise},
		{"serve", "serve the vault over HTTPS", serveFlags, serve},
		{"card", "print the vault card", []string{"url", "dev-tls", "name", "qr"}, card},
		{"status", "say how the vault is", []string{"json"}, status},
		{"rotate", "make a new storage key and destroy the old one", nil, rotate},
		{"backup", "write a copy of the store", []string{"out"}, backup},
		{"restore", "make the store from a copy", []string{"from", "lock-accounts"}, restore},
		{"remove", "remove an account for good, at its owner's request", []string{"account"}, remove},
	} {
		cmd := &cobra.Command{Use: c.use, Short: c.short, Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("%w: %q is not expected", errUsage, args[0])
			}
			return nil
		}}
		s.register(cmd.Flags(), append([]string{"config", "data", "hsm", "sessions", "log-level", "copied-keys"}, c.flags...))
		cmd.RunE = func(cmd *cobra.Command, _ []string) error {
			if err := s.readFile(cmd.Flags()); err != nil {
				return err
			}
			if s.data == "" || s.hsm == "" {
				return fmt.Errorf("%w: --data and --hsm are required", errUsage)
			}
			if c.use != "serve" && c.use != "backup" && c.use != "restore" { // those open what only root may read first
				if err := becomeOwner(s.data); err != nil {
					return err
				}
			}
			return c.do(cmd.Context(), s)
		}
		root.AddCommand(cmd)
	}
	return root
}
