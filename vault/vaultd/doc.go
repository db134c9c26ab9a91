// Vaultd serves a vault: ten guesses for a password, then nothing, with the
// keys in an HSM.
//
//	vaultd init   --data DIR --hsm URI
//	vaultd serve  --data DIR --hsm URI --listen ADDR ( --tls-cert FILE --tls-key FILE | --dev-tls )
//	vaultd card   --data DIR --hsm URI --url URL
//	vaultd status | rotate | backup | restore
//
// docs/operating-a-vault.md is its manual. Every flag can stand in one
// configuration file, named by --config, as "name = value". A running vaultd can be asked for status,
// rotation and backup by the same commands, over a socket in its data folder.
package main
