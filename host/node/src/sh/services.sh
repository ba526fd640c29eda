# unit_file LINE: keeps what systemd loaded the unit from.
unit_file() {
  case $1 in
    FragmentPath=?* | SourcePath=?* | DropInPaths=?*)
      IFS=' '
      for f in ${1#*=}; do FILES="$FILES
$f"; done
      unset IFS
      ;;
  esac
}

# services ID "PATHS" UNIT...: what systemd says, and when each file it reads was changed.
services() {
  i=$1; FILES=$2; shift 2
  if ! command -v systemctl >/dev/null; then say "$i" 127 ''; return; fi
  set -- -p Id -p LoadState -p ActiveState -p UnitFileState -p FragmentPath -p SourcePath -p DropInPaths -p InactiveExitTimestamp \
    -p InactiveExitTimestampMonotonic -p ActiveEnterTimestampMonotonic -- "$@"
  # Older ones (219) do not know microseconds; for them the start is computed from the time since boot.
  x=$(TZ=UTC systemctl --timestamp=us show "$@" 2>&1); r=$?
  y=0
  case $x in *'unrecognized option'*) x=$(TZ=UTC systemctl show "$@" 2>&1); r=$?; y=$(date +%s%N) ;; esac
  R=
  { IFS= read -r R </proc/uptime; } 2>/dev/null
  say "$i" "$r" "$x"
  each_line "$x" unit_file
  set --
  IFS='
'
  set -f
  for f in $FILES; do set -- "$@" "$f"; done
  unset IFS
  set +f
  x=
  if [ $# -gt 0 ]; then x=$(stat -L -c '%.9Y %n' -- "$@" 2>/dev/null); fi
  say "$((i + 1))" 0 "$y ${R%% *}
$x"
}
