package opaque

// The suite, which has the number 1 in vault cards: everything that both
// sides must agree on.
const (
	// Suite numbers the choice of OPRF, hash, group and key stretching below.
	Suite = 1
	// Context is the application context of the transcript (RFC 9807, section 6.4.2.1).
	Context = "holdfast/v1"
	// Argon2id's cost (RFC 9106): passes, memory in KiB, lanes.
	argonTime      = 3
	argonMemoryKiB = 64 << 10
	argonLanes     = 4
	argonSaltBytes = 16 // zeros, as RFC 9807 section 7 has it
)

// Labels of RFC 9807: sections 4.1 (envelope), 6.3.2.2 and 6.4.
const (
	labelMaskingKey      = "MaskingKey"
	labelAuthKey         = "AuthKey"
	labelExportKey       = "ExportKey"
	labelPrivateKey      = "PrivateKey"
	labelPad             = "CredentialResponsePad"
	labelVersion         = "OPAQUEv1-"
	labelPrefix          = "OPAQUE-"
	labelHandshake       = "HandshakeSecret"
	labelSessionKey      = "SessionKey"
	labelServerMAC       = "ServerMAC"
	labelClientMAC       = "ClientMAC"
	labelDeriveDHKeyPair = "OPAQUE-DeriveDiffieHellmanKeyPair"
)

// Lengths in bytes (RFC 9807, section 6, for P256-SHA256).
const (
	PointBytes    = 33 // Noe, Npk: compressed, SEC 1
	ScalarBytes   = 32 // Nsk, Nok
	hashBytes     = 32 // Nh, Nm, Nx
	nonceBytes    = 32 // Nn
	envelopeBytes = nonceBytes + hashBytes

	RegistrationRequestBytes  = PointBytes
	RegistrationResponseBytes = 2 * PointBytes
	RecordBytes               = PointBytes + hashBytes + envelopeBytes
	KE1Bytes                  = PointBytes + nonceBytes + PointBytes
	credentialResponseBytes   = PointBytes + nonceBytes + PointBytes + envelopeBytes
	KE2Bytes                  = credentialResponseBytes + nonceBytes + PointBytes + hashBytes
	KE3Bytes                  = hashBytes
	ExportKeyBytes            = hashBytes
	SessionKeyBytes           = hashBytes
)
