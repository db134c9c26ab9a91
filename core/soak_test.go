package core_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/filetest"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/repo"
)

var (
	soakRounds = flag.Int("soak.rounds", 3, "how often each computer of TestComputersThatAreKilled backs up at least")
	soakFor    = flag.Duration("soak.for", 0, "how long TestComputersThatAreKilled goes on at least")
)

// Five computers back up to one folder while a sixth prunes and deletes at once, each a
// process of its own, and many are killed with SIGKILL. Every backup that was reported and not removed restores.
func TestComputersThatAreKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("many processes; the full run has it")
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	key := newKey(t)
	var computers []*computer
	for i := range 6 {
		c := newComputer(t)
		if i > 0 {
			c.dest = computers[0].dest
		}
		for f := range 30 { // much is the same on all computers
			filetest.Write(t, filepath.Join(c.src, fmt.Sprintf("common/%d", f)), filetest.Noise(uint64(f), 40_000))
		}
		c.must(func(a *core.App) error {
			return a.Setup(context.Background(), core.SetupRequest{Destination: c.dest, Sources: []string{c.src}, Key: key, Existing: i > 0})
		})
		computers = append(computers, c)
	}
	var (
		mu       sync.Mutex
		reported = map[string]map[string]string{}
		killed   int
	)
	var backups, prunes sync.WaitGroup
	stop := make(chan struct{})
	begin := time.Now()
	for i, c := range computers[:5] {
		backups.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(i)))
			for round := 0; round < *soakRounds || time.Since(begin) < *soakFor; round++ {
				n := random.IntN(30)
				filetest.Write(t, filepath.Join(c.src, fmt.Sprintf("common/%d", n)), filetest.Noise(uint64(random.IntN(60)), 40_000+random.IntN(3)))
				out, died := runChild(t, c, "", random)
				mu.Lock()
				if died {
					killed++
				} else {
					reported[strings.TrimSpace(out)] = filetest.Tree(t, c.src)
				}
				mu.Unlock()
			}
		})
	}
	prunes.Go(func() {
		random := rand.New(rand.NewPCG(seed, 99))
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, died := runChild(t, computers[5], `{"last":30}`, random); died {
				mu.Lock()
				killed++
				mu.Unlock()
			}
		}
	})
	backups.Wait()
	close(stop)
	prunes.Wait()
	removed := removedFrom(t, computers[0], key)
	checked := 0
	for id, want := range reported {
		if removed[id] {
			continue
		}
		checked++
		out, _ := restoreElsewhere(t, computers[0].dest, key, id)
		filetest.EqualTrees(t, want, filetest.Tree(t, filepath.Join(out, "src")))
	}
	t.Logf("%d backups were reported, %d of them not removed; %d processes were killed", len(reported), checked, killed)
	if checked == 0 || killed == 0 {
		t.Error("nothing was put to the test")
	}
	c := computers[5]
	for range 2 {
		c.prune(core.PruneRequest{Retention: &core.Retention{Last: 30}})
	}
	if v := c.verify(); len(v.Damage) > 0 {
		t.Errorf("verify: %v", v.Damage)
	}
}

// runChild runs a computer's backup, or its prune, and kills half of them at some call.
// It returns what the child printed.
func runChild(t *testing.T, c *computer, rules string, random *rand.Rand) (out string, died bool) {
	t.Helper()
	var printed bytes.Buffer
	cmd, pipe := startChildWith(t, c.params.Profile, rules, &printed)
	if random.IntN(2) == 0 {
		if _, err := io.CopyN(io.Discard, pipe, random.Int64N(60)); err == nil {
			if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
				t.Error(err)
			}
		}
	}
	if _, err := io.Copy(io.Discard, pipe); err != nil {
		t.Error(err)
	}
	err := cmd.Wait()
	if err != nil && cmd.ProcessState.Exited() {
		t.Errorf("a computer that was not killed failed: %v", err)
	}
	return printed.String(), err != nil
}

func removedFrom(t testing.TB, c *computer, key *backupkey.Key) map[string]bool {
	t.Helper()
	ctx := context.Background()
	s, err := places.OpenFolder(ctx, c.dest, false)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // only read from
	r, err := repo.Open(ctx, s, repo.By(key))
	if err != nil {
		t.Fatal(err)
	}
	names, err := r.Removed(ctx)
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]bool)
	for n := range names {
		out[n.String()] = true
	}
	return out
}
