#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# slow
# timeout: 1200
# Debian's OVMF from flash in our own machine boots the appliance's GPT image
# (EFI system partition, unified kernel) to a shell; its variables are kept.
# Then it starts the kernel of -kernel.
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from console import *

requires_config("APPLIANCE")
requires_config("PFLASH")
requires_config("VIRTIO_BLK")
if not os.path.exists("/usr/share/OVMF/OVMF_CODE_4M.fd"):
    skip_all("ovmf is missing")
appliance("disk", "disk.img")
flash = firmware()
with open("vars.fd", "rb") as f:
    before = f.read()
m = Console(vmbox, "vm", "-m", "512", "-smp", "2", "-nographic", "-no-reboot", *flash,
            "-drive", "file=disk.img,format=raw,if=virtio")
check(m.expect("BdsDxe: starting Boot0001", 300), "the firmware finds the disk", m.tail())
check(m.expect(":/root# ", 300), "the image boots to its shell", m.tail())
m.run("ls -d /sys/firmware/efi; grep -c ^processor /proc/cpuinfo", "/sys/firmware/efi\n2\n", "booted by EFI, with both processors")
m.type("poweroff")
check(m.end() == 0, "power off", m.tail())
with open("vars.fd", "rb") as f:
    after = f.read()
check(len(after) == len(before) and after != before, "the variables are in the file")
m = Console(vmbox, "vm", "-m", "512", "-nographic", "-no-reboot", *flash,
            "-drive", "file=disk.img,format=raw,if=virtio")
check(m.expect("BdsDxe: starting Boot0001", 300), "the next machine starts from them", m.tail())
m.kill()
vmlinuz, _ = kernel()
appliance("initramfs", "ird.img")
m = Console(vmbox, "vm", "-m", "512", "-nographic", "-no-reboot", *flash,
            "-kernel", vmlinuz, "-initrd", "ird.img", "-append", "console=ttyS0 through=firmware")
check(m.expect(PROMPT, 300), "the firmware starts -kernel", m.tail())
m.run("ls -d /sys/firmware/efi; grep -c through=firmware /proc/cmdline", "/sys/firmware/efi\n1\n", "by EFI, with initrd and command line")
m.type("poweroff")
check(m.end() == 0, "power off", m.tail())
done()
