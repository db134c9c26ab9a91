// Package plug fits the vaults of package vaultclient to what core asks for.
// Only main and tests import it: core knows no vault, and vaultclient no core.
package plug
