# copy_tree SOURCE TARGET MIRROR COMPARE RECEIPT KEPT: copies what is below SOURCE to TARGET with rsync, compares (1), and leaves a
# receipt. KEPT is a folder for what is known of both trees from one copy to the next. Lines on stdout tell how far it is.
copy_tree() {
  from=$1 to=$2 mirror=$3 compare=$4 receipt=$5 kept=$6
  for w in rsync find sed awk xargs sha256sum paste tail cmp; do
    command -v "$w" >/dev/null || stop "there is no program $w on this node"
  done
  for w in "$from" "$to" "${receipt%/*}"; do [ -d "$w" ] || stop "$w is not a directory"; done
  for w in "$to" "${receipt%/*}"; do [ "$(cd -P -- "$w" && pwd -P)" = "$w" ] || stop "the way to $w leads over a symbolic link"; done
  [ "$(stat -c %d:%i -- "$from")" != "$(stat -c %d:%i -- "$to")" ] || stop "$from and $to are the same directory"
  rm -f -- "$receipt"
  work=$kept/work
  rm -rf -- "$work"
  mkdir -p -m 0700 -- "$kept" && mkdir -m 0700 -- "$work" || stop "$kept cannot be made"
  # Gluster has a folder of its own at the root of each volume, which nobody can remove.
  set -- -aHAX --numeric-ids --exclude=/.trashcan
  # Before 3.1.3 it knows of whole seconds only when it decides what has changed.
  recent=$(rsync --version | awk 'NR == 1 { split($3, v, "."); print (v[1] * 10000 + v[2] * 100 + v[3] >= 30103) ? 1 : 0 }')
  fine=$recent holes=1
  told
  if [ "$fine" = 1 ]; then set -- "$@" --modify-window=-1; fi
  echo "looking at $from"
  scan "$from" source || stop "$from cannot be read in full"
  eval "$(awk -F '\t' '{ split($1, m, " "); if (m[1] == "f") { n++; s += m[5]; b += m[10] * 512 } } END { printf "files=%d bytes=%.0f taken=%.0f\n", n, s, b }' "$work/source")"
  fits
  # The last comparison found what size and time do not tell.
  if [ -e "$kept/suspect" ]; then set -- "$@" --checksum; fi
  # Into an empty tree nothing has to be written beside and renamed. (Before 3.1.3 it does not go with holes.)
  begun_with=$(find "$to" -mindepth 1 -maxdepth 1 ! -name .trashcan -print -quit)
  if [ -z "$begun_with" ] && [ "$recent" = 1 ]; then set -- "$@" --inplace --whole-file; fi
  with_holes "$@"
  # While nobody waits for it, and everything is still to be copied or most of it. Into an empty tree that is all.
  whole=1
  if [ "$compare" = 0 ] && together "$@" && [ -z "$begun_with" ]; then whole=0; fi
  if [ "$mirror" = 1 ]; then set -- "$@" --delete; fi
  if [ "$compare" = 1 ] && [ -s "$kept/matched" ] && [ ! -e "$kept/suspect" ] && some "$@"; then whole=0; else rm -f -- "$kept/matched"; fi
  if [ "$whole" = 1 ]; then copy "$@"; fi
  echo "reading both sides, as far as they are not known"
  if [ "$compare" = 1 ]; then compared "$@"; else
    # Now, when nobody waits for it. What changes meanwhile is read again.
    { scan "$from" source && : >"$work/source.good"; } &
    p=$!
    scan "$to" target && : >"$work/target.good"
    wait "$p"
    p=
    if [ -e "$work/source.good" ] && [ -e "$work/target.good" ]; then
      matched "$@" &
      p=$!
    fi
    known "$from" source live &
    known "$to" target live
    wait "$!"
    if [ -n "$p" ]; then wait "$p"; fi
  fi
  {
    printf 'source: %s\ntarget: %s\nfiles: %s\nbytes: %s\n' "$from" "$to" "$files" "$bytes"
    if [ "$compare" = 1 ]; then printf 'entries: %s\nsha256 of the list of all entries, which is the same on both sides: %s\n' "$entries" "$digest"; fi
  } >"$work/receipt" && sync "$work/receipt" 2>/dev/null
  mv -fT -- "$work/receipt" "$receipt" 2>/dev/null || { cp -- "$work/receipt" "$receipt.new" && mv -fT -- "$receipt.new" "$receipt"; } || stop "$receipt cannot be written"
  rm -rf -- "$work"
  if [ "$compare" = 1 ]; then rm -rf -- "$kept"; fi
  echo "through: $files files, $((bytes / 1048576)) MB"
}

