//go:build cgo

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"

	"github.com/holdfast-backup/holdfast/assets"
	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/release"
	"github.com/holdfast-backup/holdfast/plug/autostart"
	"github.com/holdfast-backup/holdfast/plug/instance"
	"github.com/holdfast-backup/holdfast/plug/nodump"
	"github.com/holdfast-backup/holdfast/plug/printer"
	"github.com/holdfast-backup/holdfast/ui"
	"github.com/holdfast-backup/holdfast/ui/cli"
	"github.com/holdfast-backup/holdfast/ui/newer"
	"github.com/holdfast-backup/holdfast/ui/shell"
)

// knownVaults are addresses of vaults that this build offers, with blanks between; who builds Holdfast for others sets them: make build
// APP_LDFLAGS='-X "main.knownVaults=vault-a.example vault-b.example"'.
var knownVaults string

const (
	appID   = "io.github.holdfast-backup.holdfast"
	appName = "Holdfast"
)

// window opens the desktop app on a profile. A second start shows the window
// of the first. Whatever else keeps the profile from opening is told in a window of
// its own: who starts an app from a menu sees no terminal. It returns only where there is no window:
// the toolkit's own end asks others to take over what was copied, and may wait for them for ever.
// Errors: cli.ErrNoDisplay.
func window(p cli.WindowParams) (err error) {
	if !displayNamed() {
		return cli.ErrNoDisplay
	}
	if err := nodump.ForWindow(); err != nil {
		return err
	}
	defer func() {
		switch v := recover(); {
		case v == nil:
		case strings.Contains(fmt.Sprint(v), "GLFW library is not initialized"): // how the toolkit ends where no display answers
			err = cli.ErrNoDisplay
		default:
			panic(v)
		}
	}()
	speakEnglishForC()
	a, err := core.Open(context.Background(), core.Params{Profile: p.Profile, Keyring: p.Keyring, Places: reachable(), Vaults: vaults()})
	if errors.Is(err, core.ErrProfileInUse) {
		switch raised := instance.Raise(p.Profile, instance.Patience); {
		case raised == nil:
			return nil
		case errors.Is(raised, instance.ErrSilent):
			err = fmt.Errorf("%w: %w", shell.ErrSilent, err)
		}
	}
	if err != nil {
		leave := func() { exit(err) }
		onSignal(leave)
		shell.ShowTrouble(newFyneApp(), p.Profile, err, leave)
		return err
	}
	return open(p, a)
}

// onSignal calls end for the first signal that ends a program. The second one
// ends it at once.
func onSignal(end func()) {
	endings := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		endings = append(endings, syscall.SIGHUP)
	}
	came := make(chan os.Signal, 1)
	signal.Notify(came, endings...)
	go func() { // as long as the program
		<-came
		signal.Reset(endings...)
		end()
	}()
}

// open shows the window, or none yet, and ends the program with it.
func open(p cli.WindowParams, a *core.App) error {
	var once sync.Once
	stop := func() {}
	leave := func() {
		once.Do(func() {
			stop()
			exit(a.Close())
		})
	}
	var u *ui.UI
	u = ui.New(ui.Params{
		Fyne: newFyneApp(), Core: ui.CoreOf(a), Profile: p.Profile, Hidden: p.Background, Print: printer.Print(), PINs: pins,
		KnownVaults: strings.Fields(knownVaults), Newer: newest(),
		Login: autostart.Entry{ID: appID, Name: appName, Comment: "Backs up on schedule", Args: p.AtLogin, Icon: assets.WindowIcon},
		Desk:  newDesk(func() { u.Raise() }), Leave: leave,
	})
	// Without it a second start says that the profile is open: no reason not to start.
	if silence, err := instance.Listen(p.Profile, u.Raise); err == nil {
		stop = silence
	}
	onSignal(u.End)
	u.Run()
	leave()
	return nil
}

// newest is where this build hears of newer versions, if anywhere.
func newest() newer.Source {
	source, ok := release.Built()
	if !ok {
		return newer.Source{}
	}
	return newer.Source{Version: release.Version(), Ask: func(ctx context.Context) (release.Notice, error) {
		return source.Ask(ctx, reachable().Page)
	}}
}

// exit ends the program at once, without the toolkit.
func exit(err error) {
	if err == nil {
		os.Exit(cli.ExitDone)
	}
	_, _ = fmt.Fprintln(os.Stderr, "holdfast:", err) // nowhere else to say it
	os.Exit(cli.ExitFailed)
}

// displayNamed reports whether the environment names a display, as it must where
// windows are drawn by X or Wayland.
func displayNamed() bool {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		return true
	}
	for _, name := range []string{"DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"} {
		if os.Getenv(name) != "" {
			return true
		}
	}
	_, err := os.Stat(filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "wayland-0")) // Wayland's default
	return err == nil
}

// newFyneApp has its name from here on: the toolkit would else name itself by the ID.
func newFyneApp() fyne.App {
	app.SetMetadata(fyne.AppMetadata{ID: appID, Name: appName, Icon: fyne.NewStaticResource("holdfast.png", assets.WindowIcon)})
	return app.NewWithID(appID)
}

// speakEnglishForC gives the toolkit a language where the locale names none:
// in the locale C it logs an error at each start.
func speakEnglishForC() {
	plain := func(value string) bool { return value == "C" || value == "POSIX" || strings.HasPrefix(value, "C.") }
	if plain(os.Getenv("LC_ALL")) { // it would win over the others
		_ = os.Unsetenv("LC_ALL") // of this process alone; without it there is a line more in the log
	}
	named := ""
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if named = os.Getenv(name); named != "" {
			if plain(named) {
				_ = os.Setenv(name, "en_US.UTF-8") // as above
			}
			break
		}
	}
	if named == "" {
		_ = os.Setenv("LANG", "en_US.UTF-8") // as above
	}
	readCharacters()
}
