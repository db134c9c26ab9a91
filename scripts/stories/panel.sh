#!/usr/bin/env bash
# desktop:
# The panel's icon says what it is and how things are; a click on it, and on a notification, opens the window.
. "$(dirname "$0")/lib.sh"
backed_up
start --background
soon "the app without a window" test -S "$work/profile/window.sock"
property() { ask -d "$item" -o /StatusNotifierItem -m org.freedesktop.DBus.Properties.Get org.kde.StatusNotifierItem "$1"; }
soon "the panel's icon" item
says() { property "$1" | grep -q "$2"; }
soon "its title" says Title "'Holdfast'"
soon "its name" says Id "'Holdfast'"
soon "how things are" says ToolTip "Backed up today"
picture() { property IconPixmap | md5sum; }
well=$(picture)
ask -d "$item" -o /StatusNotifierItem -m org.kde.StatusNotifierItem.Activate 0 0 >/dev/null
soon "the window after a click on the icon" visible
soon "its first frame" drawn
import -window root "$work/panel.png"
xdotool windowfocus --sync "$window"
press ctrl+w
closed() { ! visible; }
soon "no window" closed

# The place of the backup goes: the backup fails, which is told, by the icon too.
mv "$work/place" "$work/unplugged"
choose "Back up now"
soon "word of the failure" says ToolTip "did not work"
[ "$(picture)" != "$well" ] || fail "the icon looks as if all were well"
notice() { notice=$(xdotool search --onlyvisible --class xfce4-notifyd | head -n 1) && [ -n "$notice" ]; }
soon "the notification" notice
import -window root "$work/notice.png"
eval "$(xdotool getwindowgeometry --shell "$notice" | grep -E '^(WIDTH|HEIGHT)=')"
xdotool mousemove --window "$notice" $((WIDTH - 60)) $((HEIGHT - 32)) click 1 # its button
soon "the window after a click on the notification" visible
kill -TERM "$app"
ended
