package format

// Every derivation label of the format (docs/format.md, chapter 2) stands here;
// those of the backup key itself stand in core/backupkey.
const (
	labelName       = "holdfast epoch name v1"
	labelChunkID    = "holdfast epoch chunk-id v1"
	labelChunker    = "holdfast epoch chunker v1"
	labelPack       = "holdfast epoch pack v1"
	labelIndex      = "holdfast epoch index v1"
	labelSnapshot   = "holdfast epoch snapshot v1"
	labelPrune      = "holdfast epoch prune v1"
	labelGivenUp    = "holdfast epoch given-up v1"
	labelSeen       = "holdfast epoch seen v1"
	labelHeaderSeal = "holdfast epoch header-seal v1"
	labelObject     = "holdfast object v1"
	aadKeyring      = "holdfast keyring v1"
	aadPadding      = "padding"
	aadTable        = "table"
	aadTrailer      = "trailer"
	trailerMagic    = "HFP1"
	HeaderFormat    = "holdfast-backup"
)

// Limits that a reader enforces before it allocates (docs/format.md, chapter 1).
const (
	MaxChunk      = 8 << 20  // content of a chunk, bytes
	MaxPack       = 64 << 20 // a pack object, bytes
	MaxSealed     = 64 << 20 // an index or snapshot object, bytes
	MaxHeader     = 64 << 10
	maxName       = 4096 // a name in a tree, bytes
	MaxListDepth  = 4
	maxListed     = 1 << 16 // extents or attributes of an entry, extents of a list, owners of a block
	MaxTreeDepth  = 10_000
	maxEpochs     = 1000
	maxEpochsV1   = 25      // in a keyring of version 1
	MaxKeyring    = 1 << 20 // the highest number of a keyring
	KeyringBlock  = 1024    // the plaintext of a keyring object is a multiple of it, bytes
	GCMTag        = 16
	recordMore    = 1 + GCMTag // what sealing adds to a chunk's body: encoding byte and tag
	TrailerSealed = 16 + GCMTag
	TableEntry    = 32 + 1 + 4 + 4
	MaxPackChunks = 1<<16 - 1
)

// The ordinals of a pack that belong to no chunk.
const (
	ordinalPadding = 1<<32 - 3
	ordinalTable   = 1<<32 - 2
	ordinalTrailer = 1<<32 - 1
)
