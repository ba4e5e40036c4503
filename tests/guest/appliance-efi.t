#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# slow
# timeout: 900
# The unified kernel image and the disk, started by OVMF in Debian's QEMU.
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from console import *

requires_config("APPLIANCE")
if not appliance("uki", "a.efi", "--cmdline", "console=ttyS0 quiet vmbox.hostname=uki"):
    done()
c = Console(*qemu(*firmware(), "-kernel", "a.efi"))
check(c.expect("uki:/root# "), "the uki boots to a prompt", c.tail())
c.run("cat /proc/cmdline", "console=ttyS0 quiet vmbox.hostname=uki", "with its command line")
c.run("ls -d /sys/firmware/efi", "\n/sys/firmware/efi\n", "under EFI")
c.type("poweroff")
check(c.end() == 0, "and goes off", c.tail())

if not appliance("disk", "a.img", "--cmdline", "console=ttyS0 quiet vmbox.hostname=disk"):
    done()
c = Console(*qemu(*firmware(), "-drive", "file=a.img,format=raw,if=virtio"))
check(c.expect("disk:/root# "), "the disk boots to a prompt", c.tail())
c.run("mkdir /mnt/esp; mount -o ro /dev/vda1 /mnt/esp && ls -R /mnt/esp", "BOOTX64.EFI\n",
      "Linux mounts its file system, vfat by modprobe")
c.run("umount /mnt/esp; echo $?", "\n0\n", "and unmounts it")
c.type("poweroff")
check(c.end() == 0, "and goes off", c.tail())
done()
