#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The PC's old parts: 8259, 8254, RTC, HPET, IOAPIC, UART, ACPI timer."""
import os
import sys
import time
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ["srctree"], "scripts"))
from qtestos import harness

harness.requires_config("CONFIG_VM", "CONFIG_ISA_SERIAL")


def pic_init(m, vectors=(0x20, 0x28)):
    for base, v, icw3 in ((0x20, vectors[0], 4), (0xa0, vectors[1], 2)):
        m.outb(base, 0x11)
        m.outb(base + 1, v)
        m.outb(base + 1, icw3)
        m.outb(base + 1, 1)
        m.outb(base + 1, 0)


def poll(m, base):
    m.outb(base, 0x0c)
    return m.inb(base)


def test_pic(t):
    with harness.Machine() as m:
        pic_init(m)
        pin = lambda n, level: m.command("set_irq_in isa-i8259 unnamed-gpio-in %d %d" % (n, level))
        pin(5, 1)
        m.outb(0x20, 0x0a)
        t.eq(m.inb(0x20), 0x20, "an edge sets IRR")
        t.eq(poll(m, 0x20), 0x85, "poll acknowledges IRQ 5")
        m.outb(0x20, 0x0b)
        t.eq(m.inb(0x20), 0x20, "ISR has it")
        pin(3, 1)
        t.eq(poll(m, 0x20), 0x83, "a higher priority interrupts")
        pin(7, 1)
        t.eq(poll(m, 0x20), 0, "a lower one waits")
        m.outb(0x20, 0x20)
        m.outb(0x20, 0x20)
        t.eq(poll(m, 0x20), 0x87, "until both are ended")
        m.outb(0x20, 0x67)
        m.outb(0x20, 0x0b)
        t.eq(m.inb(0x20), 0, "specific EOI")
        pin(10, 1)
        t.eq(poll(m, 0x20), 0x82, "the slave comes through pin 2")
        t.eq(poll(m, 0xa0), 0x82, "and has IRQ 10")
        m.outb(0xa0, 0x20)
        m.outb(0x20, 0x20)
        m.outb(0x21, 0xff)
        pin(1, 1)
        t.eq(poll(m, 0x20), 0, "masked")
        m.outb(0x4d0, 0xff)
        t.eq(m.inb(0x4d0), 0xf8, "ELCR: IRQ 0 to 2 stay edges")


def test_pit(t):
    with harness.Machine() as m:
        m.command("irq_intercept_in ioapic")
        m.outb(0x43, 0x34)
        m.outb(0x40, 11932 & 255)
        m.outb(0x40, 11932 >> 8)
        m.q.take_irqs()
        m.clock_step(100 * 10000000)
        edges = m.q.take_irqs().count((2, 1))
        t.ok(99 <= edges <= 101, "100 Hz for a second: %d edges" % edges)
        m.outb(0x43, 0xb0)
        m.outb(0x61, 1)
        m.outb(0x42, 0xe8)
        m.outb(0x42, 0x03)
        t.eq(m.inb(0x61) & 0x20, 0, "mode 0: output low")
        m.clock_step(838 * 500)
        m.outb(0x43, 0x80)
        count = m.inb(0x42) | m.inb(0x42) << 8
        t.ok(498 <= count <= 502, "latched in the middle: %d" % count)
        m.clock_step(838 * 501)
        t.eq(m.inb(0x61) & 0x20, 0x20, "high at terminal count")
        m.outb(0x43, 0xe8)
        t.eq(m.inb(0x42) & 0xbf, 0xb0, "read-back status: output, word access, mode 0")
        m.outb(0x43, 0x36)
        m.outb(0x40, 0)
        m.outb(0x40, 0)
        t.ok(m.inb(0x40) is not None, "65536 and mode 3")


def rtc(m, reg, val=None):
    m.outb(0x70, reg)
    if val is None:
        return m.inb(0x71)
    m.outb(0x71, val)


