# Common to every batch. Variables set by the caller: N nonce, S state folder, RUN folder for private folders.
# File descriptors: 3 to us, 4 from us. No child that may outlive its step gets them.

# say ID STATUS TEXT: part of an answer.
say() { printf '@%s a %s %s %s\n%s\n' "$N" "$1" "$2" "${#3}" "$3" >&3; }

# lines LIST COMMAND...: calls COMMAND with each line of LIST.
each_line() {
  LIST=$1; shift
  IFS='
'
  set -f
  for LINE in $LIST; do
    unset IFS
    "$@" "$LINE"
  done
  unset IFS
  set +f
}

# private: makes our private folder, $d, unless there is one.
private() {
  [ -z "$d" ] || return 0
  for f in "$RUN" /run /dev/shm /tmp; do
    d=$(mktemp -d "$f/arcus.XXXXXXXXXX" 2>/dev/null) && return 0
  done
  d=
  x="no folder of its own can be made in $RUN, /run, /dev/shm or /tmp"
  printf '@%s f 1 0 %s\n%s\n' "$N" "${#x}" "$x" >&3
  exit 72
}

# Q is the file that keeps services from being started by their installation, while it is there.
bye() {
  [ -z "$d" ] || rm -rf -- "$d"
  [ -z "$Q" ] || rm -f -- "$Q"
}