stop() { echo "$*"; exit 1; }

# told: what the target's file system can tell of a file. Some keep times in whole seconds, and some count blocks for holes, too; what is not
# kept cannot be compared. (Times that are cut off cost no change: content is compared by its sum.)
told() {
  p=$to/.arcus-told-$$
  rm -f -- "$p"
  { : >"$p" && truncate -s 2097152 -- "$p" && touch -d @1000000000.5 -- "$p"; } || { rm -f -- "$p"; stop "$to cannot be written"; }
  w=$(find "$p" -printf '%T@ %b')
  rm -f -- "$p"
  case ${w%% *} in *.5*) ;; *) fine=0; echo "$to keeps times in whole seconds: compared to the second" ;; esac
  if [ "${w##* }" -ge 4096 ]; then holes=0; echo "$to does not tell holes: they are not compared"; fi
}

# scan TREE NAME: one line per entry, sorted: "type mode uid gid size mtime ctime device:inode links blocks", path, target of the link;
# tabs between them. Newlines, tabs and backslashes in names become \n, \t and \\, and all other bytes stay what they are.
scan() {
  date +%s >"$work/$2.at"
  # shellcheck disable=SC1003
  (cd -P -- "$1" && find . -path ./.trashcan -prune -o -printf '%y %m %U %G %s %T@ %C@ %D:%i %n %b\0%P\0%l\0') 2>"$work/$2.err" |
    LC_ALL=C sed -z 's/\\/\\\\/g; s/\n/\\n/g; s/\r/\\r/g; s/\t/\\t/g' | tr '\0' '\n' | paste - - - | LC_ALL=C sort -t "$(printf '\t')" -k 2,2 >"$work/$2"
  # What vanishes while it is looked at was just removed.
  ! grep -v ': No such file or directory$' "$work/$2.err"
}

# fits: whether the source has room on the target, with what is there already.
fits() {
  free=$(df -B1 --output=avail -- "$to" | tail -n 1)
  # Whoever has room for all of it once more need not be gone through.
  if awk -v f="${free:-0}" -v t="$taken" -v n="$files" 'BEGIN { exit !(f + 0 >= t + n * 4096 + 1048576) }'; then return 0; fi
  there=$(find "$to" -type f -printf '%b\n' 2>/dev/null | awk '{ s += $1 * 512 } END { printf "%.0f", s }')
  # What is written in small pieces takes more than its bytes: a block for each file.
  need=$(awk -v t="$taken" -v n="$files" -v h="${there:-0}" 'BEGIN { x = t + n * 4096 + 1048576 - h; printf "%.0f", x < 0 ? 0 : x }')
  if awk -v f="${free:-0}" -v n="$need" 'BEGIN { exit !(f + 0 < n + 0) }'; then
    stop "$to is too small: $((need / 1048576)) MB more are needed, and $((${free:-0} / 1048576)) MB are free"
  fi
}

# with_holes OPTION...: copies what has holes. A program that looks for holes writes a kilobyte at a time, and would need several times as
# long for all the rest, which comes after it.
with_holes() {
  awk -F '\t' '{ split($1, m, " "); if (m[1] == "f" && m[10] * 512 < m[5]) print $2 }' "$work/source" >"$work/holes"
  [ -s "$work/holes" ] || return 0
  names "$work/holes"
  rsync "$@" --sparse --from0 --files-from="$work/holes.names" -- "$from/" "$to/" >/dev/null 2>"$work/said" && return 0
  # While the source is in use something may vanish.
  if [ "$compare" = 1 ]; then tail -n 20 "$work/said"; stop "rsync cannot copy what has holes"; fi
}

