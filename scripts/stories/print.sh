#!/usr/bin/env bash
# desktop:
# The recovery kit goes to the system's printer.
. "$(dirname "$0")/lib.sh"
backed_up
opened
press Tab Tab Tab Tab Tab Tab Tab
turns Return # Show the key
press Tab Tab Tab
turns Return # Print…: it asks first, since the printer keeps a copy for a while
press Tab Return
printed() { lpstat -W all -o | grep -q ^paper-; }
soon "a job of the printer" printed
kill -TERM "$app"
ended
