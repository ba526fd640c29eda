# ask ID SECONDS LIMIT STDIN COMMAND...: runs it, both streams apart. Killed when it says more than the limit, or takes longer.
ask() {
  i=$1 t=$2 l=$3; f=/dev/null; if [ -n "$4" ]; then f=$d/i; printf %s "$4" >"$f"; fi; shift 4
  if ! command -v "$1" >/dev/null 2>&1; then say "$i" 127 "missing"; return; fi
  first_uptime; u=$R
  : >"$d/o"; : >"$d/e"; : >"$d/s"
  { { { timeout -k 2 "$t" "$@" <"$f" 3>&- 4>&- 5>&-; echo $? >"$d/s"; } 2>&1 >&5 | head -c $((l + 1)) >"$d/e"; } 5>&1 | head -c $((l + 1)) >"$d/o"; } 4>&- 2>/dev/null
  r=; { read -r r <"$d/s"; } 2>/dev/null
  first_uptime
  case $r in
    124 | 137) if [ $((R - u)) -ge "$t" ]; then say "$i" 124 timeout; return; fi ;;
    '') r=141 ;;
  esac
  set -- $(wc -c <"$d/o") $(wc -c <"$d/e")
  say "$i" "$r" "ran $1 $2"
  send "$((i + 1))" "$d/o" "$1" "$l"
  send "$((i + 2))" "$d/e" "$2" "$l"
}
# send ID FILE SIZE LIMIT: at most LIMIT bytes of it.
send() {
  n=$3; if [ "$n" -gt "$4" ]; then n=$4; fi
  printf '@%s a %s 0 %s\n' "$N" "$1" "$n" >&3
  if [ "$n" -gt 0 ]; then head -c "$n" "$2" >&3; fi
  printf '\n' >&3
}
first_uptime() { R=0; { read -r R x </proc/uptime; } 2>/dev/null; R=${R%%.*}; }
