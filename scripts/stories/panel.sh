#!/usr/bin/env bash
# desktop:
# The panel's icon says what it is and how things are; a click on it, and on a notification, opens the window.
. "$(dirname "$0")/lib.sh"
backed_up
start --background
soon "the app without a window" test -S "$work/profile/window.sock"
item() { [ -n "${item:=$(ask -d org.freedesktop.DBus -o /org/freedesktop/DBus -m org.freedesktop.DBus.ListNames | grep -o "org.kde.StatusNotifierItem-$app-[0-9]*" | head -n 1)}" ]; }
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
menu() { ask -d "$item" -o /StatusNotifierItem/menu -m com.canonical.dbusmenu.GetLayout -- 0 -1 '[]' | tr '(' '\n'; }
line() { line=$(menu | grep -o "^[0-9]*, {.*'label': <'Back up now'>" | cut -d, -f1) && [ -n "$line" ]; }
soon "the menu" line
ask -d "$item" -o /StatusNotifierItem/menu -m com.canonical.dbusmenu.Event -- "$line" clicked "<''>" 0 >/dev/null
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
