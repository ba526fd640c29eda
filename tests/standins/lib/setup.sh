#!/bin/bash
# Stand-in for tests: the first node's set-up (copied to the work folder as setup.sh). All progress is on stderr.
. /srv/standins/lib/common.sh
. "$WORK/scripts/installer/global.sh"
exec 1>&2

stage() { printf ' --- %s... --- \n' "$1"; pause_ms $(($(knob init-seconds 5) * 1000 / 5)); [ "$(knob init-fail '')" != "$2" ] || stop "told to fail at $2"; }
show() { printf ' > %-30s %s\n' "$1" "$2"; }
stop() { printf ' !!! %s\n' "$1"; exit 1; }

mkdir -p $R/.init /tmp/install $R/conf $R/data "$WORK/log"

stage "Checking this machine (stand-in)" check
[ -n "$IIP" ] || IIP=$(ip -o -4 addr show scope global | awk '{print $4}' | cut -d/ -f1 | grep -v '^172\.30\.' | head -1)
ip r | grep -q "$IIP" || stop "$IIP is not an address of this machine"
case $IIP in 172.30.*) stop "$IIP is in the network of docker" ;; esac
show "IIP" "$IIP"
if [ ! -e $R/.init/.port_check ]; then
  for port in 53 80 443 3306 6060 7070 8443 8888 9999; do
    [ -z "$(ss -Hltn4 "sport = :$port")" ] || stop "port $port is in use"
  done
  touch $R/.init/.port_check
fi
show "ports" OK

[ -e $R/.init/uuid ] || tr 'A-F' 'a-f' < /proc/sys/kernel/random/uuid > $R/.init/uuid
UID_HERE=$(cat $R/.init/uuid)
[ -e $R/.init/secretkey ] || tr -dc a-zA-Z0-9 < /dev/urandom | head -c 32 > $R/.init/secretkey
if is51; then
  [ -e $R/.init/.db_info ] || printf 'DB_USER="write"\nDB_PASS="%s"\nDB_HOST="%s"\n' "$(tr -dc a-z0-9 < /dev/urandom | head -c 8)" "$IIP" > $R/.init/.db_info
else
  [ -e $R/.init/db ] || tr -dc a-z0-9 < /dev/urandom | head -c 8 > $R/.init/db
fi
chmod 600 $R/.init/secretkey
if [ -n "${ENABLE_EXDB-}" ]; then
  [ -n "$EXDB_HOST" ] && [ -n "$EXDB_USER" ] && [ -n "$EXDB_PASSWD" ] || stop "the external database is not told in full"
  export EXDB_HOST EXDB_PORT EXDB_USER EXDB_PASSWD
  printf 'db_user:%s\ndb_pass:%s\ndb_port:%s\ndb_host:%s\n' "$EXDB_USER" "$EXDB_PASSWD" "$EXDB_PORT" "$EXDB_HOST" > $R/.init/.db_info
fi
db_user=$(sed -n 's/^\(db_user:\|DB_USER=\)"\?\([^"]*\)"\?$/\2/p' $R/.init/.db_info 2> /dev/null)
db_pass=$(sed -n 's/^\(db_pass:\|DB_PASS=\)"\?\([^"]*\)"\?$/\2/p' $R/.init/.db_info 2> /dev/null || cat $R/.init/db)
if is51; then
  cp $R/.init/.db_info $R/.init/db
  # The real one shows it, too, and keeps it in this script.
  show "database region/console info" "user:$db_user/$db_pass host:${EXDB_HOST:-$IIP}:${EXDB_PORT:-3306}"
  printf '#!/bin/bash\n# written by a stand-in for tests\nDB_HOST=%s\nDB_PORT=%s\nDB_USER=%s\nDB_PASS=%s\n' "${EXDB_HOST:-$IIP}" "${EXDB_PORT:-3306}" "$db_user" "$db_pass" > $R/.init/updatedb.sh
fi
echo "${EIP:-$IIP}" > $R/.init/.ip
if [ "$INSTALL_TYPE" = offline ]; then
  DOMAIN=${DOMAIN:-pass.example.com} images=$R/offline
  is51 || images=/grdata/services/offline
  for part in base rainbond; do
    [ -s "$images/$part.images.tgz" ] || stop "$images/$part.images.tgz is not there, and nothing can be downloaded"
  done
else
  DOMAIN=${DOMAIN:-$(echo "$UID_HERE" | cut -c1-6).grapps.cn}
  case $DOMAIN in *.grapps.cn) echo "*.$DOMAIN=${EIP:-$IIP}" > $R/.init/standin-public-dns ;; esac
fi
printf 'iip: %s\nvip: %s\ndomain: %s\nuuid: %s\nsecretkey: %s\napi: region.goodrain.me\n' "${EIP:-$IIP}" "$VIP" "$DOMAIN" "$UID_HERE" "$(cat $R/.init/secretkey)" > $R/.init/domain.yaml

# flannel is flannel; all else, midonet too, becomes calico without a word more than this.
case $NETWORK_TYPE in flannel) NETWORK=flannel ;; *) NETWORK=calico ;; esac
show "Pod Network Provider" $NETWORK
if [ -z "$POD_NETWORK_CIDR" ]; then
  case $NETWORK,$IIP in flannel,*) POD_NETWORK_CIDR=10.244.0.0/16 ;; *,192.*) POD_NETWORK_CIDR=10.0.0.0/16 ;; *) POD_NETWORK_CIDR=192.168.0.0/16 ;; esac
