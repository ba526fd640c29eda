# Stand-in for tests: what kubelet and the CNI plugins do for the first pod of a compute node. A bridge, a network of the pod's own, an address
# that is written down. As with the real ones, an address of an earlier life stays written down.
. /srv/standins/lib/common.sh
book=/var/lib/cni/networks/cbr0

number() { local IFS=.; set -- $1; echo $((($1 << 24) + ($2 << 16) + ($3 << 8) + $4)); }
dotted() { echo "$(($1 >> 24 & 255)).$(($1 >> 16 & 255)).$(($1 >> 8 & 255)).$(($1 & 255))"; }

# No subnet, no pod: the plugin fails, and kubelet tries again.
until [ -s /run/flannel/subnet.env ]; do sleep 0.5; done
. /run/flannel/subnet.env
gateway=${FLANNEL_SUBNET%/*} length=${FLANNEL_SUBNET#*/}

ip link show cni0 > /dev/null 2>&1 || ip link add cni0 mtu "$FLANNEL_MTU" type bridge
has=$(ip -o -4 addr show dev cni0 | awk '{ print $4; exit }')
if [ -n "$has" ] && [ "$has" != "$FLANNEL_SUBNET" ]; then
  echo "failed to set bridge addr: \"cni0\" already has an IP address different from $FLANNEL_SUBNET (a stand-in for tests)" >&2
  exit 1
fi
ip addr replace "$FLANNEL_SUBNET" dev cni0
ip link set cni0 up
sysctl -qw net.ipv4.ip_forward=1

# It lives: only this script began again.
if ip netns pids standin-pod > /dev/null 2>&1 && ip link show vethstandin > /dev/null 2>&1; then exec sleep infinity; fi

mkdir -p $book
touch $book/lock
last=$(cat $book/last_reserved_ip.0 2> /dev/null || echo "$gateway")
[ $(($(number "$last") >> (32 - length))) = $(($(number "$gateway") >> (32 - length))) ] || last=$gateway
address=$(dotted $(($(number "$last") + 1)))
printf %s "$address" > $book/last_reserved_ip.0
printf 'standin-pod\neth0' > "$book/$address"

ip netns add standin-pod 2> /dev/null
ip link show vethstandin > /dev/null 2>&1 || ip link add vethstandin type veth peer name eth0 netns standin-pod
ip link set vethstandin master cni0 up
ip -n standin-pod link set lo up
ip -n standin-pod addr flush dev eth0
ip -n standin-pod addr add "$address/$length" dev eth0
ip -n standin-pod link set eth0 up
ip -n standin-pod route replace default via "$gateway"
exec sleep infinity
