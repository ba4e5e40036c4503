#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# slow
# timeout: 900
# The appliance's disk has a loader for a BIOS too: SeaBIOS starts it in our
# own machine and in Debian's QEMU; too little memory is said in a line.
import os
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from console import *

requires_config("APPLIANCE")
requires_config("VIRTIO_BLK")
if not os.path.exists("/usr/share/seabios/bios-256k.bin"):
    skip_all("seabios is missing")
appliance("disk", "disk.img")
machines = [("vmbox", (vmbox, "vm", "-m", "256", "-nographic", "-no-reboot", "-smp", "2"))]
if shutil.which("qemu-system-x86_64"):
    machines.append(("QEMU", qemu("-bios", "/usr/share/seabios/bios-256k.bin")))
for name, command in machines:
    m = Console(*command, "-drive", "file=disk.img,format=raw,if=virtio")
    check(m.expect("loading Linux", 60), f"{name}: the boot loader runs", m.tail())
    check(m.expect(":/root# ", 240), f"{name}: the image boots to its shell", m.tail())
    m.run("ls -d /sys/firmware/efi /sys/block/vda/vda1", "/sys/block/vda/vda1\n", f"{name}: by a BIOS")
    m.type("poweroff")
    check(m.end() == 0, f"{name}: power off", m.tail())
m = Console(vmbox, "vm", "-m", "72", "-nographic", "-drive", "file=disk.img,format=raw,if=virtio")
check(m.expect("vmbox: not enough memory", 60), "a small machine is told", m.tail())
m.kill()
done()
