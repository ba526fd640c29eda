# What can be seen from inside of a node, in sections. Nothing is changed by it, and nothing of it is left.
section() { printf '\n@@ %s\n' "$1"; }

# Three looks, with all the rest between the second and the third.
look() { ps -ww --no-headers -eo pid,ppid,etimes,cgroup,args; }
first=$(look)
sleep 2
second=$(look)

section mount
awk '{ $1 = $2 = $3 = ""; print }' /proc/self/mountinfo

section unit
systemctl show '*' --property=Id,LoadState,ActiveState,SubState,UnitFileState,InvocationID,ActiveEnterTimestampMonotonic 2>/dev/null |
  awk 'BEGIN { RS = ""; FS = "\n" } { id = ""; rest = ""; for (i = 1; i <= NF; i++) if ($i ~ /^Id=/) id = substr($i, 4); else rest = rest " " $i; print id rest }'

section socket
ss -Hlntuw | awk '{ print $1, $5 }'
ss -Hlx | awk '$5 !~ /^@/ { print $1, $5 }'

section network
ip -o link | sed 's/^[0-9]*: //'
ip -o addr | sed -e 's/^[0-9]*: //' -e 's/ valid_lft.*//'
ip route show table all
ip -6 route show table all
ip rule
ip -6 rule
! command -v nft >/dev/null || nft list ruleset 2>/dev/null
! command -v iptables-save >/dev/null || iptables-save 2>/dev/null | grep -v '^#'

section kernel
cut -d' ' -f1 /proc/modules
grep -s . /proc/sys/net/ipv4/ip_* /proc/sys/net/ipv4/conf/*/* /proc/sys/net/ipv6/conf/*/forwarding /proc/sys/net/core/*

# Folders in memory; what lies on disk is looked at from outside.
section memory
find /run /tmp /dev/shm -xdev ! -type f -printf '%p %y %m %U:%G %l\n' 2>/dev/null
find /run /tmp /dev/shm -xdev -type f -printf '%p %y %m %U:%G %s\n' 2>/dev/null
section content
find /run /tmp /dev/shm -xdev -type f -exec sha256sum {} + 2>/dev/null | awk '{ print $2, $1 }'

if command -v gluster >/dev/null && systemctl -q is-active glusterd; then
  section gluster
  gluster --log-file=/dev/null --mode=script volume info
  gluster --log-file=/dev/null --mode=script peer status
fi

if command -v etcdctl >/dev/null && etcdctl --endpoints=http://127.0.0.1:2379 endpoint health >/dev/null 2>&1; then
  section etcd
  etcdctl --endpoints=http://127.0.0.1:2379 get '' --prefix -w fields |
    awk -F' : ' '/^"Revision"/ { print "revision", $2 } /^"Key"/ { key = $2 } /^"ModRevision"/ { revision = $2 } /^"Value"/ { $1 = ""; print key, revision, $0 }'
fi

if [ -S /run/mysqld/mysqld.sock ]; then
  section sql
  databases=$(mariadb -N -e 'show databases' | grep -Evx 'mysql|information_schema|performance_schema|sys')
  # shellcheck disable=SC2086
  [ -z "$databases" ] || mariadb-dump --databases $databases --skip-dump-date --skip-comments --skip-extended-insert --order-by-primary --single-transaction
fi
# The first process; those that were left behind by who started them and have lived for three seconds; and what has lived for twelve
# and was there at every look: children that a loop starts again and again are younger, or gone by then, though a machine that stood
# still makes them look old. Ours are where only the first process is otherwise.
section process
{ printf '%s\n' "$first" "$second"; look; } |
  awk '$1 == 1 || $4 != "0::/init.scope" && ($3 >= 3 && $2 == 1 || $3 >= 12 && ++looks[$1] == 3) { $1 = $2 = $3 = $4 = ""; print }'
