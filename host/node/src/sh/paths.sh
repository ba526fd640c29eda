# paths ID PATH...: what is there.
paths() {
  i=$1; shift
  x=$(stat -L -c '=%f %s %u %g %U %G %n' -- "$@" 2>&1); say "$i" $? "$x"
}

# digests ID PATH...: of files up to 64 MiB.
digests() {
  i=$1; shift
  x=$(find -L "$@" -maxdepth 0 -type f -size -131073 -exec sha256sum -- '{}' + 2>/dev/null); say "$i" $? "$x"
}

# head_of ID BYTES PATH: the beginning of a file.
head_of() {
  x=$( { head -c "$2" <"$3" | base64; } 2>&1 ); say "$1" $? "$x"
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
