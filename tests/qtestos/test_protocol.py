# SPDX-License-Identifier: GPL-2.0-or-later
"""The protocol itself, the page allocator, QMP, transcripts; what happens when the emulator dies."""
import os
import signal

from qtestos import BOARDS, Died, Machine, QmpError, Refused, arguments, eq, params, replay, requires, skip_on
from qtestos.drivers.bridge import RootPort
from qtestos.drivers.pci import CAP_EXPRESS, PciFunction
from qtestos.memory import MemoryFault


@params(size=(1, 2, 4, 8))
def test_widths(m: Machine, size: int):
    at, value = m.alloc(16), 0x1122334455667788 >> 64 - 8 * size
    write, read = ({1: m.writeb, 2: m.writew, 4: m.writel, 8: m.writeq}[size], {1: m.readb, 2: m.readw, 4: m.readl, 8: m.readq}[size])
    for off in (0, 1, 3):
        write(at + off, value)
        eq(read(at + off), value, f"offset {off}")
        eq(m.q.read(at + off, size), value.to_bytes(size, "little"), "bytes")
    m.free(at)


@params(size=(1, 3, 4096, 100000))
def test_blocks(m: Machine, size: int):
    data = bytes(i * 7 & 255 for i in range(size))
    at = m.alloc(size)
    m.q.write(at, data)
    eq(m.q.read(at, size), data, "hexadecimal")
    eq(m.b64read(at, size), data, "base64")
    m.b64write(at, data[::-1])
    eq(m.q.read(at, size), data[::-1])
    m.q.memset(at, size, 0x5a)
    eq(m.q.read(at, size), b"\x5a" * size, "memset")
    m.free(at)


def test_window(m: Machine):
    """Memory that is shared with the emulator: each side sees what the other wrote, the whole heap up to its end."""
    assert m.window and m.can_share(), "none"
    for at in (m.window.base, m.window.end - 8):
        m.q.writeq(at, 0x1122334455667788)
        eq(m.window.read(at, 8), bytes.fromhex("8877665544332211"), "written by the emulator")
        m.window.write(at, b"\x01\x02\x03\x04")
        eq(m.q.readq(at), 0x1122334404030201, "written by us")
        m.window.memset(at, 4, 0xee)
        eq(m.q.readl(at), 0xeeeeeeee, "set by us")
    m.write(0x8000, b"below")
    eq((m.read(0x8000, 5), m.q.read(0x8000, 5), m.window.has(0x8000, 5)), (b"below", b"below", False), "outside of it")
    eq(m.window.has(m.window.end - 4, 8), False, "over its end")


@arguments("-m", "64")
def test_without_window(m: Machine):
    """Where the test says what the memory is, all goes over the protocol."""
    eq(m.window, None)
    at = m.put(b"some bytes")
    eq((m.read(at, 12), m.q.read(at, 12)), (b"some bytes\xa7\xa7",) * 2)
    m.free(at)


def test_batch(m: Machine):
    """Many thousand commands in one go, and a FAIL in the middle that spoils no other."""
    at = m.alloc(4 * 5000)
    with m.batch() as b:
        for i in range(5000):
            b.writel(at + 4 * i, i * i)
    with m.batch() as b:
        got = [b.readl(at + 4 * i) for i in range(5000)]
    eq([int(g) for g in got], [i * i & 0xffffffff for i in range(5000)])
    b = m.batch()
    first, bad, last = b.readl(at + 4), b.command("nonsense"), b.readl(at + 8)
    try:
        b.run()
        raise AssertionError("no Refused")
    except Refused:
        pass
    eq((int(first), bad.done, int(last)), (1, False, 4))
    m.free(at)


def test_refused(m: Machine):
    for text in ("nonsense", "irq_intercept_in nobody"):
        try:
            m.command(text)
            raise AssertionError(f"{text} was not refused")
        except Refused:
            pass
    eq(m.endianness(), "little", "it goes on")


@requires("clock")
def test_clock(m: Machine):
    eq(m.clock_step(1000), 1000)
    eq(m.clock_set(5000), 5000)
    eq(m.clock_step(5), 5005)


@requires("vmbox")
def test_lines(m: Machine):
    m.intercept("ioapic")
    m.set_irq_in("ioapic", 5, 1)
    m.set_irq_in("ioapic", 7, 1)
    m.set_irq_in("ioapic", 5, 0)
    eq(m.q.take_irqs(), [(5, 1), (7, 1), (5, 0)])
    eq((m.q.irq_level(5), m.q.irq_level(7), m.q.irq_level(9)), (0, 1, 0))


def test_qmp(m: Machine):
    eq(m.qmp("query-status")["status"] in ("running", "prelaunch"), True)
    try:
        m.qmp("device_del", id="nobody")
        raise AssertionError("no error")
    except QmpError as e:
        eq(e.kind, "DeviceNotFound")
    m.writew(0x400, 0x1234)
    m.reset()
    eq((m.alive(), m.readw(0x400)), (True, 0x1234), "a reset leaves the memory")


