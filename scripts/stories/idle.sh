#!/usr/bin/env bash
# desktop:
# Hidden and idle, the app takes under 0.4 % of a core: from the start, and after its window was closed.
. "$(dirname "$0")/lib.sh"
backed_up
most=4000000 # of a second's 1,000,000,000 nanoseconds; a slow computer takes 0.25 %
# The kernel counts what each thread ran, in nanoseconds.
ran() { cat /proc/"$app"/task/*/schedstat | awk '{n += $1} END {printf "%.0f", n}'; }
now() { date +%s%N; }
idle() {
  local begun
  begun=$(now)
  until [ $(($(now) - begun)) -gt 8000000000 ]; do pause; done # what a start leaves to do
  local before at took of
  for _ in 1 2 3; do # what else runs on the computer only adds
    before=$(ran)
    at=$(now)
    until [ $(($(now) - at)) -gt 20000000000 ]; do pause; done
    took=$(($(ran) - before))
    of=$((($(now) - at) / 1000))
    echo "stories: idle, $1: $((took * 100 / of / 1000)).$(printf %03d $((took * 100 / of % 1000))) % of a core"
    [ $((took / (of / 1000000))) -ge "$most" ] || return 0
  done
  fail "hidden and idle, $1, it takes too much of the processor"
}
start --background
soon "the app without a window" test -S "$work/profile/window.sock"
idle "never shown"
run || fail "the second start did not hear of the first"
soon "the window" visible
soon "the first frame" drawn
xdotool windowfocus --sync "$window"
closed() { ! visible; }
press ctrl+w
soon "no window" closed
idle "closed"
kill -TERM "$app"
ended
