package vault

// Labels of hashes, keys and signatures. docs/vault-protocol.md lists them;
// vaultclient uses those that it shares.
const (
	LabelSealedKey    = "holdfast vault sealed-key v1"
	LabelRelease      = "holdfast vault release v1"
	LabelRegistration = "holdfast vault registration v1"
	LabelDeletion     = "holdfast vault deletion v1"

	labelAccount    = "holdfast vault account v1"
	labelRecord     = "holdfast vault record v1"
	labelHead       = "holdfast vault head v1"
	labelTicket     = "holdfast vault ticket v1"
	labelRecordSeal = "holdfast vault record-seal v1"
	labelDigest     = "holdfast vault digest v1"
	labelAnchor     = "holdfast vault anchor v1"

	// storagePoint is hash_to_curve of this under that domain separation tag.
	labelStoragePoint = "holdfast vault storage v1"
	dstStoragePoint   = "holdfast vault"
)
