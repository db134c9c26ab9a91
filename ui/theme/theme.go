package theme

import (
	"image/color"

	"fyne.io/fyne/v2"
	fynetheme "fyne.io/fyne/v2/theme"

	"github.com/holdfast-backup/holdfast/assets"
)

// Colours beyond the toolkit's own names.
const (
	Background fyne.ThemeColorName = fynetheme.ColorNameBackground
	Surface    fyne.ThemeColorName = "holdfastSurface"
	Sidebar    fyne.ThemeColorName = "holdfastSidebar"
	Outline    fyne.ThemeColorName = "holdfastOutline"
	Text       fyne.ThemeColorName = fynetheme.ColorNameForeground
	Muted      fyne.ThemeColorName = "holdfastMuted"
	Primary    fyne.ThemeColorName = fynetheme.ColorNamePrimary
	OnPrimary  fyne.ThemeColorName = fynetheme.ColorNameForegroundOnPrimary
	Good       fyne.ThemeColorName = fynetheme.ColorNameSuccess
	Attention  fyne.ThemeColorName = fynetheme.ColorNameWarning
	Bad        fyne.ThemeColorName = fynetheme.ColorNameError
	OnBad      fyne.ThemeColorName = fynetheme.ColorNameForegroundOnError
	// Control is the edge of what can be operated: fields, switches, boxes.
	Control fyne.ThemeColorName = "holdfastControl"
	// The tints are what circles and notices in a colour are filled with.
	TintPrimary   fyne.ThemeColorName = "holdfastTintPrimary"
	TintGood      fyne.ThemeColorName = "holdfastTintGood"
	TintAttention fyne.ThemeColorName = "holdfastTintAttention"
	TintBad       fyne.ThemeColorName = "holdfastTintBad"
	TintMuted     fyne.ThemeColorName = "holdfastTintMuted"
	// Hover and Press lie over a surface.
	Hover fyne.ThemeColorName = fynetheme.ColorNameHover
	Press fyne.ThemeColorName = fynetheme.ColorNamePressed
)

// Spacing, radii and the scale of text.
const (
	Space1 float32 = 4
	Space2 float32 = 8
	Space3 float32 = 12
	Space4 float32 = 16
	Space6 float32 = 24
	Space8 float32 = 32

	RadiusControl float32 = 8
	RadiusCard    float32 = 12

	TextCaption float32 = 12
	TextBody    float32 = 14
	TextLead    float32 = 16
	TextTitle   float32 = 20
	TextDisplay float32 = 28

	IconSmall  float32 = 16
	IconMedium float32 = 20
	IconLarge  float32 = 28

	Ring          float32 = 2 // the focus ring's stroke
	ControlHeight float32 = 38
)

// Appearance is the person's choice of light or dark.
type Appearance string

// The appearances.
const (
	System Appearance = "system"
	Light  Appearance = "light"
	Dark   Appearance = "dark"
)

// Theme is Holdfast's look.
type Theme struct{ appearance Appearance }

var _ fyne.Theme = (*Theme)(nil)

// New returns the theme. An unknown appearance follows the system.
func New(a Appearance) *Theme { return &Theme{a} }

// Appearance returns the choice that the theme was made with.
func (t *Theme) Appearance() Appearance { return t.appearance }

func rgb(v uint32) color.NRGBA {
	return color.NRGBA{R: uint8(v >> 16), G: uint8(v >> 8), B: uint8(v), A: 0xff}
}

func alpha(c color.NRGBA, a uint8) color.NRGBA { c.A = a; return c }

// over lays a colour with transparency on an opaque one.
func over(c, base color.NRGBA) color.NRGBA {
	mix := func(x, y uint8) uint8 { return uint8((uint32(x)*uint32(c.A) + uint32(y)*(255-uint32(c.A))) / 255) }
	return color.NRGBA{mix(c.R, base.R), mix(c.G, base.G), mix(c.B, base.B), 0xff}
}

// palette is one column of the table of tokens.
type palette struct {
	background, surface, sidebar, outline, control color.NRGBA
	text, muted, onPrimary                         color.NRGBA
	primary, good, attention, bad                  color.NRGBA
	tint                                           uint8 // how strongly the tints show
}

var light = palette{
	background: rgb(0xF6F8F7), surface: rgb(0xFFFFFF), sidebar: rgb(0xF0F4F2), outline: rgb(0xDDE4E1), control: rgb(0x7D8C86),
	text: rgb(0x17201D), muted: rgb(0x55635E), onPrimary: rgb(0xFFFFFF),
	primary: rgb(0x0B6E5F), good: rgb(0x1B7F4B), attention: rgb(0x8A5A00), bad: rgb(0xB3261E),
	tint: 0x20,
}

