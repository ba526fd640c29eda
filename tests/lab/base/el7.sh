#!/bin/bash
# Makes the layer that turns the base into a node like one of CentOS 7.4: its packages are RPMs from a repository that yum reads,
# its programs know no more than those of CentOS 7 did. It is no CentOS: see docs/systems.md for what that proves.
# Runs in a mount namespace of its own. Args: BASE ARCHIVE. Needs nothing but what the base carries.
set -eu
base=$1 archive=$2
work=$(mktemp -d "${TMPDIR:-/tmp}/arcus-el7.XXXXXXXX")
root=$work/root
trap 'umount -R "$work/disk" 2> /dev/null || :; rm -rf "$work"' EXIT
mkdir "$work/disk" "$root"
mount -t tmpfs -o mode=755 el7 "$work/disk"
mkdir "$work/disk/up" "$work/disk/work"
mount -t overlay el7 -o "lowerdir=$base,upperdir=$work/disk/up,workdir=$work/disk/work,redirect_dir=off,metacopy=off,index=off" "$root"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
in_root() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin HOME=/root LC_ALL=C "$@"; }

# --- the tools: dnf (which is yum's successor, and what Debian has), rpm ---
in_root DEBIAN_FRONTEND=noninteractive sh -c 'dpkg --force-unsafe-io --force-confold -i /srv/rpm-tools/*.deb' > "$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }

# --- packages: each of Debian's packed again under the name that CentOS 7 has for it ---
cat > "$root/srv/pack" << 'X'
set -eu
deb=$1
field() { dpkg-deb -f "$deb" "$1"; }
rpm_name() {
  case $1 in
    glusterfs-client) echo glusterfs-fuse ;;
    glusterfs-common) echo glusterfs ;;
    *) echo "$1" ;;
  esac
}
name=$(rpm_name "$(field Package)")
version=$(field Version); version=${version#*:}; version=${version%%-*}
case $name in *gf* | *gluster*) repo=gluster ;; *) repo=base ;; esac
at=/tmp/pack/$name
mkdir -p "$at/root" "/srv/yum/$repo"
dpkg-deb -x "$deb" "$at/root"
rm -rf "$at/root/usr/share/doc" "$at/root/usr/share/man" "$at/root/usr/share/lintian" "$at/root/etc/init.d"
# CentOS 7's programs call python, not python3; in a binary the name keeps its length.
grep -rlZ /usr/bin/python3 "$at/root" | xargs -0 -r sed -i 's,/usr/bin/python3\x00,/usr/bin/python\x00\x00,g; 1s,^#! */usr/bin/python3,#!/usr/bin/python,'
# The base has one /usr.
for top in lib sbin bin; do
  if [ -d "$at/root/$top" ]; then mkdir -p "$at/root/usr/$top"; cp -a "$at/root/$top/." "$at/root/usr/$top/"; rm -rf "${at:?}/root/$top"; fi
done
{
  printf 'Name: %s\nVersion: %s\nRelease: 1.el7\nSummary: %s, packed again for a lab\nLicense: see the package\nAutoReqProv: no\n' "$name" "$version" "$(field Package)"
  # What the base has already is not asked for.
  field Depends | tr ',' '\n' | sed 's/|.*//; s/(.*//; s/:any//; s/ //g' | while read -r needed; do
    if ls /srv/repo/"${needed}"_* > /dev/null 2>&1; then echo "Requires: $(rpm_name "$needed")"; fi
  done
  # A name that no package has, as renamed and merged packages leave them.
  if [ "$name" = jq ]; then echo 'Provides: json-query = 1.6'; fi
  printf '%%description\nlab\n%%files\n'
  cd "$at/root"
  find . -type d -empty -printf '%%dir "/%P"\n'
  find . ! -type d -printf '"/%P"\n'
} > "$at/spec"
rpmbuild -bb --quiet --buildroot="$at/root" --target x86_64 --define "_topdir $at/top" --define "_rpmdir /srv/yum/$repo" \
  --define '_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm' --define '_build_id_links none' --define '__os_install_post %{nil}' \
  --define '_binary_payload w1.gzdio' --define '__strip /bin/true' --noclean "$at/spec" > "$at/log" 2>&1 || { cat "$at/log" >&2; exit 1; }
