package source

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Apps are found where each system's programs keep their files, and nothing else is.
func TestFindApps(t *testing.T) {
	home := t.TempDir()
	places := map[string]string{inHome: home, inConfig: filepath.Join(home, "config"), inData: filepath.Join(home, "data"),
		inLocal: filepath.Join(home, "local")}
	have := func(paths ...string) {
		for _, p := range paths {
			if err := os.MkdirAll(filepath.Join(home, filepath.FromSlash(p)), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	if found := findApps("linux", places); len(found) != 0 {
		t.Errorf("in an empty home %v", found)
	}
	have("config/Signal", ".var/app/org.signal.Signal/config/Signal", "snap/thunderbird/common/.thunderbird",
		"Downloads/WhatsApp Chat with Eve", "Downloads/WhatsApp pictures",
		"Library/Messages", "local/Packages/5319275A.WhatsAppDesktop_cv1g1gvanyjgm/LocalState", "data/TelegramDesktop", "config/Element")
	for system, want := range map[string]map[string][]string{
		"linux": {
			"signal": {"config/Signal", ".var/app/org.signal.Signal/config/Signal"}, "telegram": {"data/TelegramDesktop"},
			"element":         {"config/Element"},
			"whatsapp-export": {"Downloads/WhatsApp Chat with Eve"}, "thunderbird": {"snap/thunderbird/common/.thunderbird"},
		},
		"darwin": {
			"signal": {"config/Signal"}, "element": {"config/Element"}, "whatsapp-export": {"Downloads/WhatsApp Chat with Eve"},
			"messages": {"Library/Messages"},
		},
		"windows": {
			"signal": {"config/Signal"}, "element": {"config/Element"}, "whatsapp-export": {"Downloads/WhatsApp Chat with Eve"},
			"whatsapp": {"local/Packages/5319275A.WhatsAppDesktop_cv1g1gvanyjgm/LocalState"},
		},
	} {
		found := findApps(system, places)
		if len(found) != len(want) {
			t.Errorf("%s: %v", system, found)
		}
		for _, a := range found {
			var paths []string
			for _, p := range want[a.ID] {
				paths = append(paths, filepath.Join(home, filepath.FromSlash(p)))
			}
			if !slices.Equal(a.Paths, paths) || a.Name == "" {
				t.Errorf("%s: %s is at %v, want %v", system, a.ID, a.Paths, paths)
			}
		}
	}
	delete(places, inHome) // nobody knows
	for _, a := range findApps("linux", places) {
		if a.ID == "thunderbird" {
			t.Error("something was found in no home")
		}
	}
}
