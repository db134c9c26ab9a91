package backupkey

// Label is the purpose of a derived key: the info input of HKDF (RFC 5869,
// section 2.3). A label is never reused, and its key never changes length.
type Label string

// All labels under the backup key.
const (
	// LabelKeyID derives the public key id, 8 bytes, without salt.
	LabelKeyID Label = "holdfast backupkey key-id v1"
	// LabelKeyringSeal derives the key, 32 bytes, that seals the epoch secrets
	// of a repository; its salt is the keyring object's.
	LabelKeyringSeal Label = "holdfast backupkey keyring-seal v1"
	// LabelHeaderSeal derives the key, 32 bytes, that authenticates the header
	// of a repository; its salt is the repository's id.
	LabelHeaderSeal Label = "holdfast backupkey header-seal v1"
	// LabelVaultManagement derives the seed, 32 bytes, of the Ed25519 key that
	// manages the account in a vault (docs/vault-protocol.md, chapter 1), without salt.
	// Accounts made before LabelVaultAccount have it.
	LabelVaultManagement Label = "holdfast backupkey vault-management v1"
	// LabelVaultAccount derives the same seed for one account in one vault; its
	// salt is the vault's public key, 33 bytes, and the account's id, 32 bytes.
	// So two vaults cannot tell that two accounts are one person's.
	LabelVaultAccount Label = "holdfast backupkey vault-account v1"
	// LabelSharedVaultCard derives the seed, 32 bytes, of the Ed25519 key that signs
	// the card of a shared password and names its accounts (docs/shared-vaults.md, chapter 1).
	LabelSharedVaultCard Label = "holdfast backupkey shared-vault-card v1"
)
