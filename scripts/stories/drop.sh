#!/usr/bin/env bash
# desktop:
# A folder that is dragged from the file manager and dropped on the window is added to what is kept.
. "$(dirname "$0")/lib.sh"
mkdir -p "$HOME/drop/Dropped"
opened
turns Tab Return # Set up a backup
xdotool windowmove "$window" 20 60
thunar "$HOME/drop" >>"$work/log" 2>&1 &
files() { files=$(xdotool search --onlyvisible --name '^drop - ' | head -n 1) && [ -n "$files" ]; }
soon "the file manager" files
xdotool windowsize "$files" 500 400 windowmove "$files" 880 400
# The folder's icon: below the file manager's warning, if it runs as root.
icon_y=110
[ "$(id -u)" -ne 0 ] || icon_y=143
list() { import -window "$window" -crop 640x80+190+180 png:- | identify -format %# -; }
before=$(list)
added() { [ "$(list)" != "$before" ]; }
dragged() {
  added && return
  xdotool mousemove --window "$files" 210 "$icon_y" mousedown 1
  for x in 205 200 190 170; do
    xdotool mousemove --window "$files" "$x" "$icon_y"
    pause
  done
  for x in 700 600 560 550; do
    xdotool mousemove --window "$window" "$x" 560
    pause
  done
  xdotool mouseup 1
  pause
  added
}
soon "the folder among what is kept" dragged
import -window root "$work/dropped.png"
kill -TERM "$app"
ended
