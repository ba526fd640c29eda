"""The benchmark's state with pyinfra, as its documentation would have it."""

from pyinfra import host
from pyinfra.facts.server import Command, Mounts, Sysctl
from pyinfra.operations import apt, files, server, systemd

CACHE = "/srv/bench/cache"
CONF = "/etc/keepalived/keepalived.conf"

apt.packages(
    name="packages",
    packages=["keepalived", "jq"],
    update=True,
    cache_time=86400,
    no_recommends=True,
)
files.directory(name="directory", path="/srv/bench", mode="750", user="root", group="root")
files.directory(name="mount point", path=CACHE)
files.line(
    name="fstab",
    path="/etc/fstab",
    line=rf"^\S+\s+{CACHE}\s.*$",
    replace=f"bench-cache {CACHE} tmpfs size=1024k,mode=755 0 0",
)
server.mount(
    name="mount",
    path=CACHE,
    device="bench-cache",
    fs_type="tmpfs",
    options=["size=1024k", "mode=755"],
)
conf = files.template(
    name="keepalived.conf",
    src="keepalived.conf.j2",
    dest=CONF,
    mode="644",
    user="root",
    group="root",
    **{key: host.data.get(key) for key in ("node", "address", "peer", "vip", "vrid", "priority")},
)
systemd.service(name="restart", service="keepalived.service", restarted=True, _if=conf.did_change)
systemd.service(name="run", service="keepalived.service", running=True, enabled=True)

# Checks. The mount is one of the facts that `server.mount` takes.
host.get_fact(Mounts)
assert host.get_fact(Sysctl, keys=["net.ipv4.tcp_syncookies"]) == {"net.ipv4.tcp_syncookies": 1}
assert host.get_fact(Command, "ss -Hltn sport = :22")
