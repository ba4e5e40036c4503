#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# slow
# timeout: 1800
# Debian's full kernel with the appliance's initramfs to a shell and ACPI
# power-off, with keyboard and mouse. VMBOX_LONG=1: full and cloud kernel with
# 1, 2 and 4 processors, unpacked by themselves and on the host. VMBOX_ACCEL:
# by which accelerator (the default: by the default).
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from console import *

requires_config("APPLIANCE")
requires_config("BOOT_UNPACK")


def boot(kernel, cpus, unpack):
    name = f"{kernel}, {cpus} processor(s)" + (", unpacked on the host" if unpack else "")
    folder = fetch(kernel)
    vmlinuz = kernel_file(folder)
    image = kernel + ".cpio"
    if not os.path.exists(image):
        made = subprocess.run([vmbox, "appliance", "-t", "initramfs", "-k", vmlinuz, "-m", folder, "-o", image])
        check(made.returncode == 0, f"{kernel}: initramfs")
    m = Console(vmbox, "vm", "-m", "512", "-smp", str(cpus), "-nographic", "-no-reboot", "-machine",
                "q35,unpack-kernel=" + ("on" if unpack else "off"), "-kernel", vmlinuz, "-initrd", image,
                "-append", "console=ttyS0 panic=-1",
                *(["-accel", os.environ["VMBOX_ACCEL"]] if os.environ.get("VMBOX_ACCEL") else []))
    check(m.expect(":/root# ", 500), f"{name}: shell", m.tail())
    m.run("grep -c ^processor /proc/cpuinfo", f"\n{cpus}\n", f"{name}: processors")
    if kernel == "linux-image-amd64":
        m.run("cat /proc/bus/input/devices | grep Name", "ImExPS/2 Generic Explorer Mouse", f"{name}: keyboard and mouse")
        check("AT Raw Set 2 keyboard" in m.log or "AT Translated Set 2 keyboard" in m.log, f"{name}: keyboard", m.tail())
    m.type("poweroff")
    check(m.end() == 0, f"{name}: power off", m.tail())
    bad = [l for l in m.log.splitlines() if any(w in l for w in ("Oops", "BUG:", "WARNING:", "Call Trace", "rcu: INFO", "unstable"))]
    check(not bad, f"{name}: no complaint", "\n".join(bad))


if os.environ.get("VMBOX_LONG"):
    for kernel in ("linux-image-cloud-amd64", "linux-image-amd64"):
        for unpack in (True, False):
            for cpus in (1, 2, 4):
                boot(kernel, cpus, unpack)
else:
    boot("linux-image-amd64", 4, True)
    boot("linux-image-cloud-amd64", 1, True)
done()
