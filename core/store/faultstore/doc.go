// Package faultstore breaks a store on purpose, by a script.
//
//	script := faultstore.NewScript(
//		faultstore.Fault{Op: faultstore.Put, Prefix: "packs/", Skip: 2, Kind: faultstore.LostAnswer},
//		faultstore.Fault{Op: faultstore.ReadAt, Prefix: "indexes/", Kind: faultstore.FlipBit},
//	)
//	s := faultstore.New(store.NewMemory(), script)
//	…
//	script.VerifyAllHit(t)
//
// A test that expects a fault and never meets it proves nothing: so VerifyAllHit
// fails when a fault was not hit as often as it says. A store with an empty
// script is the store beneath. Nothing here sleeps: a delay is a function of
// the test's, which waits for whatever the test likes.
//
// To try every place where a run can be killed, run it once and ask Writes, then
// once for each write with a Fault of kind Crash that skips that many, and open
// the store beneath as the next process would.
package faultstore
