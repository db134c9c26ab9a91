package address

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"sftp://ann@host:2222/srv/backup/":                         "sftp://ann@host:2222/srv/backup",
		"SFTP://host/a/../b":                                       "sftp://host/b",
		"davs://ann%40home@cloud.example/remote.php/dav/files/a b": "davs://ann%40home@cloud.example/remote.php/dav/files/a%20b",
		"s3://bucket/prefix?endpoint=https://s3.example&region=eu": "s3://bucket/prefix?endpoint=https%3A%2F%2Fs3.example&region=eu",
		"s3://bucket":                  "s3://bucket",
		"azblob://box/a/b?account=ann": "azblob://box/a/b?account=ann",
		"azblob://box?account=ann&endpoint=https://ann.blob.core.chinacloudapi.cn": "azblob://box?account=ann&" +
			"endpoint=https%3A%2F%2Fann.blob.core.chinacloudapi.cn",
		"gs://my_bucket.example/prefix/":                 "gs://my_bucket.example/prefix",
		"smb://HOME;ann@nas.local:4450/Files/My Backup/": "smb://HOME;ann@nas.local:4450/Files/My%20Backup",
		"smb://HOME%5Cann@nas/Files":                     "smb://HOME%5Cann@nas/Files",
		"gdrive:/Holdfast/":                              "gdrive:/Holdfast",
		"onedrive:/My backups/ä?client=1-2":              "onedrive:/My%20backups/%C3%A4?client=1-2",
		"dropbox:/Holdfast":                              "dropbox:/Holdfast",
	} {
		a, err := Parse(text)
		if err != nil || a.String() != want {
			t.Errorf("%s: %s, %v, want %s", text, a, err, want)
		}
	}
	for _, text := range []string{"", "sftp", "sftp:host", "sftp://", "sftp:///srv", "ftp://host", "remote:folder", "s3://ann@bucket",
		"smb://ann@nas", "smb://ann@nas/", "smb:///Files", "smb://nas/../", "smb://nas/Files/a:b",
		"sftp://host/x#y", "s3://b?mode=x", "sftp://ho st/", "sftp://host:port/", "azblob://box", "azblob://box?account=",
		"azblob://?account=ann", "gs://", "gs://b?account=x", "azblob://box?account=evil.example/",
		"gs://b?endpoint=host", "gdrive:", "gdrive:/", "gdrive://host/Folder", "gdrive:Folder", "onedrive:/a:b", "dropbox:/x?endpoint=https://e",
		"gdrive:/x/../"} {
		if a, err := Parse(text); err == nil {
			t.Errorf("%q is read as %+v", text, a)
		}
	}
}

// People read what a place is called, without settings and escapes.
func TestTitle(t *testing.T) {
	for text, want := range map[string]string{
		"gdrive:/Holdfast/B%C3%BCro?client=x":                   "Google Drive, Holdfast/Büro",
		"onedrive:/Holdfast":                                    "OneDrive, Holdfast",
		"dropbox:/My%20backup":                                  "Dropbox, My backup",
		"sftp://ann@host:2222/srv/my%20backup":                  "sftp://ann@host:2222/srv/my backup",
		"s3://box/x?endpoint=https%3A%2F%2Fs3.example&region=a": "s3://box/x",
	} {
		a, err := Parse(text)
		if err != nil || a.Title() != want {
			t.Errorf("%s: %q, %v", text, a.Title(), err)
		}
	}
}

