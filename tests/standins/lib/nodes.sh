# Stand-in for tests: grctl node add, install, up, down, delete.

refuse() { echo "Error: $1"; exit 1; }

node_add() {
  local role=${F[role]-} ip=${F[internal-ip]-} uid=${F[id]-} part known
  role=${role// /}
  [ -n "$role" ] || refuse "role must not empty"
  if is51; then
    for part in ${role//,/ }; do
      case $part in manage | compute | gateway | storage) ;; *) refuse "node role $part is not support" ;; esac
    done
    if ! [[ $ip =~ ^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$ ]] || [[ $ip == 127.* || $ip == 0.0.0.0 ]]; then refuse "internal ip $ip is invalid"; fi
  else
    case $role in manage | compute) ;; *) refuse "node role only support manage or compute" ;; esac
    [ -n "$ip" ] || refuse "internal ip must not empty"
  fi
  if [ -n "${F[root-pass]-}" ] && [ -n "${F[private-key]-}" ]; then refuse "Options private-key and root-pass are conflicting"; fi
  if [ -z "${F[root-pass]-}" ] && [ -z "${F[private-key]-}" ]; then refuse "Options private-key and root-pass must set one"; fi
  api
  for known in "${UIDS[@]}"; do
    if [ "$(field internal_ip "${REC[$known]}")" = "$ip" ]; then
      printf '(Code:400) msg:node internal ip %s is exist' "$ip"
      exit 1
    fi
  done
  [ -n "$uid" ] || uid=$(cat /proc/sys/kernel/random/uuid)
  if ! put_record "$(record "$uid" "${F[hostname]-}" "$ip" "${F[external-ip]-}" "$role" "${F[root-pass]-}" "${F[private-key]-}" not_installed true)"; then
    printf '(Code:500) msg:etcd did not take the record'
    exit 1
  fi
  if is51; then
    echo "success add $role node $uid "
    echo " you install it by running: grctl node install $uid "
  else
    # The real one forgets to print it, too.
    echo 'success add node, you install it by running: grctl node install <nodeID>'
  fi
  [ "${F[install]-}" = true ] && node_install "$uid"
  exit 0
}

node_install() {
  [ -n "$1" ] || { echo "need hostID"; exit 1; }
  api
  local uid=$1 record=${REC[$1]-}
  [ -n "$record" ] || { printf '(Code:404) msg:node %s not found' "$uid"; exit 1; }
  if [ ! -e $R/rainbond-ansible/scripts/node.sh ]; then
    log error "install node scripts is not found"
    exit 0
  fi
  put_record "$(with status installing "$record")"
  if bash $R/rainbond-ansible/scripts/node.sh "$uid" "$(field internal_ip "$record")" "$(roles "$record")" "$(is51 && field key_path "$record")" "$(field root_pass "$record")" >&2; then
    put_record "$(with status install_success "$record")" || { log error "update node status failure"; exit 0; }
    if is51; then
      echo "------------------------------------"
      echo "Install node $uid successful "
      is_role "$(roles "$record")" compute && echo "You can do 'grctl node up $uid' to get this compute node to join the cluster workload"
    else
      log info "Install node $uid successful"
    fi
  else
    log error "Error executing shell script exit status $?"
    put_record "$(with status install_failed "$record")"
  fi
  exit 0
}

node_switch() { # up|down|cordon|uncordon, uid
  [ -n "$2" ] || { echo "need hostID" >&2; exit 0; }
  api
  local record=${REC[$2]-} up
  [ -n "$record" ] || { printf '(Code:404) msg:node %s not found' "$2"; exit 1; }
  case $1 in
    up | down)
      up=$([ "$1" = up ] && echo true || echo false)
      [[ $record == *'"up":'* ]] || record=${record%\}},\"up\":false\}
      record=$(with up "$up" "$(with unschedulable "$([ "$up" = true ] && echo false || echo true)" "$record")")
      ;;
    *)
      is_role "$(roles "$record")" compute || { log error "node $2 is not compute node"; exit 0; }
      record=$(with unschedulable "$([ "$1" = cordon ] && echo true || echo false)" "$record")
      ;;
  esac
  put_record "$record" || { printf '(Code:500) msg:etcd did not take the record'; exit 1; }
  echo "$1 node $2  success"
}

node_delete() {
  [ -n "$1" ] || { echo "need hostID" >&2; exit 0; }
  api
  [ -n "${REC[$1]-}" ] || { printf '(Code:404) msg:node %s not found' "$1"; exit 1; }
  judge "$1"
  if [[ $WORD == running* ]]; then
    printf '(Code:401) msg:node is running, you must closed node process in node %s' "$1"
    exit 1
  fi
  # Only the record goes: neither the member of etcd nor anything on the machine.
  etcd_here del "/rainbond/nodes/$1" > /dev/null
  etcd_here del "/rainbond/status/$1" > /dev/null
  echo "delete node $1  success"
}
