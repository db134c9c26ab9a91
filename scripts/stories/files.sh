#!/usr/bin/env bash
# desktop:
# Folders are chosen in the system's dialog, whatever their name; Escape closes it. Folders can be dropped on the window.
. "$(dirname "$0")/lib.sh"
folder="$HOME/C++ 100% Größe"
mkdir -p "$folder/inside" "$HOME/drop/Dropped"
opened
turns Tab Return # Set up a backup
press Tab
turns Return # Choose…, or Add folder…
dialog() { dialog=$(xdotool search --onlyvisible --name 'Choose a folder' | head -n 1) && [ -n "$dialog" ]; }
soon "the system's dialog" dialog
import -window root "$work/dialog.png"
no_dialog() { ! dialog; }
xdotool windowfocus --sync "$dialog"
press Escape
soon "the dialog's end" no_dialog
