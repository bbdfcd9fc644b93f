#!/usr/bin/env python3
"""Makes rx_frames.tsv and tx_frames.tsv with scapy (made with 2.8.0): `python3 make_frames.py` in this folder.

The bytes, checksums included, are scapy's. What the NIC is to say of a frame is scapy's dissection of these bytes; the
verdict, and what is said of frames so broken that scapy guesses, is written by hand from DATASHEET.md.
"""

from scapy.all import ARP, ICMP, IP, LLC, TCP, UDP, Dot1Q, Ether, IPOption_NOP, IPOption_Router_Alert, IPv6, Raw, checksum, conf
from scapy.layers.inet import in4_chksum

conf.verb = 0
NIC, PEER = "02:00:00:00:00:01", "02:00:00:00:00:02"
US, THEM = "192.0.2.1", "192.0.2.2"
NOP = ("NOP", None)

rx = []


def number(ip):
    return int.from_bytes(bytes(int(part) for part in ip.split(".")), "big")


def options_of(tcp):
    said = {"mss": "-", "ws": "-", "sackok": 0, "ts": "-", "sack": "-"}
    for option in tcp.options:
        match option:
            case ("MSS", value):
                said["mss"] = value
            case ("WScale", value):
                said["ws"] = value
            case ("SAckOK", _):
                said["sackok"] = 1
            case ("Timestamp", (value, echo)):
                said["ts"] = f"{value}:{echo}"
            case ("SAck", edges):
                said["sack"] = ",".join(f"{edges[i]}-{edges[i + 1]}" for i in range(0, len(edges), 2))
    return said


def add(name, frame, verdict, ip=False, tcp=False, **by_hand):
    """`ip` and `tcp`: the headers are whole, and what scapy sees in them is to be reported."""
    frame = bytes(frame)
    said = {"verdict": verdict, "frame_len": len(frame)}
    seen = Ether(frame) if ip else None
    if ip:
        header = seen[IP]
        said |= {"src": number(header.src), "dst": number(header.dst), "proto": header.proto, "tos": header.tos}
        said["ip_ok"] = 1
    if tcp:
        header = seen[TCP]
        said |= {"sport": header.sport, "dport": header.dport, "seq": header.seq, "ack": header.ack}
        said |= {"flags": header.reserved << 9 | int(header.flags), "window": header.window, "urgent": header.urgptr, "tcp_ok": 1}
        headers = 4 * seen[IP].ihl + 4 * header.dataofs
        said["payload_len"] = seen[IP].len - headers
        if verdict in ("flow", "listen", "miss"):
            said["payload_at"] = len(frame) - len(seen[IP].original) + headers
        said |= options_of(header)
    if verdict == "raw":
        said |= {"payload_at": 0, "payload_len": len(frame)}
    said |= by_hand
    rx.append((name, frame.hex(), " ".join(f"{key}={value}" for key, value in sorted(said.items()))))


def broken(frame, *patches):
    """The frame with bytes replaced: (offset, bytes)."""
    frame = bytearray(bytes(frame))
    for offset, data in patches:
        frame[offset:offset + len(data)] = data
    return bytes(frame)


def fix_ip(frame, at=14):
    """The IPv4 checksum of a header of 20 bytes made right again, so that only the other flaw is left."""
    frame = bytearray(frame)
    frame[at + 10:at + 12] = bytes(2)
    frame[at + 10:at + 12] = checksum(bytes(frame[at:at + 20])).to_bytes(2, "big")
    return bytes(frame)


def ether(**fields):
    return Ether(**({"src": PEER, "dst": NIC} | fields))


def ipv4(**fields):
    return IP(**({"src": THEM, "dst": US, "id": 0x1234, "ttl": 61} | fields))


def flow(**fields):
    """A segment of the connection that the test has inserted."""
    return TCP(**({"sport": 40000, "dport": 8080, "seq": 0x01020304, "ack": 0xfffffff0, "flags": "PA", "window": 501} | fields))


SYN_OPTIONS = [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (0x11223344, 0)), NOP, ("WScale", 7)]
SACK1 = [NOP, NOP, ("Timestamp", (7, 0x99887766)), NOP, NOP, ("SAck", (1000, 2448))]
SACK3 = [NOP, NOP, ("Timestamp", (7, 8)), NOP, NOP, ("SAck", (10, 20, 0xfffffff0, 4, 50, 60))]
SACK4 = [NOP, NOP, ("SAck", (1, 2, 3, 4, 5, 6, 7, 8))]
UNALIGNED = [("WScale", 14), ("MSS", 9000), NOP, ("Timestamp", (1, 2)), ("SAckOK", b"")]

