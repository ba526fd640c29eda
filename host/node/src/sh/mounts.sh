# sort_mount LINE: notes where to ask for sizes; network file systems apart, since they can hang.
sort_mount() {
  case $1 in /proc/self/mounts:*) ;; *) return ;; esac
  # shellcheck disable=SC2086
  set -- $1
  case $2 in
    *\\*) t=$(printf "$(printf %s "$2" | sed 's/%/%%/g')") ;;
    *) t=$2 ;;
  esac
  case $3 in
    ext[234] | xfs | btrfs | vfat | exfat | tmpfs | overlay | zfs | f2fs | jfs | reiserfs | bcachefs) NEAR="$NEAR
$t" ;;
    nfs | nfs[34] | cifs | smb* | ceph | glusterfs | 9p | virtiofs | fuse.* | fuseblk | gfs2 | ocfs2 | lustre) FAR="$FAR
$t" ;;
  esac
}

# sizes LIST PREFIX...
sizes() {
  l=$1; shift
  IFS='
'
  set -f
  for t in $l; do set -- "$@" "$t"; done
  unset IFS
  set +f
  "$@" 2>/dev/null
}

mounts() {
  # One process for all; each line begins with the name of its file.
  set -- "$1" /proc/self/mounts /proc/self/mountinfo
  if [ -e "$F" ]; then set -- "$@" "$F"; fi
  i=$1; shift
  x=$(grep -H '' "$@" 2>&1); r=$?
  say "$i" "$r" "$x"
  NEAR='' FAR=''
  each_line "$x" sort_mount
  x=
  if [ -n "$NEAR" ]; then x=$(sizes "$NEAR" stat -f -c '%S %b %a %n' --); fi
  if [ -n "$FAR" ]; then
    x="$x
$(sizes "$FAR" timeout -k 1 3 stat -f -c '%S %b %a %n' --)"
  fi
  say "$((i + 1))" 0 "$x"
}
