#!/bin/bash
# Stand-in for tests: brings a node into the cluster by ssh from the first manager (copied to scripts/node.sh).
# Args: uid, address, roles, key file (5.1) or nothing (5.0: ssh's own default), password
. <(sed 's/^/export /' /opt/rainbond/.init/standin.params)
. /srv/standins/lib/common.sh
uid=$1 address=$2 node_roles=$3 key=$4
stop() { printf ' !!! %s\n' "$1"; exit 1; }

[ -z "$5" ] || stop "the stand-in has no login by password"
ping -c 2 -i 0.2 -W 2 -q "$address" > /dev/null || stop "$address does not answer ping"
# As the playbooks do: an explicit identity is the only one that is tried.
ssh_to=(ssh -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ConnectTimeout=5)
[ -z "$key" ] || ssh_to+=(-i "$key" -o IdentitiesOnly=yes)
# One connection for all, as ansible keeps one.
ssh_to+=(-o ControlMaster=auto -o "ControlPath=/tmp/install/ssh-%C" -o ControlPersist=20)
trap '"${ssh_to[@]}" -O exit "root@$address" 2> /dev/null' EXIT
"${ssh_to[@]}" "root@$address" uptime > /dev/null || stop "Make sure you can SSH in $address"
pause_ms $(($(knob install-seconds 1) * 1000))

there() { # a part of role.sh, on the node
  {
    sed 's/^/export /' /opt/rainbond/.init/standin.params
    printf "export UID_HERE='%s' IIP='%s' ROLES='%s'\n" "$uid" "$address" "$node_roles"
    printf 'exec bash /srv/standins/lib/role.sh %s < /dev/null\n' "$*"
  } | "${ssh_to[@]}" "root@$address" bash -s
}

there common || stop "common failed on $address"
"${ssh_to[@]}" "root@$address" 'umask 077; cat > .ssh/new; if [ -e .ssh/id_rsa ] && ! cmp -s .ssh/id_rsa .ssh/new; then cp .ssh/id_rsa .ssh/id_rsa.bak; fi; mv .ssh/new .ssh/id_rsa' < /root/.ssh/id_rsa
there storage || stop "storage failed on $address"
if is_role "$node_roles" manage; then
  members=$(etcd_here member list 2> /dev/null) || stop "etcd has no quorum"
  if ! grep -q "http://$address:2380" <<< "$members"; then
    # Registered before it runs: from now on it counts for the quorum, whether it starts or not.
    # etcd refuses for five seconds after another member came up.
    wait_for 15 etcd_here member add "$uid" --peer-urls="http://$address:2380" || stop "etcd did not take the member"
  fi
  cluster=$(etcd_here member list 2> /dev/null | awk -F', ' -v uid="$uid" -v url="http://'"$address"':2380" '{ print ($3 == "" ? uid : $3) "=" $4 }' | paste -sd,)
  # Two members of which one does not run cannot be asked; it is known who they are.
  [ -n "$cluster" ] || cluster="$(awk -F', ' '{ print $3 "=" $4 }' <<< "$members" | paste -sd,),$uid=http://$address:2380"
  there etcd-join "$cluster" || stop "etcd failed on $address"
elif is_role "$node_roles" compute; then
  managers=$(etcd_here member list 2> /dev/null | awk -F', ' '{ print $5 }' | paste -sd,)
  there etcd-proxy "$managers" || stop "etcd-proxy failed on $address"
fi
there services || stop "services failed on $address"
