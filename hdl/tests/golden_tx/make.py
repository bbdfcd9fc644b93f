#!/usr/bin/env python3
"""Writes frames.txt: commands and the frames that scapy makes of them.

    pip install scapy==2.7.0 && python3 make.py > frames.txt

One line a case: name, the command's fields, the payload in hexadecimal, the frame in hexadecimal. Scapy fills in lengths, data offset and
both checksums; the order of the options and the NOPs before them are spelt out here.
"""
import random

from scapy.all import Dot1Q, Ether, IP, Raw, TCP, raw

random.seed(20)
MAC = 0x02AA_BBCC_DD01


def mac(value):
    return ":".join(f"{value:012x}"[i : i + 2] for i in range(0, 12, 2))


def ip(value):
    return ".".join(str(b) for b in value.to_bytes(4, "big"))


def contexts():
    plain = dict(remote_ip=0xC0000202, local_ip=0xC0000201, remote_port=80, local_port=49152, remote_mac=0x02112233_4455, ttl=64, tos=0, vlan=None)
    tagged = dict(remote_ip=0x0A01FEFF, local_ip=0x0AFF0001, remote_port=65535, local_port=1, remote_mac=0xFEDCBA987654, ttl=255, tos=0xB9, vlan=0x6ABC)
    return {3: plain, 255: tagged}


def tcp_options(c):
    options = []
    if "mss" in c:
        options.append(("MSS", c["mss"]))
    if "window_scale" in c:
        options += [("NOP", None), ("WScale", c["window_scale"])]
    if c.get("sack_permitted"):
        options += [("NOP", None), ("NOP", None), ("SAckOK", b"")]
    if "ts_val" in c:
        options += [("NOP", None), ("NOP", None), ("Timestamp", (c["ts_val"], c["ts_ecr"]))]
    if "sack" in c:
        options += [("NOP", None), ("NOP", None), ("SAck", tuple(c["sack"]))]
    return options


def frame(c, payload, identification):
    context = contexts()[c["connection"]]
    eth = Ether(dst=mac(context["remote_mac"]), src=mac(MAC))
    if context["vlan"] is not None:
        tci = context["vlan"]
        eth = eth / Dot1Q(prio=tci >> 13, id=tci >> 12 & 1, vlan=tci & 0xFFF)
    packet = (
        eth
        / IP(src=ip(context["local_ip"]), dst=ip(context["remote_ip"]), ttl=context["ttl"], tos=context["tos"], flags="DF", id=identification)
        / TCP(
            sport=context["local_port"],
            dport=context["remote_port"],
            seq=c["seq"],
            ack=c["ack"],
            flags=c["tcp_flags"],
            window=c["window"],
            options=tcp_options(c),
        )
    )
    if payload:
        packet = packet / Raw(payload)
    return raw(packet).ljust(60, b"\0")


def u32():
    return random.getrandbits(32)


def cases():
    def case(name, payload=b"", connection=3, flags=0x10, **rest):
        return name, dict(connection=connection, seq=u32(), ack=u32(), tcp_flags=flags, window=random.getrandbits(16), **rest), payload

    yield case("syn", flags=0x02, mss=1460, window_scale=7, sack_permitted=True, ts_val=u32(), ts_ecr=0)
    yield case("syn_ack_tagged", connection=255, flags=0x12, mss=536, window_scale=14, sack_permitted=True, ts_val=u32(), ts_ecr=u32())
    yield case("syn_mss_only", flags=0x02, mss=1)
    yield case("syn_scale_only", flags=0x02, window_scale=0)
    yield case("syn_sack_only", flags=0x02, sack_permitted=True)
    yield case("ack")
    yield case("ack_tagged", connection=255)
    yield case("rst_all_flags", flags=0x1FF)
    for blocks in (1, 2, 3):
        edges = [u32() for _ in range(2 * blocks)]
        yield case(f"sack_{blocks}", sack=edges)
        yield case(f"sack_{blocks}_timestamps", sack=edges, ts_val=u32(), ts_ecr=u32(), connection=255)
        yield case(f"sack_{blocks}_timestamps_data", payload=random.randbytes(101 * blocks), sack=edges, ts_val=u32(), ts_ecr=u32())
    for length in (1, 2, 3, 5, 6, 7, 8, 9, 10, 63, 64, 65, 127, 536, 1000, 1459, 1460):
        yield case(f"data_{length}", payload=random.randbytes(length), flags=0x18)
    for length in (1, 1447, 1448):
        yield case(f"data_{length}_timestamps_tagged", payload=random.randbytes(length), connection=255, ts_val=u32(), ts_ecr=u32())
    yield case("zeros", payload=bytes(1460))
    yield case("ones", payload=b"\xff" * 1460)
    yield case("ones_odd", payload=b"\xff" * 1459)
    # Payloads chosen so that the TCP sum comes out as 0xffff (checksum 0) and as 1 (checksum 0xfffe), the carries' corners.
    for wanted in (0x0000, 0xFFFE):
        name, fields, _ = case(f"checksum_{wanted:04x}")
        for word in range(0x10000):
            payload = word.to_bytes(2, "big")
            if int.from_bytes(frame(fields, payload, 0)[50:52], "big") == wanted:
                yield name, fields, payload
                break
        else:
            raise SystemExit(f"no payload gives {wanted:#x}")


for identification, (name, fields, payload) in enumerate(cases()):
    words = []
    for key, value in fields.items():
        words.append(f"{key}={','.join(map(str, value)) if isinstance(value, list) else int(value)}")
    print(name, " ".join(words), "payload=" + payload.hex(), "frame=" + frame(fields, payload, identification).hex())
