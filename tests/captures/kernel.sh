#!/usr/bin/env bash
# Makes kernel.pcap: the Linux kernel's TCP talking to itself over a veth pair.
# Needs root, iproute2, ethtool, tcpdump, python3. Usage: tests/captures/kernel.sh OUT.pcap
set -euo pipefail
out=$1
ip netns add hc-a
ip netns add hc-b
trap 'ip netns del hc-a; ip netns del hc-b' EXIT
ip link add va netns hc-a type veth peer name vb netns hc-b
for side in a b; do
    n=$([[ $side == a ]] && echo 1 || echo 2)
    # What arrives has to be what a wire carries: no super-frames, real checksums.
    ip netns exec hc-$side ethtool -K v$side tso off gso off gro off tx off rx off >/dev/null
    ip netns exec hc-$side ip addr add 10.9.0.$n/24 dev v$side
    ip netns exec hc-$side ip link set v$side up
done
sleep 1
ip netns exec hc-b tcpdump -q -i vb -w "$out" -U 2>/dev/null &
dump=$!
sleep 1
cat >/tmp/hc-peer.py <<'P'
import socket, sys, threading, time
def serve(addr):
    s = socket.create_server(addr, backlog=8)
    while True:
        c, _ = s.accept()
        def run(c):
            while (d := c.recv(4096)):
                time.sleep(0.002)
                c.sendall(d)
            c.close()
        threading.Thread(target=run, args=(c,), daemon=True).start()
for a in sys.argv[1:]:
    threading.Thread(target=serve, args=((a, 7777),), daemon=True).start()
time.sleep(30)
P
ip netns exec hc-b python3 /tmp/hc-peer.py 10.9.0.2 &
peer=$!
sleep 0.5
cat >/tmp/hc-client.py <<'P'
import socket
for host, size in (("10.9.0.2", 1), ("10.9.0.2", 20001), ("10.9.0.2", 333)):
    c = socket.create_connection((host, 7777))
    c.sendall(bytes(i * 7 & 255 for i in range(size)))
    c.shutdown(socket.SHUT_WR)
    while c.recv(65536): pass
    c.close()
try:
    socket.create_connection(("10.9.0.2", 9)).close()
except ConnectionRefusedError: pass
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.sendto(b"not tcp", ("10.9.0.2", 9))
P
# Loss makes the kernel send SACK blocks, where the kernel can be told to lose.
ip netns exec hc-a tc qdisc add dev va root netem loss 15% reorder 10% delay 1ms 2>/dev/null || true
ip netns exec hc-a python3 /tmp/hc-client.py
ip netns exec hc-a ping -c 2 -q 10.9.0.2 >/dev/null || true
sleep 0.5
kill $peer $dump
wait $dump 2>/dev/null || true
rm -f /tmp/hc-peer.py /tmp/hc-client.py
