package structure

import (
	"os/exec"
	"strings"
	"testing"
)

// The app links no library of a cloud or a server, and holdfast-remote nothing that knows a backup key.
func TestWhatIsLinked(t *testing.T) {
	for of, never := range map[string][]string{
		".": {
			"github.com/rclone/", "github.com/aws/", "github.com/pkg/sftp", "golang.org/x/crypto/ssh", "github.com/landlock-lsm/",
			"github.com/holdfast-backup/holdfast/remote", "github.com/holdfast-backup/holdfast/third_party/smb2", "go.etcd.io/etcd",
		},
		"./remote": {
			"fyne.io/", "github.com/miekg/pkcs11", "github.com/holdfast-backup/holdfast/core/repo",
			"github.com/holdfast-backup/holdfast/core/backupkey",
			"github.com/holdfast-backup/holdfast/core/profile", "github.com/holdfast-backup/holdfast/vault", "github.com/bytemare/opaque",
			"github.com/cloudsoda/", // a part of it is LGPL: docs/adr/0025
		},
	} {
		list := exec.Command("go", "list", "-deps", of)
		list.Dir = "../.."
		out, err := list.Output()
		if err != nil {
			t.Fatal(err)
		}
		for pkg := range strings.Lines(string(out)) {
			for _, prefix := range never {
				if strings.HasPrefix(pkg, prefix) {
					t.Errorf("%s links %s", of, strings.TrimSpace(pkg))
				}
			}
		}
	}
}
