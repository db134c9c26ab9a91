package api

import (
	"maps"
	"slices"
)

// Routes are those of the mux, sorted.
func Routes() []string {
	var s Server
	return slices.Sorted(maps.Keys(s.routes()))
}
