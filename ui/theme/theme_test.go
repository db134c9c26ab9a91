package theme

import (
	"image/color"
	"math"
	"testing"

	"fyne.io/fyne/v2"
	fynetheme "fyne.io/fyne/v2/theme"
)

// luminance and contrast are WCAG 2.2's relative luminance and contrast ratio.
func luminance(c color.NRGBA) float64 {
	f := func(v uint8) float64 {
		s := float64(v) / 255
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*f(c.R) + 0.7152*f(c.G) + 0.0722*f(c.B)
}

func contrast(a, b color.NRGBA) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func TestContrast(t *testing.T) {
	grounds := []fyne.ThemeColorName{Background, Surface, Sidebar}
	pairs := map[fyne.ThemeColorName]struct {
		least float64
		on    []fyne.ThemeColorName
	}{
		Text: {4.5,
			append([]fyne.ThemeColorName{TintPrimary, TintGood, TintAttention, TintBad, TintMuted}, grounds...)},
		Muted:                                  {4.5, append([]fyne.ThemeColorName{TintMuted}, grounds...)},
		fynetheme.ColorNamePlaceHolder:         {4.5, grounds},
		Primary:                                {4.5, append([]fyne.ThemeColorName{TintPrimary}, grounds...)},
		Good:                                   {4.5, []fyne.ThemeColorName{Background, Surface}},
		Attention:                              {4.5, []fyne.ThemeColorName{Background, Surface}},
		Bad:                                    {4.5, []fyne.ThemeColorName{Background, Surface}},
		OnPrimary:                              {4.5, []fyne.ThemeColorName{Primary}},
		OnBad:                                  {4.5, []fyne.ThemeColorName{Bad}},
		fynetheme.ColorNameForegroundOnSuccess: {4.5, []fyne.ThemeColorName{Good}},
		Control:                                {3, grounds},
	}
	for look, variant := range map[string]fyne.ThemeVariant{"light": fynetheme.VariantLight, "dark": fynetheme.VariantDark} {
		th := New(System)
		for name, p := range pairs {
			for _, on := range p.on {
				fg, bg := th.Color(name, variant).(color.NRGBA), th.Color(on, variant).(color.NRGBA)
				if got := contrast(fg, bg); got < p.least {
					t.Errorf("%s: %s on %s has contrast %.2f, less than %.1f", look, name, on, got, p.least)
				}
			}
		}
		// Icons stand on the tint of their own colour.
		for fg, bg := range map[fyne.ThemeColorName]fyne.ThemeColorName{Good: TintGood, Attention: TintAttention, Bad: TintBad} {
			if got := contrast(th.Color(fg, variant).(color.NRGBA), th.Color(bg, variant).(color.NRGBA)); got < 3 {
				t.Errorf("%s: an icon in %s on %s has contrast %.2f", look, fg, bg, got)
			}
		}
		// Hovering must not make text unreadable.
		surface := th.Color(Surface, variant).(color.NRGBA)
		hover := over(th.Color(Press, variant).(color.NRGBA), surface)
		if got := contrast(th.Color(Muted, variant).(color.NRGBA), hover); got < 4.5 {
			t.Errorf("%s: muted text on a pressed row has contrast %.2f", look, got)
		}
	}
}

func TestAppearanceOverridesTheSystem(t *testing.T) {
	if New(Dark).Color(Background, fynetheme.VariantLight) != color.Color(dark.background) {
		t.Error("dark follows the system")
	}
	if New(Light).Color(Background, fynetheme.VariantDark) != color.Color(light.background) {
		t.Error("light follows the system")
	}
	if New(System).Color(Background, fynetheme.VariantDark) != color.Color(dark.background) {
		t.Error("system does not follow the system")
	}
}
