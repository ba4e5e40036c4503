# SPDX-License-Identifier: GPL-2.0-or-later
"""UART, keyboard controller, port 0x92, port 0x61, pvpanic."""
from qtestos import Machine, arguments, eq, params, skip_on
from qtestos.drivers.legacy import I8042, Pvpanic, Serial


# ---- 16550A ----

@params(reg=(1, 2, 3, 4, 5, 6))
def test_serial_reset(s: Serial, reg: int):
    """IER, IIR, LCR, MCR (but for OUT2, which QEMU has set), LSR, MSR (its deltas)."""
    got, mask = s.read(reg), {4: 0xf7, 6: 0x0f}.get(reg, 0xff)
    eq(got & mask, {1: 0, 2: 1, 3: 0, 4: 0, 5: 0x60, 6: 0}[reg])


@params(value=(0, 0x55, 0xaa, 0xff))
def test_serial_scratch(s: Serial, value: int):
    s.write(s.SCR, value)
    eq(s.read(s.SCR), value)


@params(value=(1, 12, 0x1234, 0xffff))
def test_serial_divisor(s: Serial, value: int):
    """The latch is behind DLAB and leaves the other registers alone."""
    s.write(s.LCR, 3)
    s.write(s.IER, 0)
    eq(s.divisor(value), value)
    eq(s.read(s.IER), 0)


@params(reg=(1, 4))
def test_serial_reserved_bits(s: Serial, reg: int):
    """The upper bits of IER and MCR are zero."""
    s.write(reg, 0xff)
    eq(s.read(reg), 0x0f if reg == 1 else 0x1f)


@params(count=(1, 16, 100))
def test_serial_sends(s: Serial, count: int):
    data = bytes(0x20 + i % 90 for i in range(count))
    s.write(s.LCR, 3)
    for c in data:
        s.m.wait(lambda: s.read(s.LSR) & 0x20, "room")
        s.write(s.DATA, c)
    s.m.wait(lambda: s.sent() == data, "the bytes at the other end")


@params(line=(0, 1, 2, 3))
def test_serial_loopback_modem_lines(s: Serial, line: int):
    """In loop back DTR, RTS, OUT1, OUT2 are DSR, CTS, RI, DCD."""
    s.write(s.MCR, 0x10)
    s.read(s.MSR)
    s.write(s.MCR, 0x10 | 1 << line)
    eq(s.read(s.MSR) >> 4, {0: 2, 1: 1, 2: 4, 3: 8}[line])


@skip_on("qemu", "its loop back changes the lines without their deltas")
@params(line=(0, 1, 3))
def test_serial_modem_delta(s: Serial, line: int):
    """A change shows once in the low half."""
    s.write(s.MCR, 0x10)
    s.read(s.MSR)
    s.write(s.MCR, 0x10 | 1 << line)
    eq(s.read(s.MSR) & 0xf, {0: 2, 1: 1, 3: 8}[line], "once")
    eq(s.read(s.MSR) & 0xf, 0, "then not")


@skip_on("qemu", "its loop back changes the lines without their deltas")
def test_serial_ring_trailing_edge(s: Serial):
    """TERI is set by the trailing edge of RI only."""
    s.write(s.MCR, 0x10)
    s.read(s.MSR)
    s.write(s.MCR, 0x14)
    eq(s.read(s.MSR) & 4, 0, "not by the leading edge")
    s.write(s.MCR, 0x10)
    eq(s.read(s.MSR) & 4, 4, "by the trailing one")


def test_serial_loopback_data(s: Serial):
    s.write(s.LCR, 3)
    s.write(s.MCR, 0x10)
    s.write(s.DATA, 0x5a)
    s.m.wait(lambda: s.read(s.LSR) & 1, "data")
    eq(s.read(s.DATA), 0x5a)
    eq(s.read(s.LSR) & 1, 0, "read")
    eq(s.sent(), b"", "nothing leaves")


@skip_on("qemu", "it gives all eight bits")
def test_serial_five_bits(s: Serial):
    """A word of five bits comes back without the upper three."""
    s.write(s.LCR, 0)
    s.write(s.MCR, 0x10)
    s.write(s.DATA, 0xff)
    s.m.wait(lambda: s.read(s.LSR) & 1, "data")
    eq(s.read(s.DATA), 0x1f)


def test_serial_overrun(s: Serial):
    """Without FIFO the second byte is an overrun, which the status shows once."""
    s.write(s.LCR, 3)
    s.write(s.MCR, 0x10)
    s.write(s.DATA, 1)
    s.write(s.DATA, 2)
    eq(s.read(s.LSR) & 3, 3, "data and overrun")
    eq(s.read(s.LSR) & 3, 1, "reading clears it")


@params(bits=(0xc1,))
def test_serial_fifo_identifies(s: Serial, bits: int):
    """IIR's top bits tell of the FIFOs."""
    eq(s.read(s.IIR) & 0xc0, 0, "off")
    s.write(s.FCR, bits)
    eq(s.read(s.IIR) & 0xc0, 0xc0, "on")
    s.write(s.FCR, 0)
    eq(s.read(s.IIR) & 0xc0, 0, "off again")


def test_serial_thre_interrupt(s: Serial):
    m = s.m
    m.intercept("ioapic")
    s.write(s.MCR, 8)
    s.write(s.IER, 2)
    m.wait(lambda: m.q.irq_level(4), "IRQ 4")
    eq(s.read(s.IIR) & 0xf, 2)
    eq(s.read(s.IIR) & 0xf, 1, "reading clears it")
    eq(m.q.irq_level(4), 0)


