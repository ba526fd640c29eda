# Observes, until it is stopped or its time is up; $1 is its folder. Set before: KIND EVERY FOR, and HOST PORT, WROTE TAG, or the function
# command_of. What got through is a line of "NUMBER BEGAN ENDED" in the log, by the machine's uptime.
set -u
cd / || exit 1
PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin LC_ALL=C HOME=/root
export PATH LC_ALL HOME
folder=$1 log=$1/log n=0
give_up() { echo "$1" >"$folder/why"; exit 1; }
: >"$log" || exit 1
# Nothing ever comes from it: a wait without a process.
mkfifo "$folder/pause" && exec 7<>"$folder/pause" || give_up "the observer cannot make its files"
pause() { read -r -t "$EVERY" -u 7; }
read -r now _ </proc/uptime
last=$((${now%.*} + FOR))
lives() {
  [ -e "$folder/stop" ] && exit 0
  read -r now _ </proc/uptime
  [ "${now%.*}" -lt "$last" ]
}
through() {
  read -r now _ </proc/uptime
  printf '%s %s %s\n' "$1" "$2" "$now" >>"$log"
}
# Attempts beside each other, each with so many beats of time: a lost packet is sent again only after a second, which would say nothing.
one() {
  read -r began _ </proc/uptime
  case $KIND in
    connect) exec 9<>"/dev/tcp/$HOST/$PORT" ;;
    ping) ping -n -c 1 -W 1 "$HOST" >/dev/null ;;
  esac || exit 1
  through "$1" "$began"
}
beside() {
  declare -A begun
  while lives; do
    one "$n" 2>/dev/null &
    begun[$!]=$n
    n=$((n + 1))
    if ((n % 5 == 0)); then
      for p in $(jobs -pr); do
        if ((n - ${begun[$p]:-$n} > PATIENCE)); then kill "$p" 2>/dev/null; fi
      done
    fi
    pause
  done
}
: >"$folder/began.new"
case $KIND in
  connect | ping)
    mv "$folder/began.new" "$folder/began"
    beside
    ;;
  write)
    # Nobody's file: made new, or not at all.
    set -C
    { : >"$WROTE"; } 2>/dev/null || give_up "$WROTE cannot be made"
    set +C
    # Only now is it ours to take away.
    printf '%s\n' "$WROTE" >"$folder/wrote" && chmod 600 "$WROTE" || give_up "$WROTE cannot be written"
    mv "$folder/began.new" "$folder/began"
    # Each record has its own place, so one that was torn moves no other.
    while lives; do
      read -r began _ </proc/uptime
      if printf '%s %010d ...................\n' "$TAG" "$n" | dd of="$WROTE" bs=64 seek="$n" conv=notrunc,fsync 2>/dev/null; then through "$n" "$began"; fi
      n=$((n + 1))
      pause
    done
    ;;
  command)
    mv "$folder/began.new" "$folder/began"
    while lives; do
      read -r began _ </proc/uptime
      if command_of </dev/null >/dev/null 2>&1; then through "$n" "$began"; fi
      n=$((n + 1))
      pause
    done
    ;;
esac
# Nobody came for what was seen.
if [ "$KIND" = write ]; then rm -f -- "$WROTE"; fi
rm -rf -- "$folder"
