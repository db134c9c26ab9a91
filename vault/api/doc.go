// Package api is the vault over HTTPS: thin handlers over package vault, and
// the JSON that both sides write. vault/openapi.yaml describes it, and a test
// holds the two together.
//
// What is not exactly as described changes nothing: bodies over 8 KiB, unknown
// fields, wrong lengths, points off the curve give 400 and a reason. All
// errors are problem details (RFC 9457). Requests are limited by address and by
// account. Logs name routes, statuses and durations; never an account id, a
// body, an address or a token.
package api
