package smb2

import (
	"bytes"
	"context"
	"encoding/binary"

	"github.com/holdfast-backup/holdfast/third_party/smb2/internal/smb2"
)

// This file is not of the original.

const (
	fsctlValidateNegotiateInfo = 0x00140204
	validateResponseBytes      = 24
)

// negotiation is what both sides have said before anything was signed: the request of FSCTL_VALIDATE_NEGOTIATE_INFO
// (MS-SMB2 2.2.31.4) and the answer that is due (2.2.32.6).
type negotiation struct {
	request  []byte
	response [validateResponseBytes]byte
}

func newNegotiation(req *smb2.NegotiateRequest, r smb2.NegotiateResponseDecoder) negotiation {
	var n negotiation
	le := binary.LittleEndian
	n.request = le.AppendUint32(n.request, req.Capabilities)
	n.request = append(n.request, req.ClientGuid[:]...)
	n.request = le.AppendUint16(n.request, req.SecurityMode)
	n.request = le.AppendUint16(n.request, uint16(len(req.Dialects)))
	for _, d := range req.Dialects {
		n.request = le.AppendUint16(n.request, d)
	}
	le.PutUint32(n.response[:4], r.Capabilities())
	copy(n.response[4:20], r.ServerGuid())
	le.PutUint16(n.response[20:22], r.SecurityMode())
	le.PutUint16(n.response[22:24], r.DialectRevision())
	return n
}

// Size implements smb2.Encoder.
func (n negotiation) Size() int { return len(n.request) }

// Encode implements smb2.Encoder.
func (n negotiation) Encode(b []byte) { copy(b, n.request) }

// validate asks the server, signed, what it has understood and said when nothing was signed yet. SMB 3.1.1 needs no
// such question: its keys depend on all of that (MS-SMB2 3.2.5.5).
func (tc *treeConn) validate(ctx context.Context) error {
	if tc.dialect == smb2.SMB311 {
		return nil
	}
	req := &smb2.IoctlRequest{
		CtlCode:           fsctlValidateNegotiateInfo,
		FileId:            &smb2.FileId{},
		MaxOutputResponse: validateResponseBytes,
		Flags:             smb2.SMB2_0_IOCTL_IS_FSCTL,
		Input:             tc.negotiation,
	}
	for i := range req.FileId.Persistent {
		req.FileId.Persistent[i], req.FileId.Volatile[i] = 0xff, 0xff
	}
	req.CreditCharge = 1
	res, err := tc.sendRecvUnborrowed(ctx, smb2.SMB2_IOCTL, req)
	if err != nil {
		return err
	}
	r := smb2.IoctlResponseDecoder(res)
	if r.IsInvalid() || !bytes.Equal(r.Output(), tc.negotiation.response[:]) {
		return &InvalidResponseError{"somebody has changed the negotiation on its way"}
	}
	return nil
}
