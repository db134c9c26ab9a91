package ppss

import "github.com/holdfast-backup/holdfast/core/shamir"

// SecretOf is the secret s, 32 bytes, and its shares by a given polynomial, for vectors: above are its coefficients from that of x on.
func SecretOf(s []byte, above [][]byte, members int) (*Secret, error) {
	p, err := shamir.FromCoefficients(s, above)
	if err != nil {
		return nil, err
	}
	defer p.Clear()
	return secretOf(append([]byte{}, s...), p, members), nil
}

// Shares are the secret's shares, in the order of the members. They are the secret's own: not to be changed.
func (k *Secret) Shares() [][]byte { return k.shares }