fi
show "Pod Network Cidr" "$POD_NETWORK_CIDR"
mkdir -p "$WORK/roles/rainvar/defaults"
printf '# written by a stand-in for tests\nCLUSTER_NETWORK: %s\npod_cidr: %s\nservice_cidr: 11.1.0.1/12\nstorage_type: %s\ndb_pass: %s\n' "$NETWORK" "$POD_NETWORK_CIDR" "$STORAGE" "$db_pass" > "$WORK/roles/rainvar/defaults/main.yml"

if [ ! -e /root/.ssh/id_rsa ]; then
  mkdir -p -m 700 /root/.ssh
  ssh-keygen -q -t rsa -b 2048 -N '' -C "root@$(hostname)" -f /root/.ssh/id_rsa
fi
[ -e /root/.ssh/id_rsa.pub ] || ssh-keygen -y -f /root/.ssh/id_rsa > /root/.ssh/id_rsa.pub
touch /root/.ssh/authorized_keys
chmod 600 /root/.ssh/authorized_keys
grep -qF "$(cut -d' ' -f2 /root/.ssh/id_rsa.pub)" /root/.ssh/authorized_keys || cat /root/.ssh/id_rsa.pub >> /root/.ssh/authorized_keys

# Storage. A network mount is left alone. nfs means this machine's own folder, served to everybody where this machine can serve; the
# file of its exports is written over.
mkdir -p /grdata
case $(findmnt -no SOURCE /grdata || :) in *:*) mounted=yes ;; *) mounted=no ;; esac
if is51 && { [ "$STORAGE" = gfs ] || [ "$STORAGE" = nas ]; }; then
  if [ $mounted = no ]; then
    sed -i '/^# BEGIN ANSIBLE MANAGED BLOCK$/,/^# END ANSIBLE MANAGED BLOCK$/d' /etc/fstab
    printf '# BEGIN ANSIBLE MANAGED BLOCK\n%s\n# END ANSIBLE MANAGED BLOCK\n' "$STORAGE_ARGS" >> /etc/fstab
  fi
  timeout 60 mount -a || stop "mount -a: $STORAGE_ARGS"
elif command -v exportfs > /dev/null && [ -e /lib/systemd/system/nfs-server.service ]; then
  served="/opt/rainbond/etc/tools /opt/rainbond/.init /opt/rainbond/rainbond-ansible"
  [ $mounted = yes ] || served="/grdata $served"
  mkdir -p $served
  printf '%s *(rw,sync,no_root_squash,no_subtree_check)\n' $served > /etc/exports
  systemctl enable -q --now nfs-server
  exportfs -ra || stop "exportfs"
fi
show "/grdata" "$(findmnt -no FSTYPE /grdata || echo 'a folder of this machine')"
mkdir -p /grdata/services/ssh
cp /root/.ssh/id_rsa /grdata/services/ssh/builder_rsa
cp /root/.ssh/id_rsa.pub /grdata/services/ssh/builder_rsa.pub

case $ROLE in *master* | *worker*) ROLE=$(echo "$ROLE" | sed 's/master/manage/; s/worker/compute/') ;; esac
install -m 600 /dev/null $R/.init/standin.params
cat > $R/.init/standin.params <<X
GRCTL_FLAVOUR=$GRCTL_FLAVOUR
FIRST=$IIP
VIP=$VIP
NETWORK=$NETWORK
POD_NETWORK_CIDR=$POD_NETWORK_CIDR
SECRETKEY=$(cat $R/.init/secretkey)
OFFLINE_DOMAIN=$([ "$INSTALL_TYPE" != offline ] || echo "$DOMAIN")
ENDPOINT=$(if ! is51; then echo region.goodrain.me; elif [ -n "$VIP" ] && [ "$(knob vip-endpoint yes)" = yes ]; then echo "$VIP"; else echo "${EIP:-$IIP}"; fi)
X

stage "Installing etcd" etcd
run_role() { env $(cat $R/.init/standin.params) UID_HERE="$UID_HERE" IIP="$IIP" ROLES="$ROLE" bash $STANDINS/lib/role.sh "$@" || stop "$1 failed"; }
run_role common
run_role etcd-first
[ $NETWORK != flannel ] || run_role flannel-config
show etcd OK

stage "Installing the database" db
run_role db "$EIP"
show rbd-db OK

stage "Installing services" services
run_role services
run_role app-ui

stage "Registering this node" register
unschedulable=true up=
if is_role "$ROLE" compute; then unschedulable=false up=',"up":true'; fi
record=$(record "$UID_HERE" "$(hostname)" "$IIP" "$EIP" "$ROLE" "" "" install_success $unschedulable)
put_record "${record%\}}$up}" || stop "etcd did not take the record of this node"
printf '[all]\n%s ansible_host=%s\n' "$UID_HERE" "$IIP" > "$WORK/inventory/hosts"
echo "console: http://${EIP:-$IIP}:7070"
