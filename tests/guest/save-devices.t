#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# slow: Linux writes and reads back on every kind of disk and pings its gateway
# while it is saved; another process goes on from there and nothing is lost.
import json
import os
import socket
import subprocess
import sys
import time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import console as c

for symbol in ("MIGRATION", "AHCI", "NVME", "VIRTIO_SCSI", "VIRTIO_NET", "NET_USER", "VIRTIO_SERIAL", "VIRTIO_BALLOON"):
    c.requires_config(symbol)
MODULES = ("t10-pi crc64 crc64-rocksoft crc-t10dif crct10dif_common crct10dif_generic crc64_rocksoft_generic scsi_common scsi_mod "
           "sd_mod libata libahci ahci nvme-core nvme virtio virtio_ring virtio_pci virtio_pci_legacy_dev virtio_pci_modern_dev "
           "virtio_blk virtio_scsi virtio_console virtio_balloon failover net_failover virtio_net")
DISKS = ("sda", "sdb", "nvme0n1", "vda")
SCRIPT = r'''
for n in 1 2 3 4 5 6 7 8 9 10; do [ -e /dev/nvme0n1 ] && [ -e /dev/sda ] && [ -e /dev/sdb ] && [ -e /dev/vda ] && break; sleep 1; done
dd if=/dev/urandom of=/ref bs=64k count=8 2>/dev/null
sum=$(sha256sum </ref)
ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up
disk() {
	i=0
	while [ ! -e /stop ]; do
		dd if=/ref of=/dev/$1 bs=64k seek=$((i % 16 * 8)) oflag=direct 2>/dev/null || echo "init: bad write $1"
		[ "$(dd if=/dev/$1 bs=64k skip=$((i % 16 * 8)) count=8 iflag=direct 2>/dev/null | sha256sum)" = "$sum" ] || echo "init: bad read $1"
		i=$((i+1))
		echo "init: round $1"
	done
	echo "init: end $1"
}
for d in sda sdb nvme0n1 vda; do disk $d & done
(while [ ! -e /stop ]; do ping -c 1 -W 2 10.0.2.2 >/dev/null && echo "init: pong"; sleep 0.3; done; echo "init: end net") &
port=$(ls -d /dev/vport*p1); until read line <$port && [ -n "$line" ]; do sleep 1; done
echo "init: heard $line"
touch /stop
wait
dmesg | grep -v 'Unknown symbol' | grep -E "exception|hard resetting|failed command|timeout|I/O error|aborting|hung" | sed "s/^/init: complaint /"
echo "init: all over"
poweroff -f'''
folder = subprocess.run([f"{c.srctree}/scripts/fetch-kernel", "linux-image-amd64"], capture_output=True, text=True, check=True).stdout.strip()
vmlinuz = [os.path.join(folder, "boot", n) for n in os.listdir(folder + "/boot") if n.startswith("vmlinuz-")][0]
subprocess.run(["sh", "-c", f'. "{c.srctree}/tests/guest/boot.sh"; add_modules "{vmlinuz}" {MODULES}; make_initrd ird.gz "$load_modules $SCRIPT"'],
               check=True, env=dict(os.environ, srctree=c.srctree, SCRIPT=SCRIPT))
for d in DISKS:
    with open(d, "wb") as f:
        f.truncate(16 << 20)


def machine(*args):
    return c.Console(c.vmbox, "vm", "-nodefaults", "-no-reboot", "-serial", "stdio", "-m", "256", "-kernel", vmlinuz, "-initrd", "ird.gz",
                     "-append", "console=ttyS0 panic=-1 quiet", "-qmp", "unix:qmp.sock,server=on,wait=off",
                     "-drive", "file=sda,format=raw,if=ide", "-device", "virtio-scsi-pci", "-drive", "file=sdb,format=raw,if=none,id=s",
                     "-device", "scsi-hd,drive=s", "-drive", "file=nvme0n1,format=raw,if=none,id=n", "-device", "nvme,drive=n,serial=1",
                     "-drive", "file=vda,format=raw,if=virtio", "-nic", "user", "-device", "virtio-balloon-pci",
                     "-chardev", "socket,id=e,path=port.sock,server=on,wait=off",
                     "-device", "virtio-serial-pci", "-device", "virtserialport,chardev=e,name=x", *args)


def qmp(*commands):
    s = socket.socket(socket.AF_UNIX)
    s.connect("qmp.sock")
    f = s.makefile("rw")
    f.readline()
    for name, args in (("qmp_capabilities", {}),) + commands:
        f.write(json.dumps({"execute": name, "arguments": args}) + "\n")
        f.flush()
        got = json.loads(f.readline())
        while "event" in got:
            got = json.loads(f.readline())
    return got


vm = machine()
busy = [f"round {d}" for d in DISKS] + ["pong"]
c.check(all(vm.expect("init: " + what) for what in busy), "all disks and the network are at work", vm.tail())
qmp(("migrate", {"uri": "file:state"}))
for _ in range(600):
    got = qmp(("query-migrate", {}))
    if got["return"]["status"] != "active":
        break
    time.sleep(0.05)
c.check(got["return"]["status"] == "completed", "saved in the middle of it", got)
qmp(("quit", {}))
c.check(vm.end(30) == 0, "the first process ends", vm.tail())
first = vm.log
vm = machine("-incoming", "file:state")
good = True
for what in busy:
    vm.mark = 0
    good &= vm.expect("init: " + what)
c.check(good, "all go on", vm.tail())
vm.mark = 0
port = socket.socket(socket.AF_UNIX)
port.connect("port.sock")
port.sendall(b"enough\n")
c.check(vm.expect("init: heard enough"), "the channel works", vm.tail())
c.check(vm.expect("init: all over"), "all end", vm.tail())
c.check(vm.end() == 0, "powers off", vm.tail())
text = first + vm.log
c.check("init: bad" not in text and "init: complaint" not in text, "nothing was lost, nobody complains", text)
c.done()
