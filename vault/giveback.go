package vault

import "slices"

// returnRequest gives a guess back that was counted, and that nothing was evaluated for.
// Only the process that counted it may ask (docs/adr/0030).
type returnRequest struct {
	id        startID
	lastStart int64 // of the record before it was counted
}

func (q returnRequest) step(_ moment, r *record, _ uint64) (*record, bool, response, error) {
	if r == nil || r.reason != "" || !r.isOpen(q.id) {
		return r, false, response{}, nil
	}
	i := slices.IndexFunc(r.open, func(s openStart) bool { return s.id.is(q.id) })
	if r.lastStart == r.open[i].begun {
		r.lastStart = q.lastStart
	}
	r.open = slices.Delete(r.open, i, i+1)
	r.past = slices.DeleteFunc(r.past, func(g guess) bool { return g.id == q.id.short() && g.outcome == OutcomeOpen })
	r.guessesLeft++
	return r, true, response{}, nil
}
