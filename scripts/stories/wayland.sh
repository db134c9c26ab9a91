#!/usr/bin/env bash
# desktop: --wayland 2 --size 2400x1600
# On Wayland the first picture is as sharp as any later one, and a second start brings the window to the person.
. "$(dirname "$0")/lib.sh"
backed_up
start
tree() { swaymsg -t get_tree; }
there() { tree | grep -q '"name": "Holdfast"'; }
soon "a window" there
shot() { grim "$1" && identify -format %# "$1"; }
# still waits until two pictures in a row are the same.
still() { [ "$(shot "$work/$1-a.png")" = "$(shot "$work/$1.png")" ] && [ "$(identify -format %k "$work/$1.png")" -gt 50 ]; }
soon "the first frame" still first
gsettings set org.gnome.desktop.interface color-scheme prefer-dark
dark() { still dark && [ "$(shot "$work/dark.png")" != "$(identify -format %# "$work/first.png")" ]; }
soon "dark" dark
gsettings set org.gnome.desktop.interface color-scheme prefer-light
light() { still light && [ "$(shot "$work/light.png")" != "$(identify -format %# "$work/dark.png")" ]; }
soon "light" light
# What is drawn anew with the theme is sharp; the first picture must be the same.
differ=$(compare -metric AE -fuzz 5% "$work/first.png" "$work/light.png" null: 2>&1 || true)
[ "${differ%%.*}" -lt 500 ] || fail "the first picture was blurred: $differ pixels are otherwise"

swaymsg workspace 2 >/dev/null
focused() { tree | tr -d '\n' | grep -q "\"pid\": $app,[^}]*\"visible\": true"; }
hidden() { ! focused; }
soon "an empty workspace" hidden
run || fail "the second start did not hear of the first"
soon "the window on this workspace" focused
kill -TERM "$app"
ended
