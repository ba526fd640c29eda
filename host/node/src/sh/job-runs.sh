# job_runs FOLDER: whether its wrapper lives: it holds this lock as long as it does. Or systemd is about to start it.
job_runs() {
  if [ -e "$1/lock" ] && ! flock -n "$1/lock" true 3>&- 4>&- 2>/dev/null; then return 0; fi
  if [ -e "$1/status" ] || [ -e "$1/began" ]; then return 1; fi
  R=; { IFS= read -r R <"$1/unit"; } 2>/dev/null
  [ -n "$R" ] || return 1
  case $(systemctl show -p ActiveState -- "$R" 2>/dev/null) in *=active | *=activating) return 0 ;; esac
  return 1
}
