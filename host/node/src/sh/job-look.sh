# job_fact ID FOLDER: how a job stands.
job_fact() {
  if [ ! -d "$2" ]; then
    if [ -e "$S" ] && [ ! -x "$S" ]; then say "$1" 13 ''; else say "$1" 20 ''; fi
    return
  fi
  x=
  for f in began status boot-id; do
    R=; { IFS= read -r R <"$2/$f"; } 2>/dev/null
    x="$x$R
"
  done
  R=; { IFS= read -r R </proc/sys/kernel/random/boot_id; } 2>/dev/null
  if job_runs "$2"; then y=running; else y=ended; fi
  x="$x$R
$y
$( { [ ! -e "$2/output" ] || tail -c 4096 "$2/output"; } 2>/dev/null | base64)"
  say "$1" 0 "$x"
}
