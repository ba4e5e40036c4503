#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""PS/2 controller, keyboard and mouse; A20 gate; reset lines. What both must
do is asked of Debian's QEMU too when it is there."""
import os
import shutil
import sys
import time
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ["srctree"], "scripts"))
from qtestos import harness

harness.requires_config("CONFIG_VM", "CONFIG_I8042")
OBF, AUX = 1, 0x20


def drain(m, limit=64):
    got = []
    while m.inb(0x64) & OBF and len(got) < limit:
        aux = m.inb(0x64) & AUX
        got.append((0x100 if aux else 0) | m.inb(0x60))
    return got


def kbd(m, *data):
    got = []
    for b in data:
        m.outb(0x60, b)
        got += drain(m)
    return got


def mouse(m, *data):
    got = []
    for b in data:
        m.outb(0x64, 0xd4)
        m.outb(0x60, b)
        got += [v & 0xff if v & 0x100 else -1 for v in drain(m)]
    return got


def both(t, check):
    with harness.Machine() as m:
        check(m, "")
    qemu = shutil.which("qemu-system-x86_64")
    if qemu:
        with harness.Machine(binary=qemu) as m:
            check(m, "QEMU: ")


def test_controller(t):
    def check(m, who):
        m.outb(0x64, 0xaa)
        t.eq(drain(m), [0x55], who + "self test")
        m.outb(0x64, 0xab)
        t.eq(drain(m), [0], who + "keyboard line")
        m.outb(0x64, 0xa9)
        t.eq(drain(m), [0], who + "mouse line")
        m.outb(0x64, 0x60)
        m.outb(0x60, 0x74)
        m.outb(0x64, 0x20)
        t.eq(drain(m), [0x74], who + "mode byte")
        m.outb(0x64, 0xa8)
        m.outb(0x64, 0xae)
        m.outb(0x64, 0x20)
        t.eq(drain(m), [0x44], who + "interfaces switched on")
        m.outb(0x64, 0xd2)
        m.outb(0x60, 0x99)
        t.eq(drain(m), [0x99], who + "keyboard's buffer written by hand")
        m.outb(0x64, 0xd3)
        m.outb(0x60, 0x98)
        t.eq(drain(m), [0x198], who + "mouse's too")
        m.outb(0x64, 0xd0)
        t.eq(drain(m)[0] & 3, 3, who + "output port: no reset, A20 open")
    both(t, check)


def test_keyboard(t):
    def check(m, who):
        m.outb(0x64, 0x60)
        m.outb(0x60, 0x00)
        t.eq(kbd(m, 0xff), [0xfa, 0xaa], who + "keyboard reset")
        t.eq(kbd(m, 0xee), [0xee], who + "echo")
        t.eq(kbd(m, 0xf2), [0xfa, 0xab, 0x83], who + "identity")
        t.eq(kbd(m, 0xed, 2), [0xfa, 0xfa], who + "lights")
        t.eq(kbd(m, 0xf0, 0), [0xfa, 0xfa, 2], who + "set 2")
        t.eq(kbd(m, 0xf0, 1, 0xf0, 0), [0xfa, 0xfa, 0xfa, 0xfa, 1], who + "set 1")
        t.eq(kbd(m, 0xf3, 0, 0xf4), [0xfa] * 3, who + "rate, enable")
        m.outb(0x64, 0x60)
        m.outb(0x60, 0x40)
        t.eq(kbd(m, 0xf2), [0xfa, 0xab, 0x41], who + "identity translated")
    both(t, check)


def test_mouse(t):
    def check(m, who):
        m.outb(0x64, 0xa8)
        t.eq(mouse(m, 0xff), [0xfa, 0xaa, 0], who + "mouse reset")
        t.eq(mouse(m, 0xf2), [0xfa, 0], who + "plain mouse")
        t.eq(mouse(m, 0xe9), [0xfa, 0, 2, 100], who + "status")
        t.eq(mouse(m, 0xf3, 200, 0xf3, 100, 0xf3, 80, 0xf2), [0xfa] * 7 + [3], who + "wheel by the knock")
        t.eq(mouse(m, 0xf3, 200, 0xf3, 200, 0xf3, 80, 0xf2), [0xfa] * 7 + [4], who + "five buttons")
        t.eq(mouse(m, 0xe7, 0xe8, 1, 0xf4, 0xe9), [0xfa] * 5 + [0x30, 1, 80], who + "scaling, resolution, streaming")
        t.eq(mouse(m, 0xee, 0x12, 0xec), [0xfa, 0x12, 0xfa], who + "wrap mode")
    both(t, check)


