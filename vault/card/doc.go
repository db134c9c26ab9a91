// Package card is what a client must know of a vault: its card, and the address
// of a PKCS#11 token (docs/vault-protocol.md, section 3). It needs no cgo.
//
// # Two origins, two types
//
// A [Card] is public. It lies at the destination of a backup, so whoever holds
// the destination can write one. It only identifies: a vault by its URL and its
// public key, a token by its label, serial number, manufacturer, model and object
// prefix. [Parse] refuses everything else. A card never names a file, a module or a PIN.
//
// A [Typed] is what a person gave on this computer: a token's URI, which may
// name a module and a file with the PIN, or a card's file, which may carry an
// enrolment token. Only [ParseTyped] makes one, from what the person gave or from
// what this computer remembers of that. No function turns a Card into a Typed, and
// [URL] is not a string, so the compiler keeps the two apart.
//
// # What a person is shown
//
// Name and address of a card are shown before the vault is asked anything. So
// [Parse] refuses what could make them look like something else: control and
// formatting characters, text that runs from right to left by command, blanks that
// are not spaces, and hosts with anything but ASCII letters, digits, dots and hyphens.
// A host in punycode is shown as that.
//
// # What it does not do
//
// It reads no file and contacts nobody. A card proves nothing by itself:
// [Card.Same] and the fingerprints let a person or a key do that.
package card
