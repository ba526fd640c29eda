"""Stand-in for tests: flanneld with host-gw, as documented and no more. A real lease in etcd (second version of its keys), real routes in the
kernel, `/run/flannel/subnet.env`. No iptables; no other backend. Leaves lease, routes and file where they are when it ends, as flannel does."""
import ipaddress
import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

DAY = 86400
ENV = "/run/flannel/subnet.env"
arguments = dict(word.lstrip("-").split("=", 1) for word in sys.argv[1:] if "=" in word)
address = arguments["iface"]
endpoints = arguments["etcd-endpoints"].split(",")
prefix = arguments["etcd-prefix"].strip("/")


def say(text):
    print(f"flanneld (a stand-in for tests): {text}", file=sys.stderr, flush=True)


def etcd(path, values=None, **query):
    """What etcd says: of the first endpoint that answers. None: nobody does."""
    for endpoint in endpoints:
        url = f"{endpoint}/v2/keys/{prefix}/{path}?{urllib.parse.urlencode(query)}"
        data = None if values is None else urllib.parse.urlencode(values).encode()
        request = urllib.request.Request(url, data=data, method="GET" if data is None else "PUT")
        try:
            with urllib.request.urlopen(request, timeout=4) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code in (404, 412):
                return json.load(error)
        except (OSError, ValueError):
            pass
    return None


def ip(*words):
    return subprocess.run(["ip", *words], capture_output=True, text=True, timeout=10)


def interface():
    """The device that has the address, and its MTU."""
    for link in json.loads(ip("-j", "addr", "show").stdout or "[]"):
        if any(known.get("local") == address for known in link["addr_info"]):
            return link["ifname"], link["mtu"]
    return None


def leases():
    """Subnet by the address of its node; None: not known now."""
    said = etcd("subnets")
    if said is None:
        return None
    found = {}
    for node in said.get("node", {}).get("nodes", []):
        net = ipaddress.ip_network(node["key"].rsplit("/", 1)[1].replace("-", "/"))
        found[net] = json.loads(node["value"])["PublicIP"]
    return found


def before():
    """The subnet of its last life, where the file is still there."""
    try:
        with open(ENV, encoding="utf-8") as file:
            words = dict(line.strip().split("=", 1) for line in file if "=" in line)
        return ipaddress.ip_interface(words["FLANNEL_SUBNET"]).network
    except (OSError, KeyError, ValueError):
        return None


def acquire(network, length):
    """A subnet for this node: the one it has, the one it had, or any that is free; the first is nobody's."""
    value = json.dumps({"PublicIP": address, "BackendType": "host-gw"})
    while True:
        held = leases()
        if held is None:
            time.sleep(1)
            continue
        mine = next((net for net, owner in held.items() if owner == address and net.subnet_of(network)), None)
        free = [net for net in list(network.subnets(new_prefix=length))[1:] if net not in held]
        last = before()
        net = mine or (last if last in free else None) or (random.choice(free) if free else None)
        if net is None:
            say("out of subnets")
            time.sleep(1)
            continue
        exists = {"prevExist": "true" if mine else "false"}
        said = etcd(f"subnets/{str(net).replace('/', '-')}", {"value": value, "ttl": DAY}, **exists)
        if said and "node" in said:
            return net
        time.sleep(0.2)


def write(network, net, mtu):
    os.makedirs(os.path.dirname(ENV), exist_ok=True)
    part = os.path.join(os.path.dirname(ENV), ".subnet.env")
    with open(part, "w", encoding="utf-8") as file:
        file.write(f"FLANNEL_NETWORK={network}\nFLANNEL_SUBNET={net[1]}/{net.prefixlen}\nFLANNEL_MTU={mtu}\nFLANNEL_IPMASQ=false\n")
    os.replace(part, ENV)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while True:
        said = etcd("config")
        if said and "node" in said:
            break
        say("no config yet" if said else "etcd does not answer")
        time.sleep(1)
    config = json.loads(said["node"]["value"])
    network, length = ipaddress.ip_network(config["Network"]), config.get("SubnetLen", 24)
    if config.get("Backend", {}).get("Type") != "host-gw":
        sys.exit("the stand-in has no backend but host-gw")
    if length < network.prefixlen + 2:
        sys.exit("network must be able to accommodate at least four subnets")
    device = interface()
    if device is None:
        sys.exit(f"no interface has {address}")
    mine = acquire(network, length)
    write(network, mine, device[1])
    say(f"lease {mine}")
    routes, checked, renewed = {}, 0.0, time.monotonic()
    while True:
        held = leases()
        if held is not None:
            wanted = {net: owner for net, owner in held.items() if owner != address}
            for net in [net for net in routes if net not in wanted]:
                ip("route", "del", str(net), "via", routes.pop(net), "dev", device[0])
            # It looks at its routes each ten seconds, and at new leases at once.
            again = time.monotonic() - checked > 10
            for net, owner in wanted.items():
                if again or routes.get(net) != owner:
                    done = ip("route", "replace", str(net), "via", owner, "dev", device[0])
                    if done.returncode == 0:
                        routes[net] = owner
                    else:
                        say(f"route to {net} via {owner}: {done.stderr.strip()}")
            if again:
                checked = time.monotonic()
            if time.monotonic() - renewed > DAY - 3600:
                acquire(network, length)
                renewed = time.monotonic()
        time.sleep(1)


main()
