# find_live LINE, find_noted LINE: of mountinfo and fstab; the last, and the first, for the target $te. What is live has its root, and behind
# a dash, after as many optional fields as there are, its type and source.
find_live() {
  # shellcheck disable=SC2086
  set -f; set -- $1; set +f
  if [ "${5-}" = "$te" ]; then
    lr=$4; shift 6
    while [ "${1--}" != - ]; do shift; done
    lt=$2 ls=$3
  fi
}
find_noted() {
  case $1 in '#'*) return ;; esac
  # shellcheck disable=SC2086
  set -f; set -- $1; set +f
  if [ "${2-}" = "$te" ]; then fs=$1 fl="$1 $2 ${3-} ${4-}"; fi
}
stand() {
  ls='' lt='' fs='' fl='' lr=''
  each_line "$(cat /proc/self/mountinfo)" find_live
  if [ -e "$F" ]; then each_line "$(cat "$F")" find_noted; fi
}

# plain FIELD: as it is without octal.
plain() { case $1 in *[\\%]*) printf "$(printf %s "$1" | sed 's/%/%%/g')" ;; *) printf %s "$1" ;; esac; }

# real SOURCE: the device behind a label or link; anything else as it is.
real() {
  case $1 in
    UUID=* | LABEL=* | PARTUUID=* | PARTLABEL=*) x=$(findfs "$1" 2>/dev/null) || x=$1 ;;
    *) x=$1 ;;
  esac
  case $x in /*) x=$(readlink -f -- "$x" 2>/dev/null || printf %s "$x") ;; *:/*) x=${x%%:/*}:${x#*:/} ;; esac
  printf %s "$x"
}
# same ONE OTHER: whether both name the same thing (fstab's way of writing).
same() { [ "$1" = "$2" ] || [ "$(real "$1")" = "$(real "$2")" ]; }
same_type() { [ "$1" = "$2" ] || [ "$1" = "fuse.$2" ] || [ "$1$2" = nfs4nfs ]; }

# note LINE: exactly this line for the target, or none when it is empty. Others stay as they are. systemd knows a new mount from the
# kernel and a new line from the next boot on; only of a line it has read before, or one that speaks to it, it must be told (for
# which it runs all its generators: a quarter of a second of a processor).
note() {
  T=$F.arcus-$N
  case $fl,$1 in ,*x-systemd.*) tell=yes ;; ,?*) tell=no ;; *) tell=yes ;; esac
  y=
  set -C
  # shellcheck disable=SC2094
  {
    z=$1
    if [ -e "$F" ]; then
      while IFS= read -r l || [ -n "$l" ]; do
        fs=; find_noted "$l"
        if [ -z "$fs" ]; then printf '%s\n' "$l"; elif [ -n "$z" ]; then printf '%s\n' "$z"; z=; fi
      done <"$F"
    fi
    [ -z "$z" ] || printf '%s\n' "$z"
  } >"$T"; r=$?
  set +C
  if [ "$r" != 0 ]; then rm -f -- "$T"; failed mount.failed "$F cannot be written"; return; fi
  if [ -e "$F" ]; then chown --reference="$F" -- "$T" && chmod --reference="$F" -- "$T"; else chmod 0644 "$T"; fi
  if ! mv -fT -- "$T" "$F"; then rm -f -- "$T"; failed mount.failed "$F cannot be replaced"; return; fi
  if [ "$tell" = yes ] && [ -d /run/systemd/system ]; then timeout 60 systemctl daemon-reload </dev/null 3>&- 4>&-; fi
  return 0
}

# is_bound DIRECTORY: what is live shows this directory. Its source is the device below, so it is told by the place on it.
is_bound() {
  [ -n "$ls" ] && [ -n "$lr" ] && [ "$lr" != / ] || return
  case $1 in *"$(plain "$lr")") ;; *) return 1 ;; esac
}

# way_to DIRECTORY: refuses to make it, or to mount there, where others than root could lead us elsewhere meanwhile.
way_to() {
  e=$1
  until [ -z "$e" ] || [ -d "$e" ]; do
    if [ -L "$e" ]; then refused file.symlink "$e is a symbolic link that leads nowhere"; return; fi
    e=${e%/*}
  done
  x=$(cd -P -- "${e:-/}" && printf %s "$PWD") || { refused mount.failed "${e:-/} cannot be entered"; return; }
  if [ "$x" != "${e:-/}" ]; then refused file.symlink "the way to $1 leads over a symbolic link to $x"; return; fi
  if [ "$e" = "$1" ]; then x=$1; else x=${e%/}/.; fi
  above "$x" shut 1 || refused file.shared-parent "others than root can change the folder $BAD"
}

# mount_it SECONDS SOURCE TARGET TYPE OPTIONS PERSIST OVER OVER-SOURCE LINE LIVE; LINE, and TARGET in te, as fstab writes them.
mount_it() {
  t0=$1 s=$2 a=$3 y=$4 b=$5 k=$6 v=$7 q=$8 c=$9 live=${10}
  stand
  have=no gone=no
  case ",$b," in *,bind,* | *,rbind,*) bound=yes ;; *) bound=no ;; esac
  if [ -n "$ls" ]; then
    if [ "$bound" = yes ] && is_bound "$s"; then have=yes
    elif [ "$bound" = no ] && same "$(plain "$ls")" "$s" && same_type "$lt" "$y"; then have=yes
    elif [ "$v" = mount ] && { same "$(plain "$ls")" "$q" || is_bound "$q"; }; then gone=yes
    else refused mount.foreign "$a already carries $ls ($lt)"; return; fi
  elif [ -L "$a" ] || { [ -e "$a" ] && [ ! -d "$a" ]; }; then
    refused mount.foreign "$a is not a directory"; return
  elif [ -d "$a" ] && [ "$v" != files ] && [ "$live" = 1 ]; then
    for f in "$a"/* "$a"/.[!.]* "$a"/..?*; do
      if [ -e "$f" ] || [ -L "$f" ]; then refused mount.foreign "$a is not empty; it holds ${f##*/}"; return; fi
    done
  fi
  if [ -n "$fs" ] && ! same "$(plain "$fs")" "$s" && ! { [ "$v" = mount ] && same "$(plain "$fs")" "$q"; }; then
    refused mount.foreign "$F already has another source for $a: $fs"; return
  fi
  if [ "$live" = 0 ] && [ "$have" = yes ]; then gone=yes q=$s; fi
  if [ "$gone" = yes ]; then
    watch "$t0" - umount -- "$a" || { if [ "$W" = timeout ]; then return; fi; failed mount.busy "$q cannot be unmounted from $a" "$X"; return; }
  fi
  if [ "$live" = 1 ] && [ "$have" = no ]; then
    way_to "$a" || return
    (umask 022; mkdir -p -- "$a") || { failed mount.failed "$a cannot be made"; return; }
    if ! x=$(cd -P -- "$a" && printf %s "$PWD") || [ "$x" != "$a" ]; then failed file.symlink "the way to $a leads over a symbolic link to $x"; return; fi
    watch "$t0" - mount -t "$y" ${b:+-o "$b"} -- "$s" "$a" || { if [ "$W" = timeout ]; then return; fi; failed mount.failed "$s cannot be mounted on $a" "$X"; return; }
    # Older ones take no other option together with `bind`.
    case $bound,$b, in yes,*,ro,*)
      watch "$t0" - mount -o remount,bind,ro -- "$a" || { if [ "$W" = timeout ]; then return; fi; failed mount.failed "$a cannot be made read-only" "$X"; return; }
      ;;
    esac
    # The helper's status proves nothing: look.
    stand
    if [ -z "$ls" ]; then failed mount.failed "mount said that it worked, but nothing is mounted on $a"; return; fi
  fi
  if [ "$k" = 1 ]; then
    # shellcheck disable=SC2086
    set -f; set -- $c; set +f
    if [ "$fl" != "$1 $2 $3 $4" ]; then note "$c"; fi
  elif [ "$gone" = yes ] && [ -n "$fs" ]; then
    note ''
  fi
}

# unmount_it SECONDS TARGET SOURCE
unmount_it() {
  t0=$1 a=$2 s=$3
  stand
  if [ -n "$s" ]; then
    if [ -n "$ls" ] && ! same "$(plain "$ls")" "$s"; then refused mount.foreign "$a carries $ls, not $s"; return; fi
    if [ -n "$fs" ] && ! same "$(plain "$fs")" "$s"; then refused mount.foreign "$F has $fs for $a, not $s"; return; fi
  fi
  n=0
  while [ -n "$ls" ] && [ "$n" -lt 8 ]; do
    watch "$t0" - umount -- "$a" || { if [ "$W" = timeout ]; then return; fi; failed mount.busy "$a cannot be unmounted" "$X"; return; }
    stand
    n=$((n + 1))
  done
  if [ -n "$fs" ]; then note ''; fi
}
