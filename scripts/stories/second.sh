#!/usr/bin/env bash
# desktop:
# A second start shows the first's window, also from another workspace; and says so where the first hangs.
. "$(dirname "$0")/lib.sh"
backed_up
opened
where() { wmctrl -l | awk '/ Holdfast$/ {print $2}'; }
here() { [ "$(where)" = 1 ] && visible; }
away() { [ "$(where)" = 0 ] && ! visible; }
wmctrl -s 1
soon "the other workspace" away
run || fail "the second start did not hear of the first"
soon "the window on the other workspace" here

kill -STOP "$app"
first=$app
app=
"$holdfast" --profile "$work/profile" --keyring file >>"$work/log" 2>&1 &
app=$!
two() { [ "$(xdotool search --onlyvisible --name '^Holdfast$' | wc -l)" -eq 2 ]; }
soon "a window that says why" two
window=$(xdotool search --onlyvisible --name '^Holdfast$' | grep -vx "$window" | head -n 1)
soon "its first frame" drawn
import -window "$window" "$work/hangs.png"
xdotool windowfocus --sync "$window"
press Return
ended 1
kill -CONT "$first"
app=$first
kill -TERM "$app"
ended
