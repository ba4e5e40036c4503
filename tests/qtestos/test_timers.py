# SPDX-License-Identifier: GPL-2.0-or-later
"""8254, HPET, RTC and ACPI's PM timer, from their data sheets."""
import calendar

from qtestos import boards, eq, params, requires, skip_on
from qtestos.drivers.timers import AcpiPm, Hpet, Pit, Rtc


def near(got, want, by, what=""):
    assert abs(got - want) <= by, f"{what}: got {got:#x}, want {want:#x} within {by}"


# ---- 8254 ----

@requires("clock")
@params(mode=(0, 1, 2, 3, 4, 5))
def test_pit_output_after_the_mode(pit: Pit, mode: int):
    """Writing a control word sets the output: low in mode 0, else high."""
    pit.gate2(True)
    pit.mode(2, mode)
    eq(pit.out2(), int(mode != 0))


@requires("clock")
@params(mode=(0, 4))
def test_pit_one_shot(pit: Pit, mode: int):
    """Modes 0 and 4 count down once; 0 goes high at the end, 4 strobes low for a clock."""
    pit.gate2(True)
    pit.program(2, mode, 1000)
    pit.ticks(500)
    near(pit.count(2), 500, 3, "half way")
    eq(pit.out2(), int(mode == 4), "output on the way")
    pit.ticks(600)
    eq(pit.out2(), 1, "output at the end")
    near(pit.count(2), 0x10000 - 100, 4, "it counts on after zero")


@requires("clock")
def test_pit_square_wave(pit: Pit):
    """Mode 3: high for the first half, low for the second, again and again."""
    pit.gate2(True)
    pit.program(2, 3, 1000)
    seen = []
    for _ in range(8):
        pit.ticks(250)
        seen.append(pit.out2())
    eq(sum(seen), 4, "half of the time it is high")
    eq(seen[:4], seen[4:], "it repeats")


@requires("clock")
@params(mode=(2, 3))
def test_pit_period(pit: Pit, mode: int):
    """Counter 0 interrupts HZ/count times a second."""
    m = pit.m
    m.intercept("ioapic")
    pit.program(0, mode, 11932)
    m.q.take_irqs()
    m.clock_step(10**9)
    edges = sum(1 for n, level in m.q.take_irqs() if n == 2 and level)
    near(edges, 100, 1, "interrupts in a second")


@requires("clock")
@params(mode=(0, 2, 3, 4))
def test_pit_gate_stops(pit: Pit, mode: int):
    """Without the gate modes 0, 2, 3 and 4 stand still."""
    pit.gate2(True)
    pit.program(2, mode, 5000)
    pit.ticks(1000)
    pit.gate2(False)
    before = pit.count(2)
    pit.ticks(500)
    eq(pit.count(2), before, "it stands")
    pit.gate2(True)
    pit.ticks(100)
    moved = 200 if mode == 3 else 100
    near(pit.count(2), (before if mode in (0, 4) else 5000) - moved, 5, "then it goes on, or in modes 2 and 3 begins again")


@requires("clock")
@params(mode=(0, 2, 3, 4))
def test_pit_loaded_without_gate(pit: Pit, mode: int):
    """A count that is loaded without the gate waits for it."""
    pit.gate2(False)
    pit.program(2, mode, 1000)
    pit.ticks(700)
    near(pit.count(2), 1000, 2, "it waits")
    pit.gate2(True)
    pit.ticks(100)
    near(pit.count(2), 800 if mode == 3 else 900, 5, "it counts")

@requires("clock")
@params(mode=(1, 5))
def test_pit_hardware_trigger(pit: Pit, mode: int):
    """Modes 1 and 5 wait for the gate's edge."""
    pit.gate2(False)
    pit.program(2, mode, 1000)
    eq(pit.out2(), 1, "not triggered yet")
    pit.ticks(500)
    eq(pit.out2(), 1, "still not")
    pit.gate2(True)
    pit.ticks(500)
    eq(pit.out2(), int(mode == 5), "after the edge")
    near(pit.count(2), 500, 4, "the count")
    pit.ticks(600)
    eq(pit.out2(), 1, "at the end")


