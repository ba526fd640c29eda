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

# above PATH COMMAND...: calls COMMAND with the folders on the way to PATH as further words.
above() {
  UP=${1%/*}; shift
  while [ -n "$UP" ]; do set -- "$@" "$UP"; UP=${UP%/*}; done
  "$@" /
}

# shut STICKY FOLDER...: whether nobody but root can put something in the place of what is in these folders; one where others can is in BAD,
# and what could not be looked at too. With STICKY 1, folders where others can add names, and no more, count as shut.
shut() {
  STICKY=$1 BAD=; shift
  UP=$(stat -L -c '%u %a %n' -- "$@" 2>&1) || { BAD=$UP; return 1; }
  ME=${ME:-$(id -u)}
  each_line "$UP" only_ours
  [ -z "$BAD" ]
}
only_ours() {
  UP=${1#* }
  case ${1%% *} in 0 | "$ME") ;; *) BAD=${UP#* } ;; esac
  case $STICKY${UP%% *} in
    11???) ;;
    *[2367] | *[2367]?) BAD=${UP#* } ;;
  esac
}
