#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Flash chips: the command set, the drive behind, and that Debian's QEMU answers alike."""
import os
import shutil
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ["srctree"], "scripts"))
from qtestos import harness

harness.requires_config("CONFIG_VM", "CONFIG_PFLASH")
SIZE = 0x40000
BASE0 = (1 << 32) - SIZE
BASE1 = BASE0 - SIZE


def images():
    with open("code.fd", "wb") as f:
        f.write(bytes(range(256)) * (SIZE // 256))
    with open("vars.fd", "wb") as f:
        f.write(b"\xff" * SIZE)
    return ["-drive", "if=pflash,format=raw,unit=0,readonly=on,file=code.fd",
            "-drive", "if=pflash,format=raw,unit=1,file=vars.fd"]


def both(t, check):
    with harness.Machine(*images()) as m:
        check(m, "")
    qemu = shutil.which("qemu-system-x86_64")
    if qemu:
        with harness.Machine(*images(), binary=qemu) as m:
            check(m, "QEMU: ")


def test_commands(t):
    def check(m, who):
        t.eq(m.readl(BASE0 + 0x1234), 0x37363534, who + "the array reads as memory")
        t.eq(m.readb(0xffff0), 0xf0, who + "and below 1 MiB")
        m.writeb(BASE1, 0x90)
        if not who:     # QEMU's PC has no manufacturer
            t.eq(m.readb(BASE1), 0x89, "manufacturer")
        m.writeb(BASE1, 0x98)
        t.eq(bytes(m.readb(BASE1 + 0x10 + i) for i in range(3)), b"QRY", who + "CFI query")
        t.eq(m.readb(BASE1 + 0x27), 18, who + "size 2^18")
        t.eq([m.readb(BASE1 + i) for i in range(0x2c, 0x31)], [1, 63, 0, 16, 0], who + "64 sectors of 4 KiB")
        m.writeb(BASE1, 0xff)
        t.eq(m.readb(BASE1 + 0x10), 0xff, who + "back to the array")
        m.writeb(BASE1 + 5, 0x10)
        m.writeb(BASE1 + 5, 0x5a)
        t.eq(m.readb(BASE1) & 0x80, 0x80, who + "ready after a program")
        m.writeb(BASE1, 0x50)
        m.writeb(BASE1, 0x70)
        t.eq(m.readb(BASE1), 0, who + "status cleared")
        m.writeb(BASE1, 0xff)
        t.eq(m.readb(BASE1 + 5), 0x5a, who + "programmed")
        m.writeb(BASE1, 0x20)
        m.writeb(BASE1, 0xd0)
        m.writeb(BASE1, 0xff)
        t.eq(m.readb(BASE1 + 5), 0xff, who + "erased")
        m.writeb(BASE0 + 0x10, 0x10)
        m.writeb(BASE0 + 0x10, 0)
        m.writeb(BASE0, 0xff)
        t.eq(m.readb(BASE0 + 0x10), 0x10, who + "a read-only chip keeps its contents")
    both(t, check)


def test_buffer(t):
    with harness.Machine(*images()) as m:
        m.writeb(BASE1, 0xe8)
        t.eq(m.readb(BASE1) & 0x80, 0x80, "buffer available")
        m.writeb(BASE1, 3)
        for i, v in enumerate(b"\x11\x22\x33\x44"):
            m.writeb(BASE1 + 0x100 + i, v)
        m.writeb(BASE1, 0xd0)
        m.writeb(BASE1, 0xff)
        t.eq(m.readl(BASE1 + 0x100), 0x44332211, "buffered program")


def test_bits(t):
    with harness.Machine(*images()) as m:
        for v in (0xf0, 0x3f):
            m.writeb(BASE1, 0x40)
            m.writeb(BASE1, v)
        m.writeb(BASE1, 0xff)
        t.eq(m.readb(BASE1), 0x30, "programming clears bits only")
        m.writeb(BASE1, 0xe8)
        m.writew(BASE1, 1024)
        t.eq(m.readb(BASE1) & 0x30, 0x30, "a count beyond the buffer is an error")


def test_kept(t):
    with harness.Machine(*images()) as m:
        m.writeb(BASE1 + 0x2000, 0x40)
        m.writeb(BASE1 + 0x2000, 0x77)
        m.writeb(BASE1, 0xff)
        with open("vars.fd", "rb") as f:
            t.eq(f.read()[0x2000], 0x77, "on the drive once the array is read again")
        m.writeb(BASE1 + 0x2001, 0x40)
        m.writeb(BASE1 + 0x2001, 0x66)
    with open("vars.fd", "rb") as f:
        data = f.read()
    t.eq(data[0x2000:0x2002], b"\x77\x66", "and at the end")
    t.eq(len(data), SIZE, "the file's size stands")
    with harness.Machine("-drive", "if=pflash,format=raw,unit=0,readonly=on,file=code.fd",
                    "-drive", "if=pflash,format=raw,unit=1,file=vars.fd") as m:
        t.eq(m.readb(BASE1 + 0x2000), 0x77, "read again by the next machine")


def test_machine_option(t):
    images()
    with harness.Machine("-blockdev", "driver=file,filename=code.fd,node-name=c,read-only=on", "-machine", "q35,pflash0=c") as m:
        t.eq(m.readb(BASE0 + 0x33), 0x33, "-machine pflash0= takes a node")


harness.run_all(sys.modules[__name__])
