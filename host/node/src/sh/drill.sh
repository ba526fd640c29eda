# arm UNIT SECONDS SCRIPT: SCRIPT prints what the timer runs; it stays in our folder until then.
arm() {
  if ! command -v systemd-run >/dev/null || [ ! -d /run/systemd/system ]; then refused tool.missing "systemd does not run on this node" 127; return; fi
  disarm "$1"
  mkdir -p -m 0700 "$S/timers" && "$3" >"$S/timers/$1" || { failed state.failed "$S/timers cannot be written"; return; }
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

# How to bring the interface $1 up as it was. Printed into the timer's script.
way_back() {
  echo "ip link set dev $1 up"
  # IPv4 addresses outlive a link that is down; adding them again would bring back a virtual one that has moved on.
  ip -o -6 addr show dev "$1" scope global | sed -n "s/.* inet6 \([0-9a-f:]*\/[0-9]*\) .*/ip addr add \1 dev $1 2>\/dev\/null/p"
  ip -4 route show dev "$1" proto kernel | sed "s/ linkdown//; s/.*/ip route replace & dev $1 proto kernel/"
  ip -4 route show dev "$1" | grep -v 'proto kernel' | sed "s/ linkdown//; s/.*/ip route replace & dev $1/"
  ip -6 route show dev "$1" | grep -v -e 'proto kernel' -e '^fe80' -e 'proto ra' | sed "s/ linkdown//; s/.*/ip -6 route replace & dev $1/"
}

# isolate INTERFACE UNIT SECONDS
isolate() {
  if ! ip link show dev "$1" >/dev/null 2>&1; then refused drill.failed "there is no interface $1"; return; fi
  G=$1
  back() { way_back "$G"; }
  arm "$2" "$3" back || return
  # A moment later, by systemd: the answer to this very call goes over the link that is cut.
  if ! timeout 60 systemd-run --collect --unit="$2-cut" --on-active=300ms --timer-property=AccuracySec=10ms "$(command -v ip)" link set dev "$1" down </dev/null 3>&- 4>&-; then
    failed drill.failed "$1 cannot be taken down"; x=$M; disarm "$2"; M=$x
  fi
}
# rejoin UNIT
rejoin() {
  if [ -e "$S/timers/$1" ]; then
    /bin/sh "$S/timers/$1" </dev/null 3>&- 4>&-
  fi
  disarm "$1"
}
