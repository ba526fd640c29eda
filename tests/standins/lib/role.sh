# Stand-in for tests: what the playbooks make on a node. Real units, files, routes. Can be run again at any time.
# Env: GRCTL_FLAVOUR FIRST VIP NETWORK POD_NETWORK_CIDR SECRETKEY ENDPOINT UID_HERE IIP ROLES. Arg: which part.
set -eu
. /srv/standins/lib/common.sh
. /srv/standins/lib/units.sh
part=$1

unit() { # name, after, type, command
  cat > "/etc/systemd/system/$1.service" <<X
[Unit]
Description=$1 (a stand-in for tests)
After=network.target $2
StartLimitIntervalSec=0
[Service]
Type=$3
ExecStart=$4
Restart=always
RestartSec=2
TimeoutStopSec=10
[Install]
WantedBy=multi-user.target
X
}

start() {
  systemctl daemon-reload
  systemctl -q enable "$@" 2> /dev/null
  systemctl start "$@"
}

calico_files() {
  mkdir -p /etc/calico /var/lib/calico /etc/NetworkManager/conf.d
  printf 'apiVersion: projectcalico.org/v3\nkind: CalicoAPIConfig\nmetadata:\nspec:\n  datastoreType: "etcdv3"\n  etcdEndpoints: "http://127.0.0.1:2379"\n' > /etc/calico/calicoctl.cfg
  # Managers know the first only; the others go by their own etcd-proxy, which gateways do not have.
  printf '{\n    "name": "calico-k8s-network",\n    "cniVersion": "0.1.0",\n    "type": "calico",\n    "etcd_endpoints": "http://%s:2379",\n    "log_level": "info",\n    "ipam": {\n        "type": "calico-ipam"\n    }\n}\n' \
    "$(is_role "$ROLES" manage && echo "$FIRST" || echo 127.0.0.1)" > $R/etc/cni/10-calico.conf
  printf '[keyfile]\nunmanaged-devices=interface-name:cali*;interface-name:tunl*\n' > /etc/NetworkManager/conf.d/calico.conf
  echo "$UID_HERE" > /var/lib/calico/nodename
  unit calico "etcd.service etcd-proxy.service" simple "/bin/bash $STANDINS/lib/calico.sh"
  units=(calico.service)
}

flannel_files() {
  local managers
  printf '{ "name": "cbr0", "plugins": [ { "type": "flannel", "delegate": { "hairpinMode": true, "isDefaultGateway": true } } ] }\n' > $R/etc/cni/10-flannel.conflist
  # Who was a manager when this node was installed, for ever.
  managers=$(sed -n 's/.*--endpoints=\([^ ]*\).*/\1/p' $R/scripts/start-etcd-proxy.sh 2> /dev/null || :)
  [ -n "$managers" ] || managers=$(etcd_here member list 2> /dev/null | awk -F', ' '$5 != "" { print $5 }' | paste -sd,)
  unit flannel "etcd.service etcd-proxy.service" simple "/usr/bin/python3 $STANDINS/lib/flannel.py flanneld -iface=$IIP -etcd-endpoints=${managers:-http://$FIRST:2379} -etcd-prefix=/kubernetes/network"
  units=(flannel.service)
  # Only kubelet makes pods, and only compute nodes have it.
  if is_role "$ROLES" compute; then
    unit standin-pod flannel.service simple "/bin/bash $STANDINS/lib/pod.sh"
    units+=(standin-pod.service)
  fi
}

token() { is51 && echo /grdata/services/storage/health.check || echo /grdata/.check; }

# flannel's keys are of etcd's second version, which the real etcd (3.2) serves unasked and this one does not.
etcd_unit() { # state, members
  local v2=
  [ "$NETWORK" != flannel ] || v2=--enable-v2
  mkdir -p $R/data $R/scripts
  cat > $R/scripts/start-etcd.sh <<X
#!/bin/sh
# written by a stand-in for tests
exec /usr/bin/etcd --name $UID_HERE --data-dir $R/data/etcd --listen-client-urls http://0.0.0.0:2379 --advertise-client-urls http://$IIP:2379 \\
  --listen-peer-urls http://$IIP:2380 --initial-advertise-peer-urls http://$IIP:2380 --initial-cluster-state $1 --initial-cluster '$2' --logger zap $v2
X
  chmod 755 $R/scripts/start-etcd.sh
  unit etcd "" notify $R/scripts/start-etcd.sh
  echo http://127.0.0.1:2379 > $R/conf/standin-etcd
  # One that runs from an earlier try may have been told otherwise.
  if systemctl is-active -q etcd.service && [ $R/scripts/start-etcd.sh -nt /run/standin-etcd-started ]; then systemctl stop etcd.service; fi
  touch /run/standin-etcd-started
  start etcd.service
  wait_for 120 etcd_here get /none
}

