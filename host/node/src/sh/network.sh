# What `ip`, `ss` and `lsblk` print, one piece each.
interfaces() {
  if ! command -v ip >/dev/null; then say "$1" 127 ''; return; fi
  x=$(ip addr show 2>&1); say "$1" $? "$x"
}

routes() {
  if ! command -v ip >/dev/null; then say "$1" 127 ''; return; fi
  x=$(ip -o -4 route show 2>&1); say "$1" $? "$x"
  x=$(ip -o -6 route show 2>&1) || x=
  say "$(($1 + 1))" 0 "$x"
}

sockets() {
  if ! command -v ss >/dev/null; then say "$1" 127 ''; return; fi
  x=$(ss -ltunp 2>&1); say "$1" $? "$x"
}

block_devices() {
  if ! command -v lsblk >/dev/null; then say "$1" 127 ''; return; fi
  x=$(lsblk -b -p -P -o NAME,KNAME,PKNAME,SIZE,FSTYPE,TYPE,MOUNTPOINT 2>&1); say "$1" $? "$x"
  x=$(cat /proc/swaps 2>/dev/null); say "$(($1 + 1))" 0 "$x"
}
