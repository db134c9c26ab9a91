package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/privatefile"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// placeSecret is what opens a destination that is a server or a cloud.
type placeSecret struct{ file, trust string }

// maxSecretFile is the size of the largest file that --secret-in reads, bytes.
const maxSecretFile = 64 << 10

// flags adds the flags of a command that names a destination.
func (p *placeSecret) flags(f *pflag.FlagSet) {
	f.StringVar(&p.file, "secret-in", "", "file with the password or key of a destination that is a server or a cloud (- is standard input)")
	f.StringVar(&p.trust, "trust", "", "fingerprint of the server's key or certificate that you agree to, as SHA256:…")
}

// knowPlace tells the places what the flags of a command say of its destination.
func knowPlace(ctx context.Context, c *cli, destination string) error {
	p := c.secret
	switch {
	case p.file == "" && p.trust == "":
		return nil
	case destination == "" || places.IsPath(destination):
		return usagef("--secret-in and --trust go with a destination that is a server or a cloud")
	}
	a, err := address.Parse(destination)
	if err != nil {
		return usageError{err}
	}
	if p.file != "" {
		text, err := c.readArg("--secret-in", p.file, maxSecretFile)
		if err != nil {
			return err
		}
		defer clear(text)
		s, err := address.ReadSecret(a.Kind, text)
		if err != nil {
			return usageError{err}
		}
		if err := c.Places.Know(destination, s); err != nil {
			return err
		}
	}
	if p.trust != "" {
		return c.Places.Agree(ctx, destination, p.trust)
	}
	return nil
}

// preparePlace is knowPlace for the destination that a command names by its flag.
func preparePlace(c *cli) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		f := cmd.Flags().Lookup("destination")
		if f == nil {
			return nil
		}
		return knowPlace(cmd.Context(), c, f.Value.String())
	}
}

func placeCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "place", Short: "Try out a place for backups, sign in to it, or look for backups there",
		Long: `Try out a place for backups, sign in to it, or look for backups there. A place is a folder, or a server or a cloud by its address:

  sftp://user@host[:port]/path      a server with SSH; /~/path is below the home folder
  smb://user@host[:port]/share/path a share of Windows, a NAS or Samba; with a domain smb://domain;user@…
  davs://user@host/path             a WebDAV server; dav:// in clear
  s3://bucket/prefix?endpoint=URL&region=REGION
  azblob://container/prefix?account=NAME
  gs://bucket/prefix                Google Cloud Storage
  b2://bucket/prefix                Backblaze B2
  gdrive:/Folder                    Google Drive
  onedrive:/Folder                  OneDrive
  dropbox:/Folder                   Dropbox

Addresses hold no password. --secret-in names a file with it: one line with the password; a private key; for S3 two
lines, the access key's id and the secret; for B2 two lines, the application key's id and the key; for Azure one line,
the account key; for Google the key file of a service account as it is; or a JSON object. For the last
three there is "place sign-in".`,
	}
	cmd.AddCommand(placeTestCommand(c), placeSignInCommand(c), placeFindCommand(c))
	return cmd
}

func placeSignInCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "sign-in PLACE", Short: "Sign in to Google Drive, OneDrive or Dropbox in a browser", Args: exactArgs(1, "the place"),
		Long: `Sign in to Google Drive, OneDrive or Dropbox. The command shows the address of a page: open it in a browser on
this computer and agree there. What the service gives for that is kept sealed in the profile, for this place.

Where this build has no client id for the service, give one of your own: gdrive:/Folder?client=ID, and its secret, if it
has one, with --secret-in, as {"client_secret": "…"}.`,
	}
	c.secret.flags(cmd.Flags())
	out := ""
	cmd.Flags().StringVar(&out, "secret-out", "", "file to write the sign-in to, for --secret-in, in place of the profile; it must not exist")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		place, err := places.Absolute(args[0])
		if err != nil {
			return err
		}
		if err := knowPlace(cmd.Context(), c, place); err != nil {
			return err
		}
		if out != "" {
			if err := c.signIn(cmd.Context(), c.Places, place); err != nil {
				return err
			}
			return c.writeSecret(cmd.Context(), place, out)
		}
		return c.withApp(func(ctx context.Context, a *core.App) error {
			at := a.Elsewhere().Places
			err := c.signIn(ctx, at, place)
			if err == nil {
				err = core.Told(at.Keep(ctx, place))
			}
			return err
		})(cmd, nil)
	}
	return cmd
}

// signIn shows the page of a place, and waits until the person has agreed there.
func (c *cli) signIn(ctx context.Context, at places.Places, place string) error {
	err := at.SignIn(ctx, place, func(page string) error {
		if c.json {
			return errors.Join(c.printJSON(map[string]string{"page": page}), c.flush())
		}
		c.say("Open this page in a browser on this computer, and agree there:\n\n  %s\n", page)
		return c.flush() // the person needs it now
	})
	if err == nil && !c.json {
		c.say("You are signed in.")
	}
	return core.Told(err)
}

// writeSecret writes what opens a place to a file, which --secret-in reads.
func (c *cli) writeSecret(ctx context.Context, place, file string) error {
	s, err := c.Places.Secret(ctx, place)
	if err != nil {
		return err
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	defer clear(text)
	if err := privatefile.Create(file, text); err != nil {
		return fmt.Errorf("%w: --secret-out: %w", core.ErrInvalid, err)
	}
	return nil
}

// abilities are what a place is tried for, in words.
var abilities = map[places.Ability]string{
	places.CanOpen: "open it", places.CanWrite: "write an object", places.CanKeep: "refuse to overwrite it",
	places.CanRead: "read a part of it",
	places.CanList: "list it", places.CanReplace: "replace it", places.CanDelete: "delete it",
}

func placeTestCommand(c *cli) *cobra.Command {
	var create bool
	cmd := &cobra.Command{
		Use: "test PLACE", Short: "Write, read, list, replace and delete a small object at a place", Args: exactArgs(1, "the place"),
	}
	c.secret.flags(cmd.Flags())
	cmd.Flags().BoolVar(&create, "create", false, "make the folder if it does not exist")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := knowPlace(cmd.Context(), c, args[0]); err != nil {
			return err
		}
		type line struct {
			Ability places.Ability `json:"ability"`
			OK      bool           `json:"ok"`
		}
		lines := []line{}
		var facts places.Facts
		err := core.Told(c.Places.Test(cmd.Context(), args[0], create, func(t places.Tried) {
			lines = append(lines, line{t.Ability, t.Err == nil})
			facts = t.Facts
			switch {
			case c.json:
			case t.Err == nil:
				c.say("yes  %s", abilities[t.Ability])
			default:
				c.say("no   %s", abilities[t.Ability])
			}
		}))
		if c.json {
			return errors.Join(err, c.printJSON(lines))
		}
		if err == nil {
			c.say("This place can hold a backup.")
			for _, sentence := range words.PlaceFacts(facts) {
				c.say("%s", sentence)
			}
		}
		return err
	}
	return cmd
}