own_database() {
  if [ ! -d $R/data/mysql ]; then
    mkdir -p $R/data
    cp -a /var/lib/mysql $R/data/mysql.part
    mv $R/data/mysql.part $R/data/mysql
  fi
  unit rbd-db "" notify "/usr/sbin/mariadbd --datadir=$R/data/mysql --socket=/run/mysqld/mysqld.sock --bind-address=0.0.0.0 --pid-file=/run/mysqld/mysqld.pid"
  sed -i '/^\[Service\]/a User=mysql\nRuntimeDirectory=mysqld' /etc/systemd/system/rbd-db.service
  start rbd-db.service
  wait_for 120 mysqladmin -uroot ping
}

case $part in
  common)
    mkdir -p $R/conf $R/scripts $R/health $R/etc/node $R/etc/cni $R/data $R/.init /root/.rbd /tmp/install
    echo "host_uuid=$UID_HERE" > $R/etc/node/node_host_uuid.conf
    sed -i '/^# Ansible inventory hosts BEGIN$/,/^# Ansible inventory hosts END$/d; /^# Rainbond hosts BEGIN$/,/^# Rainbond hosts END$/d' /etc/hosts
    printf '# Ansible inventory hosts BEGIN\n%s %s\n# Ansible inventory hosts END\n' "$IIP" "$UID_HERE" >> /etc/hosts
    printf '# Rainbond hosts BEGIN\n%s  kubeapi.goodrain.me goodrain.me repo.goodrain.me lang.goodrain.me maven.goodrain.me region.goodrain.me\n# Rainbond hosts END\n' "$FIRST" >> /etc/hosts
    if is_role "$ROLES" manage; then
      sed "s/^export GRCTL_FLAVOUR=.*/export GRCTL_FLAVOUR=$GRCTL_FLAVOUR GRCTL_SELF=grctl/" "$STANDINS/grctl-$GRCTL_FLAVOUR" > /usr/local/bin/grctl
      chmod 755 /usr/local/bin/grctl
    fi
    install -m 755 $STANDINS/bin/docker /usr/bin/docker
    install -m 755 $STANDINS/bin/calicoctl /usr/local/bin/calicoctl
    install -m 755 $STANDINS/bin/node /usr/local/bin/node
    printf 'region_api:\n  endpoints:\n  - https://%s:8443\n' "$ENDPOINT" > /root/.rbd/grctl.yaml
    printf 'GRCTL_FLAVOUR=%s\nUID_HERE=%s\nIIP=%s\nFIRST=%s\nROLES=%s\nNETWORK=%s\nPOD_NETWORK_CIDR=%s\n' "$GRCTL_FLAVOUR" "$UID_HERE" "$IIP" "$FIRST" "$ROLES" "$NETWORK" "$POD_NETWORK_CIDR" > $R/etc/node/standin.env
    # The token is written by whoever has none yet, as the official check does: it can hide a missing mount.
    printf '#!/bin/sh\n# written by a stand-in for tests\n[ "$(cat %s 2> /dev/null)" = "%s" ]\n' "$(token)" "$SECRETKEY" > $R/health/storage.sh
    # As weak as the real ones: something of that name is there.
    case $NETWORK in
      flannel) printf '#!/bin/sh\n# written by a stand-in for tests\npgrep -f flanneld > /dev/null\n' > $R/health/network.sh ;;
      *) printf '#!/bin/sh\n# written by a stand-in for tests\nbirdc -s /run/standin-calico.ctl show status > /dev/null\n' > $R/health/network.sh ;;
    esac
    chmod 700 $R/health/*.sh
    if [ "$IIP" = "$FIRST" ]; then
      mkdir -p "$(dirname "$(token)")"
      printf %s "$SECRETKEY" > "$(token)"
    fi
    ;;
  storage)
    # As the playbook of NFS: what is mounted, or has the token, is left alone.
    case $(findmnt -no FSTYPE /grdata || :) in
      nfs* | fuse.*) ;;
      *)
        if [ ! -e "$(token)" ]; then
          echo "/grdata is no network mount on $IIP, and the stand-in mounts no NFS there" >&2
          exit 1
        fi
        ;;
    esac
    ;;
  etcd-first) etcd_unit new "$UID_HERE=http://$IIP:2380" ;;
  etcd-join) etcd_unit existing "$2" ;;
  flannel-config)
    # The real one knows no other words than these, and runs once, on the first manager.
    wait_for 10 curl -fsS -m 4 -X PUT --data-urlencode "value={\"Network\":\"$POD_NETWORK_CIDR\", \"SubnetLen\": 24, \"Backend\": {\"Type\": \"host-gw\"}}" http://127.0.0.1:2379/v2/keys/kubernetes/network/config
    ;;
  etcd-proxy)
    # As the real one writes it: who was a manager on this day.
    printf '#!/bin/sh\n# written by a stand-in for tests\nexec /usr/bin/etcd \\\n  grpc-proxy start \\\n  --endpoints=%s \\\n  --listen-addr=127.0.0.1:2379\n' "$2" > $R/scripts/start-etcd-proxy.sh
    chmod 755 $R/scripts/start-etcd-proxy.sh
    unit etcd-proxy "" simple $R/scripts/start-etcd-proxy.sh
    echo http://127.0.0.1:2379 > $R/conf/standin-etcd
    start etcd-proxy.service
    wait_for 20 etcd_here get /none
    ;;
  db)
    eip=${2-}
    if [ -n "${EXDB_HOST-}" ]; then
      # Somebody else's, under the user that was given; there is no rbd-db.
      mysql() { command mysql --host="$EXDB_HOST" --port="$EXDB_PORT" --user="$EXDB_USER" --password="$EXDB_PASSWD" --connect-timeout=10; }
    else
      own_database
      mysql() { command mysql -uroot; }
    fi
    mysql <<X
CREATE DATABASE IF NOT EXISTS console CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS console.region_info (
  ID INT AUTO_INCREMENT PRIMARY KEY, region_id VARCHAR(36) NOT NULL UNIQUE, region_name VARCHAR(64) NOT NULL UNIQUE, region_alias VARCHAR(64) NOT NULL,
  url VARCHAR(256) NOT NULL, wsurl VARCHAR(256) NOT NULL, httpdomain VARCHAR(256) NOT NULL, tcpdomain VARCHAR(256) NOT NULL, token VARCHAR(255),
  status VARCHAR(2) NOT NULL, create_time DATETIME(6) NOT NULL, \`desc\` VARCHAR(200) NOT NULL, scope VARCHAR(10) NOT NULL,
  ssl_ca_cert TEXT, cert_file TEXT, key_file TEXT);
INSERT IGNORE INTO console.region_info (region_id, region_name, region_alias, url, wsurl, httpdomain, tcpdomain, token, status, create_time, \`desc\`, scope)
  VALUES (REPLACE(UUID(), '-', ''), 'rainbond', 'rainbond', 'https://$ENDPOINT:8443', 'ws://${eip:-$IIP}:6060', '$(sed -n 's/^domain: //p' $R/.init/domain.yaml)', '${eip:-$IIP}', '', '1', NOW(), 'stand-in', 'private');
X
    ;;
  services)
    # A gateway alone has no etcd of its own: its agent asks the first manager's only.
    [ -e $R/conf/standin-etcd ] || echo "http://$FIRST:2379" > $R/conf/standin-etcd
    printf '# written by a stand-in for tests\nversion: "2.1"\nservices:\n- name: %s\n  endpoints: []\n  health:\n    name: %s\n    model: cmd\n    address: %s/health/network.sh\n' "$NETWORK" "$NETWORK" $R > $R/conf/network.yaml
    "$NETWORK"_files
    serve() { # name, services of it
      printf '# written by a stand-in for tests\nversion: "2.1"\nservices:\n- name: %s\n' "$1" > "$R/conf/${1#rbd-}.yaml"
      unit "$1" "" simple "/bin/bash $STANDINS/lib/serve.sh $1"
      units+=("$1.service")
    }
    if is_role "$ROLES" manage; then serve rbd-api; fi
    # 5.0 puts a gateway on every manager.
    if is_role "$ROLES" gateway || { ! is51 && is_role "$ROLES" manage; }; then serve rbd-gateway; fi
    printf "# written by a stand-in for tests\nversion: '2.1'\nservices:\n- name: rbd-dns\n  health:\n    name: rbd-dns\n    model: tcp\n    address: %s:53\n  type: simple\n  start: >-\n    %s %s/lib/dns.py\n    --v=2\n    --dns-bind-address=%s\n    --recoders=goodrain.me=%s,*.goodrain.me=%s%s\n\n  stop: docker stop rbd-dns\n  restart_policy: always\n" \
      "$IIP" "$(command -v python3 || command -v python)" $STANDINS "$IIP" "$FIRST" "$FIRST" "${OFFLINE_DOMAIN:+,*.$OFFLINE_DOMAIN=$FIRST}" > $R/conf/dns.yaml
    if is_role "$ROLES" manage; then
      port=$(knob apiserver-port 6442)
      {
        printf "# written by a stand-in for tests\nversion: '2.1'\nservices:\n- name: kube-apiserver\n  disable: false\n  endpoints:\n  - name: APISERVER_ENDPOINTS\n    protocol: \n    port: %s\n" "$port"
        printf '  health:\n    name: kube-apiserver\n    model: http\n    address: http://127.0.0.1:8181/version\n  type: simple\n  start: >-\n    /bin/bash\n    %s/lib/serve.sh\n    kube-apiserver\n    --insecure-bind-address=127.0.0.1\n    --insecure-port=8181\n' $STANDINS
        # Builds in which it is not said leave it at its default, 6443.
        [ "$port" = 6443 ] || printf '    --secure-port=%s\n' "$port"
        printf '    --advertise-address=%s --bind-address=%s\n    --etcd-servers=${ETCD_ENDPOINTS}\n  stop: docker stop kube-apiserver\n  restart_policy: always\n' "$IIP" "$IIP"
      } > $R/conf/k8s-master.yaml
      units+=(kube-apiserver.service)
    fi
    units+=(rbd-dns.service)
    make_units
    # Its own name server is a node's first.
    printf 'nameserver %s\n' "$IIP" > /etc/resolv.conf
    etcd=http://127.0.0.1:2379
    # A gateway alone has no etcd of its own.
    [ -e $R/scripts/start-etcd.sh ] || [ -e $R/scripts/start-etcd-proxy.sh ] || etcd=http://$FIRST:2379
    printf '#!/bin/bash\n# written by a stand-in for tests\n\nNODE_OPTS="--log-level=info --auto-scheduler=true --etcd=%s   --hostIP=%s --noderule %s"\n\nexec /bin/bash %s/lib/agent.sh $NODE_OPTS\n' $etcd "$IIP" "$ROLES" $STANDINS > $R/scripts/start-node.sh
    chmod 755 $R/scripts/start-node.sh
    unit node "etcd.service etcd-proxy.service" simple $R/scripts/start-node.sh
    if is_role "$ROLES" manage; then
      # Before the gateway: where both want a port, the API has it.
      start kube-apiserver.service
      wait_for 60 curl -fsS -m 2 http://127.0.0.1:8181/version
    fi
    start "${units[@]}" node.service
    wait_for 60 systemctl is-active -q "${units[@]}" node.service
    if [[ " ${units[*]} " == *" rbd-gateway.service "* ]]; then wait_for 60 curl -fs -m 2 http://127.0.0.1:10254/healthz; fi
    if is_role "$ROLES" manage; then wait_for 60 curl -fs -m 2 http://127.0.0.1:8888/v2/health; fi
    ;;
  app-ui)
    unit rbd-app-ui "" simple "/bin/bash $STANDINS/lib/serve.sh rbd-app-ui"
    start rbd-app-ui.service
    ;;
  *) exit 64 ;;
esac
