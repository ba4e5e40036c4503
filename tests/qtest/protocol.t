#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The qtest protocol: every command, and that nonsense is answered FAIL."""
import base64
import os
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ["srctree"], "scripts"))
from qtestos import harness

harness.requires_config("CONFIG_VM")


def test_memory(t):
    with harness.Machine() as m:
        data = bytes(range(256)) * 4
        m.write(0x1000, data)
        t.eq(m.read(0x1000, len(data)), data, "write and read")
        t.eq(m.readl(0x1004), 0x07060504, "readl is little endian")
        t.eq(m.readq(0x1001), 0x0807060504030201, "readq at an odd address")
        m.writew(0x2000, 0xbeef)
        t.eq(m.read(0x2000, 4), b"\xef\xbe\0\0", "writew")
        m.command("memset 0x3000 0x10 0xa5")
        t.eq(m.read(0x3000, 17), b"\xa5" * 16 + b"\0", "memset")
        m.command("b64write 0x4000 5 " + base64.b64encode(b"hello").decode())
        t.eq(m.command("b64read 0x4000 5"), base64.b64encode(b"hello").decode(), "b64write and b64read")
        t.eq(m.readl(0x40000000), 0xffffffff, "a hole reads ones")
        t.eq(m.command("endianness"), "little", "endianness")
        t.eq(m.q.raw("readb 0x1001"), "OK 0x0000000000000001", "read* replies have 16 digits")
        t.eq(m.q.raw("inb 0x80"), "OK 0x00ff", "in* replies have at least 4")


def test_time(t):
    with harness.Machine() as m:
        t.eq(m.command("clock_step 1000"), "1000", "clock_step")
        t.eq(m.command("clock_set 5000"), "5000", "clock_set")
        t.eq(m.command("clock_set 10"), "5000", "the clock does not go back")


BAD = ["", "x", "readb", "readb x", "readb -1", "readb 0x", "readb 1 2", "writel 0", "writel 0 0 0", "inb 0x10000", "outb 1",
       "read 0 0", "read 0 0xffffffffffff", "write 0 4", "write 0 4 0xzz", "write 0 4 abcd", "memset 0 4", "memset 0 4 256",
       "b64write 0 3 !!!!", "clock_step x", "clock_step 99999999999999999999", "clock_set", "irq_intercept_in",
       "irq_intercept_in nobody", "irq_intercept_out ioapic", "set_irq_in ioapic unnamed-gpio-in 24 1",
       "set_irq_in ioapic", "set_irq_in ioapic x 0 1", "module_load a b", "a b c d e f g h i j k l", "\x01\xff", "x" * 5000]


def test_malformed(t):
    with harness.Machine() as m:
        for text in BAD[1:]:
            t.ok(m.q.raw(text).startswith("FAIL"), "FAIL for %r" % text[:40])
        t.eq(m.command("endianness"), "little", "and the server goes on")


def test_pipelined(t):
    with harness.Machine() as m:
        n = 5000
        t.eq(m.q.exchange(["writel 0x%x 0x%x" % (0x10000 + 4 * i, i) for i in range(n)]), ["OK"] * n, "5000 writes at once")
        got = m.q.exchange(["readl 0x%x" % (0x10000 + 4 * i) for i in range(n)])
        t.eq([int(text[3:], 16) for text in got], list(range(n)), "and 5000 reads")


def test_interrupts(t):
    with harness.Machine() as m:
        m.command("irq_intercept_in ioapic")
        m.command("set_irq_in ioapic unnamed-gpio-in 5 1")
        m.command("set_irq_in ioapic unnamed-gpio-in 5 1")
        m.command("set_irq_in ioapic unnamed-gpio-in 5 0")
        t.eq(m.q.take_irqs(), [(5, 1), (5, 0)], "irq_intercept_in reports changes once")
        t.ok(m.q.raw("irq_intercept_in isa-i8259").startswith("FAIL"), "one device at a time")


harness.run_all(sys.modules[__name__])
