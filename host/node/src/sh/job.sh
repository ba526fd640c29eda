# start_job FOLDER UNIT FEED SCRIPT AGAIN: SCRIPT prints the wrapper that systemd runs.
start_job() {
  J=$1 n=$2 g=$3 c=$4 k=$5
  if ! command -v systemd-run >/dev/null || [ ! -d /run/systemd/system ]; then refused tool.missing "systemd does not run on this node" 127; return; fi
  mkdir -p -m 0700 "${J%/*}" || { failed state.failed "${J%/*} cannot be made"; return; }
  exec 8>>"${J%/*}/.guard"
  flock -w 20 8 3>&- 4>&- || { failed job.failed "another start is under way"; return; }
  start_job_alone
  exec 8>&-
}
start_job_alone() {
  if [ -d "$J" ]; then
    if job_runs "$J"; then echo attached; return; fi
    if [ -e "$J/began" ]; then
      if [ "$k" = 0 ]; then echo ended before; return; fi
      rm -rf -- "$J.before" && mv -T -- "$J" "$J.before" || { failed state.failed "$J cannot be put aside"; return; }
    else
      # Put down, but never begun: the machine or the batch stopped in between.
      rm -rf -- "$J"
    fi
  fi
  mkdir -m 0700 -- "$J" && "$g" >"$J/stdin" && "$c" >"$J/run" && cp /proc/sys/kernel/random/boot_id "$J/boot-id" && printf '%s\n' "$n" >"$J/unit" ||
    { rm -rf -- "$J"; failed state.failed "$J cannot be written"; return; }
  systemctl reset-failed -- "$n" >/dev/null 2>&1
  if ! timeout 60 systemd-run --unit="$n" --description="Arcus job ${J##*/}" /bin/sh "$J/run" "$J" </dev/null 3>&- 4>&- 8>&-; then
    if [ ! -e "$J/began" ]; then rm -rf -- "$J"; fi
    failed job.failed "systemd-run could not start it"; return
  fi
  # It has begun when its wrapper says so.
  n=0
  while [ ! -e "$J/began" ] && [ "$n" -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
  if [ ! -e "$J/began" ]; then failed job.failed "it was started, but did not begin within 10 s"; fi
}
