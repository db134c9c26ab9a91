//go:build linux

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/holdfast-backup/holdfast/vault/vaultd/vaultdtest"
)

// guideBlocks are the commands of docs/operating-a-vault.md, by the name in the comment before them.
func guideBlocks(t *testing.T) map[string]string {
	t.Helper()
	text := string(read(t, "../../docs/operating-a-vault.md"))
	blocks := map[string]string{}
	for _, m := range regexp.MustCompile(`<!-- guide: (\w+) -->\n\n((?:    .*\n|\n    )+)`).FindAllStringSubmatch(text, -1) {
		blocks[m[1]] = strings.ReplaceAll("\n"+m[2], "\n    ", "\n")
	}
	return blocks
}

// unitSetting returns the values of a setting of the shipped unit.
func unitSetting(t *testing.T, name string) (values []string) {
	t.Helper()
	for _, line := range strings.Split(string(read(t, "vaultd.service")), "\n") {
		if value, ok := strings.CutPrefix(line, name+"="); ok {
			values = append(values, value)
		}
	}
	return values
}

// prelude gives the script folders of its own, empty where a bare machine's are: a mount namespace with a copy of /etc,
// and nothing in /var, /root and /home. serve runs the unit's command with what the unit restricts.
const prelude = `
set -euo pipefail
mount --make-rprivate /
cp -a /etc/. "$SCRATCH/etc" && mount --bind "$SCRATCH/etc" /etc
mkdir -p "$SCRATCH/tmp"
mount -t tmpfs tmpfs /var
install -d /var/lib /var/backups /var/tmp
export PATH="$SCRATCH/bin:$PATH"
unset SOFTHSM2_CONF
client() { python3 "$CLIENT" "$@"; }
serve() {
  unshare --mount bash -euo pipefail -c '
    mount --make-rprivate /
    mount --bind / "$SCRATCH/root" && mount -o remount,ro,bind "$SCRATCH/root"
    mount --rbind /proc "$SCRATCH/root/proc" && mount --rbind /dev "$SCRATCH/root/dev"
    mount --bind /etc "$SCRATCH/root/etc" && mount -o remount,ro,bind "$SCRATCH/root/etc"
    mount --bind /var "$SCRATCH/root/var" && mount -o remount,ro,bind "$SCRATCH/root/var"
    for dir in /var/lib/$STATE $READWRITE; do [ -d "$dir" ] && mount --bind "$dir" "$SCRATCH/root$dir"; done
    mount -t tmpfs tmpfs "$SCRATCH/root/root"
    mkdir -p /var/tmp && exec env -i PATH="$PATH" $ENVIRONMENT chroot "$SCRATCH/root" \
      setpriv --reuid "$USER_NAME" --regid "$USER_NAME" --init-groups \
      --no-new-privs --bounding-set -all --inh-caps -all "$SCRATCH/bin/vaultd" serve --config /etc/holdfast/vaultd.conf'
}
`

// The guide's commands, one after the other, on a machine with nothing on it: to a vault that serves a client under the shipped unit's
// restrictions, is backed up, rotated and restored.
func TestGuide(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("CI must run this as root: it makes a mount namespace")
		}
		t.Skip("only root may make a mount namespace; CI runs as root")
	}
	blocks := guideBlocks(t)
	for _, name := range []string{"user", "token", "configuration", "card", "backup", "restore", "rotate", "fingerprints", "picture",
		"daily", "again"} {
		if blocks[name] == "" {
			t.Fatalf("the guide has no block %q: %v", name, blocks)
		}
	}
	scratch, err := os.MkdirTemp("", "holdfast-guide-")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(scratch) })
	must(t, os.Chmod(scratch, 0o755))
	for _, dir := range []string{"bin", "etc", "root"} {
		must(t, os.Mkdir(filepath.Join(scratch, dir), 0o755))
	}
	program := read(t, vaultdtest.Program(t))
	must(t, os.WriteFile(filepath.Join(scratch, "bin", "vaultd"), program, 0o755))
	client, err := filepath.Abs("../../docs/rescue/vault_client.py")
	must(t, err)
	readWrite := strings.Join(unitSetting(t, "ReadWritePaths"), " ")
	script := prelude + blocks["user"] + blocks["token"] + blocks["configuration"] + guideSteps(blocks)
	cmd := exec.Command("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c", script)
	cmd.Env = append(os.Environ(), "SCRATCH="+scratch, "CLIENT="+client, "READWRITE="+strings.ReplaceAll(readWrite, "-/", "/"),
		"STATE="+unitSetting(t, "StateDirectory")[0],
		"USER_NAME="+unitSetting(t, "User")[0], "ENVIRONMENT="+strings.Join(unitSetting(t, "Environment"), " "))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil || !strings.Contains(out.String(), "the guide holds") {
		t.Fatalf("%v\n%s", err, out.String())
	}
}

// guideSteps is what an operator does with the vault that the guide set up, and what a client sees of it.
func guideSteps(blocks map[string]string) string {
	return `
cd "$SCRATCH/tmp"
printf 'first\n' > first; printf 'second\n' > second; head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' > key
start() {
  serve > serve.log 2>&1 &
  server=$!
  until grep -q 'listening on' serve.log; do kill -0 $server || { cat serve.log; exit 1; }; read -rt 0.05 <> <(:) || true; done
}
stop() { kill "$(pgrep -x vaultd)"; wait $server || true; }
start
` + blocks["card"] + `
client register --card /etc/holdfast/card.json --password-in first --key-in key --enrolment-in /etc/holdfast/enrolment > mine.json
client recover --card mine.json --password-in first | grep -qx "$(cat key)"
` + blocks["backup"] + `
client recover --card mine.json --password-in second && exit 1
stop; start
client status --card mine.json | grep -q '"guesses_left": 9'
stop
` + blocks["restore"] + `
start
code=0; client recover --card mine.json --password-in first || code=$?; [ $code = 5 ]
client change --card mine.json --password-in second --key-in key > /dev/null
` + blocks["rotate"] + `
stop
[ -z "$(find /var/lib/holdfast-vault /var/lib/softhsm/tokens ! -user holdfast-vault)" ]
mv /var/lib/holdfast-vault/store.db /var/backups/lost.db
vaultd restore --config /etc/holdfast/vaultd.conf --from /var/backups/vault-2.db
start
client recover --card mine.json --password-in second | grep -qx "$(cat key)"
` + blocks["fingerprints"] + blocks["picture"] + blocks["daily"] + `
zbarimg --raw -q /etc/holdfast/card.png | python3 -c 'import json, sys
assert json.load(sys.stdin) == json.load(open("/etc/holdfast/card.json"))'
python3 -c 'import base64, hashlib, json
card = json.load(open("/etc/holdfast/card.json"))
for field in ("public_key", "certificate"):
    print(field, "SHA256:" + base64.b64encode(hashlib.sha256(base64.b64decode(card[field])).digest()).decode().rstrip("="))
' | diff - /etc/holdfast/fingerprints
/etc/cron.daily/holdfast-vault; /etc/cron.daily/holdfast-vault
client recover --card mine.json --password-in first && exit 1
stop
rm /var/lib/holdfast-vault/store.db
` + blocks["again"] + `
start
code=0; client recover --card mine.json --password-in second || code=$?; [ $code = 5 ]
client change --card mine.json --password-in first --key-in key > /dev/null
client recover --card mine.json --password-in first | grep -qx "$(cat key)"
stop
echo the guide holds
`
}
