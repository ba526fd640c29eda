# paths ID PATH...: what is there; kept in STAT.
paths() {
  i=$1; shift
  STAT=$(stat -L -c '=%f %s %u %g %U %G %n' -- "$@" 2>&1); say "$i" $? "$STAT"
  STAT="
$STAT
"
  HASH=
}

# size_of PATH: of a regular file among them, in R; fails for anything else.
size_of() {
  case $STAT in *" $1
"*) ;; *) return 1 ;; esac
  R=${STAT%%" $1
"*}
  R=${R##*"
"}
  case $R in =8*) R=${R#* }; R=${R%% *} ;; *) return 1 ;; esac
}

# one_file ID BYTES PATH: so much of its content. All of it is digest enough; otherwise it is noted for digests.
one_file() {
  size_of "$3" || return 0
  if [ "$2" -gt 0 ] && [ "$R" -le "$2" ]; then
    x=$(cat <"$3" 2>&1; echo .); x=${x%.}
    if [ "${#x}" = "$R" ]; then say "$1" 3 "$x"; else x=$( { head -c "$2" <"$3" | base64; } 2>&1 ); say "$1" $? "$x"; fi
    return
  fi
  if [ "$R" -le 67108864 ]; then HASH="$HASH
$3"; fi
  if [ "$2" -gt 0 ]; then x=$( { head -c "$2" <"$3" | base64; } 2>&1 ); say "$1" $? "$x"; fi
}

# digests ID: of the files noted, up to 64 MiB each.
digests() {
  i=$1; shift
  if [ -z "$HASH" ]; then say "$i" 0 ''; return; fi
  IFS='
'
  set -f
  for f in $HASH; do set -- "$@" "$f"; done
  unset IFS
  set +f
  x=$(sha256sum -- "$@" 2>/dev/null); say "$i" $? "$x"
}

# whole ID LIMIT PATH: all of a file.
whole() {
  if [ -d "$3" ]; then say "$1" 21 ''; return; fi
  x=$( { wc -c <"$3"; } 2>&1 ) || { say "$1" 1 "$x"; return; }
  if [ "$x" -gt "$2" ]; then say "$1" 27 "$x"; return; fi
  x=$( { base64 <"$3"; } 2>&1 ); say "$1" $? "$x"
}

# entries ID PATH: how many names are in a folder.
entries() {
  if [ ! -d "$2" ]; then say "$1" 20 ''; return; fi
  if [ ! -r "$2" ] || [ ! -x "$2" ]; then say "$1" 13 ''; return; fi
  n=0
  for f in "$2"/* "$2"/.[!.]* "$2"/..?*; do
    if [ -e "$f" ] || [ -L "$f" ]; then n=$((n + 1)); fi
  done
  say "$1" 0 "$n"
}

# names ID FOLDER PREFIX: names that begin so, with the seconds since they were written.
names() {
  if [ ! -e "$2" ]; then say "$1" 0 ''; return; fi
  if [ ! -r "$2" ] || [ ! -x "$2" ]; then say "$1" 13 ''; return; fi
  set -- "$1" "$2"/"$3"*
  i=$1; shift
  if [ ! -e "$1" ] && [ ! -L "$1" ]; then say "$i" 0 ''; return; fi
  x=$(date +%s; stat -c '%Y %n' -- "$@" 2>/dev/null)
  say "$i" 0 "$x"
}

# kept ID PATH: a small file of our own folder.
kept() {
  x=$( { base64 <"$2"; } 2>&1 ); say "$1" $? "$x"
}
