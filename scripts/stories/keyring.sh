#!/usr/bin/env bash
# desktop:
# While the keyring's own window asks for its password, SIGTERM ends a backup, and the app.
. "$(dirname "$0")/lib.sh"
mkdir -p "$HOME/Documents"
echo "a letter" >"$HOME/Documents/letter.txt"
system() { "$holdfast" --profile "$work/system" "$@"; }
system setup --destination "$work/place" --source "$HOME/Documents" --key-out "$work/key" >>"$work/log" 2>&1
system backup >>"$work/log" 2>&1
collection=/org/freedesktop/secrets/collection/login
ask -d org.freedesktop.secrets -o /org/freedesktop/secrets -m org.freedesktop.Secret.Service.Lock "['$collection']" >>"$work/log"
asked() { xdotool search --onlyvisible --class '^gcr-prompter$'; }
"$holdfast" --profile "$work/system" backup >>"$work/log" 2>&1 & # not by the function: its shell would have the number
app=$!
soon "the keyring's window" asked
kill -TERM "$app"
ended 1
# The keyring leaves its window open; the person closes it.
not_asked() {
  local w
  w=$(asked | head -n 1) && [ -n "$w" ] || return 0
  xdotool windowfocus "$w" key Escape
  return 1
}
soon "the end of the keyring's window" not_asked
"$holdfast" --profile "$work/system" >>"$work/log" 2>&1 &
app=$!
soon "a window" visible
choose "Back up now"
soon "the keyring's window" asked
kill -TERM "$app"
ended
