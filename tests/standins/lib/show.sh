# Stand-in for tests: grctl's tables. The states are those that the nodes' agents wrote to etcd.
declare -A REC SEEN
declare -a UIDS

# The region API: it must answer at the address it was installed with, which for 5.1 is the virtual one if there is one.
api() {
  local endpoint host port
  endpoint=$(sed -n 's/^ *- *https*:\/\///p' ~/.rbd/grctl.yaml 2> /dev/null | head -1)
  host=${endpoint%:*} port=${endpoint##*:}
  if ! tcp "${host:-127.0.0.1}" "${port:-8888}" || ! load; then
    if is51; then
      echo "The current cluster api server is not working properly."
      echo "You can query the service log for troubleshooting."
      echo "Exec Command: journalctl -fu rbd-api"
    else
      echo "Code 500, Msg:dial tcp ${endpoint:-127.0.0.1:8888}: connect: connection refused"
    fi
    exit 1
  fi
}

load() {
  local key value lines
  REC=() SEEN=() UIDS=()
  lines=$(etcd_here get --prefix /rainbond/ 2> /dev/null) || return 1
  while read -r key && read -r value; do
    case $key in
      /rainbond/nodes/*) REC[${key##*/}]=$value ;;
      /rainbond/status/*) SEEN[${key##*/}]=$value ;;
    esac
  done <<< "$lines"
  local uid
  mapfile -t UIDS < <(for uid in "${!REC[@]}"; do get internal_ip "${REC[$uid]}"; echo "$REPLY $uid"; done | sort -V | cut -d' ' -f2)
}

