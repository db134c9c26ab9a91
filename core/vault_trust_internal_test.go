package core

import (
	"bytes"
	"testing"

	"github.com/holdfast-backup/holdfast/core/account"
	"github.com/holdfast-backup/holdfast/core/backupkey"
)

// Two accounts of one key cannot be told to be one person's: each vault and each
// account has a management key of its own. What versions before made stays known.
func TestAManagementKeyForEachAccount(t *testing.T) {
	key, err := backupkey.Parse([]byte("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"))
	if err != nil {
		t.Fatal(err)
	}
	seeds := account.Seeds(key)
	public, account := bytes.Repeat([]byte{2}, 33), bytes.Repeat([]byte{7}, 32)
	seed, before := seeds(public, account)
	again, _ := seeds(public, account)
	otherVault, sameBefore := seeds(bytes.Repeat([]byte{3}, 33), account)
	otherAccount, _ := seeds(public, bytes.Repeat([]byte{8}, 32))
	if !bytes.Equal(seed, again) || bytes.Equal(seed, otherVault) || bytes.Equal(seed, otherAccount) || bytes.Equal(seed, before) ||
		!bytes.Equal(before, sameBefore) {
		t.Error("the seeds are not what they are to be")
	}
	if len(seed) != 32 || !bytes.Equal(before, key.Derive(backupkey.LabelVaultManagement, nil, 32)) {
		t.Error("the seed of a version before is another")
	}
}