X
in_root sh -c 'ls /srv/repo/*.deb | grep -v -e chrony -e tzdata -e moosefs -e mfsio -e containernetworking | xargs -P 2 -n 1 sh /srv/pack'

# --- the release, which gives yum its version, and the one that brings GlusterFS's repository: not there before it is installed ---
stub() { # name, provides, files below /tmp/stub
  printf 'Name: %s\nVersion: 7\nRelease: 4.1708.el7.centos\nSummary: of a lab, not of CentOS\nLicense: Apache-2.0\nBuildArch: noarch\nAutoReqProv: no\n%s\n%%description\nlab\n%%files\n' "$1" "$2" > "$root/tmp/spec"
  (cd "$root/tmp/stub" && find . -type f -printf '/%P\n') >> "$root/tmp/spec"
  in_root rpmbuild -bb --quiet --buildroot=/tmp/stub --noclean --define "_topdir /tmp/top" --define "_rpmdir /srv/yum/base" \
    --define '_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm' /tmp/spec > "$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
  rm -rf "$root/tmp/stub"
}
repository() { printf '[%s]\nname=%s\nbaseurl=file:///srv/yum/%s\ngpgcheck=0\nenabled=1\n' "$1" "$2" "$1"; }
mkdir -p "$root/tmp/stub/etc/yum.repos.d"
repository gluster 'CentOS-7 - Gluster (lab)' > "$root/tmp/stub/etc/yum.repos.d/CentOS-Gluster.repo"
stub centos-release-gluster ''
mkdir -p "$root/tmp/stub/etc/yum.repos.d"
repository base 'CentOS-7 - Base (lab)' > "$root/tmp/stub/etc/yum.repos.d/CentOS-Base.repo"
echo 'CentOS Linux release 7.4.1708 (Core) ' > "$root/tmp/stub/etc/centos-release"
echo 'CentOS Linux release 7.4.1708 (Core) ' > "$root/tmp/stub/etc/redhat-release"
rm -f "$root/etc/os-release"
cat > "$root/tmp/stub/etc/os-release" << 'X'
NAME="CentOS Linux"
VERSION="7 (Core)"
ID="centos"
ID_LIKE="rhel fedora"
VERSION_ID="7"
PRETTY_NAME="CentOS Linux 7 (Core)"
ANSI_COLOR="0;31"
CPE_NAME="cpe:/o:centos:centos:7"
HOME_URL="https://www.centos.org/"
BUG_REPORT_URL="https://bugs.centos.org/"

CENTOS_MANTISBT_PROJECT="CentOS-7"
CENTOS_MANTISBT_PROJECT_VERSION="7"
REDHAT_SUPPORT_PRODUCT="centos"
REDHAT_SUPPORT_PRODUCT_VERSION="7"
X
stub centos-release $'Provides: system-release = 7\nProvides: /bin/sh\nProvides: /bin/bash'
in_root sh -c 'createrepo_c -q /srv/yum/base && createrepo_c -q /srv/yum/gluster && rpm --force-debian -i /srv/yum/base/centos-release-7-*.rpm'

