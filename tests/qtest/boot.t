#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""-boot: what the firmware reads in CMOS and fw_cfg is what Debian's QEMU shows, before and behind a reset."""
import os
import shutil
import struct
import subprocess
import sys
import time
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ["srctree"], "scripts"))
from qtestos import harness

harness.requires_config("CONFIG_VM")
VM = [harness.VMBOX, "vm"]
QEMU = shutil.which("qemu-system-x86_64")


def fw_cfg(m):
    """Menu flag, and the items that -boot makes."""
    raw = lambda n: bytes(m.inb(0x511) for _ in range(n))
    m.outw(0x510, 0x0e)
    out = {"menu": raw(2)}
    m.outw(0x510, 0x19)
    items = [struct.unpack(">IHH56s", raw(64)) for _ in range(struct.unpack(">I", raw(4))[0])]
    for size, key, _, name in items:
        name = name.split(b"\0")[0].decode()
        if name.startswith("etc/boot-") or name == "bootorder":
            m.outw(0x510, key)
            out[name] = raw(size)
    return out


def cmos(m):
    out = []
    for reg in (0x3d, 0x38):
        m.outb(0x70, reg)
        out.append(m.inb(0x71))
    return out


def reset(m):
    """By the chipset; over when a register of the LPC bridge is what it was at first."""
    lpc = (0, 31, 0)
    first = m.cfg(lpc, 0x60)
    m.set_cfg(lpc, 0x60, 0x0b0b0b0b)
    assert m.cfg(lpc, 0x60) != first
    m.outb(0xcf9, 6)
    end = time.monotonic() + 60
    while m.cfg(lpc, 0x60) != first:
        if time.monotonic() > end:
            raise AssertionError("no reset within a minute")


def seen(args, binary=None):
    """[items, CMOS, CMOS behind a reset, and behind another]"""
    with harness.Machine(*args, binary=binary) as m:
        out = [fw_cfg(m), cmos(m)]
        for _ in range(2):
            reset(m)
            out.append(cmos(m))
        return out


def test_as_qemu(t):
    for args in ([], ["-boot", "n"], ["-boot", "dc"], ["-boot", "order=dca,menu=on"], ["-boot", "menu=off,splash-time=0"],
                 ["-boot", "menu=on,splash-time=2500"], ["-boot", "reboot-timeout=-1"], ["-boot", "reboot-timeout=7000"],
                 ["-boot", "once=d"], ["-boot", "order=n,once=cd"], ["-boot", "order="], ["-boot", "strict=on"],
                 ["-boot", "strict=on", "-device", "virtio-net-pci,bootindex=1"]):
        ours = seen(args)
        t.eq(ours[2], ours[3], "%s: nothing changes at the second reset" % args)
        if "once" in str(args):
            t.ok(ours[1] != ours[2], "%s: but at the first" % args)
        if QEMU:
            t.eq(ours, seen(args, QEMU), "%s: as QEMU" % args)


def said(binary, arg):
    r = subprocess.run(binary + ["-display", "none", "-nodefaults", "-S", "-boot", arg], stdin=subprocess.DEVNULL,
                       capture_output=True, timeout=60)
    return r.returncode, r.stderr.decode().strip().split(": ", 1)[-1]


def test_errors(t):
    for arg in ("order=q", "once=zz", "order=cc", "order=acdn", "order=p", "Z", "once=cadn"):
        ours = said(VM, arg)
        t.eq(ours[0], 1, arg + ": status")
        if QEMU:
            t.eq(ours, said([QEMU], arg), arg + ": as QEMU")
    for arg in ("splash-time=70000", "reboot-timeout=-2", "reboot-timeout=x", "menu=x", "strict=x", "foo=1"):
        got = said(VM, arg)
        t.ok(got[0] == 1 and arg.split("=")[0] in got[1], arg + ": one line says what is wrong")
        if QEMU:
            t.eq(said([QEMU], arg)[0], 1, arg + ": QEMU refuses it too")


harness.run_all(sys.modules[__name__])
