package shell

import (
	"cmp"
	"time"

	"fyne.io/fyne/v2"

	"github.com/holdfast-backup/holdfast/ui/theme"
)

// Settings are the window's own preferences. What a backup needs is kept in
// the profile, and no secret ever here.
type Settings struct{ p preferences }

const (
	settingAppearance        = "appearance"
	settingAppearanceDefault = string(theme.System)
)

// Appearance is how the window looks.
func (s Settings) Appearance() theme.Appearance {
	return theme.Appearance(cmp.Or(s.p.String(settingAppearance), settingAppearanceDefault))
}

// SetAppearance remembers how the window looks.
func (s Settings) SetAppearance(a theme.Appearance) { s.p.SetString(settingAppearance, string(a)) }

// settingAskLater is before when the password is not asked about again.
const settingAskLater = "password-ask-later"

// AskLater is before when the password is not asked about again.
func (s Settings) AskLater() time.Time {
	return time.Unix(int64(s.p.Float(settingAskLater)), 0) // there is no preference of 64 bits
}

// SetAskLater remembers when to ask about the password again.
func (s Settings) SetAskLater(t time.Time) { s.p.SetFloat(settingAskLater, float64(t.Unix())) }

// Background says whether Holdfast goes on without its window.
type Background string

const (
	settingBackground            = "background"
	backgroundAsk     Background = ""
	BackgroundYes     Background = "yes"
	BackgroundNo      Background = "no"
)

// Background is whether Holdfast goes on without its window.
func (s Settings) Background() Background { return Background(s.p.String(settingBackground)) }

// SetBackground remembers whether Holdfast goes on without its window.
func (s Settings) SetBackground(b Background) { s.p.SetString(settingBackground, string(b)) }

// settingReminded is when an overdue backup was last told of.
const settingReminded = "overdue-reminded"

// Reminded is when an overdue backup was last told of.
func (s Settings) Reminded() time.Time { return time.Unix(int64(s.p.Float(settingReminded)), 0) }

// SetReminded remembers when an overdue backup was told of.
func (s Settings) SetReminded(t time.Time) { s.p.SetFloat(settingReminded, float64(t.Unix())) }

// settingLanguage is one of languages.
const settingLanguage = "language"

// Language is one of Languages.
func (s Settings) Language() string { return s.p.String(settingLanguage) }

// SetLanguage remembers one of Languages.
func (s Settings) SetLanguage(language string) { s.p.SetString(settingLanguage, language) }

// settingThinOut is whether older dates are thinned out by themselves.
const settingThinOut = "thin-out"

// ThinOut reports whether older dates are thinned out by themselves.
func (s Settings) ThinOut() bool { return s.p.Bool(settingThinOut) }

// SetThinOut remembers whether older dates are thinned out by themselves.
func (s Settings) SetThinOut(on bool) { s.p.SetBool(settingThinOut, on) }

// What is known of newer versions: whether to ask, when that was, and what was said.
const (
	settingNewerOff     = "newer-off"
	settingNewerAsked   = "newer-asked"
	settingNewerVersion = "newer-version"
	settingNewerPage    = "newer-page"
)

// TellNewer reports whether newer versions are asked about.
func (s Settings) TellNewer() bool { return !s.p.Bool(settingNewerOff) }

// SetTellNewer remembers whether newer versions are asked about.
func (s Settings) SetTellNewer(on bool) { s.p.SetBool(settingNewerOff, !on) }

// NewerAsked is when newer versions were asked about.
func (s Settings) NewerAsked() time.Time { return time.Unix(int64(s.p.Float(settingNewerAsked)), 0) }

// SetNewerAsked remembers when newer versions were asked about.
func (s Settings) SetNewerAsked(t time.Time) { s.p.SetFloat(settingNewerAsked, float64(t.Unix())) }

// Newer is the newest version that is known of, and the page about it.
func (s Settings) Newer() (version, page string) {
	return s.p.String(settingNewerVersion), s.p.String(settingNewerPage)
}

// SetNewer remembers the newest version and the page about it.
func (s Settings) SetNewer(version, page string) {
	s.p.SetString(settingNewerVersion, version)
	s.p.SetString(settingNewerPage, page)
}

// settingDark is whether the desktop was last seen to prefer dark: what the first
// frame goes by, before the desktop has answered.
const settingDark = "desktop-dark"

func (s Settings) dark() bool { return s.p.Bool(settingDark) }

func (s Settings) setDark(on bool) { s.p.SetBool(settingDark, on) }

// The window's size, in the toolkit's units; 0 is the usual one.
const (
	settingWidth  = "window-width"
	settingHeight = "window-height"
)

func (s Settings) size() fyne.Size {
	return fyne.NewSize(float32(s.p.Float(settingWidth)), float32(s.p.Float(settingHeight)))
}

func (s Settings) setSize(size fyne.Size) {
	s.p.SetFloat(settingWidth, float64(size.Width))
	s.p.SetFloat(settingHeight, float64(size.Height))
}
