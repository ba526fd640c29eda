# What is done inside a world's namespaces. Called as: bash -c THIS lab VERB ARGS; DIR is the world's folder.
set -eu
verb=$1 DIR=$2
shift 2

# The first process: makes the private network and mounts, then stays. It also buries what loses its parent.
init() { # address/prefix, held by (pipe: ends with the pipe's other end | self)
  ip link set lo up
  ip link add br0 type bridge stp_state 0 forward_delay 0
  ip addr add "$1" dev br0
  ip link set br0 up
  mount -t tmpfs -o mode=755,size=16m tmpfs /run/netns
  mount -t tmpfs -o mode=755,size=16m tmpfs /run/systemd/nspawn
  mount -t tmpfs -o mode=755,size=64m tmpfs "$DIR/ns"
  # One hierarchy, version 2, whatever the machine has: nodes boot the same way everywhere.
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  if [ "$2" = self ]; then
    mkfifo "$DIR/ns/hold"
    exec 0<> "$DIR/ns/hold"
  fi
  echo ready
  exec > /dev/null
  while read -r _; do :; done
}

# Disks of nodes: one per line "NAME ADDRESS DATA-SIZE BELOW"; DATA-SIZE 0 means no data disk, BELOW are the folders under the node's own.
make() { # base, size of the root disk
  while read -r name address data below; do
    node=$DIR/ns/$name
    mkdir "$node"
    mount -t tmpfs -o mode=755,size="$2" "root-$name" "$node"
    mkdir "$node/up" "$node/work" "$node/root"
    etc=$node/up/etc
    mkdir -p "$etc/ssh" "$etc/arcus-lab" "$node/up/root/.ssh" "$node/up/home/ops/.ssh" "$node/up/home/opspw/.ssh"
    echo "$name" > "$etc/hostname"
    printf '127.0.0.1\tlocalhost\n127.0.1.1\t%s\n' "$name" > "$etc/hosts"
    tr -d - < /proc/sys/kernel/random/uuid > "$etc/machine-id"
    ssh-keygen -q -t ed25519 -N '' -C "root@$name" -f "$etc/ssh/ssh_host_ed25519_key"
    read -r kind key _ < "$etc/ssh/ssh_host_ed25519_key.pub"
    echo "$address $kind $key" >> "$DIR/known_hosts"
    for home in root home/ops home/opspw; do
      cp "$DIR/key.pub" "$node/up/$home/.ssh/authorized_keys"
      chmod 700 "$node/up/$home" "$node/up/$home/.ssh"
      chmod 600 "$node/up/$home/.ssh/authorized_keys"
    done
    if [ -d "$DIR/knobs" ]; then cp "$DIR"/knobs/* "$etc/arcus-lab/"; fi
    for user in ops opspw; do
      ids=$(awk -F: -v user="$user" '$1 == user { print $3 ":" $4 }' "$1/etc/passwd")
      chown -R "$ids" "$node/up/home/$user"
    done
    mount -t overlay "root-$name" -o "lowerdir=$below,upperdir=$node/up,workdir=$node/work" "$node/root"
    if [ "$data" != 0 ]; then
      mkdir "$node/data"
      mount -t tmpfs -o mode=755,size="$data" "data-$name" "$node/data"
    fi
  done
}

# Networks of nodes: one per line "NAME NUMBER ADDRESS/PREFIX GATEWAY".
plug() {
  while read -r name number address gateway; do
    ip netns add "$name"
    ip link add "v$number" type veth peer name eth0 netns "$name"
    ip link set "v$number" master br0 up
    ip -n "$name" -batch - <<X
link set lo up
addr add $address dev eth0
link set eth0 up
route add default via $gateway
X
  done
}

# Takes a dead node's network away: no kernel answers for its addresses any more.
unplug() { # name, number
  ip link del "v$2" 2> /dev/null || :
  ip netns del "$1" 2> /dev/null || :
}

# A node's disk without room, by taking the room away: quick, and no memory is used.
shrink() { # mount point
  used=$(df --block-size=1 --output=used "$1" | tail -1)
  # 0 would mean no limit at all.
  [ "$used" -ge 4096 ] || used=4096
  mount -o "remount,size=$used" "$1"
}

"$verb" "$@"