@requires("clock")
def test_pit_latch_holds(pit: Pit):
    """A latched count stays until it is read, also for a second latch command."""
    pit.gate2(True)
    pit.program(2, 2, 0xff00)
    pit.latch(2)
    pit.ticks(1000)
    pit.latch(2)
    near(pit.read(2), 0xff00, 3, "the first latch")
    near(pit.read(2), 0xff00 - 1000, 5, "then the running count")


@requires("clock")
def test_pit_bcd(pit: Pit):
    """In BCD a counter has four decimal digits."""
    pit.gate2(True)
    pit.program(2, 2, 0x1000, bcd=1)
    pit.ticks(1)
    got = pit.count(2)
    assert 0x990 <= got <= 0x1000 and all(c in "0123456789" for c in f"{got:x}"), f"{got:#x}"


@params(access=(1, 2))
def test_pit_single_byte_access(pit: Pit, access: int):
    """One-byte access gives that byte of the count each time; the other is zero."""
    pit.gate2(False)
    pit.mode(2, 2, access)
    pit.m.outb(0x42, 0x40)
    pit.latch(2)
    got = pit.m.inb(0x42)
    assert got in (0x40, 0x3f), f"{got:#x}"


@params(mode=(0, 1, 2, 3, 4, 5))
def test_pit_status(pit: Pit, mode: int):
    """Read-back gives access, mode and BCD as programmed."""
    pit.program(1, mode, 0x1234)
    eq(pit.status(1) & 0x3f, 0x30 | mode << 1)


@skip_on("qemu", "it keeps modes 6 and 7 as they are")
@params(mode=(6, 7))
def test_pit_mode_aliases(pit: Pit, mode: int):
    """Modes 6 and 7 are 2 and 3: their highest bit is not decoded."""
    pit.gate2(True)
    pit.program(2, mode, 1000)
    eq(pit.out2(), 1)
    eq(pit.status(2) & 6, (mode & 3) << 1)


def test_pit_readback_both(pit: Pit):
    """Status comes before the count when both are latched."""
    pit.gate2(False)
    pit.program(2, 2, 0x4321)
    pit.m.outb(0x43, 0xc0 | 8)
    eq(pit.m.inb(0x42) & 0x3f, 0x34, "status")
    near(pit.read(2), 0x4321, 2, "count")


# ---- HPET ----

def test_hpet_capabilities(hpet: Hpet):
    cap = hpet.readq(hpet.CAP)
    assert cap & 0xff, "revision"
    assert cap >> 13 & 1, "the counter has 64 bits"
    assert hpet.timers >= 3, "at least three timers"
    assert 0 < hpet.period_fs <= 100_000_000, "at most 100 ns"
    assert cap >> 16 & 0xffff not in (0, 0xffff), "vendor"
    hpet.writeq(hpet.CAP, 0)
    eq(hpet.readq(hpet.CAP), cap, "read only")


@params(reg=(0x10, 0x20, 0x100, 0x120, 0x140))
def test_hpet_reset(hpet: Hpet, reg: int):
    """After reset it stands, and no timer interrupts."""
    value = hpet.readq(reg)
    eq(value & 0x46 if reg >= 0x100 else value, 0, f"register {reg:#x}")


