package restore

import "testing"

func TestFileURL(t *testing.T) {
	for path, want := range map[string]string{
		"/home/ann/a b":       "file:///home/ann/a%20b",
		"C:/Users/Ann/Bilder": "file:///C:/Users/Ann/Bilder",
		"//server/share/x":    "file://server/share/x",
	} {
		if got := fileURL(path).String(); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
