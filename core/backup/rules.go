package backup

import (
	"path/filepath"
	"strings"

	chunkers "github.com/PlakarKorp/go-cdc-chunkers"
	_ "github.com/PlakarKorp/go-cdc-chunkers/chunkers/fastcdc" // registers the algorithm
)

// How files are cut (docs/format.md, chapter 5). Writers that agree on these
// find each other's chunks; readers need not know.
const (
	smallMax  = 128 << 10 // files up to this size are gathered
	bundleMax = 1 << 20
	bundleAvg = 384 << 10
	blockMax  = 2 << 20 // media block, and the longest chunk of FastCDC
	cdcMin    = 256 << 10
	cdcNormal = 512 << 10
	cdcName   = "fastcdc-v1.0.0"
)

func cdcOptions(key []byte) *chunkers.ChunkerOpts {
	return &chunkers.ChunkerOpts{MinSize: cdcMin, NormalSize: cdcNormal, MaxSize: blockMax, Key: key}
}

// media never changes in place: its blocks are cut by position, so that
// workers read them with no one to find boundaries first.
var media = map[string]bool{
	".jpg": true, ".jpeg": true, ".png": true, ".gif": true, ".webp": true, ".heic": true, ".heif": true, ".avif": true, ".jxl": true,
	".mp4": true, ".m4v": true, ".mov": true, ".mkv": true, ".webm": true, ".avi": true, ".3gp": true, ".mpg": true, ".mpeg": true,
	".mts": true,
	".mp3": true, ".m4a": true, ".aac": true, ".ogg": true, ".oga": true, ".opus": true, ".flac": true, ".wma": true, ".amr": true,
}

func isMedia(name string) bool { return media[strings.ToLower(filepath.Ext(name))] }