@requires("clock")
def test_hpet_counts(hpet: Hpet):
    hpet.m.clock_step(10**6)
    eq(hpet.readq(hpet.COUNTER), 0, "disabled")
    hpet.enable()
    hpet.m.clock_step(10**6)
    eq(hpet.readq(hpet.COUNTER), 10**12 // hpet.period_fs, "a millisecond")
    hpet.enable(False)
    hpet.m.clock_step(10**6)
    eq(hpet.readq(hpet.COUNTER), 10**12 // hpet.period_fs, "stopped")


@params(half=(0, 4))
def test_hpet_counter_halves(hpet: Hpet, half: int):
    """The counter is written in either half while it stands."""
    hpet.writel(hpet.COUNTER + half, 0x12345678)
    eq(hpet.readq(hpet.COUNTER), 0x12345678 << 8 * half)
    eq(hpet.readl(hpet.COUNTER + half), 0x12345678)


@requires("clock")
def test_hpet_wraps_at_64_bits(hpet: Hpet):
    hpet.writeq(hpet.COUNTER, (1 << 64) - 50)
    hpet.enable()
    hpet.ticks(100)
    eq(hpet.readq(hpet.COUNTER), 50)


@params(n=(0, 1, 2))
def test_hpet_timer_config(hpet: Hpet, n: int):
    """Read-only bits of a timer's configuration stay; the route takes only what the capability offers."""
    at = hpet.timer(n)
    before = hpet.readq(at)
    hpet.writeq(at, 0xffffffff_ffffffff)
    after = hpet.readq(at)
    eq(after >> 32, before >> 32, "routing capability")
    eq(after & 0x8030, before & 0x8030, "capability bits")
    eq(after & 4, 4, "interrupt enable")
    hpet.writeq(at, 0)
    eq(hpet.readq(at) & 0x4e, 0, "cleared")


@requires("clock")
@params(n=(0, 1, 2))
def test_hpet_one_shot(hpet: Hpet, n: int):
    """An interrupt at the comparator, once, edge triggered."""
    m, routes = hpet.m, hpet.readq(hpet.timer(n)) >> 32
    line = next(i for i in range(23, -1, -1) if routes >> i & 1)
    m.intercept("ioapic")
    hpet.writeq(hpet.timer(n), line << 9 | 4)
    hpet.writeq(hpet.timer(n, 8), 1000)
    hpet.enable()
    hpet.ticks(990)
    assert (line, 1) not in m.q.take_irqs(), "too early"
    hpet.ticks(20)
    assert (line, 1) in m.q.take_irqs(), "none came"
    hpet.ticks(100000)
    assert (line, 1) not in m.q.take_irqs(), "it came again"


@requires("clock")
def test_hpet_level(hpet: Hpet):
    """A level interrupt stays until its status bit is written."""
    m, routes = hpet.m, hpet.readq(hpet.timer(2)) >> 32
    line = next(i for i in range(23, -1, -1) if routes >> i & 1)
    m.intercept("ioapic")
    hpet.writeq(hpet.timer(2), line << 9 | 6)
    hpet.writeq(hpet.timer(2, 8), 100)
    hpet.enable()
    hpet.ticks(200)
    eq(hpet.readl(hpet.STATUS), 4, "status")
    eq(m.q.irq_level(line), 1, "up")
    hpet.writel(hpet.STATUS, 3)
    eq(hpet.readl(hpet.STATUS), 4, "other bits do nothing")
    hpet.writel(hpet.STATUS, 4)
    eq(hpet.readl(hpet.STATUS), 0, "cleared by writing one")
    eq(m.q.irq_level(line), 0, "down")


@requires("clock")
@params(n=(0, 1))
def test_hpet_legacy_replacement(hpet: Hpet, n: int):
    """With LegacyReplacement timer 0 is IRQ 0 (input 2) and timer 1 is IRQ 8."""
    m = hpet.m
    m.intercept("ioapic")
    hpet.writeq(hpet.timer(n), 4)
    hpet.writeq(hpet.timer(n, 8), 100)
    hpet.enable(legacy=True)
    m.q.take_irqs()
    hpet.ticks(200)
    assert ((2, 8)[n], 1) in m.q.take_irqs(), "the legacy line"


@requires("clock")
def test_hpet_periodic(hpet: Hpet):
    """Timer 0 again and again, its comparator moves on by the period."""
    m, routes = hpet.m, hpet.readq(hpet.timer(0)) >> 32
    line = next(i for i in range(23, -1, -1) if routes >> i & 1)
    m.intercept("ioapic")
    hpet.writeq(hpet.timer(0), line << 9 | 4 | 8 | 0x40)
    hpet.writeq(hpet.timer(0, 8), 500)
    hpet.writeq(hpet.timer(0, 8), 500)
    hpet.enable()
    m.q.take_irqs()
    for _ in range(20):
        hpet.ticks(500)
    eq(sum(1 for x in m.q.take_irqs() if x == (line, 1)), 20, "interrupts")
    comparator = hpet.readq(hpet.timer(0, 8))
    assert comparator - hpet.readq(hpet.COUNTER) <= 500, f"comparator {comparator}"


# ---- RTC ----

@requires("clock")
@params(date=((0x19, 0x99, 0x12, 0x31), (0x20, 0x00, 0x02, 0x29), (0x20, 0x23, 0x02, 0x28), (0x20, 0x24, 0x02, 0x28), (0x20, 0x24, 0x04, 0x30)))
def test_rtc_midnight(rtc: Rtc, date: tuple):
    """The day after, over months, leap days and centuries."""
    rtc.write(rtc.B, rtc.HOURS24 | rtc.SET)
    rtc.set_date(*date, 0x23, 0x59, 0x59)
    rtc.write(rtc.B, rtc.HOURS24)
    rtc.m.clock_step(1_500_000_000)
    dec = lambda v: v // 16 * 10 + v % 16
    year, month, day = dec(date[0]) * 100 + dec(date[1]), dec(date[2]), dec(date[3]) + 1
    if day > calendar.monthrange(year, month)[1]:
        day, month = 1, month + 1
        if month > 12:
            month, year = 1, year + 1
    eq(tuple(dec(v) for v in rtc.date())[1:6], (year % 100, month, day, 0, 0))
    eq(dec(rtc.read(rtc.CENTURY)), year // 100, "century")


@requires("clock")
@params(hour=(0, 1, 11, 12, 13, 23))
def test_rtc_twelve_hours(rtc: Rtc, hour: int):
    """Hours in 12-hour mode: 12 is midnight and noon, bit 7 is the afternoon."""
    rtc.write(rtc.B, rtc.BINARY | rtc.SET)
    rtc.set_date(20, 26, 5, 6, 1, 2, 3)
    rtc.write(4, (hour % 12 or 12) | (0x80 if hour >= 12 else 0))
    rtc.write(rtc.B, rtc.BINARY)
    rtc.m.clock_step(1000)
    eq(rtc.read(4), (hour % 12 or 12) | (0x80 if hour >= 12 else 0))


@requires("clock")
@params(rate=(3, 6, 8, 10, 15))
def test_rtc_periodic(rtc: Rtc, rate: int):
    """Register A's rate: 32768 >> (rate - 1) times a second; reading C clears."""
    hz = 32768 >> rate - 1
    rtc.write(rtc.A, 0x20 | rate)
    rtc.write(rtc.B, rtc.HOURS24 | rtc.PIE)
    rtc.read(rtc.C)
    seen, steps = 0, 40
    for _ in range(steps):
        rtc.m.clock_step(10**9 // hz + 1)
        seen += rtc.read(rtc.C) >> 6 & 1
    near(seen, steps, 1, "periods")


@requires("clock")
def test_rtc_update_interrupt(rtc: Rtc):
    m = rtc.m
    m.intercept("ioapic")
    rtc.write(rtc.B, rtc.HOURS24 | rtc.UIE)
    rtc.read(rtc.C)
    m.q.take_irqs()
    m.clock_step(1_100_000_000)
    assert (8, 1) in m.q.take_irqs(), "IRQ 8"
    eq(rtc.read(rtc.C) & 0x90, 0x90, "IRQF and UF")
    eq(rtc.read(rtc.C) & 0x90, 0, "reading clears")


@requires("clock")
@params(wild=("none", "seconds", "all"))
def test_rtc_alarm(rtc: Rtc, wild: str):
    """The alarm's fields match exactly, or always from 0xc0 on."""
    rtc.write(rtc.B, rtc.HOURS24 | rtc.BINARY | rtc.SET)
    rtc.set_date(20, 26, 6, 1, 10, 20, 30)
    for reg, v in ((1, 32), (3, 20), (5, 10)):
        rtc.write(reg, 0xff if wild == "all" or wild == "seconds" and reg == 1 else v)
    rtc.write(rtc.B, rtc.HOURS24 | rtc.BINARY | rtc.AIE)
    rtc.read(rtc.C)
    hits = 0
    for _ in range(5):
        rtc.m.clock_step(10**9)
        hits += rtc.read(rtc.C) >> 5 & 1
    eq(hits, 1 if wild == "none" else 5)


@params(reg=(0x0e, 0x20, 0x31, 0x40, 0x7f))
def test_rtc_memory(rtc: Rtc, reg: int):
    """The rest is memory."""
    rtc.write(reg, 0x5a)
    eq(rtc.read(reg), 0x5a)
    rtc.write(reg, 0xa5)
    eq(rtc.read(reg), 0xa5)


def test_rtc_read_only_bits(rtc: Rtc):
    eq(rtc.read(rtc.D), 0x80, "valid RAM and time")
    rtc.write(rtc.D, 0)
    eq(rtc.read(rtc.D), 0x80, "register D is read only")
    rtc.write(rtc.A, 0xa6)
    eq(rtc.read(rtc.A) & 0x7f, 0x26, "UIP is read only")
    rtc.write(rtc.C, 0xff)
    eq(rtc.read(rtc.C) & 0x0f, 0, "register C is read only")


@requires("clock")
def test_rtc_set_stops(rtc: Rtc):
    """While SET no time passes."""
    rtc.write(rtc.B, rtc.HOURS24 | rtc.SET)
    before = rtc.date()
    rtc.m.clock_step(5 * 10**9)
    eq(rtc.date(), before)


# ---- ACPI PM ----

@requires("clock")
@params(ms=(1, 100, 2000, 10000))
def test_pm_timer(pm: AcpiPm, ms: int):
    """3.579545 MHz, 24 bits."""
    a = pm.inl(pm.TIMER)
    pm.m.clock_step(ms * 10**6)
    eq(pm.inl(pm.TIMER) >> 24, 0, "24 bits")
    near((pm.inl(pm.TIMER) - a) & 0xffffff, pm.HZ * ms // 1000 & 0xffffff, 1)


@requires("clock")
def test_pm_timer_status(pm: AcpiPm):
    """TMR_STS when the highest bit changes; written with one it clears; SCI while enabled."""
    m = pm.m
    m.intercept("ioapic")
    pm.outw(pm.EVENT, 0xffff)
    pm.outw(pm.CONTROL, 1)
    pm.outw(pm.ENABLE, 1)
    m.clock_step(2_400_000_000)
    eq(pm.inw(pm.EVENT) & 1, 1, "TMR_STS")
    eq(m.q.irq_level(9), 1, "SCI")
    pm.outw(pm.ENABLE, 0)
    eq(m.q.irq_level(9), 0, "not without its enable")
    pm.outw(pm.ENABLE, 1)
    pm.outw(pm.EVENT, 1)
    eq(pm.inw(pm.EVENT) & 1, 0, "cleared")
    eq(m.q.irq_level(9), 0, "SCI is down")


@boards("q35")
@params(code=(2, 3))
def test_pm_smi_command(pm: AcpiPm, code: int):
    """Port 0xb2 turns ACPI on with 2 and off with 3."""
    pm.m.outb(0xb2, 5 - code)
    pm.m.outb(0xb2, code)
    eq(pm.inw(pm.CONTROL) & 1, int(code == 2))


def test_pm_timer_read_only(pm: AcpiPm):
    pm.m.outl(pm.BASE + pm.TIMER, 0xffffffff)
    assert pm.inl(pm.TIMER) < 0x1000000


@boards("q35")
@params(reg=(0x28, 0x2a))
def test_pm_gpe_enable(pm: AcpiPm, reg: int):
    """GPE enables can be written, statuses only cleared."""
    pm.outw(reg, 0x1234)
    eq(pm.inw(reg), 0x1234)
    pm.outw(reg, 0)
    eq(pm.inw(reg), 0)
    pm.outw(pm.GPE_STATUS, 0xffff)
    eq(pm.inw(pm.GPE_STATUS), 0)
