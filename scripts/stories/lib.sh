# What the stories share; each is run by scripts/stories/run, as
#   scripts/stories/NAME.sh HOLDFAST FOLDER
# on a desktop of scripts/desktop that its second line chooses. Nothing sleeps: all wait for what must come.
# shellcheck shell=bash
set -euo pipefail
holdfast=$1
work=$2
name=$(basename "$0" .sh)
app='' window='' item=''

fail() {
  echo "stories: $name: $1" >&2
  if [ -n "${DISPLAY:-}" ]; then import -window root "$work/failed.png" && echo "  $work/failed.png" >&2; fi
  if [ -n "${WAYLAND_DISPLAY:-}" ]; then grim "$work/failed.png" && echo "  $work/failed.png" >&2; fi
  tail -n 20 "$work/log" >&2 2>/dev/null || true
  exit 1
}
ending() { [ -z "$app" ] || kill -KILL "$app" 2>/dev/null || true; }
trap ending EXIT
pause() { read -rt 0.05 <> <(:) || true; }

# soon waits for a command to succeed, as long as a slow machine may need; and while the app lives.
soon() {
  local what=$1
  shift
  for _ in $(seq 1200); do
    if "$@" >/dev/null 2>&1; then return; fi
    [ -z "$app" ] || kill -0 "$app" 2>/dev/null || fail "the app ended before $what"
    pause
  done
  fail "$what did not come"
}

# backed_up makes a profile with a proven backup, that is next due in three
# days, so that closing the window leaves the app running.
backed_up() {
  mkdir -p "$HOME/Documents"
  echo "a letter" >"$HOME/Documents/letter.txt"
  run setup --destination "$work/place" --source "$HOME/Documents" --key-out "$work/key" >>"$work/log" 2>&1
  run backup >>"$work/log" 2>&1
  run drill >>"$work/log" 2>&1
  local day=$((($(date +%w) + 3) % 7))
  sed -i "1s/{/{\"schedule\": {\"every\": \"week\", \"on\": $day, \"at\": 600},/" "$work/profile/settings.json"
  echo '{"background": "yes"}' >"$work/profile/window.json"
}
run() { "$holdfast" --profile "$work/profile" --keyring file "$@"; }
start() {
  "$holdfast" --profile "$work/profile" --keyring file "$@" >>"$work/log" 2>&1 &
  app=$!
}
visible() { window=$(xdotool search --onlyvisible --name '^Holdfast$' 2>/dev/null | head -n 1) && [ -n "$window" ]; }
drawn() { [ "$(import -window "$window" png:- 2>/dev/null | identify -format %k -)" -gt 50 ]; }
# opened starts the app and waits for its first frame.
opened() {
  start "$@"
  soon "a window" visible
  soon "the first frame" drawn
  xdotool windowfocus --sync "$window"
}
press() { xdotool key --clearmodifiers --delay 40 "$@"; }
# looks is what the window shows, as a sum.
looks() { import -window "$window" png:- | identify -format %# -; }
other() { [ "$(looks)" != "$seen" ]; }
# turns presses keys and waits for the window to look otherwise.
turns() {
  seen=$(looks)
  press "$@"
  soon "a change after $*" other
}
gone() { ! kill -0 "$app" 2>/dev/null; }
# ended waits for the app's end, which must be a good one.
ended() {
  for _ in $(seq 1200); do
    if gone; then
      local code=0
      wait "$app" || code=$?
      app=
      [ "$code" -eq "${1:-0}" ] || fail "the app ended with $code"
      return
    fi
    pause
  done
  fail "the app did not end"
}
# selected is what the field with the focus holds: it is copied.
selected() {
  press ctrl+a ctrl+c
  xclip -selection clipboard -o 2>/dev/null
}
ask() { gdbus call --session "$@"; }
# item is the app's icon in the panel.
item() {
  item=$(ask -d org.freedesktop.DBus -o /org/freedesktop/DBus -m org.freedesktop.DBus.ListNames | grep -o "org.kde.StatusNotifierItem-$app-[0-9]*" | head -n 1)
  [ -n "$item" ]
}
menu() { ask -d "$item" -o /StatusNotifierItem/menu -m com.canonical.dbusmenu.GetLayout -- 0 -1 '[]' | tr '(' '\n'; }
line() { line=$(menu | grep -o "^[0-9]*, {.*'label': <'$1'>" | cut -d, -f1) && [ -n "$line" ]; }
# choose chooses from its menu.
choose() {
  soon "the panel's icon" item
  soon "the menu's line $1" line "$1"
  ask -d "$item" -o /StatusNotifierItem/menu -m com.canonical.dbusmenu.Event -- "$line" clicked "<''>" 0 >/dev/null
}
