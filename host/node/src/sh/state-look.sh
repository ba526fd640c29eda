# lock_fact ID
lock_fact() {
  if [ -e "$S" ] && [ ! -x "$S" ]; then say "$1" 13 ''; return; fi
  R=0; { read -r R <"$S/epoch"; } 2>/dev/null
  x=$R
  if [ -e "$S/lock" ]; then
    x="$x
$(date +%s) $(stat -c %Y "$S/lock" 2>/dev/null)
$(cat "$S/lock" 2>/dev/null)"
  fi
  say "$1" 0 "$x"
}