# ---- Good segments
both = {"ip": True, "tcp": True}
data = ether() / ipv4() / flow() / Raw(bytes(range(101)))
add("syn to a listener", ether() / ipv4() / TCP(sport=50000, dport=80, seq=7, flags="S", window=64240, options=SYN_OPTIONS), "listen", **both)
add("data of a flow, odd length", data, "flow", **both)
add("data of a flow, even length", ether() / ipv4() / flow() / Raw(b"hand"), "flow", **both)
add("a bare ack, padded with garbage", bytes(ether() / ipv4() / flow(flags="A")) + b"\xde\xad\xbe\xef\x55\xaa", "flow", **both)
add("fin", ether() / ipv4() / flow(flags="FA"), "flow", **both)
add("reset", ether() / ipv4() / flow(flags="R", window=0), "flow", **both)
add("urgent", ether() / ipv4() / flow(flags="UA", urgptr=0xbeef) / Raw(b"!"), "flow", **both)
add("all nine flags", ether() / ipv4() / flow(flags=0x1ff), "flow", **both)
add("ecn marked", ether() / ipv4(tos=0xbb) / flow(), "flow", **both)
add("to a listener's port but of a flow", ether() / ipv4() / flow(dport=80, sport=40001), "flow", **both)
add("a miss", ether() / ipv4() / flow(dport=8081), "miss", **both)
add("a flow's mirror image is a miss", ether() / ipv4() / flow(sport=8080, dport=40000), "miss", **both)
add("full size", ether() / ipv4() / flow(options=[NOP, NOP, ("Timestamp", (5, 6))]) / Raw(bytes(i * 7 & 0xff for i in range(1448))), "flow", **both)
add("reserved bits", ether() / ipv4() / flow(flags=0x1ff, reserved=6), "flow", **both)
add("vlan", ether() / Dot1Q(prio=5, vlan=0xabc) / ipv4() / flow() / Raw(b"tagged"), "flow", **both, vlan=0xaabc)
add("ip options", ether() / ipv4(options=[IPOption_Router_Alert(), IPOption_NOP()]) / flow() / Raw(b"optional"), "flow", **both)
add("40 bytes of ip options, 40 of tcp", ether() / ipv4(options=[IPOption_NOP()] * 40) / flow(options=[NOP] * 40) / Raw(b"x"), "flow", **both)
add("vlan, 40 bytes of ip options, 40 of tcp", ether() / Dot1Q(vlan=1) / ipv4(options=[IPOption_NOP()] * 40) / flow(options=SACK4 + [("EOL", None)] * 4) / Raw(b"xyz"), "flow", **both, vlan=1)
add("one sack block", ether() / ipv4() / flow(options=SACK1), "flow", **both)
add("three sack blocks", ether() / ipv4() / flow(options=SACK3) / Raw(b"more"), "flow", **both)
add("four sack blocks", ether() / ipv4() / flow(options=SACK4), "flow", **both)
add("unaligned options", ether() / ipv4() / flow(options=UNALIGNED) / Raw(b"u"), "flow", **both)
add("unknown option", ether() / ipv4() / flow(options=[(254, b"\x01\x02\x03"), ("MSS", 1234), NOP, NOP, NOP]), "flow", **both)
add("window scale beyond 14", ether() / ipv4() / flow(options=[("WScale", 255), NOP]), "flow", **both)
end = ether() / ipv4() / flow(options=[("MSS", 1400), ("EOL", None), (254, b"")])
add("nothing counts behind the end of options", end, "flow", **both)

# The sum of everything but the checksum is 0xffff: the checksum on the wire is 0.
zero = ether() / ipv4() / flow() / Raw(b"\0\0")
check = TCP(bytes(Ether(bytes(zero))[TCP])).chksum
zero = ether() / ipv4() / flow() / Raw(check.to_bytes(2, "big"))
assert Ether(bytes(zero))[TCP].chksum == 0
add("checksum zero", zero, "flow", **both)

# ---- Not TCP
add("arp", ether(dst="ff:ff:ff:ff:ff:ff") / ARP(hwsrc=PEER, psrc=THEM, pdst=US), "raw")
add("icmp echo", ether() / ipv4() / ICMP(id=1, seq=2) / Raw(b"ping"), "raw", ip=True)
add("udp", ether() / ipv4() / UDP(sport=1, dport=2) / Raw(b"datagram"), "raw", ip=True)
add("ipv6", ether() / IPv6(src="::1", dst="::2") / TCP(), "raw")
add("802.3 length", bytes(ether(type=8)) + bytes(LLC()) + bytes(5), "raw")
add("two tags", ether() / Dot1Q(vlan=5) / Dot1Q(vlan=6) / ipv4() / flow(), "raw", vlan=5)
add("a tagged arp", ether() / Dot1Q(vlan=0xfff, prio=7) / ARP(), "raw", vlan=0xefff)
add("a cut tag", ether(type=0x8100) / Raw(b"\x00\x01\x08"), "raw")
add("only an Ethernet header", ether(type=0x88b5), "raw")
add("a whole slot", ether(type=0x88b5) / Raw(bytes(2034)), "raw")

