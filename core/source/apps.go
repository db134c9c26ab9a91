package source

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// App is a program whose folder on this computer is worth keeping.
type App struct {
	ID    string   // what it is: "signal", "telegram", …
	Name  string   // as people call it; of what was exported, that of the app
	Paths []string // that exist, as they are
}

// appPlaces are where a program keeps its files on each system. A path's first element
// names one of the person's folders. Snap and Flatpak give a program a home of its own.
type appPlaces struct {
	id, name               string
	linux, darwin, windows []string
}

// The folders that paths of apps begin with.
const (
	inHome   = "home"
	inConfig = "config" // ~/.config, Application Support, or roaming application data
	inData   = "data"   // ~/.local/share
	inLocal  = "local"  // application data of this Windows computer alone
)

var apps = []appPlaces{
	{"signal", "Signal",
		[]string{"config/Signal", "home/.var/app/org.signal.Signal/config/Signal", "home/snap/signal-desktop/current/.config/Signal"},
		[]string{"config/Signal"}, []string{"config/Signal"}},
	{"telegram", "Telegram",
		[]string{"data/TelegramDesktop", "home/.var/app/org.telegram.desktop/data/TelegramDesktop",
			"home/snap/telegram-desktop/current/.local/share/TelegramDesktop"},
		[]string{"config/Telegram Desktop", "home/Library/Group Containers/6N38VWS5BX.ru.keepcoder.Telegram"},
		[]string{"config/Telegram Desktop"}},
	{"telegram-export", "Telegram",
		[]string{"home/Downloads/Telegram Desktop"}, []string{"home/Downloads/Telegram Desktop"}, []string{"home/Downloads/Telegram Desktop"}},
	{"whatsapp", "WhatsApp",
		nil, []string{"home/Library/Group Containers/group.net.whatsapp.WhatsApp.shared"},
		[]string{"local/Packages/5319275A.WhatsAppDesktop_cv1g1gvanyjgm/LocalState"}},
	{"whatsapp-export", "WhatsApp",
		[]string{"home/Downloads/WhatsApp Chat*", "home/Documents/WhatsApp Chat*"},
		[]string{"home/Downloads/WhatsApp Chat*", "home/Documents/WhatsApp Chat*"},
		[]string{"home/Downloads/WhatsApp Chat*", "home/Documents/WhatsApp Chat*"}},
	{"element", "Element",
		[]string{"config/Element", "home/.var/app/im.riot.Riot/config/Element", "home/snap/element-desktop/current/.config/Element"},
		[]string{"config/Element"}, []string{"config/Element"}},
	{"thunderbird", "Thunderbird",
		[]string{"home/.thunderbird", "home/.var/app/org.mozilla.Thunderbird/.thunderbird", "home/snap/thunderbird/common/.thunderbird"},
		[]string{"home/Library/Thunderbird"}, []string{"config/Thunderbird"}},
	{"messages", "Messages",
		nil, []string{"home/Library/Messages"}, nil},
}

// FindApps returns the apps that have files on this computer.
func FindApps() []App {
	places := make(map[string]string)
	if home, err := os.UserHomeDir(); err == nil {
		places[inHome] = home
		places[inData] = os.Getenv("XDG_DATA_HOME")
		if places[inData] == "" {
			places[inData] = filepath.Join(home, ".local", "share")
		}
	}
	if config, err := os.UserConfigDir(); err == nil {
		places[inConfig] = config
	}
	places[inLocal] = os.Getenv("LOCALAPPDATA")
	return findApps(runtime.GOOS, places)
}

func findApps(system string, places map[string]string) []App {
	var found []App
	for _, a := range apps {
		patterns := a.linux
		switch system {
		case "darwin":
			patterns = a.darwin
		case "windows":
			patterns = a.windows
		}
		app := App{ID: a.id, Name: a.name}
		for _, p := range patterns {
			for _, path := range existing(p, places) {
				if !slices.Contains(app.Paths, path) {
					app.Paths = append(app.Paths, path)
				}
			}
		}
		if len(app.Paths) > 0 {
			found = append(found, app)
		}
	}
	return found
}

// existing are the paths that a pattern means; what a pattern's star may stand
// for is in its last element alone.
func existing(pattern string, places map[string]string) []string {
	place, rest, _ := strings.Cut(pattern, "/")
	if places[place] == "" {
		return nil
	}
	full := filepath.Join(places[place], filepath.FromSlash(rest))
	begin, starred := strings.CutSuffix(filepath.Base(full), "*")
	if !starred {
		if _, err := os.Stat(full); err != nil {
			return nil
		}
		return []string{full}
	}
	var out []string
	dir := filepath.Dir(full)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // nothing to find there
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), begin) {
			out = append(out, filepath.Join(dir, e.Name()))
		}
	}
	return out
}
