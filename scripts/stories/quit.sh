#!/usr/bin/env bash
# desktop: --clipboard
# With a clipboard manager and a text that was copied in it, the app ends: by its keys and by SIGTERM.
. "$(dirname "$0")/lib.sh"
copied() { [ "$(selected)" = "$text" ]; }
copy() {
  opened
  turns Tab Return # Set up a backup
  press Tab Tab    # the field for a path
  text="/copied/$1"
  xdotool type --delay 40 "$text"
  soon "the copied text" copied
}
copy first
press ctrl+q
ended
copy second
kill -TERM "$app"
ended
start --background
soon "the app without a window" test -S "$work/profile/window.sock"
kill -TERM "$app"
ended
