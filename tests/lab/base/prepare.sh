#!/bin/sh
# Makes a fresh bootstrap ($1) into the root that every node of the lab shares. Runs as a hook of mmdebstrap, while the
# package lists are still there. What Arcus is to install is fetched into /srv/repo and NOT installed.
set -eu
root=$1
in_root() { chroot "$root" "$@"; }

# --- packages that Arcus installs on the nodes: a repository of files, the only source the nodes have ---
mkdir -p "$root/srv/repo"
in_root apt-get -qq -y -o Dir::Cache::archives=/srv/repo -o APT::Sandbox::User=root \
  --download-only install $LAB_REPO_PACKAGES
rm -rf "$root/srv/repo/lock" "$root/srv/repo/partial"
# What the layer of the Red Hat family is made with, without a network: see el7.sh. Nodes are not pointed at it.
mkdir -p "$root/srv/rpm-tools"
in_root apt-get -qq -y -o Dir::Cache::archives=/srv/rpm-tools -o APT::Sandbox::User=root --download-only install $LAB_RPM_TOOLS
rm -rf "$root/srv/rpm-tools/lock" "$root/srv/rpm-tools/partial"
(
  cd "$root/srv/repo"
  # Colons (epochs) in names would have to be quoted in the index.
  for deb in *%3a*; do [ ! -e "$deb" ] || mv "$deb" "$(printf %s "$deb" | sed 's/%3a/./')"; done
  for deb in *.deb; do
    dpkg-deb -f "$deb" | sed '/^Description:/,/^[^ ]/{/^ /d}'
    printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$deb" "$(stat -c %s "$deb")" "$(sha256sum < "$deb" | cut -d' ' -f1)"
  done > Packages
)
rm -f "$root"/etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:/srv/repo ./' > "$root/etc/apt/sources.list"
rm -f "$root/etc/apt/apt.conf.d/99mmdebstrap" "$root/etc/dpkg/dpkg.cfg.d/99mmdebstrap"
cat > "$root/etc/dpkg/dpkg.cfg.d/lab" <<'X'
force-unsafe-io
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/man/*
path-exclude=/usr/share/locale/*
X
cat > "$root/etc/apt/apt.conf.d/lab" <<'X'
Acquire::Languages "none";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
X

# --- people ---
in_root sh -euc '
  echo root:labroot | chpasswd
  for user in ops opspw plain; do useradd -m -s /bin/bash "$user"; done
  echo ops:labops | chpasswd; echo opspw:labopspw | chpasswd; echo plain:labplain | chpasswd
  usermod -aG sudo opspw
  echo "ops ALL=(ALL) NOPASSWD:ALL" > /etc/sudoers.d/ops
  chmod 440 /etc/sudoers.d/ops'

# --- sshd: root by key or password; many connections at once, as a run in parallel makes them ---
cat > "$root/etc/ssh/sshd_config.d/lab.conf" <<'X'
PermitRootLogin yes
PasswordAuthentication yes
UseDNS no
MaxStartups 100:30:300
X
rm -f "$root"/etc/ssh/ssh_host_*

# --- units: nothing of what Arcus or a stand-in starts runs by itself; what a container cannot have is masked ---
in_root systemctl -q disable mariadb.service mariadb.socket etcd.service bird.service
for unit in systemd-networkd-wait-online.service systemd-udevd.service systemd-udev-trigger.service \
  systemd-pstore.service systemd-firstboot.service systemd-logind.service console-getty.service getty@.service getty-static.service \
  getty.target e2scrub_reap.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer \
  run-rpc_pipefs.mount proc-fs-nfsd.mount nfs-client.target rpc-statd.service rpc-statd-notify.service nfs-blkmap.service \
  nfs-idmapd.service rpc-gssd.service auth-rpcgss-module.service; do
  ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
mkdir -p "$root/etc/systemd/journald.conf.d"
printf '[Journal]\nStorage=volatile\nRuntimeMaxUse=16M\nForwardToWall=no\n' > "$root/etc/systemd/journald.conf.d/lab.conf"
: > "$root/etc/machine-id"
: > "$root/etc/fstab"
rm -f "$root/var/lib/dbus/machine-id" "$root/usr/sbin/policy-rc.d" "$root/etc/resolv.conf" "$root/etc/hostname"
: > "$root/etc/resolv.conf"

# --- a small empty database for the stand-in's console (the packaged one keeps a log of 96 MB) ---
printf '[mariadbd]\ninnodb_log_file_size=4M\ninnodb_buffer_pool_size=16M\nperformance_schema=0\n' > "$root/etc/mysql/mariadb.conf.d/60-lab.cnf"
rm -rf "$root/var/lib/mysql"
in_root mariadb-install-db --user=mysql --skip-test-db > /dev/null

# --- weight ---
rm -rf "$root"/usr/share/doc "$root"/usr/share/man "$root"/usr/share/locale "$root"/usr/share/info "$root"/usr/share/lintian \
  "$root"/var/cache/apt/* "$root"/var/log/*.log "$root"/var/log/apt "$root"/var/lib/apt/lists/* "$root"/usr/share/mysql/mysql-test
for tool in myisamchk myisamlog myisampack myisam_ftdump aria_chk aria_dump_log aria_ftdump aria_pack aria_read_log mariadb-binlog mariadb-upgrade \
  mariadb-slap mariadb-import mariadb-tzinfo-to-sql mariadb-plugin innochecksum; do rm -f "$root/usr/bin/$tool"; done
mkdir -p "$root/srv/standins" "$root/etc/arcus-lab"
