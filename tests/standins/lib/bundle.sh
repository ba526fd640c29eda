#!/bin/bash
# Stand-in for tests: makes an offline bundle of Rainbond (5.0 or 5.1) as published: a tar archive with the folder `offline`, in it
# images, packages, playbooks, grctl, and offline.sh, which puts them where an offline installation looks for them. The images are
# a line each.
set -eu
version=$1 out=$2
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
top=$work/offline
mkdir -p "$top/images" "$top/pkgs/rpm/centos/7/repodata" "$top/rainbond-ansible"/{scripts/installer,inventory,log,roles/rainvar/defaults,roles/prepare/templates}
for images in base rainbond; do
  echo "stand-in for tests: $images images of $version" > "$work/$images"
  tar -czf "$top/images/$images.images.tgz" -C "$work" "$images"
done
echo '<repomd><!-- stand-in for tests --></repomd>' > "$top/pkgs/rpm/centos/7/repodata/repomd.xml"
echo '[rainbond] # stand-in for tests' > "$top/rainbond-ansible/roles/prepare/templates/rainbond.repo.j2"
cp "$here/lib/setup.sh" "$top/rainbond-ansible/setup.sh"
cp "$here/lib/node.sh" "$top/rainbond-ansible/scripts/node.sh"
cp "$here/grctl-$version" "$top/grctl"
chmod 755 "$top/rainbond-ansible/setup.sh" "$top/rainbond-ansible/scripts/node.sh" "$top/grctl"
case $version in 5.0) target=/grdata/services/offline ;; *) target=/opt/rainbond/offline ;; esac
cat > "$top/offline.sh" <<X
#!/bin/bash
# A stand-in for tests: puts the bundle where an offline installation looks for it.
set -e
mkdir -p $target /opt/rainbond
cp -r images/. pkgs $target/
rm -rf /opt/rainbond/rainbond-ansible
cp -a rainbond-ansible /opt/rainbond/
echo "stand-in: the bundle is in $target"
X
chmod 755 "$top/offline.sh"
# The same bytes each time, for its digest.
tar --sort=name --owner=0 --group=0 --mtime=@0 -czf "$out" -C "$work" offline
