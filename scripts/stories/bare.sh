#!/usr/bin/env bash
# desktop: --bare
# Without a session bus none is started, by the app or by the command line, so none is left behind.
. "$(dirname "$0")/lib.sh"
mkdir -p "$work/bin"
printf '#!/bin/sh\necho "$@" >>"%s/launched"\nexit 1\n' "$work" >"$work/bin/dbus-launch"
chmod +x "$work/bin/dbus-launch"
PATH=$work/bin:$PATH
backed_up
opened
press ctrl+q
ended
"$holdfast" --profile "$work/profile" backup >>"$work/log" 2>&1 || true # the system's keyring, which is not there
[ ! -e "$work/launched" ] || fail "a session bus was started"
