package hsm

import (
	"errors"
	"fmt"
	"strings"

	"github.com/miekg/pkcs11"
)

// guarded are the attributes that make a private key one that never leaves the token (PKCS#11 2.40,
// section 4.9). copied: a key that the token's own backup brought there may have another value.
var guarded = []struct {
	attribute uint
	want      byte
	copied    bool
	is        string
}{
	{pkcs11.CKA_SENSITIVE, 1, false, "is not sensitive (CKA_SENSITIVE): it can be read"},
	{pkcs11.CKA_EXTRACTABLE, 0, false, "is extractable (CKA_EXTRACTABLE): it can be taken out"},
	{pkcs11.CKA_NEVER_EXTRACTABLE, 1, true, "was extractable once (CKA_NEVER_EXTRACTABLE)"},
	{pkcs11.CKA_LOCAL, 1, true, "was not made on the token (CKA_LOCAL)"},
}

// guard refuses a private key that is, or was, outside of the token. ErrExposed.
func (s session) guard(id string, copied bool) error {
	key, err := s.find(pkcs11.CKO_PRIVATE_KEY, id)
	if err != nil {
		return err
	}
	for _, g := range guarded {
		a, err := s.module.GetAttributeValue(s.handle, key, []*pkcs11.Attribute{pkcs11.NewAttribute(g.attribute, nil)})
		if errors.Is(err, pkcs11.Error(pkcs11.CKR_ATTRIBUTE_TYPE_INVALID)) && g.copied {
			continue // some tokens do not keep these two
		}
		if err != nil {
			return fmt.Errorf("read an attribute of %s: %w", id, err)
		}
		if len(a) == 1 && len(a[0].Value) == 1 && a[0].Value[0] == g.want || g.copied && copied {
			continue
		}
		if g.copied && s.forgets() {
			continue
		}
		return fmt.Errorf("%w: %s %s", ErrExposed, id, g.is)
	}
	return nil
}

// forgets reports whether the token says of keys that it has just made that it did not make them: NSS softokn does.
func (s session) forgets() bool {
	info, err := s.module.GetTokenInfo(s.slot)
	return err == nil && strings.Contains(strings.ToLower(info.ManufacturerID), "mozilla")
}

// unfit are makers whose tokens a vault's anchor does not hold on, by what CKA manufacturer and model say. A
// probe cannot find out: it sees one token, for a moment.
var unfit = []struct{ maker, why string }{
	{"ncipher", "it keeps token objects in files of the host (\"kmdata\"): they roll back with the host's disk, and guesses come back"},
	{"nshield", "it keeps token objects in files of the host (\"kmdata\"): they roll back with the host's disk, and guesses come back"},
	{"marvell", "changes of a label do not reach the other nodes of the cluster: after a failover an older anchor shows"},
	{"cavium", "changes of a label do not reach the other nodes of the cluster: after a failover an older anchor shows"},
	{"liquidsecurity", "changes of a label do not reach the other nodes of the cluster: after a failover an older anchor shows"},
	{"cloudhsm", "changes of a label do not reach the other nodes of the cluster, and its ECDH has a KDF that a vault cannot use"},
}

// software are makers whose tokens are files of the host.
var software = []string{"softhsm", "mozilla", "nss", "opencryptoki", "kryoptic"}

// maker says what is known of tokens of this manufacturer and model.
func maker(manufacturer, model string) (why string, isSoftware bool) {
	text := strings.ToLower(manufacturer + " " + model)
	for _, u := range unfit {
		if strings.Contains(text, u.maker) {
			return u.why, false
		}
	}
	for _, s := range software {
		if strings.Contains(text, s) {
			return "", true
		}
	}
	return "", false
}
