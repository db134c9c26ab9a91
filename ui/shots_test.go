package ui

import (
	"context"
	"flag"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/software"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/test"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/found"
	"github.com/holdfast-backup/holdfast/core/keyring"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/release"
	"github.com/holdfast-backup/holdfast/ui/newer"
	"github.com/holdfast-backup/holdfast/ui/restore"
	"github.com/holdfast-backup/holdfast/ui/secret"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/uitest"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

var (
	shots  = flag.String("shots", "", "folder to write pictures of all screens to")
	only   = flag.String("only", "", "with -shots: a regular expression for the names of pictures")
	double = flag.Bool("double", false, "with -shots: in the smallest window, at 200 %")
)

// stage is core with a status and a history to be looked at.
type stage struct {
	*core.App
	status core.Status
	runs   []core.Run
	vault  core.VaultState
	at     core.Progress // of long work, which waits there
	let    chan struct{} // closed to let it end
	report core.BackupReport
}

// work is long work that waits in its middle.
func (s *stage) work(ctx context.Context, progress func(core.Progress)) (core.BackupReport, error) {
	progress(s.at)
	select {
	case <-s.let:
	case <-ctx.Done():
	}
	return s.report, nil
}

func (s *stage) Backup(ctx context.Context, progress func(core.Progress)) (core.BackupReport, error) {
	return s.work(ctx, progress)
}

func (s stageEncryption) Resume(ctx context.Context, progress func(core.Progress)) (core.BackupReport, error) {
	return s.stage.work(ctx, progress)
}

func (s *stage) Setup(context.Context, core.SetupRequest) error { return nil }
func (s *stage) SetSchedule(core.Schedule) error                { return nil }

func (s stageEncryption) ConfirmKey() error { return nil }

func (s stageEncryption) GiveUp(context.Context, func(core.Progress)) error { return nil }

func (s *stage) Status() core.Status  { return s.status }
func (s *stage) Activity() []core.Run { return s.runs }

func (s *stage) Estimate(context.Context, []string, []string, func(int64, int64)) (int64, int64, error) {
	return 12431, 2_100_000_000, nil
}

type (
	stageEncryption struct {
		core.Encryption
		stage *stage
	}
	stagePasswords struct {
		core.Passwords
		stage *stage
	}
)

// core is the stage's for a window.
func (s *stage) core() Core {
	return Core{s, stagePasswords{s.App.Passwords(), s}, stageEncryption{s.App.Encryption(), s}, s.App.Upkeep()}
}

func (s stageEncryption) Key(context.Context) (*backupkey.Key, error) { return exampleKey(), nil }
func (s stageEncryption) NewKey() (*backupkey.Key, error)             { return exampleKey(), nil }

func (s stagePasswords) Possible() bool { return true }

func (s stageEncryption) BeforeKeyChange(context.Context) ([]core.Kept, error) {
	newest := time.Date(2026, 11, 24, 14, 2, 0, 0, time.Local)
	return []core.Kept{{Host: "laptop", Backups: 31, Newest: newest, Own: true},
		{Host: "old-pc", Backups: 4, Newest: newest.AddDate(0, 0, -40)}}, nil
}

func (s stagePasswords) Vaults() ([]core.VaultToken, string) {
	return []core.VaultToken{{Label: "Anna's Nitrokey", Address: "pkcs11:token=nitrokey"}}, "pkcs11:token=Holdfast"
}

func (s stagePasswords) Set(context.Context, core.PasswordRequest) error { return nil }

func (s stagePasswords) State(context.Context) (core.VaultState, error) { return s.stage.vault, nil }
func (s stagePasswords) Ask(context.Context, []byte, core.TypedVault, core.VaultTrust) (core.VaultState, error) {
	return s.stage.vault, nil
}

func (s stagePasswords) Find(ctx context.Context, address string) (core.TypedVault, core.VaultTrust, error) {
	return foundExample(address)
}

func exampleKey() *backupkey.Key {
	k, err := backupkey.Parse([]byte("4f0a91c277de03b8 c5e12d948a6fe013 9b7c40d5f1e826a9 d3b05c17ea428f6d"))
	if err != nil {
		panic(err)
	}
	return k
}

// TestScreenshots writes pictures of all screens, in light and dark, with
// -shots. They are for docs/screenshots and for eyes, and compared with nothing.
func TestScreenshots(t *testing.T) {
	if *shots == "" {
		t.Skip("go test ./ui -run TestScreenshots -shots ../docs/screenshots")
	}
	for _, language := range []string{"en", "de"} {
		for _, look := range []theme.Appearance{theme.Light, theme.Dark} {
			t.Run(language+"_"+string(look), func(t *testing.T) { shootAll(t, language, look) })
		}
	}
}

func shootAll(t *testing.T, language string, look theme.Appearance) {
	dir := filepath.Join(*shots, language)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	gallery(t, language, look, func(name string, size fyne.Size, u *UI) {
		if !regexp.MustCompile(*only).MatchString(name) {
			return
		}
		if *double {
			defer show(u, size) // what comes next looks for rows that the smallest window has no room for
			size = smallest
			u.w.Canvas().(software.WindowlessCanvas).SetScale(2)
		}
		show(u, size)
		f, err := os.Create(filepath.Join(dir, name+"-"+string(look)+".png"))
		if err != nil {
			t.Fatal(err)
		}
		small := png.Encoder{CompressionLevel: png.BestCompression}
		if *double { // to be looked at, not kept
			small.CompressionLevel = png.BestSpeed
		}
		if err := small.Encode(f, u.w.Canvas().Capture()); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// show lays the window out at a size, as often as its texts need to settle.
func show(u *UI, size fyne.Size) {
	uitest.LastWindow().Resize(size.AddWidthHeight(0, 1))
	uitest.LastWindow().Resize(size)
	uitest.LastWindow().Content().Refresh()
}

// gallery visits every screen, with the size that shows it well.
func gallery(t *testing.T, language string, look theme.Appearance, visit func(name string, size fyne.Size, u *UI)) {
	say := lang.L
	t.Cleanup(func() { shell.Speak("en") })
	t.Setenv("HOME", t.TempDir())
	now := time.Date(2026, 11, 24, 16, 30, 0, 0, time.Local)
	documents := treeOf(t, map[string]string{
		"Taxes 2025/Statement.pdf": string(make([]byte, 482_113)), "Taxes 2025/Receipts/March.pdf": string(make([]byte, 91_200)),
		"Taxes 2025/Receipts/April.pdf": string(make([]byte, 88_012)),
		"Letters/Landlord.odt":          string(make([]byte, 23_500)), "Letters/Insurance.odt": string(make([]byte, 31_100)),
		"Thesis/Chapter 1.tex":   string(make([]byte, 64_000)),
		"Thesis/Figures/map.svg": string(make([]byte, 210_000)), "Recipes.md": string(make([]byte, 8_400)),
		"Passport scan.jpg": string(make([]byte, 1_830_000)),
	})
	destination := filepath.Join(t.TempDir(), "Holdfast")
	real, err := core.Open(context.Background(),
		core.Params{Profile: t.TempDir(), Keyring: keyring.File{Path: filepath.Join(t.TempDir(), "device.key")}, Places: besides(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer real.Close() //nolint:errcheck // a stage set
	ctx := context.Background()
	if err := real.Setup(ctx, core.SetupRequest{Destination: destination, Sources: []string{documents}, Key: exampleKey()}); err != nil {
		t.Fatal(err)
	}
	if _, err := real.Backup(ctx, nil); err != nil {
		t.Fatal(err)
	}

	app := test.NewTempApp(t)
	app.Preferences().SetString("appearance", string(look))
	app.Preferences().SetString("language", language)
	good := &core.Run{Kind: core.RunBackup, Started: now.Add(-2*time.Hour - 31*time.Minute), Ended: now.Add(-2*time.Hour - 28*time.Minute),
		Outcome:  core.OutcomeDone,
		Snapshot: "9f3c2b7d1e4a55", Files: 12431, Bytes: 2_100_000_000, BytesStored: 84_000_000}
	proven := &core.Run{Kind: core.RunDrill, Ended: now.AddDate(0, 0, -3), Outcome: core.OutcomeDone, Files: 1204, Bytes: 110_000_000}
	status := core.Status{
		SetUp: true, Destination: "/media/anna/Backup disk/Holdfast",
		Sources:    []string{"/home/anna/Documents", "/home/anna/Signal", "/home/anna/Pictures"},
		Excludes:   []string{"preset:caches", "preset:temporary", "preset:trash"},
		Protection: core.ProtectionKey, KeyConfirmed: now.AddDate(0, 0, -12), LastBackup: good, LastGood: good,
		Schedule: core.Schedule{Every: core.Daily, At: 14 * 60}, NextBackup: time.Date(2026, 11, 25, 14, 0, 0, 0, time.Local),
		LastDrill: proven, Proven: proven,
		LastCheck: &core.Run{Kind: core.RunVerify, Ended: now.Add(-49 * time.Hour), Outcome: core.OutcomeDone},
	}
	s := &stage{App: real, status: status}
	l := newLoop()
	login := &atLogin{}
	login.on.Store(true)
	u := New(Params{Fyne: app, Login: login, KnownVaults: []string{"vault.library.example"},
		Print: func(context.Context, string, []byte) error { return nil }, Core: s.core(),
		Profile: "/home/anna/.config/holdfast", Do: l.Do, Now: func() time.Time { return now }})
	later := newer.New(u.w, newer.Source{Version: "1.0.0", Ask: func(context.Context) (release.Notice, error) {
		return release.Notice{Version: "1.1.0", Page: "https://holdfast.example/1.1.0"}, nil
	}})
	u.sources.FindApps = func() []core.FoundApp {
		return []core.FoundApp{
			{ID: "signal", Name: "Signal", Paths: []string{"/home/anna/.config/Signal"}},
			{ID: "thunderbird", Name: "Thunderbird", Paths: []string{"/home/anna/.thunderbird"}},
		}
	}
	u.place.Free = func(context.Context, string) (int64, bool) { return 11_000_000_000, true }
	u.place.State = func(context.Context, string) places.State {
		return places.State{There: true, Free: 11_000_000_000, Facts: places.Facts{Deletes: "for-good", ByTimes: true}}
	}
	u.place.Nearby = func(context.Context) []places.Nearby {
		return []places.Nearby{
			{Path: "/media/anna/Backup disk", Kind: places.NearbyDisk, Name: "Backup disk", Free: 1_800_000_000_000},
			{Path: "/home/anna/Nextcloud", Kind: places.NearbySynced, Name: "Nextcloud", Free: 212_000_000_000},
		}
	}
	defer func() { u.w.Work.Stop(); u.w.Work.Wait(); u.restore.Screen.Close() }()
	d := &desk{Desk: &uitest.Desk{T: t, Loop: l}, t: t, ui: u, core: real, files: &fakeFiles{}}
	u.w.Choose = d.files

	size := fyne.NewSize(1000, 700)
	shoot := func(name string) {
		t.Helper()
		l.Drain()
		visit(name, size, u)
	}
	backup := func(change func(*core.Status)) {
		s.status = status
		change(&s.status)
		u.w.Nav.Shown = false
		u.w.Open(u.home.Screen)
		free, _ := u.place.Free(ctx, s.status.Destination)
		d.Sees(say("{{.Size}} free", words.Values{"Size": u.w.Words.Bytes(free)}))
	}

	left := func(guesses int) string {
		return say("{{.Count}} guesses left", words.Values{"Count": guesses})
	}

	s.status = core.Status{}
	u.w.Home()
	shoot("welcome")
	d.door(say("Set up a backup"))
	for _, d.files.folderAnswer = range []string{"/home/anna/Documents", "/home/anna/Pictures"} {
		d.press(say("Add folder…"))
	}
	d.Until("the sizes of what was found", func() bool {
		size := u.w.Words.Bytes(2_100_000_000)
		return len(uitest.Find(d.Desk, func(r *widgets.SettingRow) bool { return r.Note() == size })) == 2 && says(d, u.w.Words.Files(12431))
	})
	size = fyne.NewSize(1000, 1000)
	shoot("setup-what")
	size = fyne.NewSize(1000, 700)
	d.press(say("Continue"))
	d.write(0, "/media/anna/Backup disk/Holdfast")
	d.Sees(say("{{.Size}} are free there.", words.Values{"Size": u.w.Words.Bytes(11_000_000_000)}))
	shoot("setup-where")
	size = fyne.NewSize(1000, 1000)
	d.press(say("Cloud or server…"))
	shoot("setup-cloud")
	d.door(say("A server with SSH (SFTP)"))
	d.write(0, "nas.example")
	d.write(1, "anna")
	d.ui.w.Canvas().Unfocus()
	shoot("setup-server")
	d.door(say("A Windows share or a NAS (SMB)"))
	shoot("setup-server-smb")
	d.door(say("A WebDAV server"))
	shoot("setup-server-webdav")
	d.door(say("S3, or what speaks it"))
	shoot("setup-server-s3")
	d.door(say("Backblaze B2"))
	shoot("setup-server-b2")
	d.door(say("Azure Blob Storage"))
	shoot("setup-server-azure")
	d.door(say("Google Cloud Storage"))
	shoot("setup-server-google")
	d.press(say("Cancel"))
	size = fyne.NewSize(1000, 700)
	d.press(say("Continue"))
	d.Sees(say("Who may open it?"))
	shoot("setup-protection")
	d.door(say("End-to-end encrypted, with a password"))
	shoot("setup-keep")
	d.press(say("Continue"))
	d.Sees("Nitrokey")
	d.write(0, "lamp otter quilt")
	d.Sees(u.w.Words.Advice(core.AdviceBest))
	d.write(1, "lamp otter quilt")
	shoot("setup-password")
	size = fyne.NewSize(1000, 1000)
	d.door(say("Vaults of somebody else"))
	shoot("setup-vaults")
	d.files.fileAnswer = filepath.Join(t.TempDir(), "card.json")
	if err := os.WriteFile(d.files.fileAnswer, exampleCard(t, "https://vault.example:8443"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.press(say("Choose its card…"))
	d.Sees("Anna's vault")
	d.write(3, "an enrolment token")
	d.ui.w.Canvas().Unfocus()
	shoot("setup-vault-card")
	d.write(3, "")
	d.write(2, "sebs-vault.example.org")
	d.press(say("Look it up"))
	d.Sees(say("Add this vault"))
	shoot("setup-vault-found")
	d.press(say("Add this vault"))
	d.press("vault.library.example") // this build knows it
	d.Sees(say("Add this vault"))
	d.press(say("Add this vault"))
	d.ui.w.Canvas().Unfocus()
	shoot("setup-vaults-shared")
	d.door(say("Keep the password on this computer only"))
	size = fyne.NewSize(1000, 700)
	d.write(0, "password1")
	d.Sees(u.w.Words.Advice(core.AdviceCommon))
	shoot("setup-password-weak")
	d.press(say("Back"))
	d.press(say("Back"))
	d.write(0, destination)
	d.press(say("Continue"))
	d.Sees(say("This place already holds a backup"))
	shoot("setup-existing")
	d.press(say("Choose another folder"))
	d.write(0, "/media/anna/Backup disk/Holdfast")
	d.press(say("Continue"))
	d.Sees(say("Who may open it?"))
	d.press(say("Continue"))
	d.Sees("Nitrokey")
	d.write(0, "lamp otter quilt")
	d.write(1, "lamp otter quilt")
	d.Until("a judged password", func() bool { return d.enabled(say("Continue")) })
	d.press(say("Continue"))
	d.press(say("I have saved it"))
	asked := 0
	for i, group := range exampleKey().Groups() {
		if slices.Contains(d.Texts(), say("Group {{.Number}}", words.Values{"Number": i + 1})) {
			d.write(asked, string(group))
			asked++
		}
	}
	s.status = status
	d.press(say("Set up the backup"))
	d.Sees(say("Everything is set"))
	shoot("setup-ready")

	backup(func(st *core.Status) {
		st.LastBackup, st.LastGood, st.LastCheck, st.LastDrill, st.Proven = nil, nil, nil, nil, nil
		st.Protection = core.ProtectionNone
	})
	shoot("backup-never")
	backup(func(*core.Status) {})
	shoot("backup-ok")
	u.schedule.Edit()
	shoot("schedule")
	u.place.Edit()
	d.Sees(say("What Holdfast deletes there is gone for good."))
	shoot("place")
	u.schedule.EditRetention()
	d.door(say("Thin out older dates"))
	d.Sees(say("Nothing would go now: every date stays."))
	shoot("retention")
	backup(func(st *core.Status) {
		st.LastDrill = &core.Run{Kind: core.RunDrill, Ended: now.Add(-time.Hour), Outcome: core.OutcomePartly, ProblemsTotal: 3}
	})
	shoot("backup-drill")
	asking, stop := context.WithCancel(ctx)
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		_, _ = u.secret.AskPIN(asking, "Anna's Nitrokey") // nobody answers
	}()
	d.Until("the question", func() bool { return u.w.Canvas().Overlays().Top() != nil })
	shoot("pin")
	stop()
	<-answered
	l.Drain()
	backup(func(st *core.Status) {
		st.Schedule.PausedUntil = tomorrow(now)
		st.NextBackup = st.Schedule.PausedUntil
	})
	shoot("backup-paused")
	(&desk{ui: u}).close()
	shoot("close-first")
	u.w.Canvas().Overlays().Remove(u.w.Canvas().Overlays().Top())
	vault := core.VaultState{Name: "Family vault", Address: "https://vault.example.org", GuessesLeft: 10, GuessLimit: 10}
	withPassword := func(change func(*core.Status, *core.VaultState)) {
		s.vault = vault
		backup(func(st *core.Status) {
			st.Password, st.PasswordConfirmed, st.Vault = true, now.AddDate(0, 0, -12), &s.vault
			change(st, &s.vault)
		})
	}
	wrong := []time.Time{now.AddDate(0, 0, -12), now.AddDate(0, 0, -1), now.Add(-time.Hour)}
	withPassword(func(st *core.Status, _ *core.VaultState) { st.PasswordCheckDue = now.Add(-time.Hour) })
	shoot("backup-password")
	withPassword(func(_ *core.Status, v *core.VaultState) { v.GuessesLeft, v.Wrong = 7, wrong })
	shoot("backup-password-guesses")
	u.secret.ShowPassword()
	d.Sees(left(7))
	shoot("password")
	d.row(say("Check that you still know it")).Tapped(nil)
	d.Sees(left(7))
	shoot("password-check")
	withPassword(func(st *core.Status, v *core.VaultState) { shareExample(st, v, now) })
	shoot("backup-password-shared")
	u.secret.ShowPassword()
	d.Sees(say("Any {{.Needed}} of {{.Count}} vaults open it", words.Values{"Needed": 2, "Count": 3}))
	shoot("password-shared")
	u.secret.SetPassword()
	d.Sees("Nitrokey")
	shoot("password-change")
	withPassword(func(_ *core.Status, v *core.VaultState) { v.GuessesLeft, v.Wrong, v.Destroyed = 0, wrong, true })
	shoot("backup-password-destroyed")
	u.secret.ShowPassword()
	l.Drain()
	shoot("password-destroyed")
	d.row(say("Remove the password")).Tapped(nil)
	shoot("password-remove")
	u.secret.SetPassword()
	d.Sees("Nitrokey")
	d.write(0, "lamp otter quilt")
	d.write(1, "lamp otter quilt")
	d.Until("a judged password", func() bool { return d.enabled(say("Set the password")) })
	d.press(say("Set the password"))
	d.Sees(say("Your password is set"))
	shoot("password-set")
	old := *good
	old.Ended = now.AddDate(0, 0, -9)
	backup(func(st *core.Status) { st.LastBackup, st.LastGood = &old, &old })
	shoot("backup-overdue")
	roomy := u.place.Free
	u.place.Free = func(context.Context, string) (int64, bool) { return 31_000_000, true }
	open := u.place.State
	u.place.State = func(context.Context, string) places.State { return places.State{There: true, Free: 31_000_000} }
	backup(func(st *core.Status) {
		st.LastBackup = &core.Run{Kind: core.RunBackup, Ended: now, Outcome: core.OutcomeFailed, Code: "no-space", Wanted: 2_140_000_000,
			Error: "the destination is full: write packs/3f/…: no space left on device"}
	})
	d.Sees(say("It takes {{.Needs}}, and {{.Free}} are free there.",
		words.Values{"Needs": u.w.Words.Bytes(2_140_000_000), "Free": u.w.Words.Bytes(31_000_000)}))
	shoot("backup-failed")
	u.place.Free, u.place.State = roomy, open
	backup(func(st *core.Status) {
		st.LastBackup = &core.Run{
			Kind: core.RunBackup, Started: now.Add(-time.Minute), Ended: now, Outcome: core.OutcomePartly, Files: 12420, Bytes: 2_090_000_000,
			ProblemsTotal: 1,
			Problems:      []core.Problem{{Path: "/media/anna/Photos", Reason: "this folder holds no file any more"}},
			Emptied:       []string{"/media/anna/Photos"},
		}
		st.LastGood = st.LastBackup
	})
	shoot("backup-emptied")
	backup(func(st *core.Status) { st.Change = core.ChangeTurnOn; st.Protection = core.ProtectionNone })
	shoot("backup-unfinished")
	u.secret.AskGiveUp()
	shoot("encryption-give-up")
	d.press(say("Leave it as it was"))
	d.Sees(say("Everything is as it was"))
	shoot("encryption-given-up")
	s.let, s.at = make(chan struct{}), core.Progress{Step: core.StepBackingUp, Path: "/home/anna/Pictures/2026/Norway/IMG_2231.jpg",
		FilesDone: 7120, FilesTotal: 12431,
		BytesDone: 1_240_000_000, BytesTotal: 2_100_000_000, BytesNew: 84_000_000, BytesPerSecond: 41_300_000, TimeLeft: 21 * time.Second}
	backup(func(*core.Status) {})
	d.press(say("Back up now"))
	d.Sees(u.w.Words.Bytes(s.at.BytesDone))
	shoot("backup-running")
	(&desk{ui: u}).quit()
	shoot("close-while-running")
	u.w.Canvas().Overlays().Remove(u.w.Canvas().Overlays().Top())
	close(s.let)
	d.Until("the end of the backup", func() bool { return u.w.Job == nil })

	u.secret.TurnOn()
	shoot("encryption-means")
	d.press(say("Continue"))
	d.Sees(say("How do you want to keep your key?"))
	shoot("encryption-keep")
	d.press(say("Continue"))
	shoot("encryption-key")
	d.press(say("I have saved it"))
	d.write(0, "ffff")
	shoot("encryption-check")
	s.let, s.report = make(chan struct{}), core.BackupReport{Snapshot: "9f3c2b", Files: 12431, Bytes: 2_100_000_000}
	s.at = core.Progress{Step: core.StepProving, BytesDone: 610_000_000, BytesTotal: 890_000_000, BytesPerSecond: 210_000_000,
		TimeLeft: 3 * time.Second}
	s.status.Change = core.ChangeTurnOn
	u.secret.GoOn()
	d.Sees(u.w.Words.Bytes(s.at.BytesDone))
	shoot("encryption-work")
	close(s.let)
	d.Sees(say("Your backup is end-to-end encrypted"))
	s.status.Change = core.ChangeNone
	shoot("encryption-proof")
	u.secret.TurnOff()
	shoot("encryption-off")
	backup(func(*core.Status) {})
	d.row(say("Show the key")).Tapped(nil)
	d.Sees(say("This is your key"))
	d.press(say("Change the key"))
	d.Sees("old-pc")
	shoot("key-change")

	u.w.Nav.Shown = false
	u.w.Open(u.restore.Screen)
	shoot("restore-which")
	r := u.restore.Flow
	onDisk := []found.Backup{
		{Place: "/media/anna/Backup disk/Holdfast", Changed: now.Add(-26 * time.Hour), Key: true, Password: true},
		{Place: "/media/anna/Backup disk/Old computer", Changed: now.AddDate(0, 0, -400), Key: true},
	}
	u.restore.Near = func(context.Context) []found.Backup { return slices.Clone(onDisk) }
	d.door(say("A backup somewhere else"))
	d.Sees(say("Backups found on this computer"))
	d.write(0, "/media/anna/Backup disk/Holdfast")
	shoot("restore-place")
	r.Choose("/media/anna/Backup disk", append(onDisk, found.Backup{Place: "/media/anna/Backup disk/Attic"},
		found.Backup{Place: "/media/anna/Backup disk/Work", Err: core.ErrNewerFormat}))
	shoot("restore-found")
	r.Elsewhere()
	d.write(0, "/media/anna/Backup disk/Holdfast")
	d.press(say("Continue"))
	d.Sees(say("Choose another place")) // there is none: the place is kept in mind
	r.Unencrypted()
	shoot("restore-unencrypted")
	d.press(say("I have a key or a password for it"))
	shoot("restore-unencrypted-refused")
	typed := "4f0a 91c2 77de 03b8 c5e1 2d94 8a6e e013 9b7c 40d5 f1e8 26a9 d3b0 5c17 ea42 8f6d"
	s.vault = vault
	s.vault.GuessesLeft, s.vault.Wrong = 7, wrong
	r.UnlockWithPassword(core.Found{VaultCard: exampleCard(t, "https://vault.example:8443")})
	shoot("restore-vault")
	r.UnlockWithPassword(core.Found{VaultCard: exampleCard(t,
		"pkcs11:token=Nitrokey%20of%20Anna;serial=9c1e?module-path=/media/backup/x.so&slot-id=1")})
	shoot("restore-vault-token")
	r.UnlockWithPassword(core.Found{VaultCard: exampleCard(t, "https://user@vault.example")})
	shoot("restore-vault-bad")
	r.UnlockWithPassword(core.Found{VaultCard: exampleShared(t)})
	shoot("restore-vaults")
	elsewhere := core.Found{VaultCard: exampleCard(t, "https://vault.example:8443")}
	r.UnlockWithPassword(elsewhere)
	d.press(say("Ask this vault"))
	d.Sees(left(7))
	d.write(0, "lamp otter quilt")
	shoot("restore-password")
	d.ui.w.Canvas().Unfocus()
	s.vault.GuessesLeft, s.vault.WaitUntil = 1, now.Add(4*time.Hour)
	r.UnlockWithPassword(elsewhere)
	d.Sees(say("One guess left"))
	shoot("restore-password-wait")
	s.vault.WaitUntil = time.Time{}
	r.UnlockWithPassword(elsewhere)
	d.Sees(say("One guess left"))
	d.write(0, "lamp otter quilt")
	d.press(say("Unlock"))
	shoot("restore-password-last")
	d.press(say("Not now"))
	d.press(say("Back"))
	keys := secret.NewKeyField(u.secret, func() {})
	keys.Entry.SetText(typed)
	keys.Repair(core.Found{KeyID: exampleKey().ID()}, func() { t.Error("no proposal") })
	r.Put(u.w.NewPage(shell.PageParams{Name: say("Restore"), Step: 2, Of: 5, Back: func() {}, Title: say("Unlock the backup"),
		Lead:    "/media/anna/Backup disk/Holdfast",
		Content: []fyne.CanvasObject{keys.Root}, Foot: []fyne.CanvasObject{widgets.NewButton(say("Unlock"), "key", widgets.Main, nil)}}).Root)
	d.Sees(say("This is not quite the key. Is this what you meant?"))
	shoot("restore-key")
	reader, err := real.Reader(ctx)
	if err != nil {
		t.Fatal(err)
	}
	all, err := reader.Snapshots(ctx)
	if err != nil {
		t.Fatal(err)
	}
	d.nav(say("Restore"))
	d.door(say("This backup"))
	d.Sees(say("From which day?"))
	var dates []core.Snapshot
	for i, ago := range []time.Duration{2*time.Hour + 28*time.Minute, 8 * time.Hour, 26 * time.Hour, 50 * time.Hour, 51 * time.Hour} {
		x := all[0]
		x.Time, x.Host, x.Files, x.Bytes = now.Add(-ago), "work-laptop", 12431-int64(i)*13, 2_100_000_000-int64(i)*4_000_000
		dates = append(dates, x)
	}
	dates[3].Pinned, dates[1].Unread = true, 2
	r.Dates(dates, restore.ShownDates)
	shoot("restore-dates")
	r.Date(dates[3], "14:02", restore.ShownDates)
	shoot("restore-date")
	r.Dates(dates, restore.ShownDates)
	found, err := reader.Find(ctx, "Statement")
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	var versions []core.Version
	for i, ago := range []time.Duration{2 * time.Hour, 9 * 24 * time.Hour, 40 * 24 * time.Hour} {
		v := found[0]
		v.Host, v.Last.Time, v.Entry.Modified = "work-laptop", now.Add(-ago), now.Add(-ago-50*time.Hour)
		v.Entry.Size -= int64(i) * 31_000
		versions = append(versions, v)
	}
	name := widgets.NewField()
	name.SetText("Statement")
	search := widgets.NewButton(say("Search"), "search", widgets.Main, nil)
	r.Put(u.w.NewPage(shell.PageParams{Name: say("Restore"), Step: 2, Of: 5, Back: func() {},
		Title: say("Which file?"), Lead: say("It is looked for in the backups of all days, even if it was deleted since."),
		Content: []fyne.CanvasObject{widgets.Row(theme.Space3, widgets.Wide(name), name, search),
			widgets.Column(theme.Space6, r.Versions(versions, func() {})...)}}).Root)
	shoot("restore-versions")
	r.Files(dates[0], func() {})
	d.Sees("Thesis")
	d.tree().Open("Documents/Taxes 2025")
	d.Sees("Receipts")
	d.tree().Pick("", true)
	d.tree().Pick("Documents/Thesis", false)
	d.tree().Pick("Documents/Taxes 2025/Receipts", false)
	shoot("restore-files")
	d.write(0, "pdf")
	d.Sees(say("{{.Count}} found", words.Values{"Count": 3}))
	shoot("restore-search")
	r.Target = "/home/anna/Restored files"
	r.ChosenFiles, r.ChosenBytes = 8, 2_420_000
	r.Snapshot = core.Snapshot{Original: true, Sources: []string{"/home/anna/Documents"}}
	r.Where(func() {})
	shoot("restore-where")
	r.Result(core.RestoreReport{Files: 8, Kept: 2, Bytes: 2_420_000}, nil)
	shoot("restore-result")
	r.Result(core.RestoreReport{Files: 8, Bytes: 2_420_000, Errors: 1,
		Problems: []core.Problem{{Path: "Documents/Passport scan.jpg", Reason: "no permission"}}}, nil)
	shoot("restore-gaps")

	u.w.Open(u.activity.Screen)
	shoot("activity-empty")
	s.runs = []core.Run{*good,
		{Kind: core.RunBackup, Started: now.Add(-5 * time.Hour), Ended: now.Add(-5*time.Hour + time.Minute), Outcome: core.OutcomePartly,
			Files: 12420, Bytes: 2_090_000_000, ProblemsTotal: 2,
			Problems: []core.Problem{{Path: "/home/anna/Documents/locked.db", Reason: "no permission"},
				{Path: "/home/anna/Pictures/old.raw", Reason: "it is not there"}}},
		{Kind: core.RunRestore, Started: now.Add(-27 * time.Hour), Ended: now.Add(-27*time.Hour + time.Minute), Outcome: core.OutcomeDone,
			Files: 12, Bytes: 4_100_000, Target: "/home/anna/Restored files"},
		{Kind: core.RunVerify, Started: now.Add(-49 * time.Hour), Ended: now.Add(-49*time.Hour + time.Minute), Outcome: core.OutcomeDone},
		{Kind: core.RunBackup, Started: now.Add(-52 * time.Hour), Ended: now.Add(-52 * time.Hour), Outcome: core.OutcomeFailed,
			Code: "destination-gone", Error: "the destination cannot be reached: stat /media/anna/Backup disk: no such file or directory"},
		{Kind: core.RunSetup, Started: now.Add(-53 * time.Hour), Ended: now.Add(-53 * time.Hour), Outcome: core.OutcomeDone}}
	for i := range s.runs {
		s.runs[i].ID = fmt.Sprintf("%s-%d", s.runs[i].Kind, i)
	}
	u.w.Open(u.activity.Screen)
	shoot("activity")
	uitest.Find(d.Desk, func(*widgets.SettingRow) bool { return true })[4].Tapped(nil)
	shoot("activity-details")
	u.w.Open(u.settings.Screen)
	l.Drain()
	size = fyne.NewSize(1000, 1420)
	shoot("settings")
	size = fyne.NewSize(1000, 700)
	d.row(say("Licences")).Tapped(nil)
	shoot("licences")
	u.w.Open(u.settings.Screen)
	later.Look()
	d.Until("the notice", func() bool { return later.Row() != nil })
	u.w.Fill(u.w.Side, shell.ScreenPage("", widgets.Rows(later.Row(), later.Setting())))
	shoot("newer")

	size = fyne.NewSize(720, 520)
	backup(func(*core.Status) {})
	shoot("small-backup")
	withPassword(func(*core.Status, *core.VaultState) {})
	u.secret.ShowPassword()
	d.Sees(left(10))
	shoot("small-password")
	u.secret.TurnOn()
	d.press(say("Continue"))
	d.Sees(say("How do you want to keep your key?"))
	d.press(say("Continue"))
	shoot("small-key")
}
