# into PATH SHARED: goes into the folder of PATH, whose name from there stays in B. Refuses links on the way, and, unless SHARED, folders
# on the way that others than root can change.
into() {
  B=./${1##*/} D=${1%/*}; [ -n "$D" ] || D=/
  h=$2
  if ! cd -P -- "$D" 2>/dev/null; then refused file.no-parent "there is no folder $D, or it cannot be entered"; return; fi
  if [ "$PWD" != "$D" ]; then refused file.symlink "the way to $D leads over a symbolic link to $PWD"; return; fi
  if [ "$h" = 0 ] && ! above "$1" shut 1; then
    case $BAD in /*) refused file.shared-parent "others than root can change the folder $BAD" ;; *) refused file.no-parent "$BAD" ;; esac
  fi
}

# aside: what is half-written lies beside its place. Where others can change the folder, in one of ours within it: by its name alone they could
# put a link to a file of somebody else in its place, and that one would get owner and mode. B is the way from there.
aside() {
  T=.arcus-$N-$K
  if [ "$h" = 0 ]; then return 0; fi
  if mkdir -m 0700 -- "./$T" && cd -P -- "./$T" && [ "$PWD" = "${D%/}/$T" ] && [ "$(stat -c '%u %a' .)" = "$(id -u) 700" ]; then
    B=.$B
    return 0
  fi
  cd /
  refused file.shared-parent "in the folder $D, what root makes is not root's, or somebody is changing it"
}

# back: ends it.
back() {
  r=$?
  if [ "$h" != 0 ]; then cd -P .. && rmdir -- "./$T" 2>/dev/null; fi
  cd /
  return "$r"
}

# as_expected EXPECT: whether $B is what it must be. What is there otherwise in C.
as_expected() {
  if [ -L "$B" ]; then x=link; elif [ -e "$B" ]; then
    if [ ! -f "$B" ]; then refused file.not-a-file "${B##*/} is there, and it is not a file"; return; fi
    case $1 in any | absent) x=- ;; *) x=$(sha256sum <"$B") || { failed file.failed "${B##*/} cannot be read"; return; }; x=${x%% *} ;; esac
  else x=; fi
  case $1 in
    any) return 0 ;;
    absent)
      [ -n "$x" ] || return 0
      if [ "$x" = - ]; then x=$(sha256sum <"$B"); x=${x%% *}; fi
      ;;
    *) if [ "$x" = "$1" ]; then return 0; fi ;;
  esac
  W=stale C=${x:--} X=1 M=
  return 1
}

# write_file PATH FEED SIZE SHA256 MODE OWNER GROUP KEEP EXPECT SHARED
write_file() {
  a=$1 g=$2 z=$3 s=$4 m=$5 n=$6:$7 k=$8 e=$9; shift 9
  into "$a" "$1" || return
  if [ -L "$B" ]; then refused file.symlink "$a is a symbolic link"; return; fi
  as_expected "$e" || return
  aside || return
  place
  back
}
# place: the file is written, made what it shall be, and put into its place.
place() {
  set -C
  "$g" "$z" >"./$T"; r=$?
  set +C
  if [ "$r" != 0 ]; then
    # Not every shell says why; while our part of the file is there, a full disk is full.
    x=$(stat -f -c '%a %d' .)
    rm -f -- "./$T"
    case $x in
      '0 '* | *' 0') failed node.no-space "$a cannot be written: no space left on the device" "$r" ;;
      *) failed file.failed "$a cannot be written" "$r" ;;
    esac
    return
  fi
  x=$(sha256sum <"./$T")
  if [ "${x%% *}" != "$s" ]; then rm -f -- "./$T"; failed file.failed "what arrived for $a is not what was sent"; return; fi
  if ! chown -- "$n" "./$T" || ! chmod -- "$m" "./$T"; then rm -f -- "./$T"; failed file.failed "$a cannot be given to $n"; return; fi
  if [ "$k" != - ] && [ ! -e "$k" ]; then
    # Once, and never our own: the mark in our folder says that it was looked at, also when nothing was there to keep.
    mkdir -p -m 0700 "${k%/*}" || { rm -f -- "./$T"; failed state.failed "${k%/*} cannot be made"; return; }
    if [ -e "$B" ] && [ ! -e "$B.arcus-original" ] && [ ! -L "$B.arcus-original" ]; then
      if ! cp -a -- "$B" "./$T.o" || ! mv -nT -- "./$T.o" "$B.arcus-original"; then
        rm -f -- "./$T" "./$T.o"; failed file.failed "what is at $a cannot be kept"; return
      fi
    fi
    : >"$k"
  fi
  # Right before: is it still what the diff was made against?
  if ! as_expected "$e"; then rm -f -- "./$T"; return 1; fi
  if [ "$e" = absent ]; then
    if ! ln -T -- "./$T" "$B"; then rm -f -- "./$T"; W=stale C=- X=1; return 1; fi
    rm -f -- "./$T"
  elif ! mv -fT -- "./$T" "$B"; then
    rm -f -- "./$T"; failed file.failed "$a cannot be replaced"; return
  fi
  if [ -e /sys/fs/selinux/enforce ] && command -v restorecon >/dev/null; then restorecon -- "$B"; fi
}

# streamed SIZE: takes that many bytes from us.
streamed() {
  printf '@%s w %s 0 0\n\n' "$N" "$K" >&3
  head -c "$1" <&4
}

# remove_file PATH EXPECT SHARED
remove_file() {
  a=$1 e=$2
  if [ ! -e "$a" ] && [ ! -L "$a" ] && [ ! -d "${a%/*}/" ]; then return; fi
  into "$a" "$3" || return
  if [ ! -e "$B" ] && [ ! -L "$B" ]; then cd /; return; fi
  if [ "$e" != any ] || [ ! -L "$B" ]; then as_expected "$e" || return; fi
  rm -f -- "$B" || { failed file.failed "$a cannot be removed"; return; }
  cd /
}

# make_directory PATH MODE OWNER GROUP SHARED
make_directory() {
  a=$1 m=$2 n=$3:$4
  into "$a" "$5" || return
  if [ -L "$B" ]; then refused file.symlink "$a is a symbolic link"; return; fi
  if [ ! -d "$B" ]; then
    if [ -e "$B" ]; then refused file.not-a-directory "$a is there, and it is not a directory"; return; fi
    mkdir -m 0700 -- "$B" || { failed file.failed "$a cannot be made"; return; }
  fi
  if ! cd -P -- "$B" || [ "$PWD" != "$a" ]; then failed file.failed "$a was exchanged meanwhile"; return; fi
  if ! chown -- "$n" . || ! chmod -- "$m" .; then failed file.failed "$a cannot be given to $n"; return; fi
  if [ -e /sys/fs/selinux/enforce ] && command -v restorecon >/dev/null; then restorecon -- .; fi
  cd /
}
