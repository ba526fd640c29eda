# under_guard COMMAND...: alone on this node.
under_guard() {
  mkdir -p -m 0700 "$S" && : >>"$S/guard" || { failed state.failed "$S cannot be written"; return; }
  exec 9>>"$S/guard"
  if flock -w 20 9 3>&- 4>&-; then "$@"; else failed state.failed "$S/guard is locked"; fi
  exec 9>&-
}
stored_epoch() {
  R=0; { read -r R <"$S/epoch"; } 2>/dev/null
  case $R in '' | *[!0-9]*) R=0 ;; esac
}
holder() { R=; { read -r R <"$S/lock"; } 2>/dev/null; }

# lock_take RUN EPOCH STALE OVER FEED
lock_take() {
  holder
  if [ -n "$R" ] && [ "$R" != "$1" ] && [ "$R" != "$4" ]; then
    x=$(($(date +%s) - $(stat -c %Y "$S/lock")))
    if [ "$x" -lt "$3" ]; then cat "$S/lock"; refused lock.held "run $R holds the lock; its last sign of life is $x s old"; return; fi
  fi
  holder; h=$R
  stored_epoch
  if [ "$R" -gt "$2" ] || { [ "$R" = "$2" ] && [ "$h" != "$1" ]; }; then refused lock.epoch "epoch $R was seen here already"; return; fi
  # By a program, which says why it cannot.
  printf '%s\n' "$2" | tee "$S/epoch.new" >/dev/null && mv -f "$S/epoch.new" "$S/epoch" &&
    { printf '%s\n' "$1"; "$5"; } | tee "$S/lock.new" >/dev/null && mv -f "$S/lock.new" "$S/lock" ||
    { rm -f "$S/epoch.new" "$S/lock.new"; failed state.failed "$S cannot be written"; return; }
  # Records of old runs: the newest 20 stay.
  # shellcheck disable=SC2012
  if [ -d "$S/steps" ]; then (cd "$S/steps" && ls -t | tail -n +21 | while IFS= read -r f; do rm -f -- "./$f"; done); fi
  return 0
}
# lock_beat RUN
lock_beat() {
  holder
  if [ "$R" = "$1" ]; then touch "$S/lock" || failed state.failed "$S/lock cannot be touched"; return; fi
  stored_epoch
  W=fenced C=$R X=1
  return 1
}
# lock_release RUN
lock_release() {
  holder
  [ "$R" != "$1" ] || rm -f -- "$S/lock"
}
# keep_secret FILE FEED
keep_secret() {
  mkdir -p -m 0700 "$S/secrets" || { failed state.failed "$S/secrets cannot be made"; return; }
  "$2" >"$S/secrets/.new" || { rm -f "$S/secrets/.new"; failed state.failed "$S/secrets cannot be written"; return; }
  if [ -e "$1" ]; then
    cmp -s "$1" "$S/secrets/.new" || { W=stale C=$(sha256sum <"$1") X=1; C=${C%% *}; }
    rm -f "$S/secrets/.new"
    [ "$W" = done ]
  else
    mv -nT "$S/secrets/.new" "$1" || failed state.failed "$1 cannot be written"
  fi
}
# note_drill FEED
note_drill() {
  "$1" | tee "$S/drill.new" >/dev/null && mv -f "$S/drill.new" "$S/drill" || { rm -f "$S/drill.new"; failed state.failed "$S/drill cannot be written"; }
}
# forget_drill RUN
forget_drill() {
  R=; { read -r R <"$S/drill"; } 2>/dev/null
  [ "$R" != "$1" ] || rm -f -- "$S/drill"
}
