# The benchmark's state as the shortest script that checks first and changes only what is wrong. With check=yes, nothing is
# changed and every difference is an error: that is how the benchmark knows that all contenders did the same.
set -u
check=@check@
bad() { echo "wrong: $1"; exit 1; }
change() { if [ "$check" = yes ]; then bad "$1"; fi; echo "changed $1"; }
unit=keepalived.service cache=/srv/bench/cache conf=/etc/keepalived/keepalived.conf line='bench-cache /srv/bench/cache tmpfs size=1024k,mode=755 0 0'

have=$(dpkg-query -W -f '${Package} ${Status}\n' keepalived jq 2>/dev/null | grep -c 'install ok installed$')
if [ "$have" != 2 ]; then
  change packages
  export DEBIAN_FRONTEND=noninteractive
  [ -e /var/lib/apt/periodic/update-success-stamp ] || apt-get -qq update || bad update
  apt-get -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 install keepalived jq > /tmp/apt.log 2>&1 || { cat /tmp/apt.log; bad install; }
fi
if [ "$(stat -c %a:%U:%G /srv/bench 2>/dev/null)" != 750:root:root ]; then
  change directory
  mkdir -p /srv/bench && chmod 750 /srv/bench && chown root:root /srv/bench || bad mkdir
fi
noted=$(awk -v at=$cache '$1 !~ /^#/ && $2 == at { print $1, $2, $3, $4, $5, $6 }' /etc/fstab)
if [ "$noted" != "$line" ]; then
  change fstab
  { awk -v at=$cache '$1 ~ /^#/ || $2 != at' /etc/fstab; echo "$line"; } > /etc/fstab.new && chmod 644 /etc/fstab.new && mv /etc/fstab.new /etc/fstab || bad fstab
fi
if [ "$(findmnt -n -o SOURCE,FSTYPE $cache | tr -s ' ')" != 'bench-cache tmpfs' ]; then
  change mount
  mkdir -p $cache && mount $cache || bad mount
fi
restart=no
wanted=$(cat <<'END-OF-FILE'
@conf@END-OF-FILE
)
if [ "$(cat $conf 2>/dev/null)" != "$wanted" ] || [ "$(stat -c %a:%U:%G $conf)" != 644:root:root ]; then
  change conf
  printf '%s\n' "$wanted" > $conf.new && chmod 644 $conf.new && mv $conf.new $conf || bad conf
  restart=yes
fi
state=$(systemctl show -p ActiveState -p UnitFileState $unit)
case $state in *UnitFileState=enabled*) ;; *) change enable; systemctl -q enable $unit || bad enable ;; esac
case $restart$state in no*ActiveState=active*) ;; *) change start; systemctl restart $unit || bad restart ;; esac
[ "$(sysctl -n net.ipv4.tcp_syncookies)" = 1 ] || bad sysctl
[ -n "$(ss -Hltn sport = :22)" ] || bad socket