def test_keys(t):
    m = harness.Machine()
    with m:
        m.command("irq_intercept_in ioapic")
        m.outb(0x64, 0x60)
        m.outb(0x60, 0x41)
        m.qmp.hmp("sendkey a")
        t.eq(m.inb(0x64) & (OBF | AUX), OBF, "the buffer is full")
        t.eq(m.q.take_irqs()[:1], [(1, 1)], "IRQ 1")
        t.eq(drain(m), [0x1e, 0x9e], "a, translated")
        m.qmp.hmp("sendkey ctrl-alt-delete")
        t.eq(drain(m), [0x1d, 0x38, 0xe0, 0x53, 0xe0, 0xd3, 0xb8, 0x9d], "three keys and back")
        m.qmp.hmp("sendkey pause")
        t.eq(drain(m), [0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5], "pause")
        m.qmp.hmp("sendkey f7-0xe04b")
        t.eq(drain(m), [0x41, 0xe0, 0x4b, 0xe0, 0xcb, 0xc1], "F7 and a number")
        m.outb(0x64, 0x60)
        m.outb(0x60, 0x00)
        m.qmp.hmp("sendkey print")
        t.eq(drain(m), [0xe0, 0x12, 0xe0, 0x7c, 0xe0, 0xf0, 0x7c, 0xe0, 0xf0, 0x12], "print in set 2")
        m.outb(0x64, 0xad)
        m.qmp.hmp("sendkey b")
        t.eq(drain(m), [], "nothing while the interface is off")
        m.outb(0x64, 0xae)
        t.eq(drain(m), [0x32, 0xf0, 0x32], "kept until it is on")
        for _ in range(100):
            m.qmp.hmp("sendkey c")
        got = drain(m, 200)
        t.ok(len(got) % 3 == 0 and set(got) == {0x21, 0xf0}, "a full queue has whole keys only")


def test_motion(t):
    m = harness.Machine()
    with m:
        m.outb(0x64, 0x60)
        m.outb(0x60, 0x42)
        mouse(m, 0xf3, 200, 0xf3, 100, 0xf3, 80, 0xf4)
        m.command("irq_intercept_in ioapic")
        m.qmp.hmp("mouse_move 5 -3 1")
        t.eq(drain(m), [0x108, 0x105, 0x103, 0x101], "right, up, wheel")
        t.ok((12, 1) in m.q.take_irqs(), "IRQ 12")
        m.qmp.hmp("mouse_move -300 0")
        t.eq(drain(m), [0x118, 0x101, 0x100, 0x100, 0x118, 0x1d3, 0x100, 0x100], "a long way in two packets")
        m.qmp.hmp("mouse_button 4")
        t.eq(drain(m), [0x10a, 0x100, 0x100, 0x100], "right button")


def test_a20(t):
    with harness.Machine() as m:
        m.writel(0x500, 0x11111111)
        m.writel(0x100500, 0x22222222)
        t.eq(m.readl(0x500), 0x11111111, "A20 open: apart")
        m.outb(0x64, 0xdd)
        t.eq(m.readl(0x100500), 0x11111111, "closed by the controller: they wrap")
        m.writel(0x100504, 0x33333333)
        t.eq(m.readl(0x504), 0x33333333, "writes too")
        m.outb(0x64, 0xdf)
        t.eq(m.readl(0x100500), 0x22222222, "open again")
        m.outb(0x92, 0)
        t.eq(m.readl(0x100500), 0x11111111, "closed by port 92")
        m.outb(0x92, 2)
        t.eq(m.readl(0x100500), 0x22222222, "and open")
        m.outb(0x64, 0xd1)
        m.outb(0x60, 0xdd)
        t.eq(m.readl(0x100500), 0x11111111, "closed by the output port")
        m.outb(0x64, 0xfe)
        time.sleep(0.2)
        t.eq(m.readl(0x100500), 0x22222222, "the reset line opens it")
        t.eq(m.inb(0x64) & 4, 0, "and resets the controller")


harness.run_all(sys.modules[__name__])