# copy OPTION...: all of it, in one go.
copy() {
  rsync "$@" --info=progress2,name0 -- "$from/" "$to/" >"$work/progress.all" 2>"$work/said" &
  telling "$!"
  # 24: something vanished before it could be copied, which is no fault while the source is in use.
  if [ "$r" != 0 ] && ! { [ "$r" = 24 ] && [ "$compare" = 0 ]; }; then
    tail -n 20 "$work/said"
    stop "rsync ended with status $r"
  fi
}

# together OPTION...: files with one name, several at a time, since most of a small file's time is waiting; then the rest: folders (whose
# times files change that come into them), links, devices, what has holes. False: somebody had trouble, which whoever copies all of it tells.
together() {
  awk -F '\t' -v OFS='\t' -v to="$work/part" -v parts=4 '
    { split($1, m, " "); single = m[1] == "f" && m[9] == 1 && m[10] * 512 >= m[5]; large = single && m[5] > 16777216; if (large) single = 0 }
    FNR == NR { if (single) all += m[5] + 65536; next }
    single { w = to "." int(sum * parts / all); print m[5], $2 >w; sum += m[5] + 65536; next }
    large { print $2 >(to ".large"); next }
    m[1] == "d" { print $2 >(to ".folders") }
    $2 != "" { print $2 >(to ".rest") }' "$work/source" "$work/source"
  bad=0 pids=
  # Nobody else looks into them until they are as they are to be.
  names "$work/part.folders"
  (umask 077 && cd -P -- "$to" && xargs -0 mkdir -p --) <"$work/part.folders.names" 2>/dev/null || bad=1
  for w in "$work"/part.[0-9]*; do
    [ -e "$w" ] || continue
    brought "$w" &
    pids="$pids $!"
  done
  if [ -e "$work/part.large" ]; then
    listed "$work/part.large" "$@" &
    pids="$pids $!"
  fi
  # shellcheck disable=SC2086
  telling $pids
  if [ -e "$work/part.rest" ]; then listed "$work/part.rest" "$@" || bad=1; fi
  rsync "$@" --exclude='*' -- "$from/" "$to/" >/dev/null 2>&1 || bad=1
  rm -f -- "$work"/part.* "$work"/progress.*
  [ "$bad" = 0 ]
}

# listed LIST OPTION...: what the list names. What is not there any more has vanished meanwhile.
listed() {
  list=$1
  shift
  names "$list"
  rsync "$@" --ignore-missing-args --from0 --files-from="$list.names" --info=progress2,name0 -- "$from/" "$to/" >"$work/progress.${list##*.}" 2>/dev/null
  r=$?
  [ "$r" = 0 ] || [ "$r" = 24 ]
}

# names LIST: the same, as rsync takes names: LIST.names.
names() { while IFS= read -r p; do printf './%b\0' "$p"; done <"$1" >"$1.names"; }

