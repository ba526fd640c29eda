# arm UNIT SECONDS SCRIPT: SCRIPT prints what the timer runs. It stays in our folder, its hour (by the machine's uptime) first, until it
# has done its work.
arm() {
  if ! command -v systemd-run >/dev/null || [ ! -d /run/systemd/system ]; then refused tool.missing "systemd does not run on this node" 127; return; fi
  disarm "$1"
  uptime_s
  mkdir -p -m 0700 "$S/timers" && { echo "# $((R + $2))"; "$3"; echo 'rm -f -- "$0"'; } >"$S/timers/$1" ||
    { failed state.failed "$S/timers cannot be written"; return; }
  if ! timeout 60 systemd-run --unit="$1" --on-active="$2" --timer-property=AccuracySec=100ms /bin/sh "$S/timers/$1" </dev/null 3>&- 4>&-; then
    failed drill.failed "the timer cannot be set"; return
  fi
  case $(systemctl show -p ActiveState -- "$1.timer" 2>&1) in *=active*) ;; *) failed drill.failed "the timer was set, but it does not run" ;; esac
}
# disarm UNIT
disarm() {
  systemctl stop -- "$1.timer" >/dev/null 2>&1
  systemctl reset-failed -- "$1.service" >/dev/null 2>&1
  rm -f -- "$S/timers/$1"
  case $(systemctl show -p ActiveState -- "$1.timer" 2>&1) in *=active*) failed drill.failed "the timer $1 cannot be taken away" ;; esac
}
# fire UNIT: does now what the timer would do.
fire() {
  if [ -e "$S/timers/$1" ] && ! timeout 60 /bin/sh "$S/timers/$1" </dev/null 3>&- 4>&-; then
    failed drill.failed "what the timer $1 would do failed"; return
  fi
  disarm "$1"
}

# How to bring the interface $1 up as it was, without the addresses $2. Printed into the timer's script.
way_back() {
  echo "ip link set dev $1 up"
  # IPv4 addresses outlive a link that is down; adding them again would bring back a virtual one that has moved on. IPv6 ones do not, and
  # those that move are named.
  ip -o -6 addr show dev "$1" scope global | sed -n "s/.* inet6 \([0-9a-f:]*\)\(\/[0-9]*\) .*/\1 \2/p" | while read -r a l; do
    case " $2 " in *" $a "*) ;; *) echo "ip addr add $a$l dev $1 2>/dev/null" ;; esac
  done
  ip -4 route show dev "$1" proto kernel | sed "s/ linkdown//; s/.*/ip route replace & dev $1 proto kernel/"
  ip -4 route show dev "$1" | grep -v 'proto kernel' | sed "s/ linkdown//; s/.*/ip route replace & dev $1/"
  ip -6 route show dev "$1" | grep -v -e 'proto kernel' -e '^fe80' -e 'proto ra' | sed "s/ linkdown//; s/.*/ip -6 route replace & dev $1/"
  # A route that cannot come back (of an address that has moved on) is no reason to call the way back a failure.
  echo true
}

# isolate INTERFACE UNIT SECONDS ADDRESSES: the addresses are those that move, and are not for us to bring back.
isolate() {
  if ! ip link show dev "$1" >/dev/null 2>&1; then refused drill.failed "there is no interface $1"; return; fi
  G=$1 H=$4
  back() { way_back "$G" "$H"; }
  arm "$2" "$3" back || return
  systemctl stop -- "$2-cut.timer" >/dev/null 2>&1
  systemctl reset-failed -- "$2-cut.service" >/dev/null 2>&1
  # A moment later, by systemd: the answer to this very call goes over the link that is cut.
  if ! timeout 60 systemd-run --unit="$2-cut" --on-active=300ms --timer-property=AccuracySec=10ms "$(command -v ip)" link set dev "$1" down </dev/null 3>&- 4>&-; then
    failed drill.failed "$1 cannot be taken down"; x=$M; disarm "$2"; M=$x
  fi
}

# hold_down NAME UNIT SECONDS: kills what runs in the unit NAME, and lets nobody start it until UNIT, a timer, allows it again: neither
# systemd, nor whoever watches over it.
hold_down() {
  case $(systemctl show -p LoadState -- "$1" 2>&1) in *=loaded*) ;; *) refused service.not-found "there is no unit $1"; return ;; esac
  G=$1 H=/run/systemd/system/$1.d
  back() {
    printf '%s\n' "rm -f -- $H/arcus-drill.conf" "rmdir -- $H 2>/dev/null" "systemctl daemon-reload || exit" \
      "systemctl reset-failed -- $G 2>/dev/null" "systemctl start -- $G || exit"
  }
  arm "$2" "$3" back || return
  if ! mkdir -p -m 0755 "$H" || ! printf '[Unit]\nConditionPathExists=!%s\n[Service]\nRestart=no\n' "$H/arcus-drill.conf" >"$H/arcus-drill.conf" || ! systemctl daemon-reload; then
    failed drill.failed "$1 cannot be kept from being started"; x=$M; fire "$2"; W=failed C=drill.failed X=1 M=$x; return 1
  fi
  if ! systemctl kill -s KILL -- "$1"; then
    failed drill.failed "$1 cannot be killed"; x=$M; fire "$2"; W=failed C=drill.failed X=1 M=$x; return 1
  fi
}
