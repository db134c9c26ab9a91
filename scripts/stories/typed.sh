#!/usr/bin/env bash
# desktop:
# Dead keys give their characters in the locale C.UTF-8, and in one that is not installed.
. "$(dirname "$0")/lib.sh"
setxkbmap us -variant intl
export LOCPATH=$work/none # no locale is installed but those that the C library has in itself
unset LC_ALL LC_CTYPE LC_MESSAGES
copied() { [ "$(selected)" = "/$text" ]; }
for LANG in C.UTF-8 de_DE.UTF-8 zz_ZZ.UTF-8; do
  export LANG
  opened
  turns Tab Return # Set up a backup
  press Tab Tab    # the field for a path
  press slash dead_acute e dead_diaeresis u dead_acute n 
  text=éüń
  soon "$text in the locale $LANG" copied
  kill -TERM "$app"
  ended
done
