package main_test

import (
	"net/url"
	"testing"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/remote/servers"
)

// server is a place on a server that runs, and what opens it.
type server struct {
	place  string
	secret address.Secret
}

// running is a server that runs: where, and how a new place on it is written that is reached at an address, its own or
// that of a proxy before it.
type running struct {
	addr string
	at   func(addr string) server
}

// here is a place that is reached directly.
func (r running) here() server { return r.at(r.addr) }

// kind is a kind of server.
type kind struct {
	start func(t *testing.T) running
	http  bool // it speaks HTTP
	// second: another server of the same protocol has been tried to the end, or its own package does that; of this one a
	// story is enough.
	second bool
}

var kinds = map[string]kind{
	"OpenSSH": {start: func(t *testing.T) running {
		s := servers.OpenSSH(t)
		return atSSH(s, s.Root+"/Holdfast", address.Secret{address.Key: s.Key, address.Identity: s.Host})
	}},
	"Samba": {start: func(t *testing.T) running {
		s := servers.Samba(t)
		return running{s.Addr, func(addr string) server {
			a := address.Address{Kind: address.SMB, User: s.User, Host: addr, Path: "/" + s.Share + "/Holdfast"}
			return server{a.String(), address.Secret{address.Password: s.Password}}
		}}
	}},
	"Apache":    {start: func(t *testing.T) running { return atWebDAV(servers.Apache(t)) }, http: true},
	"versitygw": {start: func(t *testing.T) running { return atS3(servers.Versity(t)) }, http: true},
	"Azurite": {http: true, start: func(t *testing.T) running {
		s := servers.Azurite(t)
		return running{s.Addr, func(addr string) server {
			a := address.Address{Kind: address.Azure, Host: "new", Path: "/Holdfast", Query: url.Values{
				"account": {s.Account}, "endpoint": {"http://" + addr + "/" + s.Account},
			}}
			return server{a.String(), address.Secret{address.AccountKey: s.Key}}
		}}
	}},
	"fake-gcs-server": {http: true, start: func(t *testing.T) running {
		s := servers.FakeGCS(t)
		return running{s.Addr, func(addr string) server {
			a := address.Address{Kind: address.Google, Host: s.Bucket, Path: "/Holdfast", Query: url.Values{"endpoint": {"http://" + addr}}}
			return server{a.String(), address.Secret{address.ServiceAccount: string(s.Account)}}
		}}
	}},
	"Dropbox": {second: true, start: func(t *testing.T) running {
		c := servers.DropboxCloud(t)
		return atCloud(t, c.Internet, address.Address{Kind: address.Dropbox, Path: "/Holdfast/Büro"}, c.SignedIn(t))
	}},
	"OneDrive": {second: true, start: func(t *testing.T) running {
		o := servers.OneDriveCloud(t)
		o.Rotate = false // the story has a new computer open the place with the sign-in of the old one
		return atCloud(t, o.Internet, address.Address{Kind: address.OneDrive, Path: "/Holdfast/Büro"}, o.SignedIn(t))
	}},
	"Google Drive": {second: true, start: func(t *testing.T) running {
		d := servers.GoogleDrive(t)
		return atCloud(t, d.Internet, address.Address{Kind: address.Drive, Path: "/Holdfast/It's"}, d.SignedIn(t))
	}},
	"Backblaze B2": {second: true, start: func(t *testing.T) running {
		b := servers.BackblazeB2(t)
		return atCloud(t, b.Internet, address.Address{Kind: address.B2, Host: b.Bucket, Path: "/Holdfast/Büro"}, b2Key(b))
	}},
	"rclone's SFTP": {second: true, start: func(t *testing.T) running {
		s := servers.RcloneSFTP(t)
		return atSSH(s, "/Holdfast", address.Secret{address.Password: s.Password, address.Identity: s.Host})
	}},
	"rclone's WebDAV": {second: true, start: func(t *testing.T) running { return atWebDAV(servers.RcloneWebDAV(t)) }},
	"rclone's S3":     {second: true, start: func(t *testing.T) running { return atS3(servers.RcloneS3(t)) }},
}

// atCloud is a place that has its name of the world, for the programs that the test starts.
func atCloud(t *testing.T, i *servers.Internet, a address.Address, secret address.Secret) running {
	t.Setenv("HTTPS_PROXY", i.Proxy.String())
	t.Setenv("SSL_CERT_FILE", i.File)
	return running{"", func(string) server { return server{a.String(), secret} }}
}

func atSSH(s *servers.SSH, folder string, secret address.Secret) running {
	return running{s.Addr, func(addr string) server {
		return server{address.Address{Kind: address.SFTP, User: s.User, Host: addr, Path: folder}.String(), secret}
	}}
}

func atWebDAV(s *servers.WebDAV) running {
	return running{s.Addr, func(addr string) server {
		a := address.Address{Kind: address.WebDAVIn, User: s.User, Host: addr, Path: "/Holdfast"}
		return server{a.String(), address.Secret{address.Password: s.Password}}
	}}
}

func atS3(s *servers.S3) running {
	return running{s.Addr, func(addr string) server {
		a := address.Address{Kind: address.S3, Host: s.Bucket, Path: "/Holdfast", Query: url.Values{"endpoint": {"http://" + addr}}}
		return server{a.String(), address.Secret{"access_key_id": s.Key, "secret_access_key": s.Secret}}
	}}
}

func b2Key(b *servers.B2) address.Secret {
	return address.Secret{address.B2KeyID: b.KeyID, address.B2Key: b.Key}
}
