# Tasks. A task is a function; it runs with its output in $o, and says how it ended in W (word), C (code), X (status), M (message).

# begin TASK: tells that it begins. Ends everything when nobody listens, or when another run has taken over.
begin() {
  K=$1 W=done C=- X=0 M='' DIES=0
  : >"$o"
  printf '@%s b %s 0 0\n\n' "$N" "$1" >&3 || exit 71
  if [ "$E" != 0 ]; then
    R=0; { read -r R <"$S/epoch"; } 2>/dev/null
    if [ "$R" != "$E" ]; then printf '@%s f 0 0 %s\n%s\n' "$N" "${#R}" "$R" >&3; exit 0; fi
  fi
}

# end ID: reports, notes it when it is done, and says whether to go on.
end() {
  x=
  if [ -s "$o" ]; then x=$(tail -c 8192 "$o" | tr -d '\000'; echo .); x=${x%.}; fi
  x="$W $C
$M
$x"
  if [ "$W" = done ] && [ "$E" != 0 ]; then printf '%s\n' "$1" >>"$S/steps/$RUNID"; fi
  printf '@%s r %s %s %s\n%s\n' "$N" "$K" "$X" "${#x}" "$x" >&3 || exit 71
  [ "$W" = done ]
}

failed() { W=failed C=$1 M=$2 X=${3:-1}; return 1; }
refused() { W=refused C=$1 M=$2 X=${3:-1}; return 1; }

# fence: compares epochs, and keeps ours when it is higher.
fence() {
  if ! { [ -d "$S/steps" ] || mkdir -p -m 0700 "$S/steps" 2>"$o"; } || ! { : >>"$S/guard"; } 2>>"$o"; then
    x=$(cat "$o")
    printf '@%s f 1 0 %s\n%s\n' "$N" "${#x}" "$x" >&3; exit 0
  fi
  exec 9>>"$S/guard"
  if ! flock -w 20 9 3>&- 4>&-; then
    x="$S/guard is locked"
    printf '@%s f 1 0 %s\n%s\n' "$N" "${#x}" "$x" >&3; exit 0
  fi
  R=0; { read -r R <"$S/epoch"; } 2>/dev/null
  case $R in '' | *[!0-9]*) R=0 ;; esac
  if [ "$R" -gt "$E" ]; then printf '@%s f 0 0 %s\n%s\n' "$N" "${#R}" "$R" >&3; exit 0; fi
  # By a program: it says why it cannot, as on a full disk, where making a file goes well and filling it does not.
  if [ "$R" != "$E" ] && ! { printf '%s\n' "$E" | tee "$S/epoch.new" >/dev/null 2>"$o" && mv -f "$S/epoch.new" "$S/epoch" 2>>"$o"; }; then
    x=$(cat "$o"); rm -f "$S/epoch.new"
    printf '@%s f 1 0 %s\n%s\n' "$N" "${#x}" "$x" >&3; exit 0
  fi
  exec 9>&-
}

# watch SECONDS FEED COMMAND...: runs it with what FEED prints (or - for nothing), shows its last line each second, and
# kills it when its time is up. Where DIES is 1 also when nobody listens any more; otherwise it goes on to its end (a package manager
# that is killed leaves more work than it saves), and the batch ends after it. Status in X; W=timeout when it took too long.
watch() {
  t=$1 g=$2; shift 2
  uptime_s; u=$R
  if [ "$g" = - ]; then
    { umask 022; exec timeout -k 10 "$t" "$@"; } >>"$o" 2>&1 </dev/null 3>&- 4>&- &
  else
    "$g" 3>&- 4>&- 2>/dev/null | { umask 022; exec timeout -k 10 "$t" "$@"; } >>"$o" 2>&1 3>&- 4>&- &
  fi
  p=$!
  (
    trap - 0 HUP INT TERM
    trap '' PIPE
    exec 4<&-
    n=0 y=
    while sleep 1 </dev/null >/dev/null 2>&1 3>&-; do
      l=
      # Looked at only when something was written since: each program more, every second, is felt where many nodes share a machine.
      if [ "$n" = 0 ] || [ "$o" -nt "$o.seen" ]; then
        : >"$o.seen"
        n=$((n + 1))
        if [ $((n % 5)) = 0 ] && [ "$(wc -c <"$o")" -gt 16777216 ]; then : >"$o"; fi
        l=$(tail -c 400 "$o")
        l=${l##*"
"}
        l=$(printf '%.200s.' "$l"); l=${l%.}
        if [ "$l" = "$y" ]; then l=; else y=$l; fi
      fi
      # Empty where nothing is new: it still finds out whether anybody listens.
      printf '@%s p %s 0 %s\n%s\n' "$N" "$K" "${#l}" "$l" >&3 || { [ "$DIES" = 0 ] || kill "$p"; exit; }
    done
  ) 2>/dev/null &
  w=$!
  wait "$p"; X=$?
  # Not TERM: it is lost when the watcher has not yet reset its traps.
  kill -9 "$w" 2>/dev/null
  wait "$w" 2>/dev/null
  if [ "$X" = 124 ] || [ "$X" = 137 ]; then
    uptime_s
    if [ $((R - u)) -ge "$t" ]; then W=timeout M="took longer than $t s"; fi
  fi
  return "$X"
}
uptime_s() { R=0; { read -r R x </proc/uptime; } 2>/dev/null; R=${R%%.*}; }

# run SECONDS FEED LIES COMMAND...
run() {
  l=$3
  if ! command -v "$4" >/dev/null 2>&1; then refused tool.missing "there is no program $4 on this node" 127; return; fi
  t=$1 g=$2; shift 3
  DIES=1
  watch "$t" "$g" "$@" && return
  if [ "$W" = timeout ] || [ "$l" = 1 ]; then return 0; fi
  failed command.failed "$1 ended with status $X" "$X"
}
