package vault

import (
	"context"
	"time"

	"github.com/holdfast-backup/holdfast/vault/store"
)

const (
	// eraseEvery is how often the store is erased at most.
	eraseEvery = time.Minute
	// eraseShare is how much longer than an erasure it is until the next one.
	eraseShare = 100
)

// eraseUntilStopped erases what was destroyed, soon after.
func (v *Vault) eraseUntilStopped(e store.Eraser) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	var next time.Time
	for {
		select {
		case <-v.stop:
			v.erase(e)
			return
		case <-ticker.C:
			if begun := time.Now(); begun.After(next) && v.destroyed.Load() {
				v.erase(e)
				now := time.Now()
				next = now.Add(max(eraseEvery, eraseShare*now.Sub(begun)))
			}
		}
	}
}

func (v *Vault) erase(e store.Eraser) {
	if !v.destroyed.Swap(false) {
		return
	}
	if err := e.Erase(context.Background()); err != nil {
		v.destroyed.Store(true)
		v.p.Log.Warn("what was destroyed may still be in free pages of the store", "error", err)
	}
}
