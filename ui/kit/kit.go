// Package kit makes the recovery kit: one page of paper with the 64 digits,
// the same as a QR code, and the steps to restore. It speaks no language of
// its own; the words are given.
//
// The page is made in memory and written nowhere but to the given writer. The
// digits pass through strings and buffers of the PDF library, so clearing
// them afterwards is best effort.
package kit

import (
	"bytes"
	"fmt"
	"io"

	"codeberg.org/go-pdf/fpdf"
	"github.com/boombuler/barcode/qr"
)

// Fonts are TrueType files.
type Fonts struct{ Regular, Bold, Mono []byte }

// Section is a heading with what stands below it.
type Section struct {
	Heading string
	Lines   []string
	// Fine: in small letters, for what is long and only compared.
	Fine bool
}

// Page is what is on the paper.
type Page struct {
	Fonts           Fonts
	Title, Subtitle string
	Groups          [][]byte // of 4 digits: 16 of a key, 24 of a sheet
	CodeNote        string   // below the QR code
	Warning         string
	Sections        []Section
	Footer          string
}

// Millimetres. Everything stays in what A4 and Letter have in common.
const (
	margin  = 20.0
	width   = 170.0
	codeMM  = 52.0
	cellMM  = 27.0
	cellGap = 1.5
	rowMM   = codeMM / 4
)

type rgb [3]int

var (
	ink    = rgb{0x17, 0x20, 0x1D}
	faint  = rgb{0x55, 0x63, 0x5E}
	kelp   = rgb{0x0B, 0x6E, 0x5F}
	tint   = rgb{0xED, 0xF2, 0xF0}
	notice = rgb{0xF7, 0xF0, 0xE2}
)

// Write writes the page as a PDF.
func (p Page) Write(w io.Writer) error {
	f := fpdf.New("P", "mm", "A4", "")
	f.SetAutoPageBreak(false, 0)
	f.SetTitle(p.Title, true)
	f.SetCreator("Holdfast", true)
	f.AddUTF8FontFromBytes("text", "", p.Fonts.Regular)
	f.AddUTF8FontFromBytes("text", "B", p.Fonts.Bold)
	f.AddUTF8FontFromBytes("mono", "", p.Fonts.Mono)
	f.SetMargins(margin, 16, margin)
	f.AddPage()

	set := func(style string, size float64, c rgb) {
		f.SetFont("text", style, size)
		f.SetTextColor(c[0], c[1], c[2])
	}
	f.SetFillColor(kelp[0], kelp[1], kelp[2])
	f.Rect(margin, 16, 2, 15, "F")
	f.SetXY(margin+6, 15)
	set("B", 20, ink)
	f.CellFormat(width-6, 10, p.Title, "", 2, "L", false, 0, "")
	set("", 10.5, faint)
	f.CellFormat(width-6, 7, p.Subtitle, "", 2, "L", false, 0, "")

	top := 40.0
	p.digits(f, top)
	if err := p.code(f, margin+width-codeMM, top); err != nil {
		return err
	}
	set("", 8.5, faint)
	f.SetXY(margin+width-codeMM, top+codeMM+1)
	f.MultiCell(codeMM, 4, p.CodeNote, "", "C", false)

	f.SetY(top + max(codeMM, float64((len(p.Groups)+3)/4)*rowMM) + 14)
	f.SetFillColor(notice[0], notice[1], notice[2])
	set("B", 10.5, ink)
	f.MultiCell(width, 6.5, p.Warning, "", "L", true)
	for _, s := range p.Sections {
		f.Ln(5)
		set("B", 12, kelp)
		f.MultiCell(width, 7, s.Heading, "", "L", false)
		size, height := 10.5, 5.6
		if s.Fine {
			size, height = 8, 4.2
		}
		set("", size, ink)
		for _, line := range s.Lines {
			f.MultiCell(width, height, line, "", "L", false)
			if !s.Fine {
				f.Ln(0.8)
			}
		}
	}
	set("", 8.5, faint)
	f.SetXY(margin, max(262, f.GetY()+3))
	f.MultiCell(width, 4, p.Footer, "", "L", false)
	return f.Output(w)
}

// digits draws the groups, four to a line, each with its number.
func (p Page) digits(f *fpdf.Fpdf, top float64) {
	const height = rowMM - cellGap
	f.SetFillColor(tint[0], tint[1], tint[2])
	for i, g := range p.Groups {
		x := margin + float64(i%4)*(cellMM+cellGap)
		y := top + float64(i/4)*rowMM
		f.RoundedRect(x, y, cellMM, height, 1.5, "1234", "F")
		f.SetFont("text", "", 7)
		f.SetTextColor(faint[0], faint[1], faint[2])
		f.SetXY(x+0.5, y+0.5)
		f.CellFormat(6, 3.5, fmt.Sprint(i+1), "", 0, "L", false, 0, "")
		f.SetFont("mono", "", 17)
		f.SetTextColor(ink[0], ink[1], ink[2])
		f.SetXY(x, y+1)
		f.CellFormat(cellMM, height-1, string(g), "", 0, "C", false, 0, "")
	}
}

// code draws the digits as a QR code, which takes capitals in fewer squares.
func (p Page) code(f *fpdf.Fpdf, x, y float64) error {
	digits := bytes.ToUpper(bytes.Join(p.Groups, nil))
	defer clear(digits)
	c, err := qr.Encode(string(digits), qr.Q, qr.AlphaNumeric)
	if err != nil {
		return fmt.Errorf("the QR code: %w", err)
	}
	const quiet = 2 // squares; the paper around is white as well
	n := c.Bounds().Dx()
	side := codeMM / float64(n+2*quiet)
	dark := func(i, j int) bool { r, _, _, _ := c.At(i, j).RGBA(); return r == 0 }
	f.SetFillColor(0, 0, 0)
	for j := range n {
		for i := 0; i < n; i++ {
			run := 0
			for i+run < n && dark(i+run, j) {
				run++
			}
			if run > 0 { // rows overlap a little, or some viewers show lines between them
				f.Rect(x+side*float64(quiet+i), y+side*float64(quiet+j), side*float64(run), side*1.02, "F")
				i += run
			}
		}
	}
	return nil
}