def test_rtc(t):
    with harness.Machine("-rtc", "base=2026-12-31T23:59:58") as m:
        read = lambda: [rtc(m, r) for r in (9, 8, 7, 4, 2, 0)]
        t.eq(read()[:5], [0x26, 0x12, 0x31, 0x23, 0x59], "base= in BCD")
        m.clock_step(3 * 10**9)
        t.eq(read()[:5], [0x27, 1, 1, 0, 0], "the year turns")
        t.eq(rtc(m, 6), 6, "2027-01-01 is a Friday")
        rtc(m, 11, rtc(m, 11) | 0x80)
        for r, v in ((9, 0x24), (8, 2), (7, 0x28), (4, 0x23), (2, 0x59), (0, 0x59)):
            rtc(m, r, v)
        m.clock_step(5 * 10**9)
        t.eq(rtc(m, 0), 0x59, "SET holds the time")
        rtc(m, 11, 0x02)
        m.clock_step(10**9)
        t.eq(read(), [0x24, 2, 0x29, 0, 0, 0], "2024 is a leap year")
        rtc(m, 11, 0x06)
        rtc(m, 4, 14)
        t.eq(rtc(m, 4), 14, "binary mode")
        rtc(m, 11, 0x04)
        rtc(m, 4, 0x82)
        t.eq(rtc(m, 4), 0x82, "12 hours: 2 pm")
        rtc(m, 11, 0x02)
        t.eq(rtc(m, 4), 0x14, "is 14 h")
        t.eq(rtc(m, 13), 0x80, "battery good")
        m.outb(0x72, 5)
        m.outb(0x73, 0x77)
        m.outb(0x72, 6)
        m.outb(0x72, 5)
        t.eq(m.inb(0x73), 0x77, "second bank")


def test_rtc_irq(t):
    with harness.Machine() as m:
        m.command("irq_intercept_in ioapic")
        rtc(m, 10, 0x26)
        rtc(m, 12)
        rtc(m, 11, 0x42)
        n = 0
        for _ in range(1024):
            m.clock_step(976563)
            n += rtc(m, 12) >> 6 & 1
        t.ok(1020 <= n <= 1024, "1024 Hz periodic: %d" % n)
        t.ok((8, 1) in m.q.take_irqs(), "on IRQ 8")
        rtc(m, 11, 0x02)
        rtc(m, 12)
        rtc(m, 1, 0xff), rtc(m, 3, 0xff), rtc(m, 5, 0xff)
        rtc(m, 11, 0x22)
        m.clock_step(11 * 10**8)
        t.eq(rtc(m, 12) & 0xa0, 0xa0, "alarm with wildcards each second")


