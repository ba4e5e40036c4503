#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# slow: Linux's virtio network driver gets an address by DHCP from the
# user-mode network, reaches a TCP server on the host's loopback by 10.0.2.2 and
# is reached through hostfwd; data is compared by checksums.
. "$(dirname "$0")/../lib.sh"
. "$srctree/tests/guest/boot.sh"
requires_config CONFIG_VM CONFIG_VIRTIO_NET CONFIG_NET_USER
requires busybox cpio python3

kernel=$(kernel_of linux-image-cloud-amd64) || { fail "fetch the kernel"; done_testing; exit; }
add_modules "$kernel" virtio virtio_ring virtio_pci virtio_pci_legacy_dev virtio_pci_modern_dev failover net_failover virtio_net
mkdir -p ird/www
head -c 3000000 /dev/urandom >ird/www/guest.bin
guest_sum=$(sha256sum <ird/www/guest.bin | cut -c1-16)

# On the host's loopback: one port sends 4 MB to who connects, the next one stores what it gets.
head -c 4000000 /dev/urandom >down
down_sum=$(sha256sum <down | cut -c1-16)
cat >server.py <<'END'
import os, socketserver
class Down(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(open("down", "rb").read())
class Up(socketserver.BaseRequestHandler):
    def handle(self):
        with open("up.part", "wb") as f:
            while got := self.request.recv(65536):
                f.write(got)
        os.rename("up.part", "up")
        self.request.sendall(b"done\n")
import threading
s = [socketserver.ThreadingTCPServer(("127.0.0.1", 0), h) for h in (Down, Up)]
open("port.part", "w").write(" ".join(str(x.server_address[1]) for x in s))
os.rename("port.part", "port")
threading.Thread(target=s[0].serve_forever).start()
s[1].serve_forever()
END
python3 server.py & server=$!
at_exit "kill $server"
wait_for 20 test -s port || fail "the host's server starts"
ports=$(cat port)

make_initrd ird.gz "$load_modules"'
for a in $(cat /proc/cmdline); do case $a in down=*) down=${a#down=};; up=*) up=${a#up=};; esac; done
ifconfig lo up; ifconfig eth0 up
printf "#!/bin/sh\n[ \"\$1\" = bound ] && ifconfig eth0 \$ip netmask \$subnet && ip route add default via \$router && echo init: lease \$ip \$router \$dns\n" >/dhcp
chmod +x /dhcp
udhcpc -i eth0 -n -q -s /dhcp 2>/dev/null
ping -c 2 10.0.2.2 >/dev/null && echo init: ping
echo "init: down $(nc 10.0.2.2 $down </dev/null | sha256sum | cut -c1-16)"
echo "init: up $(nc 10.0.2.2 $up </www/guest.bin)"
httpd -p 80 -h /www
echo "init: features $(cat /sys/class/net/eth0/device/features)"
echo init: listening
while [ $((n++)) -lt 60 ]; do sleep 1; netstat -tn 2>/dev/null | grep -q ":80 .*TIME_WAIT" && break; done
poweroff -f'

# A TCP port that nobody uses now.
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# variant NAME DEVICE-PROPERTIES FEATURE-PATTERN ARGS...
variant() {
	name=$1 props=$2 features=$3
	shift 3
	fwd=$(free_port)
	rm -f up
	boot "$name" -kernel "$kernel" -initrd ird.gz -append "console=ttyS0 panic=-1 quiet down=${ports% *} up=${ports#* }" -m 256 "$@" \
		-netdev "user,id=n,hostfwd=tcp:127.0.0.1:$fwd-:80" -device "virtio-net-pci,netdev=n,$props" &
	vm=$!
	wait_for 240 grep -qs "init: listening" "$name.log"
	is "$(python3 -c 'import sys, urllib.request, hashlib
print(hashlib.sha256(urllib.request.urlopen("http://127.0.0.1:%s/guest.bin" % sys.argv[1], timeout=60).read()).hexdigest()[:16])' "$fwd")" \
		"$guest_sum" "$name: the guest's server is reached by hostfwd"
	wait $vm
	is "$(cat "$name.rc")" 0 "$name: boots and powers off"
	log=$(cat "$name.log")
	like "$log" "init: lease 10.0.2.15 10.0.2.2 10.0.2.3" "$name: an address by DHCP"
	like "$log" "init: ping" "$name: the gateway answers pings"
	like "$log" "init: down $down_sum" "$name: 4 MB from the host's loopback"
	like "$log" "init: up done" "$name: and 3 MB there"
	is "$(sha256sum <up | cut -c1-16)" "$guest_sum" "$name: unharmed"
	like "$log" "init: features $features" "$name: with the features meant"
}
# Bits from 0: 0 checksum, 11 TSO, 15 merged buffers, 17 control queue, 28 indirect, 29 event index, 32 version 1, 34 packed.
variant modern disable-legacy=on '1.{10}1...1.1.{10}11..1.0'
[ -n "$NET_QUICK" ] || variant legacy disable-modern=on,vectors=0,mrg_rxbuf=off,csum=off '0.{10}0...0.1.{10}11..0.0'
[ -n "$NET_QUICK" ] || variant packed packed=on,event_idx=off '1.{10}1...1.1.{10}10..1.1' -smp 2
done_testing
