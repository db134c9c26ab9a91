package bucket

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/holdfast-backup/holdfast/core/store"
)

// mostPages is how many pages of one list are read when it is only looked around.
const mostPages = 20

// IsBelow reports whether a key that is listed below a prefix is an object's name from the last slash of the prefix on. What
// is before it may be a folder of another name.
func IsBelow(key, prefix string) bool {
	return strings.HasPrefix(key, prefix) && store.CheckName(key[strings.LastIndexByte(prefix, '/')+1:]) == nil
}

// Time reads when something was put, as services write it; zero: it cannot be read.
func Time(text string) time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		at, _ = http.ParseTime(text)
	}
	return at
}

// LookBelow implements store.BelowLooker.
func (s *Store) LookBelow(ctx context.Context, l store.Look, fn func(store.Below) error) error {
	if err := store.CheckLook(l); err != nil {
		return s.fail(ctx, "look", "", err)
	}
	var ofCaller error
	err := store.LookInto(ctx, s.p.Connections, s.folders, func(ctx context.Context, folder string) (store.Below, error) {
		return s.lookInto(ctx, s.prefix+folder+"/", l)
	}, func(b store.Below) error {
		ofCaller = fn(b)
		return ofCaller
	})
	if ofCaller != nil || err == nil {
		return ofCaller
	}
	return s.fail(ctx, "look", "", err)
}

// folders are the names of the folders one level below, each once.
func (s *Store) folders(ctx context.Context) (all []string, err error) {
	seen := make(map[string]bool)
	err = s.pages(func(page string) (string, error) {
		names, next, err := s.p.Service.Folders(ctx, s.prefix, page)
		for _, name := range names {
			if !seen[name] && store.CheckFolder(name) == nil {
				seen[name], all = true, append(all, name)
			}
		}
		if len(all) > store.MostBelow {
			next = ""
		}
		return next, err
	})
	return all, err
}

// pages reads the pages of a list, and not for ever.
func (s *Store) pages(read func(page string) (next string, err error)) error {
	page := ""
	for range mostPages {
		next, err := read(page)
		if err != nil || next == "" {
			return err
		}
		page = next
	}
	return fmt.Errorf("%w: the service's list is too long", store.ErrUnreachable)
}

func (s *Store) lookInto(ctx context.Context, prefix string, l store.Look) (b store.Below, err error) {
	if b.Data, err = s.whole(ctx, prefix+l.Object, l.MaxBytes); err != nil {
		return b, err
	}
	// Without it nobody knows when the folder was changed, and that is all.
	_ = s.pages(func(page string) (string, error) {
		entries, next, err := s.p.Service.List(ctx, prefix+l.Newest+"/", page, 0)
		for _, e := range entries {
			if e.Put.After(b.Changed) {
				b.Changed = e.Put
			}
		}
		return next, err
	})
	return b, nil
}
