#!/usr/bin/env python3
"""Writes frames.txt: frames made by scapy, what is to become of them (written here by hand), and what scapy reads in them.

    python3 hdl/tests/golden/make.py > hdl/tests/golden/frames.txt

One frame a line: name, verdict, drop reason, then `key=value` of what the receive event must say besides, then the frame in hex; `+n` behind it
stands for n more bytes, of which byte i is 31 * i.
"""
import random
from scapy.all import ARP, Dot1Q, Ether, ICMP, IP, IPOption_NOP, IPOption_RR, IPv6, LLC, Raw, TCP, UDP, raw

random.seed(20261122)
MAC, PEER_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
IP_ADDRESS, PEER = "192.0.2.1", "192.0.2.2"
FLOW_PORT, LISTEN_PORT, CLOSED_PORT, PEER_PORT, CONNECTION = 5001, 80, 9999, 40000, 7


def ether(**fields):
    return Ether(**{"dst": MAC, "src": PEER_MAC, **fields})


def ip(**fields):
    return IP(**{"src": PEER, "dst": IP_ADDRESS, "ttl": 64, "id": 0x1234, **fields})


def tcp(**fields):
    defaults = {"sport": PEER_PORT, "dport": FLOW_PORT, "flags": "A", "seq": 0x11223344, "ack": 0x55667788, "window": 0x9ABC}
    return TCP(**{**defaults, **fields})


def data(length):
    return Raw(bytes(random.randrange(256) for _ in range(length)))


def pattern(length):
    return bytes(31 * i & 0xFF for i in range(length))


def number(address):
    return int.from_bytes(bytes(int(part) for part in address.split(".")), "big")


def read(frame, fields):
    """What scapy reads in the bytes; only layers that `fields` says to be whole."""
    if len(frame) < 14:
        return fields
    packet = Ether(frame)
    if packet.haslayer(Dot1Q):
        fields.setdefault("has_vlan", 1)
        fields.setdefault("vlan_tci", int.from_bytes(raw(packet[Dot1Q])[:2], "big"))
    if fields.get("is_ipv4"):
        layer = packet[IP]
        fields.update(src_ip=number(layer.src), dst_ip=number(layer.dst), ip_proto=layer.proto, tos=layer.tos)
        fields.setdefault("ip_checksum_ok", 1)
    if fields.get("is_tcp"):
        layer = packet[TCP]
        fields.update(
            src_port=layer.sport, dst_port=layer.dport, seq=layer.seq, ack=layer.ack, window=layer.window, urgent=layer.urgptr,
            tcp_flags=layer.reserved << 9 | int(layer.flags),
            payload_len_bytes=packet[IP].len - 4 * packet[IP].ihl - 4 * layer.dataofs,
        )
        fields.setdefault("tcp_checksum_ok", 1)
    return fields


