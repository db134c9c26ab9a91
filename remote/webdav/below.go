package webdav

import (
	"context"
	"strings"

	"github.com/holdfast-backup/holdfast/core/store"
)

const whatTimes = `<?xml version="1.0"?><propfind xmlns="DAV:"><prop><resourcetype/><getlastmodified/></prop></propfind>`

// LookBelow implements store.BelowLooker.
func (s *Store) LookBelow(ctx context.Context, l store.Look, fn func(store.Below) error) error {
	if err := store.CheckLook(l); err != nil {
		return s.fail(ctx, "look", "", err)
	}
	var ofCaller error
	err := store.LookInto(ctx, connections, s.level, func(ctx context.Context, folder string) (store.Below, error) {
		return s.lookInto(ctx, folder, l)
	}, func(b store.Below) error {
		ofCaller = fn(b)
		return ofCaller
	})
	if ofCaller != nil || err == nil {
		return ofCaller
	}
	return s.fail(ctx, "look", "", err)
}

// level are the names of the folders one level below.
func (s *Store) level(ctx context.Context) (names []string, err error) {
	m, err := s.ask(ctx, "", "1", whatProps)
	if err != nil {
		return nil, err
	}
	all, err := s.entries(m)
	for _, e := range all {
		if e.folder && !strings.Contains(e.name, "/") {
			names = append(names, e.name)
		}
	}
	return names, err
}

func (s *Store) lookInto(ctx context.Context, folder string, l store.Look) (store.Below, error) {
	name := folder + "/" + l.Object
	e, err := s.look(ctx, name)
	switch {
	case err != nil:
		return store.Below{}, err
	case e.folder || e.size < 0:
		return store.Below{}, store.ErrNotExist
	case e.size > l.MaxBytes:
		return store.Below{}, store.ErrTooLarge
	}
	b := store.Below{Data: make([]byte, e.size)}
	if err := s.readAt(ctx, name, b.Data, 0); err != nil {
		return store.Below{}, err
	}
	if m, err := s.ask(ctx, folder+"/"+l.Newest, "1", whatTimes); err == nil { // without it nobody knows when it was changed
		all, _ := s.entries(m)
		for _, e := range all {
			if !e.folder && e.changed.After(b.Changed) {
				b.Changed = e.changed
			}
		}
	}
	return b, nil
}