def test_serial_rx_interrupt(s: Serial):
    m = s.m
    m.intercept("ioapic")
    s.write(s.LCR, 3)
    s.write(s.MCR, 0x18)
    s.write(s.IER, 1)
    s.write(s.DATA, 0x41)
    m.wait(lambda: s.read(s.IIR) & 0xf == 4, "received data")
    s.read(s.DATA)
    eq(s.read(s.IIR) & 1, 1, "no more")


# ---- 8042 ----

def test_i8042_self_test(k: I8042):
    eq(k.ask(0xaa), [0x55])
    assert k.status() & k.SYSTEM, "system flag"


@params(code=(0xab, 0xa9))
def test_i8042_line_test(k: I8042, code: int):
    eq(k.ask(code), [0])


@params(value=(0x00, 0x30, 0x45, 0x47))
def test_i8042_command_byte(k: I8042, value: int):
    k.send(0x60)
    k.write(value)
    eq(k.ask(0x20), [value])


@params(code=(0xad, 0xae))
def test_i8042_disable_keyboard(k: I8042, code: int):
    k.send(0xae if code == 0xad else 0xad)
    k.send(code)
    eq(k.ask(0x20)[0] >> 4 & 1, int(code == 0xad))


@params(code=(0xa7, 0xa8))
def test_i8042_disable_mouse(k: I8042, code: int):
    k.send(0xa8 if code == 0xa7 else 0xa7)
    k.send(code)
    eq(k.ask(0x20)[0] >> 5 & 1, int(code == 0xa7))


@skip_on("qemu", "it clears the flag only by 0x64 itself")
def test_i8042_command_flag(k: I8042):
    """Status bit 3: the last write was a command or data."""
    k.send(0xae)
    eq(k.status() & k.COMMAND, k.COMMAND)
    k.write(0xf4)
    eq(k.status() & k.COMMAND, 0)


@params(code=(0xd2, 0xd3))
def test_i8042_write_output_buffer(k: I8042, code: int):
    """0xd2 and 0xd3 put a byte where the keyboard's and the mouse's come."""
    k.send(code)
    k.write(0x5a)
    eq(k.drain(), [(0x5a, code == 0xd3)])


def test_i8042_keyboard_reset(k: I8042):
    eq(k.keyboard(0xff), [0xfa, 0xaa])


def test_i8042_keyboard_identity(k: I8042):
    eq(k.keyboard(0xf2), [0xfa, 0xab, 0x41 if k.ask(0x20)[0] & 0x40 else 0x83])


def test_i8042_keyboard_echo(k: I8042):
    eq(k.keyboard(0xee), [0xee])


@params(leds=(0, 2, 7))
def test_i8042_keyboard_leds(k: I8042, leds: int):
    eq(k.keyboard(0xed, leds), [0xfa, 0xfa])


@params(code=(0xf4, 0xf5, 0xf6))
def test_i8042_keyboard_commands(k: I8042, code: int):
    eq(k.keyboard(code), [0xfa])


def test_i8042_mouse_reset(k: I8042):
    eq(k.mouse(0xff), [0xfa, 0xaa, 0])


def test_i8042_mouse_identity(k: I8042):
    eq(k.mouse(0xf2), [0xfa, 0])


def test_i8042_mouse_wheel(k: I8042):
    """Rates 200, 100, 80 turn it into a mouse with a wheel."""
    for rate in (200, 100, 80):
        eq(k.mouse(0xf3, rate), [0xfa, 0xfa])
    eq(k.mouse(0xf2), [0xfa, 3])


def test_i8042_mouse_status(k: I8042):
    eq(k.mouse(0xff), [0xfa, 0xaa, 0])
    eq(k.mouse(0xe8, 3), [0xfa, 0xfa], "resolution")
    eq(k.mouse(0xf3, 40), [0xfa, 0xfa], "rate")
    eq(k.mouse(0xe9), [0xfa, 0, 3, 40])


@params(port=(0x92,))
def test_a20(m: Machine, port: int):
    """Port 0x92's second bit is the A20 gate and reads back."""
    m.outb(port, 0)
    eq(m.inb(port) & 3, 0)
    m.outb(port, 2)
    eq(m.inb(port) & 3, 2)


def test_i8042_interrupts(k: I8042):
    m = k.m
    m.intercept("ioapic")
    k.send(0x60)
    k.write(0x47)
    k.write(0xee)
    m.wait(lambda: (1, 1) in m.q.irqs or m.q.irq_level(1), "IRQ 1")
    k.drain()
    m.q.take_irqs()
    k.send(0xd4)
    k.write(0xf2)
    m.wait(lambda: m.q.irq_level(12), "IRQ 12")
    k.drain()


# ---- pvpanic ----

def test_pvpanic_capabilities(p: Pvpanic):
    got = p.read()
    assert got and not got & ~7, f"{got:#x}"


@arguments("-action", "panic=none")
@params(event=(1, 2))
def test_pvpanic_event(p: Pvpanic, event: int):
    """Each bit is an event of its own."""
    p.m.qmp                    # connected before the event
    p.write(event)
    p.m.qmp.wait_event({1: "GUEST_PANICKED", 2: "GUEST_CRASHLOADED"}[event])


def test_pvpanic_unknown_bits(p: Pvpanic):
    p.write(0x80)
    eq(p.m.qmp("query-status")["status"] in ("running", "prelaunch"), True, "it goes on")


@arguments("-device", "isa-debug-exit,iobase=0xf4,iosize=4")
def test_port_61_toggle(m: Machine):
    """Port 0x61: timer 2's gate and the speaker read back."""
    for v in (0, 1, 2, 3):
        m.outb(0x61, v)
        eq(m.inb(0x61) & 3, v)
