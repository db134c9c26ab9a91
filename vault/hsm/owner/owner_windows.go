package owner

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Rights that let somebody put another file in place of one: in a file, in the
// folder that holds it, and in folders above.
const (
	fileRights   = windows.FILE_WRITE_DATA | windows.FILE_APPEND_DATA | changeRights
	folderRights = fileDeleteChild | changeRights
	changeRights = windows.DELETE | windows.WRITE_DAC | windows.WRITE_OWNER | windows.GENERIC_WRITE | windows.GENERIC_ALL

	fileDeleteChild = 0x40
	inheritOnly     = 0x08 // INHERIT_ONLY_ACE: it is about what is made below
	accessAllowed   = 0    // ACCESS_ALLOWED_ACE_TYPE
	accessDenied    = 1
)

func checkOne(path string, folder bool, w who) error {
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return err
	}
	trusted, err := trustedSIDs(w)
	if err != nil {
		return err
	}
	isTrusted := func(sid *windows.SID) bool {
		for _, t := range trusted {
			if sid.Equals(t) {
				return true
			}
		}
		return false
	}
	by, _, err := sd.Owner()
	if err != nil {
		return err
	}
	if by == nil || !isTrusted(by) {
		return fmt.Errorf("%w: it belongs to %v", ErrOthers, by)
	}
	acl, _, err := sd.DACL()
	if err != nil || acl == nil { // no list lets everybody do everything
		return fmt.Errorf("%w: it has no list of who may", ErrOthers)
	}
	rights := windows.ACCESS_MASK(fileRights)
	if folder {
		rights = folderRights
	}
	for i := range uint32(acl.AceCount) {
		var ace *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(acl, i, &ace); err != nil {
			return err
		}
		switch {
		case ace.Header.AceFlags&inheritOnly != 0, ace.Header.AceType == accessDenied:
		case ace.Header.AceType != accessAllowed:
			return fmt.Errorf("%w: an entry of its list is not understood", ErrOthers)
		case ace.Mask&rights != 0:
			if sid := (*windows.SID)(unsafe.Pointer(&ace.SidStart)); !isTrusted(sid) {
				return fmt.Errorf("%w: %v may write it", ErrOthers, sid)
			}
		}
	}
	return nil
}

// trustedInstaller owns what Windows itself installs.
const trustedInstaller = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"

func trustedSIDs(w who) ([]*windows.SID, error) {
	var out []*windows.SID
	for _, kind := range []windows.WELL_KNOWN_SID_TYPE{windows.WinBuiltinAdministratorsSid, windows.WinLocalSystemSid} {
		sid, err := windows.CreateWellKnownSid(kind)
		if err != nil {
			return nil, err
		}
		out = append(out, sid)
	}
	sid, err := windows.StringToSid(trustedInstaller)
	if err != nil {
		return nil, err
	}
	out = append(out, sid)
	if w == person {
		u, err := windows.GetCurrentProcessToken().GetTokenUser()
		if err != nil {
			return nil, err
		}
		out = append(out, u.User.Sid)
	}
	return out, nil
}
