package core

import (
	"slices"
	"time"

	"github.com/holdfast-backup/holdfast/core/account"
)

// Status tells what the profile knows, without touching the destination.
func (a *App) Status() Status {
	s := a.profile.Settings()
	a.mu.Lock()
	defer a.mu.Unlock()
	st := Status{
		SetUp: s.Repository != "", Destination: s.Destination, Sources: slices.Clone(s.Sources), Excludes: slices.Clone(s.Excludes),
		Protection: Protection(s.Protection), Change: Change(s.Change), KeyConfirmed: s.KeyConfirmed, Running: a.running,
		Password: account.Vouched(s) != nil, PasswordConfirmed: s.PasswordConfirmed, PasswordCheckDue: account.NextCheck(s),
		Vault: account.LastState(s),
	}
	st.VaultsNeeded, st.Vaults = account.Sharing(s)
	st.Schedule, st.UploadLimit, st.UploadHours = s.Schedule, s.UploadLimit, s.UploadHours
	if st.SetUp {
		st.NextBackup = s.Schedule.Next(time.Now(), past(a.runs))
	}
	var made *Run    // the newest backup, whether or not it is there still
	var settled *Run // the newest one that was no part of a change which is not finished
	for i := range a.runs {
		r := &a.runs[i]
		switch r.Kind {
		case RunGiveUp:
			if r.Outcome == OutcomeDone {
				st.LastBackup = settled
			}
		case RunBackup, RunTurnOn, RunTurnOff:
			if (r.Kind == RunBackup || r.Snapshot != "") && !r.Started.Before(s.PlaceSince) {
				st.LastBackup = r
			}
			if r.Kind == RunBackup || r.Outcome == OutcomeDone {
				settled = st.LastBackup
			}
			if r.Snapshot != "" && (r.Outcome == OutcomeDone || r.Outcome == OutcomePartly) {
				made = r
				if slices.Contains(s.Known, r.Snapshot) {
					st.LastGood = r
				}
			}
			if r.Kind != RunBackup && r.Outcome == OutcomeDone {
				st.LastCheck, st.LastDrill, st.Proven = nil, nil, nil // they were of what is deleted
			}
		}
		if r.Started.Before(s.PlaceSince) {
			continue
		}
		switch r.Kind {
		case RunVerify:
			st.LastCheck = r
		case RunPrune:
			st.LastPrune = r
		case RunDrill:
			st.LastDrill = r
			if r.Outcome == OutcomeDone {
				st.Proven = r
			}
		}
	}
	if st.LastGood == nil && len(s.Known) > 0 {
		st.LastGood = made // it has another name since something was erased from it
	}
	if st.LastGood != nil && st.LastGood.Sources != nil {
		for _, path := range st.Sources {
			if name := DisplayName(path); !slices.Contains(st.LastGood.Sources, name) {
				st.NotBackedUp = append(st.NotBackedUp, name)
			}
		}
	}
	for _, last := range []**Run{&st.LastBackup, &st.LastGood, &st.LastCheck, &st.LastPrune, &st.LastDrill, &st.Proven} {
		if *last != nil { // the caller's own, not the history's
			r := **last
			*last = &r
		}
	}
	return st
}
