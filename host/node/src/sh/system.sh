# first FILE: its first line, in R.
first() {
  R=
  { IFS= read -r R <"$1"; } 2>/dev/null || [ -n "$R" ]
}

system() {
  x=
  for f in /proc/sys/kernel/arch /proc/sys/kernel/osrelease /proc/sys/kernel/hostname /etc/machine-id /proc/sys/kernel/random/boot_id; do
    first "$f"
    # Older kernels do not tell the first.
    if [ "$f$R" = /proc/sys/kernel/arch ]; then R=$(uname -m); fi
    x="$x$R
"
  done
  f=/etc/os-release
  if [ ! -e "$f" ]; then f=/usr/lib/os-release; fi
  { while IFS= read -r R || [ -n "$R" ]; do x="$x$R
"; done <"$f"; } 2>/dev/null
  say "$1" 0 "$x"
}

hardware() {
  first /sys/devices/system/cpu/online; x=$R
  first /proc/meminfo; say "$1" $? "$x
$R"
}

# module ID NAME: loaded, or built in.
module() {
  if [ -d "/sys/module/$2" ]; then say "$1" 0 yes; return; fi
  first /proc/sys/kernel/osrelease
  f=/lib/modules/$R/modules.builtin
  if [ -r /proc/modules ]; then
    x=$(cut -d' ' -f1 /proc/modules; [ ! -r "$f" ] || sed 's,.*/,,; s,\.ko.*,,; s,-,_,g' "$f")
    case "
$x
" in
      *"
$2
"*) say "$1" 0 yes ;;
      *) say "$1" 0 no ;;
    esac
  elif [ -r /proc/version ]; then
    # A kernel that has no list of modules loads none.
    say "$1" 0 no
  else
    say "$1" 1 '/proc/modules cannot be read'
  fi
}

# sysctl ID FILE
sysctl_value() {
  if [ ! -e "$2" ]; then say "$1" 20 ''; return; fi
  if first "$2"; then say "$1" 0 "$R"; else x=$(cat "$2" 2>&1); say "$1" $? "$x"; fi
}