def test_rtc_clock(t):
    """clock=host and rt: the RTC does not follow the guest's clock; what it slept through brings the alarm."""
    stamp = lambda m: [rtc(m, r) for r in (0x32, 9, 8, 7, 4, 2, 0)]
    bcd = lambda s: [x // 10 * 16 + x % 10 for x in (s.tm_year // 100, s.tm_year % 100, s[1], s[2], s[3], s[4], s[5])]
    for clock in ("host", "rt"):
        with harness.Machine("-rtc", "clock=" + clock) as m:
            for _ in range(2):
                before = int(time.time())
                while (got := stamp(m)) != stamp(m):	# torn by the turn of a second
                    pass
                after = int(time.time())
                t.ok(got in [bcd(time.gmtime(x)) for x in range(before, after + 1)], "clock=%s: the host's time" % clock)
                m.clock_step(3600 * 10**9)
    with harness.Machine("-rtc", "clock=host,base=2026-03-04T05:06:07") as m:
        rtc(m, 12)
        rtc(m, 1, 0x09), rtc(m, 3, 0x06), rtc(m, 5, 0x05)
        rtc(m, 11, 0x22)
        while rtc(m, 0) < 0x11:
            time.sleep(0.05)
        t.eq(rtc(m, 12) & 0x20, 0, "the guest's clock stood: no alarm yet")
        m.clock_step(10**9)
        t.eq(rtc(m, 12) & 0xa0, 0xa0, "the alarm's second was passed meanwhile")
        m.clock_step(3600 * 10**9)
        t.eq(rtc(m, 12) & 0x20, 0, "and comes once")
    with harness.Machine("-rtc", "clock=vm,base=2026-03-04T05:06:07") as m:
        m.clock_step(3600 * 10**9)
        t.eq(stamp(m)[:5], [0x20, 0x26, 3, 4, 6], "clock=vm follows the guest's")


def test_global(t):
    """-global reaches the board's devices."""
    for policy, want in ((None, 3), ("slew", 3), ("discard", 1)):
        with harness.Machine(*(("-global", "mc146818rtc.lost_tick_policy=" + policy) if policy else ())) as m:
            rtc(m, 10, 0x26)
            rtc(m, 12)
            rtc(m, 11, 0x42)
            for _ in range(3):
                m.clock_step(976563)
            n = 0
            while rtc(m, 12) & 0x40:
                n += 1
            t.eq(n, want, "lost_tick_policy=%s: ticks after three that nobody took" % policy)


def test_hpet(t):
    with harness.Machine() as m:
        b = 0xfed00000
        m.command("irq_intercept_in ioapic")
        t.eq(m.readq(b), 0x009896808086a201, "capabilities")
        m.writeq(b + 0x10, 1)
        m.clock_step(1000)
        t.eq(m.readq(b + 0xf0), 100, "counts at 100 MHz")
        m.writeq(b + 0x120, 0x2c | 16 << 9 | 0x40)
        m.writeq(b + 0x128, m.readq(b + 0xf0) + 1000)
        m.writeq(b + 0x128, 1000)
        m.q.take_irqs()
        m.clock_step(1000 * 10 * 50)
        n = m.q.take_irqs().count((16, 1))
        t.eq(n, 50, "periodic timer on line 16: no tick lost")
        m.writeq(b + 0x10, 0)
        c = m.readq(b + 0xf0)
        m.clock_step(10**6)
        t.eq(m.readq(b + 0xf0), c, "stands while disabled")
        m.writel(b + 0xf0, 5)
        t.eq(m.readl(b + 0xf0), 5, "can be set then")


def test_ioapic(t):
    with harness.Machine() as m:
        b = 0xfec00000
        sel = lambda i: m.writel(b, i)
        sel(1)
        t.eq(m.readl(b + 16), 0x170020, "version, 24 entries")
        sel(0x10)
        t.eq(m.readl(b + 16), 0x10000, "masked after reset")
        m.writel(b + 16, 0xffffffff)
        t.eq(m.readl(b + 16), 0x1afff, "writable bits")
        sel(0x12)
        m.writel(b + 16, 0x8031)
        m.command("set_irq_in ioapic unnamed-gpio-in 1 1")
        t.eq(m.readl(b + 16), 0xc031, "level: remote IRR")
        m.command("set_irq_in ioapic unnamed-gpio-in 1 0")
        m.writel(b + 0x40, 0x31)
        t.eq(m.readl(b + 16), 0x8031, "EOI register")
        sel(0x40)
        t.eq(m.readl(b + 16), 0, "no entry 24")


def test_serial(t):
    with harness.Machine("-serial", "null") as m:
        p = 0x3f8
        m.command("irq_intercept_in ioapic")
        t.eq(m.inb(p + 5), 0x60, "idle")
        m.outb(p + 3, 0x83)
        m.outb(p, 0x34), m.outb(p + 1, 0x12)
        t.eq((m.inb(p), m.inb(p + 1)), (0x34, 0x12), "divisor")
        m.outb(p + 3, 3)
        m.outb(p + 7, 0x5a)
        t.eq(m.inb(p + 7), 0x5a, "scratch")
        m.outb(p + 1, 2)
        t.ok((4, 1) in m.q.take_irqs(), "THRE interrupt on IRQ 4")
        t.eq(m.inb(p + 2), 2, "IIR says THRE")
        t.eq(m.inb(p + 2), 1, "reading it clears it")
        m.outb(p + 2, 0xc7)
        t.eq(m.inb(p + 2) & 0xc0, 0xc0, "FIFOs on")
        m.outb(p + 4, 0x10)
        m.outb(p + 1, 1)
        m.q.take_irqs()
        for i in range(13):
            m.outb(p, 0x41 + i)
        t.eq(m.q.take_irqs(), [], "loop back: below the trigger of 14")
        m.outb(p, 0x4e)
        t.eq(m.q.take_irqs(), [(4, 1)], "at the trigger")
        t.eq(m.inb(p + 2), 0xc4, "received data")
        t.eq([m.inb(p) for _ in range(14)], list(range(0x41, 0x4f)), "in order")
        m.outb(p, 0x58)
        m.q.take_irqs()
        m.clock_step(2 * 10**9)
        t.eq(m.inb(p + 2), 0xcc, "character time-out")
        for _ in range(17):
            m.outb(p, 1)
        t.eq(m.inb(p + 5) & 3, 3, "overrun")
        m.outb(p + 4, 0x1f)
        t.eq(m.inb(p + 6) & 0xf0, 0xf0, "modem lines loop back")


def test_acpi_pm(t):
    with harness.Machine() as m:
        lpc = (0, 0x1f, 0)
        m.set_cfg(lpc, 0x40, 0x601)
        m.set_cfg(lpc, 0x44, 0x80, 1)
        a = m.inl(0x608)
        m.clock_step(10**9)
        t.eq((m.inl(0x608) - a) & 0xffffff, 3579545, "PM timer: 3.579545 MHz")
        m.command("irq_intercept_in ioapic")
        m.outb(0xb2, 2)
        t.eq(m.inw(0x604) & 1, 1, "port 0xb2 turns ACPI on")
        m.outw(0x600, 0xffff)
        m.outw(0x602, 1)
        m.clock_step(3 * 10**9)
        t.ok((9, 1) in m.q.take_irqs(), "overflow raises SCI 9")
        t.eq(m.inw(0x600) & 1, 1, "and sets TMR_STS")
        m.outw(0x600, 1)
        t.ok((9, 0) in m.q.take_irqs(), "cleared by writing one")
        m.outb(0xb2, 3)
        t.eq(m.inw(0x604) & 1, 0, "off again")


harness.run_all(sys.modules[__name__])