# brought LIST: the files that the list names, after their sizes, by cp: it asks a file system for half of what rsync does. Up to a hundred
# of one folder at a time. What is there already is left to whoever looks at all of it.
brought() {
  cd -P -- "$from" || return 1
  list=$1 of=$(wc -l <"$1") tab=$(printf '\t') folder='' sum=0
  left=$of
  set --
  while IFS=$tab read -r size p; do
    case $p in *\\*) p=$(printf '%b.' "$p"); p=${p%.} ;; esac
    case $p in */*) w=${p%/*} ;; *) w=. ;; esac
    if [ "$w" != "$folder" ] || [ $# = 100 ]; then
      batch "$@" || return 1
      set --
      folder=$w
    fi
    if [ -z "$begun_with" ] || [ ! -e "$to/$p" ]; then set -- "$@" "./$p"; fi
    sum=$((sum + size)) left=$((left - 1))
  done <"$list"
  batch "$@"
}

# batch FILE...: copies these to `folder`, and says in rsync's words how far it is.
batch() {
  [ $# != 0 ] || return 0
  LC_ALL=C cp -a -t "$to/$folder" -- "$@" 2>"$list.said" || {
    [ -d "$to/$folder" ] || return 1
    # What is not there any more has vanished meanwhile.
    ! grep -v ': No such file or directory$' "$list.said" >/dev/null || return 1
  }
  printf '%s copied to-chk=%s/%s)\n' "$sum" "$left" "$of" >"$work/progress.${list##*.}"
}

# some OPTION...: what is not noted as the same on both sides, as it is now; in folders of which that is so, whatever is directly in them,
# and what should not be there. False: somebody had trouble, which whoever copies all of it tells.
some() {
  unmatched "$work/source" >"$work/some"
  [ -s "$work/some" ] || return 0
  names "$work/some"
  rsync "$@" --from0 --files-from="$work/some.names" --info=progress2,name0 -- "$from/" "$to/" >"$work/progress.some" 2>/dev/null &
  telling "$!"
  rm -f -- "$work/progress.some"
  [ "$r" = 0 ]
}

# telling PID...: waits for these, and says once a second how far they are; their own words would be one line for every file. `r` is the
# last status that was not 0, and `bad` is 1 then.
telling() {
  begun=$(date +%s)
  while sleep 1 >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
    for w in "$work"/progress.*; do tail -c 300 "$w" | tr '\r' '\n' | tail -n 1; done 2>/dev/null |
      awk -v all="$bytes" -v took="$(($(date +%s) - begun))" '
        NF >= 3 { n++; gsub(/,/, "", $1); sent += $1; if (sub(/.*-chk=/, "", $NF)) { split($NF, m, "[/)]"); left += m[1]; of += m[2] } }
        END {
          if (!n) exit
          printf "copying: %d of %d MB", sent / 1048576, all / 1048576
          if (of) printf ", %d of %d entries to look at", left, of
          if (sent > 0 && all > sent) printf ", about %d s more", took * (all - sent) / sent + 1
          print ""
        }'
  done &
  w=$!
  r=0
  for p; do wait "$p" || { r=$?; bad=1; }; done
  kill -9 "$w" 2>/dev/null
  wait "$w" 2>/dev/null
}

# known TREE NAME HOW: adds the content's SHA-256 to what scan found, from KEPT where the file is unchanged since it was read: same inode,
# size and time of change, and changed long enough before it was looked at (a clock that ticks in steps would not tell of two changes).
known() {
  at=$(settled "$1" "$2")
  : >>"$kept/$2"
  awk -F '\t' -v OFS='\t' 'FILENAME == ARGV[1] { have[$1 "\t" $2] = $3; next }
    { split($1, m, " "); if (m[1] != "f") next; k = m[8] " " m[5] " " m[7]; if (!((k "\t" $2) in have)) print $2 }' "$kept/$2" "$work/$2" >"$work/$2.read"
  mkdir -- "$work/$2.sums"
  # As many at the same time as a file system over the network wants.
  (
    cd -P -- "$1" && while IFS= read -r p; do printf './%b\0' "$p"; done <"$work/$2.read" |
      xargs -0 -r -n 100 -P 8 sh -c 'o=$1; shift; exec sha256sum -- "$@" >>"$o/$$"' _ "$work/$2.sums"
  ) 2>"$work/$2.err"
  r=$?
  if [ "$r" != 0 ] && [ "$3" != live ]; then head -n 5 "$work/$2.err"; return 1; fi
  find "$work/$2.sums" -type f -exec cat -- {} + | awk -v OFS='\t' '
    { escaped = sub(/^\\/, ""); sum = substr($0, 1, 64); path = substr($0, 69); gsub(/\t/, "\\t", path); gsub(/\r/, "\\r", path); print path, sum }' >"$work/$2.new"
  rm -rf -- "$work/$2.sums"
  awk -F '\t' -v OFS='\t' -v at="$at" -v kept="$work/$2.kept" '
    FILENAME == ARGV[1] { have[$1 "\t" $2] = $3; next }
    FILENAME == ARGV[2] { new[$1] = $2; next }
    {
      split($1, m, " ")
      if (m[1] != "f") { print $1, $2, $3, "-"; next }
      k = m[8] " " m[5] " " m[7]
      sum = $2 in new ? new[$2] : have[k "\t" $2]
      if (m[7] + 0 < at && sum != "") print k, $2, sum >kept
      print $1, $2, $3, sum == "" ? "unread" : sum
    }' "$kept/$2" "$work/$2.new" "$work/$2" >"$work/$2.known"
  if [ -e "$work/$2.kept" ]; then mv -f -- "$work/$2.kept" "$kept/$2"; else : >"$kept/$2"; fi
}

# settled TREE NAME: what was changed before this is told from what was changed since scan looked at it. To the target nobody writes but
# us, and nobody of us since then.
settled() {
  read -r at <"$work/$2.at"
  case $(stat -f -c %T -- "$1") in
    nfs*) echo $((at - 600)) ;;
    *) if [ "$2$fine" = target1 ]; then echo 99999999999; else echo $((at - 2)); fi ;;
  esac
}

# matched OPTION...: notes what is the same on both sides, by all that rsync knows of, extended attributes and access lists too, with inode
# and time of change: what has them still when nobody may write, need not be asked for again while everybody waits. Only what
# was changed long enough before it was looked at; and no name that rsync spells in another way.
matched() {
  LC_ALL=C rsync "$@" -8 --dry-run --itemize-changes --out-format='%i %n' -- "$from/" "$to/" >"$work/differs" 2>/dev/null || [ "$?" = 24 ] || return 0
  LC_ALL=C awk -F '\t' -v OFS='\t' -v s="$(settled "$from" source)" -v t="$(settled "$to" target)" '
    FILENAME == ARGV[1] { p = substr($0, 13); sub("/$", "", p); differs[p]; next }
    { split($1, m, " ") }
    FILENAME == ARGV[2] { if (m[7] + 0 < t + 0) there[$2] = m[8] " " m[7]; next }
    m[7] + 0 < s + 0 && $2 != "" && $2 in there && !($2 in differs) && $2 !~ /[\\\001-\037\177]/ { print m[8] " " m[7], there[$2], $2 }
  ' "$work/differs" "$work/target" "$work/source" >"$work/matched" && mv -f -- "$work/matched" "$kept/matched"
}

# unmatched [TARGET] SOURCE: of what scan found, the names that are not noted so. Of the source alone: folders with a slash, by which rsync
# looks into them, too.
unmatched() {
  LC_ALL=C awk -F '\t' '
    FILENAME == ARGV[1] { s[$3] = $1; t[$3] = $2; next }
    { split($1, m, " "); k = m[8] " " m[7] }
    ARGC == 4 && FILENAME == ARGV[2] { there[$2] = k; next }
    !($2 in s) || s[$2] != k || (ARGC == 4 && t[$2] != there[$2]) { print $2 (ARGC == 3 && m[1] == "d" ? "/" : "") }' "$kept/matched" "$@"
}

# alike NAME: of each entry what must be the same on both sides. Hard links by the first path of each file; a directory's size and number
# of links are its file system's affair; a file with holes must not have become one without.
alike() {
  awk -F '\t' -v OFS='\t' -v fine="$fine" '
    {
      split($1, m, " ")
      if (!fine) sub(/[.].*/, "", m[6])
      if (m[1] == "f") {
        link = "-"
        if (m[9] > 1) { if (!(m[8] in first)) first[m[8]] = $2; link = first[m[8]] }
        print $2, "f", m[2], m[3], m[4], m[5], m[6], link, $4
      } else if (m[1] == "l") print $2, "l", m[3], m[4], m[6], $3
      else print $2, m[1], m[2], m[3], m[4], m[6]
    }' "$work/$1.known" >"$work/$1.alike"
}

