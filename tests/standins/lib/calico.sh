# Stand-in for tests: calico on a node. A real BGP speaker (BIRD), a real mesh with all nodes known to etcd, real routes
# in the kernel for each node's block, and one pod that answers. No IPIP: `tunl0` only exists where the kernel has ipip.
. /opt/rainbond/etc/node/standin.env
. /srv/standins/lib/common.sh
conf=/etc/calico/bird.conf control=/run/standin-calico.ctl
AS=64512

number() { local IFS=.; set -- $1; echo $((($1 << 24) + ($2 << 16) + ($3 << 8) + $4)); }
dotted() { echo "$(($1 >> 24 & 255)).$(($1 >> 16 & 255)).$(($1 >> 8 & 255)).$(($1 & 255))"; }

# A block of 64 addresses for this node, claimed once.
claim() {
  local index holder
  for index in $(seq 0 1023); do
    holder=$(etcd_here get --print-value-only "/calico/standin/blocks/$index" 2> /dev/null) || return 1
    if [ -z "$holder" ]; then
      printf 'mod("/calico/standin/blocks/%s") = "0"\n\nput /calico/standin/blocks/%s %s\n\n\n' "$index" "$index" "$UID_HERE" | etcd_here txn > /dev/null 2>&1 || return 1
      holder=$(etcd_here get --print-value-only "/calico/standin/blocks/$index" 2> /dev/null) || return 1
    fi
    if [ "$holder" = "$UID_HERE" ]; then
      block=$(dotted $(($(number "${POD_NETWORK_CIDR%/*}") + index * 64)))/26
      return 0
    fi
  done
  return 1
}

write() { # "uid address" of every node on stdin
  local uid address
  {
    echo "# written by a stand-in for tests"
    echo "router id $IIP;"
    echo "protocol device { scan time 2; }"
    echo "protocol kernel { ipv4 { import none; export all; }; }"
    echo "protocol static own_block { ipv4; route $block blackhole; }"
    while read -r uid address; do
      [ -n "$address" ] && [ "$address" != "$IIP" ] || continue
      echo "protocol bgp Mesh_${address//./_} { local $IIP as $AS; neighbor $address as $AS; direct; ipv4 { import all; export where source = RTS_STATIC; next hop self; }; connect delay time 1; connect retry time 2; error wait time 1, 3; hold time 12; }"
    done
  } > $conf.new
  cmp -s $conf.new $conf && return 1
  mv $conf.new $conf
}

peers() { etcd_here get --prefix /calico/standin/nodes/ 2> /dev/null | paste - - | sed 's/.*\///' | sort; }

# A pod: an address of this node's block in a network of its own, reached as calico's pods are.
pod() {
  local address
  address=$(dotted $(($(number "${block%/*}") + 1)))
  # Where the kernel has ipip, there may be one already, which is down.
  ip link add tunl0 type ipip 2> /dev/null
  ip link set tunl0 up 2> /dev/null
  sysctl -qw net.ipv4.ip_forward=1
  ip netns add standin-pod 2> /dev/null
  ip link show cali0standin > /dev/null 2>&1 || ip link add cali0standin type veth peer name eth0 netns standin-pod
  ip link set cali0standin up
  sysctl -qw net.ipv4.conf.cali0standin.proxy_arp=1
  ip route replace "$address/32" dev cali0standin
  ip -n standin-pod link set lo up
  ip -n standin-pod addr replace "$address/32" dev eth0
  ip -n standin-pod link set eth0 up
  ip -n standin-pod route replace 169.254.1.1 dev eth0
  ip -n standin-pod route replace default via 169.254.1.1 dev eth0
}

until claim; do sleep 1; done
pod
until etcd_here put "/calico/standin/nodes/$UID_HERE" "$IIP" > /dev/null 2>&1; do sleep 1; done
peers | write
mkdir -p /run/bird
bird -f -c $conf -s $control &
bird=$!
trap 'kill $bird; exit 0' TERM INT

# Follows the list of nodes; what etcd does not tell now it tells later, and the last mesh stays meanwhile.
while kill -0 $bird 2> /dev/null; do
  list=$(peers)
  if [ -n "$list" ] && write <<< "$list"; then birdc -s $control configure > /dev/null; fi
  timeout 10 bash -c '. /srv/standins/lib/common.sh; etcd_here watch --prefix /calico/standin/nodes/ 2> /dev/null | head -1' > /dev/null &
  wait $!
  sleep 0.3
done
exit 1