var dark = palette{
	background: rgb(0x101615), surface: rgb(0x18201F), sidebar: rgb(0x141B1A), outline: rgb(0x2A3533), control: rgb(0x6F827B),
	text: rgb(0xE8EFEC), muted: rgb(0x9DB0A9), onPrimary: rgb(0x06231E),
	primary: rgb(0x3CC9AE), good: rgb(0x4CC38A), attention: rgb(0xF2B84B), bad: rgb(0xFF8A80),
	tint: 0x2a,
}

// Color returns a colour; the appearance overrides the system's variant.
func (t *Theme) Color(name fyne.ThemeColorName, v fyne.ThemeVariant) color.Color {
	p := light
	if t.appearance == Dark || t.appearance != Light && v == fynetheme.VariantDark {
		p = dark
	}
	if c, ok := p.color(name); ok {
		return c
	}
	return fynetheme.DefaultTheme().Color(name, v)
}

func (p palette) color(name fyne.ThemeColorName) (color.NRGBA, bool) {
	switch name {
	case Background:
		return p.background, true
	case Surface, fynetheme.ColorNameOverlayBackground, fynetheme.ColorNameMenuBackground, fynetheme.ColorNameInputBackground,
		fynetheme.ColorNameHeaderBackground:
		return p.surface, true
	case Sidebar:
		return p.sidebar, true
	case Outline, fynetheme.ColorNameSeparator:
		return p.outline, true
	case Control, fynetheme.ColorNameInputBorder:
		return p.control, true
	case Text:
		return p.text, true
	case Muted, fynetheme.ColorNamePlaceHolder, fynetheme.ColorNameDisabled:
		return p.muted, true
	case Primary, fynetheme.ColorNameHyperlink:
		return p.primary, true
	case OnPrimary, OnBad, fynetheme.ColorNameForegroundOnSuccess, fynetheme.ColorNameForegroundOnWarning:
		return p.onPrimary, true
	case Good:
		return p.good, true
	case Attention:
		return p.attention, true
	case Bad:
		return p.bad, true
	case TintPrimary:
		return over(alpha(p.primary, p.tint), p.surface), true
	case TintGood:
		return over(alpha(p.good, p.tint), p.surface), true
	case TintAttention:
		return over(alpha(p.attention, p.tint), p.surface), true
	case TintBad:
		return over(alpha(p.bad, p.tint), p.surface), true
	case TintMuted, fynetheme.ColorNameButton, fynetheme.ColorNameDisabledButton:
		return over(alpha(p.muted, p.tint*5/8), p.surface), true
	case Hover:
		return alpha(p.text, 0x0d), true
	case Press:
		return alpha(p.text, 0x1c), true
	case fynetheme.ColorNameFocus:
		return alpha(p.primary, 0x66), true
	case fynetheme.ColorNameSelection:
		return alpha(p.primary, 0x2e), true
	case fynetheme.ColorNameScrollBar:
		return alpha(p.muted, 0x90), true
	case fynetheme.ColorNameScrollBarBackground:
		return alpha(p.muted, 0), true
	case fynetheme.ColorNameShadow:
		return alpha(rgb(0x000000), 0x30), true
	}
	return color.NRGBA{}, false
}

// Font returns the bundled sans and monospace.
func (t *Theme) Font(s fyne.TextStyle) fyne.Resource { return fynetheme.DefaultTheme().Font(s) }

// Icon returns the toolkit's icons, for its own widgets, but for the arrows of
// its trees.
func (t *Theme) Icon(n fyne.ThemeIconName) fyne.Resource {
	switch n {
	case fynetheme.IconNameNavigateNext:
		return fynetheme.NewColoredResource(fyne.NewStaticResource("chevron-next.svg", assets.ChevronNext), Muted)
	case fynetheme.IconNameMoveDown:
		return fynetheme.NewColoredResource(fyne.NewStaticResource("chevron-down.svg", assets.ChevronDown), Muted)
	}
	return fynetheme.DefaultTheme().Icon(n)
}

// Size returns a size.
func (t *Theme) Size(name fyne.ThemeSizeName) float32 {
	switch name {
	case fynetheme.SizeNamePadding:
		return Space1
	case fynetheme.SizeNameInnerPadding:
		return 9
	case fynetheme.SizeNameText:
		return TextBody
	case fynetheme.SizeNameCaptionText:
		return TextCaption
	case fynetheme.SizeNameSubHeadingText:
		return TextLead
	case fynetheme.SizeNameHeadingText:
		return TextTitle
	case fynetheme.SizeNameInputRadius, fynetheme.SizeNameButtonRadius, fynetheme.SizeNameSelectionRadius, fynetheme.SizeNameMenuRadius:
		return RadiusControl
	case fynetheme.SizeNameCardRadius, fynetheme.SizeNameDialogRadius, fynetheme.SizeNamePopupRadius:
		return RadiusCard
	case fynetheme.SizeNameScrollBar:
		return 10
	case fynetheme.SizeNameScrollBarSmall:
		return 4
	}
	return fynetheme.DefaultTheme().Size(name)
}
