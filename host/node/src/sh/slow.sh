# Probes that wait. They run beside each other, at most 16, each into a file of our private folder.
RUNNING=
beside() {
  i=$1; shift
  ( "$@" >"$d/$i" 2>&1 </dev/null 3>&- 4>&-; echo $? >"$d/$i.s" ) &
  RUNNING="$RUNNING $!"
  BESIDE="$BESIDE $i"
  COUNT=$((COUNT + 1))
  if [ "$COUNT" -ge 16 ]; then gather; fi
}
gather() {
  # shellcheck disable=SC2086
  wait $RUNNING
  for i in $BESIDE; do
    r=1; { read -r r <"$d/$i.s"; } 2>/dev/null
    x=$(tr -d '\000' <"$d/$i"); say "$i" "$r" "$x"
  done
  RUNNING='' BESIDE='' COUNT=0
}

# neighbour ADDRESS: lines of `ip neigh`, or of arping, or "own".
neighbour() {
  command -v ip >/dev/null || return 127
  case " $(ip -o addr show 2>/dev/null)" in *" $1/"*) echo own; return ;; esac
  x=$(ip -o route get "$1" 2>/dev/null) || { echo none; return; }
  case $x in *' via '*) echo none; return ;; *' dev '*) x=${x#* dev }; x=${x%% *} ;; *) echo none; return ;; esac
  case $1 in
    *:*) ;;
    *)
      if command -v arping >/dev/null; then
        y=$(arping -c 2 -w 2 -I "$x" "$1" 2>&1)
        case $y in *'eply from'* | *'eceived 0 resp'* | *'0 packets received'*) echo arping; echo "$y"; return ;; esac
      fi
      ;;
  esac
  # No such tool: make the kernel ask, then wait until it is sure. An old entry may outlive its owner by seconds.
  n=0
  while [ "$n" -lt 10 ]; do
    if command -v ping >/dev/null; then
      ping -c 1 -W 1 "$1" >/dev/null 2>&1
    elif command -v bash >/dev/null; then
      bash -c 'echo >"/dev/udp/$1/9"' _ "$1" 2>/dev/null
      sleep 1
    else
      return 127
    fi
    y=$(ip neigh show to "$1" dev "$x" 2>&1)
    case $y in
      *REACHABLE* | *PERMANENT* | *NOARP*) echo neigh; echo "$y"; return ;;
      *FAILED* | '') echo none; return ;;
      *INCOMPLETE*) if [ "$n" -ge 3 ]; then echo none; return; fi ;;
    esac
    n=$((n + 1))
    sleep 0.5
  done
  echo "unsure: $y"
  return 1
}

# reach "ADDRESS PORT"...: one line each: open, refused, silent, or what bash said.
reach() {
  command -v bash >/dev/null || return 127
  # shellcheck disable=SC2016
  bash -c '
    set -f
    folder=$1; shift; all=$#; n=0; waiting=()
    one() { exec 2>"$folder/reach.$1"; exec 9<>"/dev/tcp/$2/$3" && echo open >"$folder/reach.$1"; }
    flush() {
      for ((t = 0; t < 60; t++)); do [ -z "$(jobs -pr)" ] && break; sleep 0.05; done
      for p in $(jobs -pr); do kill "$p" 2>/dev/null; done
      wait 2>/dev/null
    }
    for pair; do
      one "$n" ${pair% *} ${pair#* } & n=$((n + 1))
      if ((n % 128 == 0)); then flush; fi
    done
    flush
    for ((n = 0; n < all; n++)); do
      said=$(tail -n 1 "$folder/reach.$n")
      case $said in
        open) echo open ;;
        *"Connection refused") echo refused ;;
        "" | *"No route to host" | *unreachable | *"timed out") echo silent ;;
        *) echo "$said" ;;
      esac
    done' _ "$d" "$@" 2>/dev/null
}

# holders FOLDER PATTERN: pid, writing, command, cgroup of whoever has something open below it.
holders() {
  find /proc/[0-9]*/fd /proc/[0-9]*/cwd /proc/[0-9]*/root /proc/[0-9]*/exe -maxdepth 1 -type l \( -lname "$2" -o -lname "$2/*" \) 2>/dev/null >"$d/$i.h"
  grep -sl -F " ${1%/}/" /proc/[0-9]*/maps >>"$d/$i.h"
  seen=
  sort -t / -k 3,3n "$d/$i.h" | while IFS= read -r l; do
    p=${l#/proc/}; p=${p%%/*}
    w=0
    case $l in
      */fd/*)
        { while read -r k v; do if [ "$k" = flags: ]; then case $v in *[12]) w=1 ;; esac; break; fi; done <"/proc/$p/fdinfo/${l##*/}"; } 2>/dev/null
        ;;
    esac
    c=; { IFS= read -r c <"/proc/$p/comm"; } 2>/dev/null
    g=; { while IFS= read -r k; do case $k in 0::* | *:name=systemd:*) g=${k##*/}; break ;; esac; done <"/proc/$p/cgroup"; } 2>/dev/null
    printf '%s %s %s %s\n' "$p" "$w" "${g:--}" "$c"
  done
  return 0
}
