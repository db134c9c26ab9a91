// Package witness decides what a node of a vault with several nodes may do.
//
// A vault may run on several nodes over one store. Each node has a token of its own, and the token
// shows an anchor that names the newest head the node has witnessed. A commit counts, and something is evaluated on it,
// once enough nodes have witnessed it. docs/adr/0047 states the rules B1 to B7 and whom they hold against.
//
// The functions are pure: they take what was read and return what may be done. They know no store, no token
// and no network. The caller has opened and authenticated every head, and checked the MAC of every answer.
// The exhaustive model in model_test.go runs these functions and no copy of them.
package witness