# ---- Drops, in the order of verdicts
add("oversize", ether(type=0x88b5) / Raw(bytes(2035)), "drop:Oversize")
jumbo = ether() / ipv4() / flow(options=SACK3) / Raw(bytes(i * 7 & 0xff for i in range(3001)))
add("oversize segment", jumbo, "drop:Oversize", **both)
add("oversize segment, checksum", broken(jumbo, (3000, b"?")), "drop:Oversize", **both, tcp_ok=0)
add("oversize segment, cut off", bytes(jumbo)[:-1], "drop:Oversize", **both, tcp_ok=0)
add("runt", bytes(ether())[:13], "drop:Runt")
add("empty", b"", "drop:Runt")
add("another's mac", ether(dst="02:00:00:00:00:03") / ipv4() / flow(), "drop:MacFilter", **both)
add("multicast", ether(dst="01:00:5e:00:00:01") / ipv4() / flow(), "drop:MacFilter", **both)
add("another's mac, not tcp", ether(dst="02:00:00:00:00:03") / ARP(), "drop:MacFilter")
add("no ip header", bytes(ether() / ipv4())[:14 + 19], "drop:IpHeader")
add("ip version 6", fix_ip(broken(data, (14, b"\x65"))), "drop:IpHeader")
add("ip header of 4 words", fix_ip(broken(data, (14, b"\x44"))), "drop:IpHeader")
add("ip options cut off", bytes(ether() / ipv4(options=[IPOption_NOP()] * 8))[:14 + 24], "drop:IpHeader")
SRC = {"src": number(THEM), "dst": number(US), "proto": 6, "tos": 0}
add("ip length below the header", fix_ip(broken(data, (16, b"\x00\x13"))), "drop:IpHeader", **SRC, ip_ok=1)
add("ip length beyond the frame", bytes(data)[:-1], "drop:IpHeader", **both, tcp_ok=0)
add("ip length beyond the frame, bad checksum", broken(bytes(data)[:-1], (22, b"\x3c")), "drop:IpHeader", **both, ip_ok=0, tcp_ok=0)
cut = bytes(ether() / Dot1Q(vlan=2) / ipv4() / flow(options=SACK3) / Raw(bytes(1000)))
add("cut off directly behind the tcp options", cut[:-1000], "drop:IpHeader", **both, vlan=2, tcp_ok=0)
add("cut off where the sum is right", cut[:-10], "drop:IpHeader", **both, vlan=2, tcp_ok=0)
add("cut off in the tcp options", cut[:-1001], "drop:IpHeader", ip=True, vlan=2)
add("cut off, and a fragment", bytes(ether() / ipv4(flags="MF") / flow() / Raw(b"cut"))[:-1], "drop:IpHeader", ip=True)
add("ip checksum", broken(data, (24, bytes([bytes(data)[24] ^ 1]))), "drop:IpChecksum", **both, ip_ok=0)
add("ip and tcp checksum", broken(data, (24, bytes([bytes(data)[24] ^ 1])), (50, bytes([bytes(data)[50] ^ 128]))), "drop:IpChecksum", **both, ip_ok=0, tcp_ok=0)
add("another's ip", ether() / ipv4(dst="192.0.2.3") / flow(), "drop:IpFilter", **both)
add("ip broadcast", ether(dst="ff:ff:ff:ff:ff:ff") / ipv4(dst="255.255.255.255") / UDP(), "drop:IpFilter", ip=True)
add("another's ip and a fragment", ether() / ipv4(dst="192.0.2.3", flags="MF") / flow(), "drop:IpFilter", ip=True)
add("first fragment", ether() / ipv4(flags="MF") / flow(), "drop:Fragment", ip=True)
add("last fragment", ether() / ipv4(frag=1) / flow(), "drop:Fragment", ip=True)
add("fragment of icmp", ether() / ipv4(frag=0x1fff) / ICMP(), "drop:Fragment", ip=True)
add("tcp header cut off", ether() / ipv4(proto=6) / Raw(bytes(19)), "drop:TcpHeader", ip=True)
add("no tcp header", ether() / ipv4(proto=6), "drop:TcpHeader", ip=True)
add("data offset 4", ether() / ipv4() / flow(dataofs=4), "drop:TcpHeader", ip=True)
add("data offset beyond the segment", ether() / ipv4() / flow(dataofs=6), "drop:TcpHeader", ip=True)
add("data offset beyond the segment but in the padding", bytes(ether() / ipv4() / flow(dataofs=6)) + bytes(6), "drop:TcpHeader", ip=True)
for name, offset in [("payload", 60), ("port", 35), ("checksum field", 51), ("last byte", len(bytes(data)) - 1)]:
    frame = broken(data, (offset, bytes([bytes(data)[offset] ^ 4])))
    add(f"tcp checksum, {name}", frame, "drop:TcpChecksum", **both, tcp_ok=0)