@skip_on("qemu", "its slots are ACPI's until a guest asks for them")
def test_plugging(port: RootPort):
    """A device comes to a slot, and goes when the guest has switched the slot's power off."""
    m, control = port.m, port.function.cap(CAP_EXPRESS) + 0x18
    late = PciFunction(port.host, (port.number, 0, 0), port)
    eq(late.vendor, 0xffff, "an empty slot")
    m.device_add("edu", "late", bus=port.node.id)
    port.set_cfg(control, port.cfg(control, 2) & ~0x700 | 0x100, 2)		# power and its light on
    m.wait(lambda: late.vendor == 0x1234, "the device")
    port.set_cfg(control + 2, port.cfg(control + 2, 2), 2)			# what has happened is acknowledged
    assert "late" in m.qom_list("/machine/peripheral"), "it is there"
    eq(m.qom_get("/machine/peripheral/late", "multifunction"), False)
    m.device_del("late", wait=False)
    m.wait(lambda: port.cfg(control + 2, 2) & 1, "the attention button")
    port.set_cfg(control, port.cfg(control, 2) | 0x700, 2)
    m.device_gone("late")
    eq(late.vendor, 0xffff)
    assert "late" not in m.qom_list("/machine/peripheral"), "and gone"


def test_end(m: Machine):
    m.qmp("quit")
    m.expect_end(0)
    eq(m.alive(), False)


@arguments("-device", "isa-debug-exit,iobase=0xf4,iosize=1")
def test_end_by_a_device(m: Machine):
    m.q.sock.sendall(b"outb 0xf4 5\n")
    m.expect_end(11)


def test_poison(m: Machine):
    """A write behind a buffer is found, and one to freed memory."""
    at = m.alloc(100, what="small")
    m.alloc_state.check()
    for where in (100, 4095, 4096, 8191):
        m.writeb(at + where, 1)
        try:
            m.alloc_state.check()
            raise AssertionError(f"byte {where} was not found")
        except MemoryFault:
            m.memset(at + where, 1, 0xa7)
    m.free(at)
    m.writeb(at + 50, 1)
    try:
        m.alloc_state.check()
        raise AssertionError("freed memory was written")
    except MemoryFault:
        m.memset(at + 50, 1, 0xa7)
    try:
        m.free(at)
        raise AssertionError("freed twice")
    except MemoryFault:
        pass


def test_leak(m: Machine):
    at = m.alloc(10, what="a leak")
    eq(m.alloc_state.leaks(), [(at, 10, "a leak")])
    m.free(at)
    eq(m.alloc_state.leaks(), [])


def test_two_machines(m: Machine):
    """Several machines at once, that have nothing in common."""
    with Machine(m.binary, m.desc) as other:
        m.writel(0x200000, 1)
        other.writel(0x200000, 2)
        eq((m.readl(0x200000), other.readl(0x200000)), (1, 2))


@params(number=(signal.SIGKILL, signal.SIGSEGV))
def test_death(m: Machine, number: int):
    """A death is told with its signal."""
    other = Machine(m.binary, m.desc).start()
    os.kill(other.proc.pid, number)
    try:
        for _ in range(100):
            other.readl(0)
        raise AssertionError("it lives")
    except Died as e:
        assert f"signal {int(number)}" in str(e), str(e)
    try:
        other.close()
        raise AssertionError("its end was not noticed")
    except Died:
        pass


def test_bad_start(m: Machine):
    """What the emulator said is in the error."""
    try:
        with Machine(m.binary, m.desc, ["-device", "no-such-thing"]) as other:
            other.inl(0xcf8)		# QEMU connects before it looks at devices
        raise AssertionError("it started")
    except Died as e:
        assert "no-such-thing" in str(e) and "status 1" in str(e), str(e)


def test_transcript(m: Machine):
    """A recorded session gives the same replies on a new machine."""
    stem = os.path.join(m.folder, "session")
    with Machine(m.binary, BOARDS["q35"], record=stem) as one:
        one.writel(0x300000, 77)
        one.outl(0xcf8, 0x80000000)
        one.inl(0xcfc)
        with one.batch() as b:
            b.readl(0x300000)
            b.endianness()
    with open(stem + ".qtest", encoding="ascii") as f:
        commands = f.read().splitlines()
    with open(stem + ".replies", encoding="ascii") as f:
        replies = f.read().splitlines()
    eq((len(commands), replies[1:]), (5, ["OK", replies[2], "OK 0x000000000000004d", "OK little"]))
    with Machine(m.binary, BOARDS["q35"]) as two:
        eq(replay(commands, two.q, replies), [])
        two.q.raw("writel 0x300000 0x4e")
        eq(replay(commands[3:4], two.q, replies[3:4])[0][2:], ("OK 0x000000000000004d", "OK 0x000000000000004e"), "a difference")