def options(listed):
    """The event's fields for options as scapy names them."""
    fields = {}
    for kind, value in listed:
        if kind == "MSS":
            fields.update(has_mss=1, mss=value)
        elif kind == "WScale":
            fields.update(has_window_scale=1, window_scale=value)
        elif kind == "SAckOK":
            fields.update(has_sack_permitted=1)
        elif kind == "Timestamp":
            fields.update(has_timestamps=1, ts_val=value[0], ts_ecr=value[1])
        elif kind == "SAck":
            fields.update(sack_count=len(value) // 2, sack="/".join(f"{edge:08x}" for edge in value))
    return fields


def line(name, verdict, reason, packet, **fields):
    frame = packet if isinstance(packet, bytes) else raw(packet)
    fields = read(frame, dict(fields))
    if verdict == "Raw":
        fields["payload_len_bytes"] = len(frame)
    if verdict == "Flow":
        fields["connection"] = CONNECTION
    fields["frame_len_bytes"] = min(len(frame), 65535)
    pairs = " ".join(f"{key}={value}" for key, value in fields.items())
    plain = 200 if frame[200:] == pattern(len(frame) - 200) else len(frame)
    more = f"+{len(frame) - plain}" if plain < len(frame) else ""
    print(name, verdict, reason, pairs, frame[:plain].hex() + more)


def good(name, packet, verdict="Flow", **fields):
    line(name, verdict, "None", packet, is_ipv4=1, is_tcp=1, **fields)


def tcp_drop(name, reason, packet, **fields):
    line(name, "Drop", reason, packet, is_ipv4=1, is_tcp=1, **fields)


def cut_off(name, frame, **fields):
    """The frame ends before the packet, but behind the TCP header."""
    tcp_drop(name, "IpHeader", frame, tcp_checksum_ok=0, **fields)


def with_options(name, listed, flags="A", port=FLOW_PORT, verdict="Flow", payload=b"", **tcp_fields):
    packet = ether() / ip() / tcp(flags=flags, dport=port, options=listed, **tcp_fields) / Raw(payload)
    good(name, packet, verdict, **options(listed))


def raw_options(name, block, reason="None", payload=b"", **fields):
    """A segment with option bytes that scapy would not write."""
    assert len(block) % 4 == 0
    segment = bytearray(raw(tcp(dataofs=5 + len(block) // 4))[:20]) + block + payload
    packet = ether() / ip(proto=6) / Raw(bytes(segment))
    frame = bytearray(raw(packet))
    frame[34 + 16 : 34 + 18] = b"\0\0"
    frame[34 + 16 : 34 + 18] = tcp_checksum(frame[34:])
    verdict = "Flow" if reason == "None" else "Drop"
    line(name, verdict, reason, bytes(frame), is_ipv4=1, is_tcp=1, **fields)


def tcp_checksum(segment):
    from scapy.utils import checksum
    pseudo = number(PEER).to_bytes(4, "big") + number(IP_ADDRESS).to_bytes(4, "big") + b"\0\x06" + len(segment).to_bytes(2, "big")
    return checksum(pseudo + bytes(segment)).to_bytes(2, "big")


def patched(packet, at, value):
    frame = bytearray(raw(packet))
    frame[at : at + len(value)] = value
    return bytes(frame)


def ip_patched(packet, at, value):
    """Changes IPv4 header bytes of an untagged frame, and mends the header checksum."""
    from scapy.utils import checksum
    frame = bytearray(patched(packet, at, value))
    length = max(20, 4 * (frame[14] & 15))
    frame[24:26] = b"\0\0"
    frame[24:26] = checksum(bytes(frame[14 : 14 + length])).to_bytes(2, "big")
    return bytes(frame)


# A connection's life.
syn = [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (0x01020304, 0)), ("NOP", None), ("WScale", 7)]
with_options("syn", syn, "S", LISTEN_PORT, "Listen")
with_options("syn_to_closed_port", syn, "S", CLOSED_PORT, "Miss")
with_options("ack", [("NOP", None), ("NOP", None), ("Timestamp", (0xFEDCBA98, 0x76543210))])
good("bare_ack", ether() / ip() / tcp())
good("fin", ether() / ip() / tcp(flags="FA"))
good("rst", ether() / ip() / tcp(flags="R"))
good("all_flags", ether() / ip() / tcp(flags=0x1FF, urgptr=0xBEEF))
for length in [1, 2, 3, 5, 6, 7, 8, 9, 63, 64, 65, 200, 511, 512, 513, 1459, 1460]:
    good(f"data_{length}", ether() / ip() / tcp(flags="PA") / data(length))
for length in [1, 2, 31, 100, 1448]:
    with_options(f"data_ts_{length}", [("NOP", None), ("NOP", None), ("Timestamp", (1, 2))], payload=bytes(data(length)))
# Sums that are all zeros or all ones on the way.
good("data_zeros", ether() / ip() / tcp(seq=0, ack=0, window=0) / Raw(bytes(100)))
good("data_ones", ether() / ip() / tcp(seq=0xFFFFFFFF, ack=0xFFFFFFFF, window=0xFFFF) / Raw(b"\xff" * 101))

# Padding and trailers do not count.
good("padded", raw(ether() / ip() / tcp()) + bytes(6))
good("padded_with_rubbish", raw(ether() / ip() / tcp()) + b"\xde\xad\xbe\xef\x99\x77")
for length in [1, 3, 4, 5]:
    good(f"trailer_after_{length}", raw(ether() / ip() / tcp() / data(length)) + b"\xa5" * (20 - length))

# Tags, IPv4 options, priorities.
good("vlan", ether() / Dot1Q(vlan=0x123, prio=5) / ip() / tcp() / data(33))
good("vlan_zero_tci", ether() / Dot1Q(vlan=0) / ip() / tcp() / data(2))
good("vlan_padded", raw(ether() / Dot1Q(vlan=4095, prio=7) / ip() / tcp()) + b"\x77" * 2)
for words in range(1, 11):
    block = [IPOption_NOP()] * (4 * words)
    good(f"ip_options_{words}", ether() / ip(options=block, tos=0xB8) / tcp(options=[("NOP", None), ("NOP", None), ("Timestamp", (3, 4))]) / data(9 * words),
         **options([("Timestamp", (3, 4))]))
good("ip_record_route_vlan", ether() / Dot1Q(vlan=9) / ip(options=[IPOption_RR(routers=["192.0.2.9"] * 9)]) / tcp() / data(77))
longest = [("SAck", tuple(range(0x10000000, 0x10000008)))] + [("NOP", None)] * 2 + [("WScale", 14)] + [("NOP", None)]
good("longest_headers", ether() / Dot1Q(vlan=1, prio=1) / ip(options=[IPOption_NOP()] * 40) / tcp(options=longest) / data(1), **options(longest))

# TCP options: any place, any order.
with_options("sack_1", [("NOP", None), ("NOP", None), ("SAck", (1, 2))])
with_options("sack_2", [("NOP", None), ("NOP", None), ("SAck", (0xFFFFFFFF, 1, 3, 4))])
with_options("sack_3_ts", [("NOP", None), ("NOP", None), ("Timestamp", (5, 6)), ("NOP", None), ("NOP", None), ("SAck", (1, 2, 3, 4, 5, 6))])
with_options("sack_4", [("NOP", None), ("NOP", None), ("SAck", (1, 2, 3, 4, 5, 6, 7, 8))])
with_options("sack_4_data", [("SAck", (1, 2, 3, 4, 5, 6, 7, 8)), ("NOP", None), ("NOP", None)], payload=b"payload")
with_options("window_scale_too_large", [("WScale", 255), ("NOP", None)], "S")
with_options("unaligned", [("WScale", 3), ("Timestamp", (0xA1B2C3D4, 0xE5F60718)), ("MSS", 0xFFFF), ("SAckOK", b"")], "S", LISTEN_PORT, "Listen")
raw_options("only_nops", b"\x01" * 40)
raw_options("only_end", b"\x00" * 40)
raw_options("nops_then_mss", b"\x01" * 20 + b"\x02\x04\x05\xb4", has_mss=1, mss=1460)
raw_options("end_hides_the_rest", b"\x03\x03\x07\x00" + b"\x02\x04\x05\xb4", has_window_scale=1, window_scale=7)
raw_options("end_hides_bad_length", b"\x01\x01\x00\x02\x00\x00\x00\x00")
raw_options("unknown_kinds", b"\xfd\x04\x11\x22\x13\x12" + bytes(16) + b"\x22\x02\x02\x04\x02\x00", has_mss=1, mss=512)
raw_options("unknown_fills_all", b"\xfe\x28" + b"\x02" * 38)
raw_options("mss_twice", b"\x02\x04\x01\x00\x02\x04\x02\x00", has_mss=1, mss=512)
raw_options("mss_zero", b"\x02\x04\x00\x00", has_mss=1)

# TCP options of illegal length; what was before them stays.
ts = b"\x01\x01\x08\x0a\x00\x00\x00\x01\x00\x00\x00\x02"
before = dict(has_timestamps=1, ts_val=1, ts_ecr=2, bad_options=1)
for kind in [2, 3, 4, 5, 8, 253]:
    raw_options(f"option_{kind}_length_0", ts + bytes([kind, 0, 0, 0]), "TcpOptions", **before)
    raw_options(f"option_{kind}_length_1", ts + bytes([kind, 1, 0, 0]), "TcpOptions", **before)
    raw_options(f"option_{kind}_beyond", ts + bytes([kind, 5, 0, 0]), "TcpOptions", **before)
    raw_options(f"option_{kind}_255", ts + bytes([kind, 255, 0, 0]), "TcpOptions", **before)
    raw_options(f"option_{kind}_without_length", ts + bytes([1, 1, 1, kind]), "TcpOptions", **before)
for kind, length in [(2, 2), (2, 3), (2, 5), (3, 2), (3, 4), (4, 3), (4, 4), (5, 2), (5, 3), (5, 9), (5, 11), (5, 12), (5, 17), (8, 2), (8, 9), (8, 11), (8, 12)]:
    raw_options(f"option_{kind}_length_{length}", (bytes([kind, length]) + bytes(18))[:20], "TcpOptions", bad_options=1)
raw_options("sack_too_long", b"\x05\x26" + bytes(38), "TcpOptions", bad_options=1)
raw_options("bad_option_with_data", b"\x02\x00\x00\x00", "TcpOptions", payload=b"data", bad_options=1)

# Not TCP: raw.
line("arp", "Raw", "None", ether(dst="ff:ff:ff:ff:ff:ff") / ARP(psrc=PEER, pdst=IP_ADDRESS))
line("arp_padded", "Raw", "None", raw(ether() / ARP(psrc=PEER, pdst=IP_ADDRESS)) + bytes(18))
line("arp_tagged", "Raw", "None", ether() / Dot1Q(vlan=7) / ARP(psrc=PEER, pdst=IP_ADDRESS))
line("ipv6", "Raw", "None", ether() / IPv6() / TCP())
line("length_field", "Raw", "None", raw(ether(type=46)) + bytes(46))
line("double_tag", "Raw", "None", ether() / Dot1Q(vlan=1) / Dot1Q(vlan=2) / ip() / tcp(), vlan_tci=1)
line("ethernet_header_only", "Raw", "None", raw(ether(type=0x88B5)))
line("tag_cut_off", "Raw", "None", raw(ether(type=0x8100)) + b"\x01\x02\x08", has_vlan=0, vlan_tci=0)
line("udp", "Raw", "None", ether() / ip() / UDP(sport=1, dport=2) / data(20), is_ipv4=1)
line("icmp", "Raw", "None", ether() / Dot1Q(vlan=4) / ip() / ICMP() / data(56), is_ipv4=1)
line("icmp_padded", "Raw", "None", raw(ether() / ip() / ICMP()) + bytes(18), is_ipv4=1)
line("udp_long", "Raw", "None", ether() / ip() / UDP() / data(1472), is_ipv4=1)
line("raw_2048", "Raw", "None", raw(ether(type=0x88B5)) + raw(data(2034)))

# Drops, in the order of reasons.
line("runt_13", "Drop", "Runt", raw(ether())[:13])
line("runt_1", "Drop", "Runt", b"\x02")
tcp_drop("other_mac", "MacFilter", ether(dst="02:00:00:00:00:03") / ip() / tcp())
tcp_drop("multicast", "MacFilter", ether(dst="01:00:5e:00:00:01") / ip() / tcp())
line("other_mac_bad_ip", "Drop", "MacFilter", patched(ether(dst="02:00:00:00:00:03") / ip() / tcp(), 14, b"\x65"))
line("version_6", "Drop", "IpHeader", ip_patched(ether() / ip() / tcp(), 14, b"\x65"))
line("ihl_4", "Drop", "IpHeader", ip_patched(ether() / ip() / tcp(), 14, b"\x44"))
line("ihl_0", "Drop", "IpHeader", ip_patched(ether() / ip() / tcp(), 14, b"\x40"))
line("total_below_header", "Drop", "IpHeader", ip_patched(ether() / ip() / tcp(), 16, b"\x00\x13"), is_ipv4=1)
cut_off("total_beyond_frame", ip_patched(ether() / ip() / tcp(), 16, b"\x00\x29"))
cut_off("total_65535", ip_patched(ether() / ip() / tcp() / data(99), 16, b"\xff\xff"))
line("ihl_15_in_short_frame", "Drop", "IpHeader", patched(ether() / ip() / tcp(), 14, b"\x4f"))
tcp_drop("ip_checksum", "IpChecksum", patched(ether() / ip() / tcp(), 24, b"\x00\x01"), ip_checksum_ok=0)
tcp_drop("ip_checksum_before_filter", "IpChecksum", patched(ether() / ip(dst="192.0.2.77") / tcp(), 24, b"\x12\x34"), ip_checksum_ok=0)
tcp_drop("other_ip", "IpFilter", ether() / ip(dst="192.0.2.77") / tcp())
tcp_drop("broadcast_ip", "IpFilter", ether(dst="ff:ff:ff:ff:ff:ff") / ip(dst="255.255.255.255") / tcp())
line("udp_other_ip", "Drop", "IpFilter", ether() / ip(dst="192.0.2.77") / UDP(), is_ipv4=1)
line("more_fragments", "Drop", "Fragment", ether() / ip(flags="MF") / tcp(), is_ipv4=1)
line("fragment_offset", "Drop", "Fragment", ether() / ip(frag=1, proto=6) / data(40), is_ipv4=1)
line("last_fragment_of_udp", "Drop", "Fragment", ether() / ip(frag=8191, proto=17) / data(8), is_ipv4=1)
line("no_tcp_header", "Drop", "TcpHeader", ether() / ip(proto=6), is_ipv4=1)
line("tcp_header_19", "Drop", "TcpHeader", ether() / ip(proto=6) / Raw(raw(tcp())[:19]), is_ipv4=1)
line("data_offset_4", "Drop", "TcpHeader", ether() / ip() / tcp(dataofs=4) / data(8), is_ipv4=1)
line("data_offset_0", "Drop", "TcpHeader", ether() / ip() / tcp(dataofs=0) / data(8), is_ipv4=1)
line("data_offset_beyond", "Drop", "TcpHeader", ether() / ip() / tcp(dataofs=7) / data(7), is_ipv4=1)
line("data_offset_into_padding", "Drop", "TcpHeader", raw(ether() / ip() / tcp(dataofs=6)) + bytes(6), is_ipv4=1)
tcp_drop("tcp_checksum", "TcpChecksum", patched(ether() / ip() / tcp() / data(10), 50, b"\x00\x00"), tcp_checksum_ok=0)
tcp_drop("tcp_checksum_last_byte", "TcpChecksum", raw(ether() / ip() / tcp() / Raw(b"abcde"))[:-1] + b"f", tcp_checksum_ok=0)
tcp_drop("tcp_checksum_has_options", "TcpChecksum", patched(ether() / ip() / tcp(options=[("MSS", 99)]), 50, b"\xff\xfe"), tcp_checksum_ok=0, has_mss=1, mss=99)

# The bits that RFC 9293 reserves: they change nothing, and are told.
good("reserved_bits", ether() / ip() / tcp(reserved=7))
good("reserved_bits_and_all_flags", ether() / ip() / tcp(reserved=5, flags=0x1FF))

# Cut off behind the headers, as a capture with a snap length has them: the packet cannot be delivered, but decoded.
cut_options = [("NOP", None), ("NOP", None), ("Timestamp", (7, 8)), ("NOP", None), ("NOP", None), ("SAck", (1, 2, 3, 4))]
whole = raw(ether() / ip() / tcp(flags="PA", options=cut_options) / Raw(bytes(range(200))))
for kept in [0, 1, 199]:
    cut_off(f"cut_{kept}_behind_tcp", whole[: len(whole) - 200 + kept], **options(cut_options))
line("cut_in_tcp_options", "Drop", "IpHeader", whole[:-201], is_ipv4=1)
line("cut_behind_tcp_ports", "Drop", "IpHeader", whole[:38], is_ipv4=1)
cut_off("cut_tagged", raw(ether() / Dot1Q(vlan=3) / ip(options=[IPOption_NOP()] * 8) / tcp() / data(50))[:-50])
# Even if the sum of what is left is right.
cut_off("cut_zeros", raw(ether() / ip() / tcp() / Raw(bytes(100)))[:-50])
cut_off("cut_ip_checksum", patched(ether() / ip() / tcp() / data(9), 24, b"\0\1")[:-1], ip_checksum_ok=0)
bad = raw(ether() / ip() / tcp(dataofs=6) / Raw(b"\xfd\0\0\0" + bytes(40)))
cut_off("cut_bad_options", bad[:-1], bad_options=1)
line("cut_data_offset_4", "Drop", "IpHeader", raw(ether() / ip() / tcp(dataofs=4) / data(9))[:-1], is_ipv4=1)
line("cut_data_offset_beyond", "Drop", "IpHeader", raw(ether() / ip() / tcp(dataofs=8) / data(9))[:-1], is_ipv4=1)
line("cut_more_fragments", "Drop", "IpHeader", raw(ether() / ip(flags="MF") / tcp() / data(9))[:-1], is_ipv4=1)
line("cut_udp", "Drop", "IpHeader", raw(ether() / ip() / UDP() / data(9))[:-1], is_ipv4=1)

# Longer than a slot, up to what an IPv4 packet can be, as segmentation offload hands them to captures.
for length in [2049, 9000, 65534, 65535]:
    super_frame = raw(ether() / ip() / tcp(options=cut_options) / Raw(bytes(200 - 14 - 20 - 20 - 32) + pattern(length - 200)))
    tcp_drop(f"oversize_{length}", "Oversize", super_frame, **options(cut_options))
tcp_drop("oversize_checksum", "Oversize", patched(super_frame, 199, b"\1"), tcp_checksum_ok=0, **options(cut_options))
tcp_drop("oversize_cut_off", "Oversize", super_frame[:-2], tcp_checksum_ok=0, **options(cut_options))
# Of the longest packet the last bytes lie behind the bytes that are counted.
longest = raw(ether() / ip() / tcp(options=cut_options) / Raw(bytes(200 - 14 - 20 - 20 - 32) + pattern(14 + 65535 - 200)))
tcp_drop("oversize_65549", "Oversize", longest, tcp_checksum_ok=0, **options(cut_options))
line("oversize_trailer", "Drop", "Oversize", raw(ether() / ip() / tcp() / Raw(bytes(200 - 54))) + pattern(150000), is_ipv4=1, is_tcp=1)
