// Package backupkey holds the backup key K: 32 random bytes, made on this
// computer, from which every other key of an encrypted backup derives.
//
// A person sees K as 64 hexadecimal digits in 16 groups of 4:
//
//	k, err := backupkey.New()
//	defer k.Clear()
//	text := k.Text()                     // "03f1 9ac4 … 77e0", for the recovery kit
//	k2, err := backupkey.Parse(typed)    // what a person typed or pasted
//	seal := k.Derive(backupkey.LabelKeyringSeal, salt, 32)
//
// The key id, 8 bytes derived from K, is public: it stands in the header of a
// backup, so that a wrong key is told apart at once from a damaged backup. It
// also lets [Repair] find what a person meant to type. Repair never decides:
// it returns proposals, and the person is asked.
//
// # Promises
//
// A [Key] has no printable form. Whatever fmt verb, logger or encoder meets
// one by accident gets a placeholder or an error. The digits leave only through
// [Key.Text], [Key.Groups] and [Key.Bytes], as byte slices, so that
// callers can clear them.
//
// All keys derive by HKDF-SHA-256 (RFC 5869) under the labels of labels.go,
// one label for each purpose, so that no two purposes ever share key bytes.
// testdata/vectors.json pins text, id and sub-keys for ever.
//
// # What it does not do
//
// Clearing memory is best effort: the Go runtime may have copied the bytes,
// and the system may have swapped them out. Keeping K on disk, asking for a
// password and sealing data are other packages' work.
package backupkey
