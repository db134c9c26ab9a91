package core

import "testing"

// A change goes on with the step that its durable state asks for.
func TestNextStep(t *testing.T) {
	for _, c := range []struct {
		name  string
		state changeState
		want  changeStep
	}{
		{"begins", changeState{}, changeNote},
		{"noted", changeState{noted: true}, changeOpen},
		{"opened", changeState{noted: true, opened: true}, changeMove},
		{"opened again, where the profile expects what the place has lost", changeState{noted: true, opened: true, expected: true}, changeMove},
		{"committed", changeState{noted: true, opened: true, made: true}, changeExpect},
		{"expected", changeState{noted: true, opened: true, made: true, expected: true}, changeDrop},
		{"dropped", changeState{noted: true, opened: true, made: true, expected: true, dropped: true}, changeForget},
		{"ended", changeState{opened: true, made: true, expected: true, dropped: true, ended: true}, changeEnd},
		{"give up", changeState{giveUp: true}, changeOpen},
		{"give up goes on", changeState{giveUp: true, noted: true}, changeOpen},
		{"give up, opened", changeState{giveUp: true, opened: true}, changeNote},
		{"give up what is in force", changeState{giveUp: true, opened: true, made: true}, changeRefuse},
		{"give up what came into force meanwhile", changeState{giveUp: true, noted: true, opened: true, made: true}, changeRefuse},
		{"give up, noted", changeState{giveUp: true, noted: true, opened: true}, changeUndo},
		{"give up, undone", changeState{giveUp: true, noted: true, opened: true, undone: true}, changeForgetUndone},
		{"given up", changeState{giveUp: true, opened: true, undone: true, ended: true}, changeEnd},
	} {
		if got := nextStep(c.state); got != c.want {
			t.Errorf("%s: step %d, want %d", c.name, got, c.want)
		}
	}
}

// What deletes comes after what it must wait for, in every state.
func TestNoStepDeletesTooEarly(t *testing.T) {
	for i := range 1 << 8 {
		bit := func(n int) bool { return i>>n&1 == 1 }
		s := changeState{giveUp: bit(0), noted: bit(1), opened: bit(2), made: bit(3), expected: bit(4), dropped: bit(5), undone: bit(6),
			ended: bit(7)}
		switch nextStep(s) {
		case changeDrop:
			if s.giveUp || !s.noted || !s.opened || !s.made || !s.expected {
				t.Errorf("what was before is deleted in %+v", s)
			}
		case changeUndo:
			if !s.giveUp || !s.noted || !s.opened || s.made {
				t.Errorf("what the change has stored is deleted in %+v", s)
			}
		case changeForget, changeForgetUndone:
			if !s.dropped && !s.undone {
				t.Errorf("the change is forgotten in %+v", s)
			}
		}
	}
}
