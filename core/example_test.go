package core_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/keyring"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/store"
)

// A first encrypted backup, and one file of it back on a computer that has nothing but the key.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "holdfast")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // an example's
	docs, place := filepath.Join(dir, "docs"), filepath.Join(dir, "disk")
	if err := os.MkdirAll(docs, 0o755); err != nil {
		panic(err)
	}
	if err := os.WriteFile(filepath.Join(docs, "letter.txt"), []byte("dear all"), 0o644); err != nil {
		panic(err)
	}

	app, err := core.Open(ctx, core.Params{
		Profile: filepath.Join(dir, "profile"), Keyring: keyring.File{Path: filepath.Join(dir, "device.key")},
	})
	if err != nil {
		panic(err)
	}
	defer app.Close() //nolint:errcheck // nothing was written after the backup
	key, err := app.Encryption().NewKey()
	if err != nil {
		panic(err)
	}
	if err := app.Setup(ctx, core.SetupRequest{Destination: place, Sources: []string{docs}, Key: key}); err != nil {
		panic(err)
	}
	report, err := app.Backup(ctx, nil)
	if err != nil {
		panic(err)
	}
	fmt.Println(report.Files, "file backed up")

	// Another computer: the place and the key are enough.
	reader, err := core.Elsewhere{}.OpenReader(ctx, place, key)
	if err != nil {
		panic(err)
	}
	defer reader.Close() //nolint:errcheck // only read from
	back, err := reader.Restore(ctx, core.RestoreRequest{
		Snapshot: "latest", Target: filepath.Join(dir, "back"), Paths: []string{"docs/letter.txt"},
	}, nil)
	if err != nil {
		panic(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "back", "docs", "letter.txt"))
	fmt.Println(back.Files, "file restored:", string(text), err)
	// Output:
	// 1 file backed up
	// 1 file restored: dear all <nil>
}

// A place of a new kind is one function: from its name to a store that passes storetest.Run.
func ExampleParams_places() {
	kept := store.NewMemory()
	params := core.Params{
		Places: places.By(func(ctx context.Context, place string, create bool) (store.Store, error) {
			if place == "memory:kept" {
				return kept, nil
			}
			return places.OpenFolder(ctx, place, create)
		}),
	}
	fmt.Println(params.Places.State(context.Background(), "memory:kept").There)
	// Output: true
}
