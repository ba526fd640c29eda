# paths ID PATH...: what is there; kept in STAT.
paths() {
  i=$1; shift
  STAT=$(stat -L -c '=%f %s %u %g %U %G %n' -- "$@" 2>&1); say "$i" $? "$STAT"
  STAT="
$STAT
"
  HASH= FOLLOWED=
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

# to_folder PATH: goes to the folder of a file, whose name there is then B. Links are followed only where nobody but root can have made them, and
# told: elsewhere one leads whoever reads as root to what its maker may not read. What is wrong in M.
to_folder() {
  B=${1##*/} D=${1%/*}
  if cd -P -- "${D:-/}" 2>/dev/null && [ "$PWD" = "${D:-/}" ] && [ ! -L "./$B" ]; then return 0; fi
  M="$1 changed while it was looked at"
  f=$(readlink -e -- "$1") || return 1
  if ! above "$1" shut 0 || ! above "$f" shut 0; then M="the way to $1 leads over a symbolic link, and others than root can change $BAD"; return 1; fi
  FOLLOWED="$FOLLOWED
$1
$f"
  B=${f##*/} D=${f%/*}
  cd -P -- "${D:-/}" && [ "$PWD" = "${D:-/}" ]
}

# still: whether what is read is the file that was reached.
still() { [ "$(readlink /proc/self/fd/0)" = "$D/$B" ] || { echo "$B changed while it was looked at"; return 1; }; }

# one_file ID BYTES PATH: so much of its content. All of it is digest enough; otherwise it is noted for digests.
one_file() {
  size_of "$3" || return 0
  if [ "$2" = 0 ] || [ "$R" -gt "$2" ]; then
    if [ "$R" -le 67108864 ]; then HASH="$HASH
$3"; fi
  fi
  if [ "$2" = 0 ]; then return 0; fi
  if ! to_folder "$3"; then say "$1" 40 "$M"; cd /; return 0; fi
  if [ "$R" -le "$2" ]; then
    # Without waiting for anybody, should it be a pipe by now.
    x=$(dd if="./$B" iflag=nofollow,nonblock bs=65536 status=none 2>&1; echo .); x=${x%.}
    if [ "${#x}" = "$R" ]; then say "$1" 3 "$x"; cd /; return 0; fi
  fi
  x=$( { { still || exit; head -c "$2" | base64; } <"./$B"; } 2>&1 ); say "$1" $? "$x"
  cd /
}

# followed ID: the links that were followed, two lines each.
followed() { say "$1" 0 "$FOLLOWED"; }

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
  size_of "$3" || return 0
  if ! to_folder "$3"; then say "$1" 40 "$M"; cd /; return 0; fi
  x=$( { { still || exit; head -c $(($2 + 1)) | base64; } <"./$B"; } 2>&1 ); say "$1" $? "$x"
  cd /
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
