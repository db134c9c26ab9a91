// Package simtest is a test of the whole engine against an unreliable world,
// in one process and on a fake clock. Several computers back up to one
// destination, remove backups, prune, read, and change the key or the protection.
// Every call of the store waits until the schedule, drawn from a seed, lets it
// go on, so that computers meet each other in any order; calls fail, lose their
// answers, are lost or repeated, computers die in the middle of anything, sleep for weeks and have clocks
// that jump. A checker that knows what was backed up restores every backup that was reported and not removed; another
// judges what the rules keep (keep_test.go).
//
// Some schedules (-sim.piped) have the computers reach the destination through holdfast-remote, over its pipe, and kill
// it before a call, behind one, and within a message.
//
//	go test ./core/simtest -sim.schedules 10000 -sim.piped 5000 -sim.seed 1
//	go test ./core/simtest -sim.schedules 1 -sim.piped 0 -sim.seed 4711 -sim.log     one of them again, told
//	go test ./core/simtest -run Bugs -sim.bugs -v                       it finds faults that were put in
//
// A seed fixes what the computers do, which call goes on next and what befalls it. Object
// names are random and workers race for chunks, so a seed repeats a schedule closely, not to the byte.
package simtest
