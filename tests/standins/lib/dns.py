"""Stand-in for tests: rbd-dns, a node's own name server. Answers what its `--recoders` say, over UDP, and for the vendor's domain
what the first node was told of it (`grctl domain`), in place of the public name servers. Everything else does not exist."""
import socket
import struct
import sys

PUBLIC = "/opt/rainbond/.init/standin-public-dns"


def flag(name):
    found = [word.split("=", 1)[1] for word in sys.argv[1:] if word.startswith(f"--{name}=")]
    return found[-1] if found else ""


def records(text):
    return dict(record.rsplit("=", 1) for record in text.split(",") if "=" in record)


def public():
    try:
        with open(PUBLIC) as lines:
            return records(",".join(line.strip() for line in lines))
    except OSError:
        return {}


def lookup(name, known):
    if name in known:
        return known[name]
    parts = name.split(".")
    for place in range(1, len(parts)):
        wild = ".".join(["*"] + parts[place:])
        if wild in known:
            return known[wild]
    return None


def name_in(question):
    labels, place = [], 0
    while question[place]:
        length = question[place]
        labels.append(question[place + 1 : place + 1 + length].decode("ascii", "replace").lower())
        place += 1 + length
    kind = struct.unpack("!H", question[place + 1 : place + 3])[0]
    return ".".join(labels), kind, question[: place + 5]


def answer(packet, known):
    number, flags = struct.unpack("!HH", packet[:4])
    name, kind, question = name_in(packet[12:])
    address = lookup(name, known) or lookup(name, public())
    found = address is not None
    body = b""
    if found and kind == 1:
        body = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 5, 4) + socket.inet_aton(address)
    head = struct.pack("!HHHHHH", number, 0x8080 | (flags & 0x0100) | (0 if found else 3), 1, 1 if body else 0, 0, 0)
    return head + question + body


def main():
    known = records(flag("recoders"))
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((flag("dns-bind-address"), 53))
    while True:
        packet, client = server.recvfrom(4096)
        try:
            server.sendto(answer(packet, known), client)
        except (IndexError, struct.error, OSError):
            pass


main()
