#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# slow: virtio-net with two queue pairs on a TAP interface in a network namespace:
# ping, TCP both ways with checksums and segmentation left to the host.
. "$(dirname "$0")/../lib.sh"
. "$srctree/tests/guest/boot.sh"
requires_config CONFIG_VM CONFIG_VIRTIO_NET CONFIG_NET_TAP
requires busybox cpio python3 ip unshare
unshare -n ip tuntap add vt0 mode tap multi_queue 2>/dev/null || skip_all "no network namespaces or TAP interfaces here"

kernel=$(kernel_of linux-image-cloud-amd64) || { fail "fetch the kernel"; done_testing; exit; }
add_modules "$kernel" virtio virtio_ring virtio_pci virtio_pci_legacy_dev virtio_pci_modern_dev failover net_failover virtio_net
head -c 6000000 /dev/urandom >ird/data
sum=$(sha256sum <ird/data | cut -c1-16)
make_initrd ird.gz "$load_modules"'
ifconfig eth0 192.168.77.2 netmask 255.255.255.0 up
sleep 1
ping -c 3 192.168.77.1 >/dev/null && echo init: ping
echo "init: queues $(ls -d /sys/class/net/eth0/queues/tx-* | wc -l)"
echo "init: up $(nc 192.168.77.1 5001 </data)"
echo "init: down $(nc 192.168.77.1 5002 </dev/null | sha256sum | cut -c1-16)"
echo "init: features $(cat /sys/class/net/eth0/device/features)"
poweroff -f'
cp ird/data data
cat >inside.sh <<'END'
ip tuntap add vt0 mode tap multi_queue && ip addr add 192.168.77.1/24 dev vt0 && ip link set vt0 up && ip link set lo up
python3 - <<'PY' &
import hashlib, socket, threading
def serve(port, handle):
    s = socket.create_server(("192.168.77.1", port))
    while True:
        handle(s.accept()[0])
def up(c):
    h = hashlib.sha256()
    while d := c.recv(65536): h.update(d)
    c.sendall(h.hexdigest()[:16].encode() + b"\n"); c.close()
def down(c):
    c.sendall(open("data", "rb").read()); c.close()
threading.Thread(target=serve, args=(5001, up), daemon=True).start()
serve(5002, down)
PY
server=$!
boot tap "$@" -netdev tap,id=n,ifname=vt0,script=no,queues=2 -device virtio-net-pci,netdev=n,mq=on \
	-object filter-dump,id=d,netdev=n,file=tap.pcap,maxlen=128
rc=$?
kill $server
exit $rc
END
ok "boots and powers off" unshare -n sh -c '. "$srctree/tests/guest/boot.sh"; . ./inside.sh' sh -kernel "$kernel" -initrd ird.gz \
	-append "console=ttyS0 panic=-1 quiet" -m 256 -smp 2
log=$(cat tap.log)
like "$log" "init: ping" "ping"
like "$log" "init: queues 2" "two queue pairs"
like "$log" "init: up $sum" "6 MB to the host, unharmed"
like "$log" "init: down $sum" "and back"
# 0 checksum, 1 the guest's, 7 8 receives TSO, 11 12 sends it, 22 several queues
like "$log" "init: features 11.{5}11..11.{9}1" "offloads"
ok "the dump holds packets larger than the MTU" python3 -c '
import struct
d = open("tap.pcap", "rb").read()
at, big = 24, 0
while at < len(d):
    n, full = struct.unpack_from("<II", d, at + 8)
    big += full > 9000
    at += 16 + n
assert at == len(d) and big > 20, (at, len(d), big)'
done_testing
