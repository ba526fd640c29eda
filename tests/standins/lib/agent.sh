# Stand-in for tests: the node agent. Looks at the node's services every few seconds and writes what it saw to etcd.
. /opt/rainbond/etc/node/standin.env
. /srv/standins/lib/common.sh
# It asks the etcd that it was told of at its start.
for word in "$@"; do
  case $word in --etcd=*) etcd=${word#--etcd=} ;; esac
done
etcd_here() { etcdctl --endpoints="${etcd:-http://127.0.0.1:2379}" --dial-timeout=2s --command-timeout=4s "$@"; }
began=$SECONDS
beat=1

look() { # name, why not, command...
  local name=$1 why=$2
  shift 2
  if timeout 5 "$@" > /dev/null 2>&1; then printf '%s=True;' "$name"; else printf '%s=False:%s;' "$name" "$why"; fi
}

while :; do
  conditions=";host=$(hostname);NodeUp=True;"
  conditions+=$(look "$NETWORK" "$NETWORK is not active" $R/health/network.sh)
  is_role "$ROLES" manage && conditions+=$(look etcd "etcd is not healthy" curl -fsS -m 3 http://127.0.0.1:2379/health)
  is_role "$ROLES" manage && conditions+=$(look rbd-api "no answer at 8888" curl -fsS -m 3 http://127.0.0.1:8888/v2/health)
  if is_role "$ROLES" gateway || { ! is51 && is_role "$ROLES" manage; }; then
    conditions+=$(look rbd-gateway "no answer at 10254" curl -fsS -m 3 http://127.0.0.1:10254/healthz)
  fi
  if is_role "$ROLES" manage || is_role "$ROLES" compute; then conditions+=$(look storage "cmd exec failure exit status 1" $R/health/storage.sh); fi
  conditions+=$(look rbd-dns "rbd-dns does not run" systemctl is-active -q rbd-dns)
  is_role "$ROLES" manage && conditions+=$(look kube-apiserver "no answer at 8181" curl -fsS -m 3 http://127.0.0.1:8181/version)
  [ "$IIP" = "$FIRST" ] && [ -e /etc/systemd/system/rbd-db.service ] && conditions+=$(look rbd-db "no answer at 3306" systemctl is-active -q rbd-db)
  if [ $((SECONDS - began)) -lt "$(knob health-seconds 4)" ]; then
    conditions+="Ready=False:the agent has just started;"
  elif [[ $conditions == *=False* ]]; then
    conditions+="Ready=False:a service is not healthy;"
    beat=2
  else
    conditions+="Ready=True;"
    beat=5
  fi
  etcd_here put -- "/rainbond/status/$UID_HERE" "$(date +%s) $conditions" > /dev/null 2>&1
  sleep $beat
done
