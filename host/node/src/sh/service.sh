# hold_unit, release_unit: of $n. An assertion that never holds forbids every start, also of units that lie in /etc, which cannot be
# masked; and what an operator masked stays masked. Why not, in x.
hold_unit() {
  y=/etc/systemd/system/$n.d
  x=$(
    umask 022
    mkdir -p -- "$y" 2>&1 && printf '%s\n' '# Arcus holds this unit: nothing can start it until Arcus releases it.' '[Unit]' 'AssertPathExists=!/' 2>&1 >"$y/.arcus-held.new" &&
      mv -fT -- "$y/.arcus-held.new" "$y/arcus-held.conf" 2>&1 && systemctl daemon-reload 2>&1
  )
}
release_unit() {
  y=/etc/systemd/system/$n.d
  x=$(rm -f -- "$y/arcus-held.conf" 2>&1 && systemctl daemon-reload 2>&1) || return
  rmdir -- "$y" 2>/dev/null
  return 0
}

# service NAME SECONDS ACTION...
service() {
  n=$1 T=$2; shift 2
  if ! command -v systemctl >/dev/null; then refused tool.missing "there is no systemctl on this node" 127; return; fi
  y=$(systemctl show -p LoadState -p ActiveState -p UnitFileState -p NeedDaemonReload -- "$n" 2>&1)
  case $y in *NeedDaemonReload=yes* | *LoadState=not-found*)
    systemctl daemon-reload
    y=$(systemctl show -p LoadState -p ActiveState -p UnitFileState -- "$n" 2>&1)
    ;;
  esac
  case $y in
    *LoadState=not-found*) refused service.not-found "there is no unit $n"; return ;;
    *LoadState=loaded*) ;;
    *LoadState=masked*)
      case " $* " in *start* | *enable*) refused service.masked "$n is masked: it cannot be started or enabled"; return ;; esac
      ;;
    *LoadState=*) ;;
    *) failed service.failed "systemd does not answer: $y"; return ;;
  esac
  for b; do
    case $b in
      hold | release)
        if ! "${b}_unit"; then failed service.failed "$n cannot be ${b}d: $x"; return; fi
        continue
        ;;
    esac
    # Its package may have enabled it since it was looked at; doing it again costs Debian half a second.
    case $b$y in enable*UnitFileState=enabled-runtime*) ;; enable*UnitFileState=enabled*) continue ;; esac
    if [ "$b" = reload ]; then mkdir -p -m 0700 "$S/reloaded" && : >"$S/reloaded/.new"; fi
    if ! watch "$T" - systemctl "$b" -- "$n" && [ "$W" != timeout ]; then
      # "Started too often" is not to stand in the way: how often is our caller's affair.
      case $b,$(systemctl show -p Result -- "$n" 2>&1) in *start,*=start-limit*)
        systemctl reset-failed -- "$n"
        : >"$o"
        X=0
        watch "$T" - systemctl "$b" -- "$n"
        ;;
      esac
    fi
    if [ "$W" = timeout ]; then return; fi
    if [ "$X" != 0 ]; then
      x=$X
      timeout 10 systemctl status --no-pager -l -n 20 -- "$n" </dev/null 3>&- 4>&-
      failed service.failed "systemctl $b $n ended with status $x" "$x"
      return
    fi
    case $b in
      reload) mv -f "$S/reloaded/.new" "$S/reloaded/$n" ;;
      start | restart)
        case $(systemctl show -p ActiveState -- "$n" 2>&1) in *=failed*)
          timeout 10 systemctl status --no-pager -l -n 20 -- "$n" </dev/null 3>&- 4>&-
          failed service.failed "$n failed right after it was started"
          return
          ;;
        esac
        ;;
    esac
  done
}