# Sets WORD (the status as shown), HEALTHY, CONDITIONS ("name=True:message" by ;) of a node.
judge() {
  local record=${REC[$1]} seen=${SEEN[$1]-} status marks= compute=false now
  get status "$record"
  status=$REPLY CONDITIONS=${seen#* } HEALTHY=false
  get_roles "$record"
  is_role "$REPLY" compute && compute=true
  get unschedulable "$record"
  [ $compute$REPLY = truetrue ] && marks=unschedulable
  if [ "$status" = install_success ] && [ -n "$seen" ]; then
    printf -v now '%(%s)T' -1
    if [ $((now - ${seen%% *})) -gt "$UNKNOWN" ]; then
      WORD=unknown CONDITIONS=
      return
    fi
    [[ ";$CONDITIONS" != *=False* ]] && HEALTHY=true
    status=running
    get up "$record"
    if [ $compute = true ] && [ "$REPLY" != true ]; then
      # No Kubernetes node before `node up`: offline, and so not healthy.
      status=offline HEALTHY=false
    fi
  fi
  [ $HEALTHY = true ] || marks=${marks:+$marks,}unhealth
  [ $status = offline ] && marks=${marks:+$marks,}offline
  WORD=$status${marks:+($marks)}
}
UNKNOWN=$(knob unknown-seconds 60)

host_of() { # what the agent says, else what was added
  if [[ ${SEEN[$1]-} =~ \;host=([^;]*) ]]; then REPLY=${BASH_REMATCH[1]}; else get host_name "${REC[$1]}"; fi
}

# table: rows of tab-separated cells on stdin, the first is the header; "-" is a rule.
shopt -s extglob
table() {
  local -a rows cells widths
  local row index text rule=+ line
  mapfile -t rows
  for row in "${rows[@]}"; do
    IFS=$'\x1f' read -r -a cells <<< "${row//$'\t'/$'\x1f'}"
    for index in "${!cells[@]}"; do
      text=${cells[index]//$'\e['*([0-9;])m/}
      [ ${#text} -gt "${widths[index]:-0}" ] && widths[index]=${#text}
    done
  done
  for index in "${!widths[@]}"; do
    printf -v line '%*s' $((widths[index] + 2)) ''
    rule+=${line// /-}+
  done
  echo "$rule"
  for row in "${rows[@]}"; do
    if [ "$row" = - ]; then echo "$rule"; continue; fi
    IFS=$'\x1f' read -r -a cells <<< "${row//$'\t'/$'\x1f'}"
    line=
    for index in "${!widths[@]}"; do
      text=${cells[index]-}
      text=${text//$'\e['*([0-9;])m/}
      printf -v text '| %s%*s ' "${cells[index]-}" $((widths[index] - ${#text})) ''
      line+=$text
    done
    echo "$line|"
    [ "$row" = "${rows[0]}" ] && echo "$rule"
  done
  echo "$rule"
}

node_list() {
  local uid group role ip host own first=true mode=
  is51 || mode=$'node\t'
  {
    is51 && printf 'Uid\tIP\tHostName\tNodeRole\tStatus\n' || printf 'Uid\tIP\tHostName\tNodeRole\tNodeMode\tStatus\n'
    for group in manage other; do
      for uid in "${UIDS[@]}"; do
        get_roles "${REC[$uid]}"
        role=$REPLY own=other
        is_role "$role" manage && own=manage
        [ $own = $group ] || continue
        [ $group = other ] && [ $first = true ] && echo - && first=false
        judge "$uid"
        get internal_ip "${REC[$uid]}"
        ip=$REPLY
        host_of "$uid"
        printf '%s\t%s\t%s\t%s\t%s%s\n' "$uid" "$ip" "$REPLY" "$role" "$mode" "$WORD"
      done
    done
  } | table
}

cluster() {
  api
  local uid status=healthy message= manage=0 compute=0 gateway=0 ready=0 total=0 name part value role
  declare -A good all text
  for uid in "${UIDS[@]}"; do
    judge "$uid"
    get_roles "${REC[$uid]}"
    role=$REPLY
    host_of "$uid"
    total=$((total + 1))
    [ $HEALTHY = true ] && ready=$((ready + 1))
    if [[ $WORD == running* ]]; then
      if is51; then
        is_role "$role" manage && manage=1
        is_role "$role" compute && compute=1
        is_role "$role" gateway && gateway=1
      else
        # 5.0 compares the whole text: "manage,gateway" counts as neither.
        case $role in manage) manage=1 ;; compute) compute=1 ;; manage,compute | compute,manage) manage=1 compute=1 ;; esac
      fi
    fi
    while IFS= read -r -d';' part; do
      name=${part%%=*} value=${part#*=}
      case $name in host | "") continue ;; esac
      [ "$name" = Ready ] && continue
      all[$name]=$((${all[$name]:-0} + 1))
      if [[ $value == True* ]]; then good[$name]=$((${good[$name]:-0} + 1)); else text[$name]="$REPLY:${value#False:}/"; fi
    done <<< "$CONDITIONS;"
  done
  [ $ready -lt $total ] && status=unhealthy message="There is a service exception in the cluster"
  if is51; then
    [ $manage = 0 ] && status=unavailable message="No management nodes are available in the cluster"
    [ $compute = 0 ] && status=unavailable message="No compute nodes are available in the cluster"
    [ $gateway = 0 ] && status=unavailable message="No gateway nodes are available in the cluster"
  elif [ $manage = 0 ] || [ $compute = 0 ]; then
    status=unavailable message="No compute nodes or management nodes are available in the cluster"
  fi
  local cores memory
  cores=$((total * $(nproc))) memory=$((total * $(awk '/MemTotal/ {print int($2/1024)}' /proc/meminfo)))
  printf '                   \tUsed/Total  \tUse of\n'
  printf '%s\t0.00/%s\t0%%\n' "$(is51 && echo 'CPU(Core)' || echo CPU)" $cores
  printf '%s\t0/%s\t0%%\n' "$(is51 && echo 'Memory(Mb)' || echo Memory)" $memory
  local red='\033[0;31;31m' green='\033[0;32;32m' off='\033[0m' colour
  {
    printf 'Service\tHealthyQuantity/Total\tMessage\n'
    [ $status = healthy ] && colour=$green || colour=$red
    printf "ClusterStatus\t$colour%s$off\t%s\n" $status "$message"
    [ $ready = $total ] && colour=$green || colour=$red
    printf "Ready\t$colour%s$off\t%s\n" $ready/$total ""
    for name in "${!all[@]}"; do
      if [ "${good[$name]:-0}" = "${all[$name]}" ]; then
        printf "%s\t$green%s$off\t%s\n" "$name" "${good[$name]}/${all[$name]}" ""
      else
        printf "%s\t$red %s $off\t%s\n" "$name" "${good[$name]:-0}/${all[$name]}" "${text[$name]-}"
      fi
    done
  } | table
  echo
  node_list
}

node_get() {
  [ -n "$1" ] || { echo "need args" >&2; exit 0; }
  api
  local record=${REC[$1]-} part name value word=
  [ -n "$record" ] || { printf '(Code:404) msg:node %s not found' "$1"; exit 1; }
  judge "$1"
  host_of "$1"
  if [ "${F[output]-}" = json ]; then
    local now
    now=$(date +%FT%T%:z)
    printf '{\n'
    printf '\t"uuid": "%s",\n\t"host_name": "%s",\n\t"create_time": "%s",\n\t"internal_ip": "%s",\n\t"external_ip": "%s",\n' "$1" "$REPLY" "$(field create_time "$record")" "$(field internal_ip "$record")" "$(field external_ip "$record")"
    printf '\t"root_pass": "%s",\n\t"key_path": "%s",\n' "$(field root_pass "$record")" "$(field key_path "$record")"
    printf '\t"role": [\n\t\t%s\n\t],\n' "$(roles "$record" | sed 's/,/\n/g' | sed 's/.*/"&"/' | paste -sd, | sed 's/,/,\n\t\t/g')"
    printf '\t"status": "%s",\n\t"unschedulable": %s,\n\t"node_status": {\n' "${WORD%%(*}" "$(field unschedulable "$record")"
    printf '\t\t"status": "%s",\n\t\t"current_scheduler": %s,\n\t\t"node_health": %s,\n\t\t"node_update_time": "%s",\n\t\t"conditions": [' "${WORD%%(*}" "$([ "$(field unschedulable "$record")" = true ] && echo false || echo true)" $HEALTHY "$now"
    while IFS= read -r -d';' part; do
      name=${part%%=*} value=${part#*=}
      case $name in host | "") continue ;; esac
      printf '%s\n\t\t\t{\n\t\t\t\t"type": "%s",\n\t\t\t\t"status": "%s",\n\t\t\t\t"lastHeartbeatTime": "%s",\n\t\t\t\t"message": "%s"\n\t\t\t}' "$word" "$name" "${value%%:*}" "$now" "$([[ $value == *:* ]] && json "${value#*:}")"
      word=,
    done <<< "$CONDITIONS;"
    printf '\n\t\t]\n\t}\n}\n'
    exit 0
  fi
  echo "-------------------Node Information-----------------------"
  printf 'uuid\t%s\nhostname\t%s\ninternal_ip\t%s\nrole\t%s\nstatus\t%s\n' "$1" "$REPLY" "$(field internal_ip "$record")" "$(roles "$record")" "$WORD"
  echo "-------------------Service health-----------------------"
  {
    is51 && printf 'Condition\tHealth\tMessage\n' || printf 'Condition\tResult\tMessage\n'
    while IFS= read -r -d';' part; do
      name=${part%%=*} value=${part#*=}
      case $name in host | "") continue ;; esac
      if [[ $value == True* ]]; then printf '%s\t\033[0;32;32mTrue\033[0m\t\n' "$name"; else printf '%s\t\033[0;31;31mFalse\033[0m\t%s\n' "$name" "${value#False:}"; fi
    done <<< "$CONDITIONS;"
  } | table
}
