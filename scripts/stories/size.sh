#!/usr/bin/env bash
# desktop: --dpi 192 --size 2400x1600
# Xft.dpi is heeded, the window's size remembered, within the screen, and written as a whole.
. "$(dirname "$0")/lib.sh"
backed_up
size() { xdotool getwindowgeometry --shell "$window" | sed -n 's/^WIDTH=//p; s/^HEIGHT=//p' | xargs; }
is() { [ "$(size)" = "$1" ]; }
opened
soon "twice the usual size" is "2000 1400"
import -window "$window" "$work/200.png"
xdotool windowsize "$window" 1800 1240
soon "another size" is "1800 1240"
kept() { grep -q '"window-width": 900' "$work/profile/window.json"; }
soon "the size in the file" kept
press ctrl+q
ended
opened
soon "the size that it had" is "1800 1240"
press ctrl+q
ended
sed -i 's/"window-width": 900/"window-width": 9000/' "$work/profile/window.json"
opened
within() { read -r w h < <(size) && [ "$w" -le 2400 ] && [ "$w" -gt 2000 ] && [ "$h" -le 1600 ]; }
soon "a size within the screen" within
kill -TERM "$app"
ended
# Who chose a scale for the toolkit gets that.
rm "$work/profile/window.json"
export FYNE_SCALE=1
opened
soon "the size of one's own scale" is "1000 700"
kill -TERM "$app"
ended
