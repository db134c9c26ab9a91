package scan_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/sheets"
	"github.com/holdfast-backup/holdfast/ui/kit"
	"github.com/holdfast-backup/holdfast/ui/scan"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s (scripts/install test installs it): %v\n%s", name, err, out)
	}
}

// paper is a page with these groups as a PDF.
func paper(t *testing.T, path string, groups [][]byte) {
	t.Helper()
	font := func(s fyne.TextStyle) []byte { return theme.DefaultTheme().Font(s).Content() }
	var b bytes.Buffer
	must(t, kit.Page{
		Fonts: kit.Fonts{Regular: font(fyne.TextStyle{}), Bold: font(fyne.TextStyle{Bold: true}), Mono: font(fyne.TextStyle{Monospace: true})},
		Title: "Holdfast recovery kit", Subtitle: "For the backup of a computer", Groups: groups, CodeNote: "the same digits",
		Warning: "Whoever has this page can open the backup.", Footer: "Key number",
		Sections: []kit.Section{{Heading: "To get your files back", Lines: []string{"1. Open Holdfast.", "2. Enter the digits."}}},
	}.Write(&b))
	must(t, os.WriteFile(path, b.Bytes(), 0o600))
}

// What printers, scanners and phones make of our own pages is read: the kit and a sheet, at the resolution of a screen and of a printer,
// turned, crooked, out of focus, and as a bad photo on a table.
func TestPagesAreRead(t *testing.T) {
	key, err := backupkey.New()
	must(t, err)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for name, groups := range map[string][][]byte{"kit": key.Groups(), "sheet": sheets.Split(key)[1].Groups()} {
		want := strings.ToUpper(string(bytes.Join(groups, nil)))
		paper(t, at(name+".pdf"), groups)
		run(t, "pdftoppm", "-r", "100", "-png", "-singlefile", at(name+".pdf"), at(name+"-screen"))
		run(t, "pdftoppm", "-r", "150", "-jpeg", "-singlefile", at(name+".pdf"), at(name+"-scanner"))
		for made, args := range map[string][]string{
			"-turned.png":  {"-screen.png", "-rotate", "90"},
			"-head.png":    {"-screen.png", "-rotate", "180", "-colorspace", "sRGB", "-type", "TrueColorAlpha"},
			"-crooked.jpg": {"-screen.png", "-background", "white", "-rotate", "4", "-blur", "0x0.8"},
			"-photo.jpg": {"-scanner.jpg", "-background", "#b0a090", "-rotate", "-7", "-attenuate", "0.7", "+noise", "Gaussian",
				"-blur", "0x1", "-quality", "60"},
			"-aslant.jpg":   {"-scanner.jpg", "-distort", "Perspective", "0,0 75,45 1240,0 1190,0 1240,1754 1240,1754 0,1754 0,1650"},
			"-palette.png":  {"-screen.png", "-colors", "4", "-type", "Palette"},
			"-progress.jpg": {"-screen.png", "-interlace", "JPEG", "-type", "Grayscale"},
		} {
			run(t, "convert", append(append([]string{at(name + args[0])}, args[1:]...), at(name+made))...)
		}
		files, err := filepath.Glob(at(name + "-*"))
		must(t, err)
		if len(files) != 9 {
			t.Fatal(files)
		}
		for _, file := range files {
			got, err := scan.File(t.Context(), file, filepath.Base(file), 4096)
			if err != nil || string(got) != want {
				t.Errorf("%s says %q: %v", filepath.Base(file), got, err)
			}
		}
	}
}

// A file that is a text is taken as it is. Anything else is refused by its name.
func TestWhatIsNoPicture(t *testing.T) {
	blank := image.NewGray(image.Rect(0, 0, 60, 40))
	var white bytes.Buffer
	must(t, png.Encode(&white, blank))
	for _, c := range []struct {
		name, file string
		want       error
		says       string
	}{
		{"digits.txt", "1234 5678\n", nil, ""},
		{"empty", "", nil, ""},
		{"kit.pdf", "%PDF-1.4 and more", scan.ErrPicture, "it is a PDF"},
		{"photo.heic", "\x00\x00\x00\x18ftypheic0000", scan.ErrPicture, "it is a HEIC"},
		{"photo.webp", "RIFF0000WEBPVP8 ", scan.ErrPicture, "it is a WebP"},
		{"long.txt", strings.Repeat("1", 4097), scan.ErrLong, "4096"},
		{"cut.png", white.String()[:white.Len()/2], scan.ErrPicture, ""},
		{"cut.jpg", "\xff\xd8\xff\xe0", scan.ErrPicture, ""},
		{"white.png", white.String(), scan.ErrNoCode, ""},
		{"huge.png", header(1<<31-1, 1<<31-1), scan.ErrPicture, ""},
		{"wide.png", header(5001, 5000), scan.ErrPicture, "pixels"},
		{"fat.png", white.String() + strings.Repeat("\x00", scan.MaxBytes), scan.ErrPicture, "MB"},
	} {
		got, err := scan.Read(t.Context(), strings.NewReader(c.file), c.name, 4096)
		switch {
		case c.want == nil && (err != nil || string(got) != c.file):
			t.Errorf("%s: %q, %v", c.name, got, err)
		case !errors.Is(err, c.want), err != nil && (!strings.Contains(err.Error(), c.name) || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := scan.File(t.Context(), filepath.Join(t.TempDir(), "none"), "none", 1); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// header is a PNG that says it has so many pixels, and ends.
func header(w, h uint32) string {
	chunk := append([]byte("IHDR"), binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)...)
	chunk = append(chunk, 8, 0, 0, 0, 0)
	return "\x89PNG\r\n\x1a\n\x00\x00\x00\x0d" + string(binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(chunk)))
}

// corners is a picture full of the squares that a QR code has in three corners. A decoder tries every three of them.
func corners(side int) *image.Gray {
	g := image.NewGray(image.Rect(0, 0, side, side))
	for y := range side {
		for x := range side {
			ring := max(abs(x%9-4), abs(y%9-4))
			g.SetGray(x, y, color.Gray{Y: [5]byte{0, 0, 255, 0, 255}[ring]})
		}
	}
	return g
}

func abs(n int) int { return max(n, -n) }

// A picture that would keep the decoder for years is given up. So is any, once nobody waits for it.
func TestPicturesThatTakeForEver(t *testing.T) {
	var b bytes.Buffer
	must(t, png.Encode(&b, corners(1500)))
	if _, err := scan.Code(t.Context(), b.Bytes()); !errors.Is(err, scan.ErrNoCode) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := scan.Code(ctx, b.Bytes()); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Whatever is in a file, there is an answer.
func FuzzPictures(f *testing.F) {
	var b bytes.Buffer
	if err := png.Encode(&b, corners(60)); err != nil {
		f.Fatal(err)
	}
	f.Add(bytes.Clone(b.Bytes()))
	b.Reset()
	if err := jpeg.Encode(&b, corners(60), nil); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(header(60, 60)))
	f.Fuzz(func(t *testing.T, file []byte) {
		text, err := scan.Read(t.Context(), bytes.NewReader(file), "picture", 4096)
		if (err == nil) != (text != nil) && len(file) > 0 {
			t.Error(text, err)
		}
	})
}