# stands NAME: of what scan found, what only a writer changes; blocks are given out when the file system likes.
stands() { awk -F '\t' -v OFS='\t' '{ split($1, m, " "); print m[1], m[2], m[3], m[4], m[5], m[6], m[8], m[9], $2, $3 }' "$work/$1"; }

# differing OPTION...: what rsync would still do.
differing() { rsync "$@" --dry-run --itemize-changes --out-format='%i %n%L' -- "$from/" "$to/" >"$work/differs" 2>"$work/said"; }

# compared OPTION...: every entry of both trees, by what find and sha256sum say, and beside it by rsync, which also knows of extended
# attributes, access lists and devices; the latter as far as it is not noted that they were the same, and nothing was changed since. The
# source as it was when this began: whoever wrote to it since is found at the end.
compared() {
  if [ ! -e "$kept/matched" ]; then
    differing "$@" &
    p=$!
  fi
  { known "$from" source && alike source && : >"$work/source.good"; } &
  q=$!
  scan "$to" target || { wait; stop "$to cannot be read in full"; }
  if [ -e "$kept/matched" ]; then
    unmatched "$work/target" "$work/source" >"$work/some"
    names "$work/some"
    differing "$@" --from0 --files-from="$work/some.names" &
    p=$!
  fi
  known "$to" target && alike target || { wait; stop "$to cannot be read in full"; }
  wait "$q"
  [ -e "$work/source.good" ] || { wait; stop "$from cannot be read in full"; }
  wait "$p" || { tail -n 5 "$work/said"; stop "rsync cannot compare: status $?"; }
  entries=$(wc -l <"$work/source.alike")
  digest=$(sha256sum <"$work/source.alike"); digest=${digest%% *}
  # Nobody can write, where all that could are stopped or shut out. What somebody else wrote meanwhile may be on one side only.
  stands source >"$work/source.then"
  scan "$from" source && stands source >"$work/source.now" || stop "$from cannot be read in full"
  if ! cmp -s -- "$work/source.then" "$work/source.now"; then
    diff -- "$work/source.then" "$work/source.now" | grep '^[<>]' | cut -c 1-300 | head -n 10
    stop "$from was written to while it was compared: somebody still uses it who was not stopped"
  fi
  if ! cmp -s -- "$work/source.alike" "$work/target.alike"; then
    : >"$kept/suspect"
    diff -- "$work/source.alike" "$work/target.alike" | grep '^[<>]' | cut -c 1-300 | head -n 10
    stop "the trees differ (lines with < are of $from, those with > of $to): path, type, mode, owner, group, size, time, hard link, content"
  fi
  if [ -s "$work/differs" ]; then
    rm -f -- "$kept/matched"
    cut -c 1-300 "$work/differs" | head -n 10
    stop "the trees differ, says rsync (its letters: see --itemize-changes)"
  fi
  if grep -q "$(printf '\tunread$')" "$work/source.alike"; then stop "the content of a file was not read"; fi
  filled=$(awk -F '\t' 'FILENAME == ARGV[1] { split($1, m, " "); if (m[1] == "f" && m[5] > 1048576 && m[10] * 512 < m[5] * 0.5) hole[$2]; next }
    { split($1, m, " "); if ($2 in hole && m[10] * 512 >= m[5]) print $2 }' "$work/source" "$work/target")
  if [ -n "$filled" ] && [ "$holes" = 1 ]; then
    # So that the next attempt writes them anew.
    rm -f -- "$kept/matched"
    printf '%s\n' "$filled" | while IFS= read -r p; do printf '%s/%b\0' "$to" "$p"; done | xargs -0 -r rm -f --
    printf '%s\n' "$filled" | head -n 3
    stop "files with holes have none any more in $to"
  fi
}
