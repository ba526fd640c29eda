# timers ID: the machine's uptime, then "HOUR NAME" of each timer that has not done its work.
timers() {
  read -r x _ </proc/uptime
  for f in "$S"/timers/*; do
    R=; { read -r R <"$f"; } 2>/dev/null
    if [ -n "$R" ]; then x="$x
${R#\# } ${f##*/}"; fi
  done
  say "$1" 0 "$x"
}
# watched ID FOLDER: the machine's uptime, then what its observer saw.
watched() {
  if [ ! -e "$2/log" ]; then say "$1" 20 ''; return; fi
  read -r x _ </proc/uptime
  say "$1" 0 "$x"
  set -- "$1" "$2" "$(wc -c <"$2/log")"
  printf '@%s a %s 0 %s\n' "$N" "$(($1 + 1))" "$3" >&3
  if [ "$3" -gt 0 ]; then head -c "$3" "$2/log" >&3; fi
  printf '\n' >&3
}
