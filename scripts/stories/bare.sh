#!/usr/bin/env bash
# desktop: --bare
# Without a session bus none is started, by the app or by the command line, so
# none is left behind; and the window is light, since nobody asks for dark.
. "$(dirname "$0")/lib.sh"
mkdir -p "$work/bin"
printf '#!/bin/sh\necho "$@" >>"%s/launched"\nexit 1\n' "$work" >"$work/bin/dbus-launch"
chmod +x "$work/bin/dbus-launch"
PATH=$work/bin:$PATH
backed_up
opened
ground=$(import -window "$window" -crop 1x1+950+650 -format '%[hex:p{0,0}]' info:-)
[[ $ground == F* ]] || fail "nobody asked for dark, and the window's ground is $ground"
press ctrl+q
ended
"$holdfast" --profile "$work/profile" backup >>"$work/log" 2>&1 || true # the system's keyring, which is not there
[ ! -e "$work/launched" ] || fail "a session bus was started"
