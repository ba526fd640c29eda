# begin_watch FOLDER UNIT SCRIPT: SCRIPT prints the observer, which runs as a unit of its own, whatever becomes of us.
begin_watch() {
  if ! command -v systemd-run >/dev/null || [ ! -d /run/systemd/system ]; then refused tool.missing "systemd does not run on this node" 127; return; fi
  if ! command -v bash >/dev/null; then refused tool.missing "there is no bash on this node, which is what observes" 127; return; fi
  forget_watch "$1" "$2"
  mkdir -p -m 0700 "${1%/*}" && mkdir -m 0700 -- "$1" && "$3" >"$1/run" || { failed state.failed "${1%/*} cannot be written"; return; }
  if ! timeout 60 systemd-run --unit="$2" "$(command -v bash)" "$1/run" "$1" </dev/null 3>&- 4>&-; then
    failed drill.failed "systemd-run could not start the observer"; return
  fi
  n=0
  while [ ! -e "$1/began" ] && [ ! -s "$1/why" ] && [ "$n" -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
  if [ ! -e "$1/began" ]; then
    x=$(cat "$1/why" 2>/dev/null); forget_watch "$1" "$2"
    failed drill.failed "${x:-the observer did not begin within 10 s}"
  fi
}
# end_watch FOLDER UNIT: what it saw stays.
end_watch() {
  [ -d "$1" ] || return 0
  : >"$1/stop"
  timeout 30 systemctl stop -- "$2.service" >/dev/null 2>&1
  systemctl reset-failed -- "$2.service" >/dev/null 2>&1
  return 0
}
# forget_watch FOLDER UNIT: with what it wrote.
forget_watch() {
  [ -d "$1" ] || return 0
  end_watch "$1" "$2"
  R=; { IFS= read -r R <"$1/wrote"; } 2>/dev/null
  if [ -n "$R" ] && ! timeout 30 rm -f -- "$R"; then failed drill.failed "$R cannot be removed"; return; fi
  rm -rf -- "$1"
}
