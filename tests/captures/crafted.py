#!/usr/bin/env python3
"""Writes a capture of frames made by scapy: good, odd and broken ones, another mix for each seed.

Usage: crafted.py SEED COUNT OUT.pcap
"""
import random
import struct
import sys

from scapy.all import (ARP, ICMP, IP, TCP, UDP, Dot1Q, Ether, IPOption_NOP, IPOption_RR, Padding, Raw, wrpcap)

seed, count, out = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
rng = random.Random(seed)


def bytes_of(n):
    return rng.randbytes(n)


def address():
    return ".".join(str(rng.choice((1, 10, 127, 192, 255, rng.randrange(256)))) for _ in range(4))


def tcp_options():
    """Any legal list of options, in any order, aligned or not."""
    u32 = lambda: rng.choice((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, rng.getrandbits(32)))
    choices = [
        ("MSS", rng.choice((0, 1, 536, 1460, 65535))),
        ("WScale", rng.choice((0, 7, 14, 15, 255))),
        ("SAckOK", b""),
        ("Timestamp", (u32(), u32())),
        ("NOP", None),
        ("NOP", None),
        ("SAck", tuple(u32() for _ in range(2 * rng.randint(1, 3)))),
        # Kinds that nobody has defined: of those that tshark knows, it expects more than their length.
        (rng.choice((31, 77, 100, 200, 252)), bytes_of(rng.randint(0, 12))),
    ]
    rng.shuffle(choices)
    options, size = [], 0
    sizes = {"MSS": 4, "WScale": 3, "SAckOK": 2, "Timestamp": 10, "NOP": 1}
    for kind, value in choices[: rng.randint(0, 6)]:
        n = sizes.get(kind) or 2 + (4 * len(value) if kind == "SAck" else len(value))
        if size + n <= 40:
            options.append((kind, value))
            size += n
    return options


def tcp_frame(**ip):
    eth = Ether(src="02:00:00:00:00:01", dst=rng.choice(("02:00:00:00:00:02", "ff:ff:ff:ff:ff:ff", "0a:0b:0c:0d:0e:0f")))
    if rng.random() < 0.2:
        eth = eth / Dot1Q(vlan=rng.randrange(4096), prio=rng.randrange(8))
    ip_options = []
    if rng.random() < 0.15:
        ip_options = rng.choice(([IPOption_NOP()] * 4, [IPOption_RR(routers=["1.2.3.4"] * rng.randint(1, 9))]))
    size = rng.choice((0, 0, 0, 1, 2, 5, 6, 7, 8, 63, 64, 65, rng.randint(1, 1300), 1300))
    return (
        eth
        / IP(src=address(), dst=address(), tos=rng.getrandbits(8), id=rng.getrandbits(16), ttl=rng.randint(1, 255),
             flags=rng.choice(("", "DF")), options=ip_options, **ip)
        / TCP(sport=rng.randint(1, 65535), dport=rng.randint(1, 65535), seq=rng.getrandbits(32), ack=rng.getrandbits(32),
              flags=rng.getrandbits(9), window=rng.getrandbits(16), urgptr=rng.choice((0, rng.getrandbits(16))),
              options=tcp_options())
        / Raw(bytes_of(size))
    )


def pad(frame, extra=0):
    return frame + bytes(max(0, 60 - len(frame))) + bytes_of(extra)


def l3(frame):
    """Offset of the IPv4 header."""
    return 18 if frame[12:14] == b"\x81\x00" else 14


def patched(frame, at, data):
    return frame[:at] + data + frame[at + len(data):]


def broken(frame):
    """One thing wrong, of the kinds that wires, bugs and attackers make."""
    ip = l3(frame)
    tcp = ip + 4 * (frame[ip] & 15)
    kind = rng.randrange(9)
    if kind == 0:  # one bit flipped, anywhere behind the Ethernet header
        bit = rng.randrange(8 * ip, 8 * len(frame))
        return patched(frame, bit // 8, bytes([frame[bit // 8] ^ 1 << bit % 8]))
    if kind == 1:  # cut off
        return frame[: rng.randint(14, len(frame))]
    if kind == 2:  # version and header length
        return patched(frame, ip, bytes([rng.getrandbits(8)]))
    if kind == 3:  # total length
        return patched(frame, ip + 2, struct.pack(">H", rng.choice((0, 19, 20, 39, 65535, rng.getrandbits(16)))))
    if kind == 4:  # data offset, with the checksum made right again by scapy
        packet = Ether(frame)
        if TCP in packet:
            packet[TCP].dataofs = rng.randrange(16)
            packet[TCP].chksum = None
        return bytes(packet)
    if kind == 5:  # options of illegal length, checksum right
        packet = Ether(frame)
        if TCP in packet:
            packet[TCP].options = []
            packet[TCP].payload = Raw(bytes([rng.choice((2, 3, 4, 5, 8, 77)), rng.choice((0, 1, 3, 5, 11, 41))]) + bytes_of(6) + bytes_of(4))
            packet[TCP].dataofs = 7
            packet[TCP].chksum = None
        return bytes(packet)
    if kind == 6:
        return patched(frame, tcp + 16, bytes_of(2))
    if kind == 7:
        return patched(frame, ip + 10, bytes_of(2))
    return patched(frame, tcp + 12, bytes_of(2))


frames = []
while len(frames) < count:
    roll = rng.random()
    if roll < 0.6:
        frames.append(pad(bytes(tcp_frame()), rng.choice((0, 0, 0, 1, 4, 13))))
    elif roll < 0.85:
        frames.append(broken(pad(bytes(tcp_frame()))))
    elif roll < 0.9:
        frames.append(pad(bytes(tcp_frame(frag=rng.choice((1, 185, 8191))))))
    else:
        eth = Ether(src="02:00:00:00:00:01", dst="ff:ff:ff:ff:ff:ff")
        frames.append(pad(bytes(rng.choice((
            eth / ARP(psrc=address(), pdst=address()),
            eth / IP(src=address(), dst=address()) / ICMP() / Raw(bytes_of(40)),
            eth / IP(src=address(), dst=address()) / UDP(sport=1, dport=2) / Raw(bytes_of(rng.randint(0, 99))),
            eth / Raw(bytes_of(rng.randint(0, 99))),
            Ether(bytes_of(14)) / Raw(bytes_of(rng.randint(0, 200))),
            eth / Dot1Q(vlan=1) / Dot1Q(vlan=2) / IP() / TCP(),
        )))))
wrpcap(out, [Ether(f) for f in frames], linktype=1)
