package backup

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// testdata/messages.db was written by SQLite 3.40: tables message (8 columns) and receipt (4),
// indexes message_key (of 3 columns) and message_time (of 1). Its schema says where they begin.
var roots = map[string]int{"message": 2, "receipt": 3, "message_key": 4, "message_time": 5}

// leaves returns the leaf pages below a page, counted from 1 (SQLite's file format, section 1.6).
func leaves(db []byte, page int) (out []int) {
	p := db[(page-1)*4096:][:4096]
	if p[0] == indexLeaf || p[0] == tableLeaf {
		return []int{page}
	}
	for i := range int(binary.BigEndian.Uint16(p[3:])) {
		cell := binary.BigEndian.Uint16(p[12+2*i:])
		out = append(out, leaves(db, int(binary.BigEndian.Uint32(p[cell:])))...)
	}
	return append(out, leaves(db, int(binary.BigEndian.Uint32(p[8:])))...)
}

// Of a real database the pages of each table and index come to stand together.
func TestPagesOfATableStandTogether(t *testing.T) {
	db, err := os.ReadFile("testdata/messages.db")
	if err != nil {
		t.Fatal(err)
	}
	of := make(map[int]string)
	for name, root := range roots {
		for _, page := range leaves(db, root) {
			of[page-1] = name
		}
	}
	var pages []changedPage
	for n := range len(db) / 4096 {
		pages = append(pages, changedPage{n, likenessOf(db[n*4096:][:4096])})
	}
	rand.Shuffle(len(pages), func(i, j int) { pages[i], pages[j] = pages[j], pages[i] })
	slices.SortFunc(pages, changedPage.compare)
	var runs []string
	for _, p := range pages {
		if name := of[p.number]; name != "" && (len(runs) == 0 || runs[len(runs)-1] != name) {
			runs = append(runs, name)
		}
	}
	if len(of) < 15 || len(runs) != len(roots) {
		t.Errorf("%d leaves stand in the order %v", len(of), runs)
	}
}

// FuzzLikeness: a page may be anything.
func FuzzLikeness(f *testing.F) {
	db, err := os.ReadFile("testdata/messages.db")
	if err != nil {
		f.Fatal(err)
	}
	for at := 0; at < len(db); at += 4096 {
		f.Add(db[at : at+4096])
	}
	f.Fuzz(func(t *testing.T, page []byte) {
		if len(page) == 0 {
			return
		}
		page = append(page, make([]byte, max(0, pageMin-len(page)))...)
		if likenessOf(page) != likenessOf(slices.Clone(page)) {
			t.Error("the same page is not like itself")
		}
	})
}
