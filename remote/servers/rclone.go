package servers

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// rclone runs one of rclone's servers for a folder. kind: sftp, webdav or s3.
func rclone(t *testing.T, kind, addr, folder, user, password string, flags ...string) {
	t.Helper()
	source := filepath.Join(toolFolder(t), "..", "..", "remote", "servers", "rcloneserve")
	sum := sha256.New()
	for _, name := range []string{"main.go", "go.mod", "go.sum"} {
		b, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = sum.Write(b) // documented never to fail
	}
	at := filepath.Join(toolFolder(t), fmt.Sprintf("rcloneserve-%x", sum.Sum(nil)[:6])) // built anew when it is changed
	once(t, at, func() {
		cmd := exec.Command("go", "build", "-C", source, "-o", at, ".")
		cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("rcloneserve: %v\n%s", err, out)
		}
	})
	cmd := exec.Command(at, append([]string{kind, addr, folder}, flags...)...)
	cmd.Stdin = strings.NewReader(user + "\n" + password + "\n")
	Run(t, addr, cmd)
}

// folder makes a folder for a server's files.
func folder(t *testing.T, path string) string {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// RcloneSFTP starts rclone's server of SFTP. Its root is /, and it takes a password and no key.
func RcloneSFTP(t *testing.T) *SSH {
	t.Helper()
	dir := t.TempDir()
	key, host := Key(t)
	s := &SSH{Addr: "127.0.0.1:" + Port(t), User: "ann", Password: "a pass: word", Host: host, Root: "/"}
	rclone(t, "sftp", s.Addr, folder(t, filepath.Join(dir, "files")), s.User, s.Password, "--key", Write(t, filepath.Join(dir, "host"), key))
	return s
}

// RcloneWebDAV starts rclone's server of WebDAV, in clear.
func RcloneWebDAV(t *testing.T) *WebDAV {
	t.Helper()
	s := &WebDAV{Addr: "127.0.0.1:" + Port(t), User: "ann", Password: "a pass: word", Root: folder(t, filepath.Join(t.TempDir(), "files"))}
	rclone(t, "webdav", s.Addr, s.Root, s.User, s.Password)
	return s
}

// RcloneS3 starts rclone's server of S3 over a folder.
func RcloneS3(t *testing.T) *S3 {
	t.Helper()
	s := &S3{Addr: "127.0.0.1:" + Port(t), Bucket: "holdfast-test", Key: "AKIATEST", Secret: "a/secret+key=", Root: t.TempDir()}
	folder(t, filepath.Join(s.Root, s.Bucket))
	rclone(t, "s3", s.Addr, s.Root, s.Key, s.Secret)
	return s
}