// An address with a secret is refused, and no error repeats it.
func TestSecretsAreRefused(t *testing.T) {
	for _, text := range []string{"sftp://ann:hunter22@host/", "davs://ann:hunter22@host:x/", "s3://b?secret_access_key=hunter22",
		"s3://b?X-Amz-Signature=hunter22", "azblob://c?sig=hunter22", "sftp://ann:hunter22@ho%zzst/", "s3://AK:hunter22@b/",
		"azblob://c?account=a&account_key=hunter22",
		"azblob://c?account=a&endpoint=https://a.example/%3Fsig=hunter22", "s3://b?endpoint=https://ann:hunter22@s3.example"} {
		_, err := Parse(text)
		if err == nil || strings.Contains(err.Error(), "hunter22") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := Parse("sftp://a:b@host"); !errors.Is(err, ErrSecret) {
		t.Error(err)
	}
}

func TestAddressesReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := Address{
			Kind: SFTP, User: rapid.StringMatching(`[a-zäÖ@:/ %]{0,8}`).Draw(t, "user"),
			Host: rapid.StringMatching(`[a-z]{1,5}(:[0-9]{1,4})?`).Draw(t, "host"),
			Path: "/" + rapid.StringMatching(`[a-z%?# ä]{0,5}`).Draw(t, "path"),
		}
		b, err := Parse(a.String())
		if err != nil || b.String() != a.String() || b.User != a.User || b.Path != a.Path {
			t.Fatalf("%+v is written %s and read as %+v: %v", a, a, b, err)
		}
	})
}

func TestReadSecret(t *testing.T) {
	for _, c := range []struct {
		kind Kind
		file string
		want Secret
	}{
		{SFTP, "correct = horse\n", Secret{Password: "correct = horse"}},
		{SFTP, "\ufeff pass \r\n", Secret{Password: " pass "}},
		{S3, "AKIA\nabc/=+\n", Secret{"access_key_id": "AKIA", "secret_access_key": "abc/=+"}},
		{SFTP, `{"key": "x", "passphrase": "y"}`, Secret{Key: "x", Passphrase: "y"}},
		{SFTP, "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n", Secret{Key: "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n"}},
		{Azure, "a2V5/+==\n", Secret{AccountKey: "a2V5/+=="}},
		{Azure, `{"sas": "sv=1&sig=x"}`, Secret{SAS: "sv=1&sig=x"}},
		{Google, "{\"type\": \"service_account\", \"quota\": 1}\n", Secret{ServiceAccount: `{"type": "service_account", "quota": 1}`}},
	} {
		got, err := ReadSecret(c.kind, []byte(c.file))
		if err != nil || len(got) != len(c.want) {
			t.Errorf("%q: %v, %v", c.file, got, err)
		}
		for k, v := range c.want {
			if got[k] != v {
				t.Errorf("%q: %s is %q", c.file, k, got[k])
			}
		}
	}
	for _, bad := range []string{"", " \n", "{hunter22", "hunter22\nhunter22\n"} {
		if _, err := ReadSecret(SFTP, []byte(bad)); err == nil || strings.Contains(err.Error(), "hunter22") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, bad := range []string{"hunter22\n", "{hunter22", `{"type": "authorized_user", "refresh_token": "hunter22"}`, "[]"} {
		if _, err := ReadSecret(Google, []byte(bad)); !errors.Is(err, ErrSecretFile) || strings.Contains(err.Error(), "hunter22") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestJoin(t *testing.T) {
	for _, c := range []struct{ at, folder, want string }{
		{"sftp://ann@host", "Holdfast", "sftp://ann@host/Holdfast"},
		{"sftp://host/~", "a b", "sftp://host/~/a%20b"},
		{"smb://host/share", "100% ä", "smb://host/share/100%25%20%C3%A4"},
		{"s3://bucket?region=x", "a#b?c", "s3://bucket/a%23b%3Fc?region=x"},
		{"gdrive:/Backups?client=1", "Laptop", "gdrive:/Backups/Laptop?client=1"},
		{"gdrive:/Backups", "a:b", ""}, {"smb://host/share", "file:stream", ""},
	} {
		a, err := Parse(c.at)
		if err != nil {
			t.Fatal(err)
		}
		got, err := a.Join(c.folder)
		if (err != nil) != (c.want == "") || err == nil && got.String() != c.want {
			t.Errorf("%s in %s: %s, %v", c.folder, c.at, got, err)
		}
	}
}