sack = ether() / ipv4() / flow(options=SACK3)
add("tcp checksum with sack", broken(sack, (50, bytes([bytes(sack)[50] ^ 1]))), "drop:TcpChecksum", **both, tcp_ok=0)


def options(name, raw, **decoded):
    """Options as bytes, their checksum right."""
    segment = bytearray(bytes(flow(dataofs=5 + len(raw) // 4, chksum=0)) + raw)
    segment[16:18] = in4_chksum(6, ipv4(), bytes(segment)).to_bytes(2, "big")
    frame = ether() / ipv4(proto=6) / Raw(bytes(segment))
    said = {"mss": "-", "ws": "-", "sackok": 0, "ts": "-", "sack": "-"} | decoded
    base = {"sport": 40000, "dport": 8080, "seq": 0x01020304, "ack": 0xfffffff0, "flags": 24, "window": 501, "urgent": 0, "tcp_ok": 1, "payload_len": 0}
    add(name, frame, "drop:TcpOptions", ip=True, bad_options=1, **base, **said)


options("option of length 0", b"\x02\x04\x05\xb4\xfe\x00\x01\x01", mss=1460)
options("option of length 1", b"\x01\xfe\x01\x01")
options("option beyond the header", b"\x01\x01\x08\x0a")
options("option without length", b"\x03\x03\x07\xfe", ws=7)
options("mss of 3 bytes", b"\x02\x03\x05\x01")
options("mss of 5 bytes", b"\x02\x05\x05\xb4\x00\x01\x01\x01")
options("window scale of 4 bytes", b"\x03\x04\x07\x00")
options("sack-permitted of 3 bytes", b"\x04\x03\x00\x01")
options("timestamps of 9 bytes", b"\x08\x09\x00\x00\x00\x01\x00\x00\x00\x01\x01\x01")
options("sack without blocks", b"\x01\x01\x05\x02")
options("sack of a block and a half", b"\x01\x01\x05\x0e" + bytes(range(12)))
options("illegal after timestamps", b"\x01\x01\x08\x0a\x00\x00\x00\x01\x00\x00\x00\x02\xfd\x00\x01\x01", ts="1:2")
options("illegal after sack", b"\x01\x01\x05\x0a\x00\x00\x00\x01\x00\x00\x00\x02\xfd\xff\x01\x01", sack="1-2")

# ---- Segments as the NIC sends them (the commands are in the test, by the same names)
tx = []


def send(name, identification, tcp, payload=b"", tag=None, tos=0, ttl=64):
    frame = Ether(src=NIC, dst=PEER)
    if tag is not None:
        frame /= Dot1Q(prio=tag >> 13, dei=tag >> 12 & 1, vlan=tag & 0xfff)
    frame = frame / IP(src=US, dst=THEM, id=identification, flags="DF", ttl=ttl, tos=tos) / tcp / Raw(payload)
    tx.append((name, bytes(frame).ljust(60, b"\0").hex()))


def segment(**fields):
    return TCP(**({"sport": 8080, "dport": 40000} | fields))


MSS, WS, SACKOK = [("MSS", 1460)], [NOP, ("WScale", 7)], [NOP, NOP, ("SAckOK", b"")]
TS = [NOP, NOP, ("Timestamp", (0x01020304, 0xfffefdfc))]
send("ack", 0, segment(seq=1, ack=2, flags="A", window=0xffff))
send("syn", 1, segment(seq=0xfffffffe, ack=0, flags="S", window=64240, options=MSS + WS + SACKOK + TS))
send("data", 2, segment(seq=5, ack=6, flags="PA", window=3, options=TS), bytes(range(100, 201)))
send("full", 3, segment(seq=5, ack=6, flags="A", window=3, options=TS), bytes(i * 31 & 0xff for i in range(1448)))
send("one block", 4, segment(seq=5, ack=6, flags="A", window=3, options=[NOP, NOP, ("SAck", (1, 2))]))
send("three blocks", 5, segment(seq=5, ack=6, flags="A", window=3, options=TS + [NOP, NOP, ("SAck", (1, 2, 3, 4, 0xffffffff, 6))]), b"!")
send("tagged", 6, segment(seq=5, ack=6, flags=0x1ff, window=3), b"vlan", tag=0xb123, tos=0x2e << 2, ttl=1)

with open("rx_frames.tsv", "w") as file:
    file.writelines("\t".join(row) + "\n" for row in rx)
with open("tx_frames.tsv", "w") as file:
    file.writelines("\t".join(row) + "\n" for row in tx)
print(len(rx), "frames to receive,", len(tx), "frames to send")
