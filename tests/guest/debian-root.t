#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# slow
# timeout: 3000
# VMBOX_LONG=1 only, for it fetches a Debian and needs root: debootstrap's root
# file system on a virtio disk boots with linux-image-amd64 and systemd to the
# login prompt of the serial line; nothing failed; systemd-networkd has its
# address from -netdev user; apt runs; clean power-off. VMBOX_ACCEL: by which accelerator (the default: by the default).
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from console import *

if not os.environ.get("VMBOX_LONG"):
    skip_all("VMBOX_LONG is not set")
requires_config("BOOT_UNPACK")
for symbol in ("VIRTIO_BLK", "VIRTIO_NET", "NET_USER"):
    requires_config(symbol)
for tool in ("debootstrap", "mkfs.ext4", "busybox", "cpio"):
    if not shutil.which(tool):
        skip_all(tool + " is missing")
run = lambda *c, **k: subprocess.run(c, check=True, **k)
run("debootstrap", "--variant=minbase", "--include=systemd-sysv,udev,dbus,kmod,iproute2,iputils-ping", "bookworm", "root",
    stdout=subprocess.DEVNULL)
run("chroot", "root", "chpasswd", input=b"root:root\n")
with open("root/etc/fstab", "w") as f:
    f.write("/dev/vda / ext4 defaults 0 1\n")
with open("root/etc/systemd/network/all.network", "w") as f:
    f.write("[Match]\nName=en* eth*\n[Network]\nDHCP=ipv4\n")
run("chroot", "root", "systemctl", "enable", "systemd-networkd", stderr=subprocess.DEVNULL)
folder = fetch("linux-image-amd64")
run("cp", "-a", folder + "/lib/modules", "root/lib/")
run("chroot", "root", "depmod", os.listdir("root/lib/modules")[0])
run("truncate", "-s", "1500M", "disk.img")
run("mkfs.ext4", "-q", "-d", "root", "disk.img")

# An initramfs that finds the disk: modules in any order, then switch_root.
os.makedirs("ird/bin"), os.makedirs("ird/m")
for d in ("dev", "proc", "sys", "new"):
    os.makedirs("ird/" + d)
shutil.copy(shutil.which("busybox"), "ird/bin/busybox")
for m in ("virtio", "virtio_ring", "virtio_pci", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_blk", "crc16",
          "mbcache", "jbd2", "crc32c_generic", "ext4"):
    for where, _, files in os.walk(folder + "/lib/modules"):
        if m + ".ko" in files:
            shutil.copy(os.path.join(where, m + ".ko"), "ird/m/")
with open("ird/init", "w") as f:
    f.write("""#!/bin/busybox sh
/bin/busybox --install /bin
mount -t devtmpfs d /dev
for round in 1 2 3 4 5 6; do for m in /m/*.ko; do insmod $m 2>/dev/null && rm $m; done; done
until [ -e /dev/vda ]; do sleep 0.2; done
mount -t ext4 /dev/vda /new
mount --move /dev /new/dev
exec switch_root /new /sbin/init
""")
os.chmod("ird/init", 0o755)
run("sh", "-c", "cd ird && find . | cpio -o -H newc --quiet >../ird.cpio")

m = Console(vmbox, "vm", "-m", "1024", "-smp", "2", "-nographic", "-no-reboot", "-machine", "q35,unpack-kernel=on",
            "-kernel", kernel_file(folder), "-initrd", "ird.cpio", "-append", "console=ttyS0 root=/dev/vda rw",
            "-drive", "file=disk.img,format=raw,if=virtio", "-netdev", "user,id=n", "-device", "virtio-net-pci,netdev=n",
            *(["-accel", os.environ["VMBOX_ACCEL"]] if os.environ.get("VMBOX_ACCEL") else []))
check(m.expect("login: ", 1800), "login prompt", m.tail())
m.type("root")
m.expect("assword:", 60)
m.type("root")
check(m.expect("# ", 120), "logs in", m.tail())
m.run("bind 'set enable-bracketed-paste off'; echo pl''ain", "plain", "a shell without escapes around its output")
m.run("systemctl is-system-running --wait", "\nrunning\n", seconds=300)
m.run("systemctl --failed --no-pager --no-legend | wc -l", "\n0\n", "no unit failed")
m.run("until ip -4 -o address | grep -o 10.0.2.15/24; do sleep 1; done", "\n10.0.2.15/24", "an address by DHCP", seconds=120)
m.run("ping -c 1 -w 60 10.0.2.2 | grep -o '1 received'", "\n1 received", "the gateway answers")
m.run("apt-get --version | head -1", "\napt 2.")
m.type("systemctl poweroff")
check(m.end(300) == 0, "power off", m.tail())
done()
