# Makes the disk that all user-mode-linux nodes share: the lab's base, and what a kernel of its own needs. Args: BASE IMAGE STANDINS.
# Runs in a mount namespace of its own. NFS is not installed: its packages go to the nodes' repository, and all that an installed server
# has to an archive, which is unpacked in a second where installing takes a slow node a minute.
set -eu
base=$1 image=$2 standins=$3
work=$image.work
mkdir -p "$work"
mount -t tmpfs tmpfs "$work"
mkdir "$work/up" "$work/work" "$work/root" "$work/debs" "$work/debs/partial"
apt-get -qq -o Debug::NoLocking=1 -o Dir::State::status="$base/var/lib/dpkg/status" -o Dir::Cache::archives="$work/debs" \
  -o APT::Sandbox::User=root --no-install-recommends --download-only -y install nfs-common nfs-kernel-server
mount -t overlay overlay -o "lowerdir=$base,upperdir=$work/up,workdir=$work/work" "$work/root"
root=$work/root
mkdir -p "$root/lib/modules"
cp -a /usr/lib/uml/modules/* "$root/lib/modules/"
for deb in "$work"/debs/*.deb; do cp "$deb" "$root/srv/repo/$(basename "$deb" | sed 's/%3a/./')"; done
(
  cd "$root/srv/repo"
  for deb in *.deb; do
    dpkg-deb -f "$deb" | sed '/^Description:/,/^[^ ]/{/^ /d}'
    printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$deb" "$(stat -c %s "$deb")" "$(sha256sum < "$deb" | cut -d' ' -f1)"
  done > Packages
)
# What a container cannot have, and this kernel has.
for unit in run-rpc_pipefs.mount proc-fs-nfsd.mount nfs-client.target rpc-statd.service rpc-statd-notify.service nfs-blkmap.service \
  nfs-idmapd.service rpc-gssd.service auth-rpcgss-module.service; do
  rm -f "$root/etc/systemd/system/$unit"
done
# What makes every `systemctl daemon-reload` run a dozen programs, which takes ten seconds here, and a package half a minute.
mkdir -p "$root/etc/systemd/system-generators"
for generator in "$root"/usr/lib/systemd/system-generators/*; do
  case $generator in *-fstab-*) ;; *) ln -s /dev/null "$root/etc/systemd/system-generators/${generator##*/}" ;; esac
done
# NFS's own are for exports that are mounts, and for a pipe file system elsewhere.
for generator in nfs-server-generator rpc-pipefs-generator; do ln -s /dev/null "$root/etc/systemd/system-generators/$generator"; done
ln -sf /bin/true "$root/usr/sbin/update-rc.d"
cp -a "$standins/." "$root/srv/standins/"
mkdir "$work/nfs" "$work/nfs-work" "$work/with-nfs"
mount -t overlay overlay -o "lowerdir=$work/up:$base,upperdir=$work/nfs,workdir=$work/nfs-work" "$work/with-nfs"
mount --bind /dev "$work/with-nfs/dev"
chroot "$work/with-nfs" sh -euc 'apt-get -qq update; DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install nfs-kernel-server > /dev/null; rm -rf /var/lib/apt/lists/* /var/cache/apt/*'
umount "$work/with-nfs/dev" "$work/with-nfs"
find "$work/nfs" -type c -delete
tar -C "$work/nfs" -cf "$root/srv/nfs-server.tar" .
# MariaDB reserves eight terabytes of addresses by itself, and a process of this kernel has half a terabyte.
printf '[mariadbd]\nloose_innodb_buffer_pool_size_max=256M\n' > "$root/etc/mysql/mariadb.conf.d/99-addresses.cnf"
rm -f "$root"/etc/ssh/ssh_host_*
ssh-keygen -q -t ed25519 -N '' -C lab -f "$root/etc/ssh/ssh_host_ed25519_key"
cut -d' ' -f1,2 "$root/etc/ssh/ssh_host_ed25519_key.pub" > "$image.pub"
printf '/dev/ubda / ext4 rw,noatime 0 1\n' > "$root/etc/fstab"
cat > "$root/usr/local/sbin/lab-node" <<'Y'
#!/bin/sh
# Who this node is: words of the kernel's command line.
for word in $(cat /proc/cmdline); do
  case $word in lab.*) name=${word%%=*}; eval "${name#lab.}=\${word#*=}" ;; esac
done
printf '127.0.0.1\tlocalhost\n127.0.1.1\t%s\n' "$name" > /etc/hosts
echo "$name" > /etc/hostname
hostname "$name"
mkdir -p -m 0700 /root/.ssh
echo "$key" | base64 -d > /root/.ssh/authorized_keys
chmod 600 /root/.ssh/authorized_keys
ip link set lo up
ip addr add "$address/24" dev vec0
ip link set vec0 up
ip route add default via "${address%.*}.1"
Y
chmod 755 "$root/usr/local/sbin/lab-node"
cat > "$root/etc/systemd/system/lab-node.service" <<'Y'
[Unit]
DefaultDependencies=no
After=systemd-remount-fs.service
Before=network-pre.target network.target ssh.service sysinit.target
Wants=network-pre.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/lab-node
[Install]
WantedBy=sysinit.target
Y
mkdir -p "$root/etc/systemd/system/sysinit.target.wants"
ln -s ../lab-node.service "$root/etc/systemd/system/sysinit.target.wants/lab-node.service"
mkfs.ext4 -q -F -O ^has_journal -d "$root" "$image.part" 3G
mv "$image.part" "$image"
