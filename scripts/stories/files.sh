#!/usr/bin/env bash
# desktop:
# Folders are chosen in the system's dialog, whatever their name; Escape closes it, and nothing is chosen.
. "$(dirname "$0")/lib.sh"
folder="$HOME/C++ and 100%"
mkdir -p "$folder" "$HOME/Letters"
echo "a letter" >"$HOME/Letters/letter.txt"
dialog() { dialog=$(xdotool search --onlyvisible --name 'Choose a folder' | head -n 1) && [ -n "$dialog" ]; }
no_dialog() { ! dialog; }
opened
turns Tab Return # Set up a backup
press Tab Tab
xdotool type --delay 40 "$HOME/Letters"
press Return
press Tab Tab Tab Tab Tab
turns Return # Continue: where it is kept
press Tab Return # Choose…
soon "the system's dialog" dialog
import -window root "$work/dialog.png"
xdotool windowfocus --sync "$dialog" key Escape
soon "the dialog's end" no_dialog
again() {
  dialog && return
  xdotool windowfocus "$window" key Return # Choose… again
  return 1
}
soon "the system's dialog once more" again
xdotool windowfocus --sync "$dialog" type --delay 40 "$folder"
press Return
# A folder that was typed is gone into; a second time chooses it.
chosen() {
  no_dialog && return
  xdotool windowfocus "$dialog" key Return
  return 1
}
soon "the end of the dialog" chosen
xdotool windowfocus --sync "$window"
press shift+Tab
held() { [ "$(selected)" = "$folder" ]; }
soon "the folder in its field" held
kill -TERM "$app"
ended