# --- programs: `sh` is bash, `yum` there is and `dnf` there is not, `python` and neither `python3` nor perl ---
ln -sf bash "$root/usr/bin/sh"
mkdir -p "$root/usr/libexec/lab"
mv "$root"/usr/bin/python3.11 "$root/usr/libexec/platform-python"
ln -s /usr/libexec/platform-python "$root/usr/bin/python"
sed '1s,.*,#!/usr/libexec/platform-python,' "$root/usr/bin/dnf-3" > "$root/usr/bin/yum"
chmod 755 "$root/usr/bin/yum"
rm -f "$root"/usr/bin/python3* "$root"/usr/bin/dnf* "$root"/usr/bin/perl*
# Where there are scripts of the time before systemd, Debian's systemctl keeps them in step, by perl.
rm -rf "$root"/etc/init.d/* "$root"/etc/rc?.d/*
rm -rf "$root"/usr/bin/apt* "$root"/usr/bin/dpkg* "$root/usr/lib/apt" "$root/usr/lib/dpkg" "$root/etc/apt" "$root/etc/dpkg" "$root/var/lib/apt" "$root/var/lib/dpkg" \
  "$root/srv/repo" "$root/srv/rpm-tools" "$root/srv/pack" "$root"/usr/share/doc "$root"/usr/share/man "$root"/usr/share/locale "$root"/tmp/*

# What newer programs have learned since is refused in the words of the old ones.
gate() { # program, its long options, its short ones
  mv "$root/usr/bin/$1" "$root/usr/libexec/lab/$1"
  cat > "$root/usr/bin/$1" << X
#!/bin/bash
# Of the lab: lets through what $1 of CentOS 7 knew.
known=' $2 '
for word; do
  case \$word in
    --) break ;;
    --*) name=\${word%%=*}; case \$known in *" \$name "*) ;; *) echo "$1: unrecognized option '\$word'" >&2; exit 1 ;; esac ;;
    -[!$3]*) echo "$1: invalid option -- '\${word:1:1}'" >&2; exit 1 ;;
  esac
done
exec /usr/libexec/lab/$1 "\$@"
X
  chmod 755 "$root/usr/bin/$1"
}
gate systemctl "--type --state --property --all --reverse --after --before --full --show-types --job-mode --ignore-inhibitors --quiet --no-block --no-legend --user \
--system --no-wall --global --no-reload --no-ask-password --kill-who --signal --force --root --runtime --preset-mode --lines --output --plain --host --machine --no-pager \
--help --version --recursive --failed" 'tpalsqfnoHMhri'
gate systemd-run "--user --system --host --machine --help --version --scope --unit --property --description --slice --no-ask-password --remain-after-exit --send-sighup \
--service-type --uid --gid --nice --setenv --pty --quiet --on-active --on-boot --on-startup --on-unit-active --on-unit-inactive --on-calendar --timer-property" 'HMhprtq'
gate lsblk "--all --bytes --nodeps --discard --exclude --include --fs --help --ascii --perms --list --noheadings --output --paths --pairs --raw --inverse --topology --scsi \
--version" 'abdDeIfhimlnopPrstSV'
gate findmnt "--fstab --mtab --kernel --poll --timeout --all --ascii --canonicalize --df --direction --evaluate --tab-file --first-only --invert --list --task --noheadings \
--notruncate --options --output --pairs --raw --types --nofsroot --submounts --source --target --help --version" 'smkpwAacDdeFfilNnuOoPrtvRSThV'

# --- sshd: what OpenSSH 7.4 of CentOS 7 offers, as far as a newer one still can ---
cat > "$root/etc/ssh/sshd_config.d/el7.conf" << 'X'
KexAlgorithms curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group-exchange-sha256,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,diffie-hellman-group-exchange-sha1,diffie-hellman-group14-sha256,diffie-hellman-group14-sha1,diffie-hellman-group1-sha1
HostKeyAlgorithms ssh-rsa,rsa-sha2-512,rsa-sha2-256,ecdsa-sha2-nistp256,ssh-ed25519
Ciphers chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-cbc,aes192-cbc,aes256-cbc,3des-cbc
MACs umac-64-etm@openssh.com,umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha1-etm@openssh.com,umac-64@openssh.com,umac-128@openssh.com,hmac-sha2-256,hmac-sha2-512,hmac-sha1
X

umount "$root/proc" "$root/dev"
umount "$root"
tar --create --zstd --numeric-owner --xattrs '--xattrs-include=*' --file "$archive" --directory "$work/disk/up" .
