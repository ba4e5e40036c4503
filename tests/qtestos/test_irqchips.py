# SPDX-License-Identifier: GPL-2.0-or-later
"""8259, IOAPIC and local APICs, from their data sheets."""
from qtestos import Machine, eq, params, skip_on
from qtestos.drivers.irqchips import Ioapic, Lapic, Pic


@params(line=(0, 1, 3, 4, 5, 6, 7))
def test_pic_edge(pic: Pic, line: int):
    """An edge sets the request, a poll acknowledges it, an EOI ends it."""
    pic.pin(line, 0)        # the PIT holds line 0 up
    pic.pin(line, 1)
    got = pic.poll()
    pic.pin(line, 0)
    eq(got, 0x80 | line, "poll")
    eq(pic.isr(), 1 << line, "in service")
    pic.eoi()
    eq(pic.isr(), 0, "ended")
    eq(pic.poll() & 0x80, 0, "nothing more")


@params(line=(8, 9, 10, 11, 12, 13, 14, 15))
def test_pic_cascade(pic: Pic, line: int):
    """A line of the slave comes through the master's line 2."""
    pic.pin(line, 1)
    eq(pic.poll(), 0x82, "the master")
    eq(pic.poll(pic.SLAVE), 0x80 | line - 8, "the slave")
    eq((pic.isr(), pic.isr(pic.SLAVE)), (4, 1 << line - 8), "both in service")
    pic.eoi(pic.SLAVE)
    pic.eoi()
    eq((pic.isr(), pic.isr(pic.SLAVE)), (0, 0), "both ended")


@params(line=(3, 4, 5))
def test_pic_mask(pic: Pic, line: int):
    """A masked line requests but is not served; unmasked it is."""
    pic.mask(1 << line)
    pic.pin(line, 1)
    eq(pic.irr() & 1 << line, 1 << line, "requested")
    eq(pic.poll() & 0x80, 0, "not served")
    pic.mask(0)
    eq(pic.poll(), 0x80 | line)


def test_pic_priority(pic: Pic):
    """Of several the lowest number first; what is below waits for the end."""
    for line in (6, 3, 1):
        pic.pin(line, 1)
    for line in (1, 3, 6):
        eq(pic.poll(), 0x80 | line, f"line {line}")
        pic.eoi()


def test_pic_nesting(pic: Pic):
    pic.pin(4, 1)
    eq(pic.poll(), 0x84)
    pic.pin(6, 1)
    eq(pic.poll() & 0x80, 0, "a lower one waits")
    pic.pin(1, 1)
    eq(pic.poll(), 0x81, "a higher one comes")
    eq(pic.isr(), 0x12, "both in service")
    pic.eoi()
    eq(pic.isr(), 0x10, "the EOI ended the higher one")


@params(line=(0, 3, 7))
def test_pic_specific_eoi(pic: Pic, line: int):
    for n in (7, 3, 0):
        pic.pin(n, 0)       # the PIT holds line 0 up
        pic.pin(n, 1)
        eq(pic.poll(), 0x80 | n)
    pic.m.outb(0x20, 0x60 | line)
    eq(pic.isr(), 0x89 & ~(1 << line))


@params(line=(2, 5))
def test_pic_rotation(pic: Pic, line: int):
    """Set priority: the line named becomes the lowest."""
    pic.m.outb(0x20, 0xc0 | line)
    first = (line + 1) % 8
    other = (line + 3) % 8
    first, other = (first, other) if 2 not in (first, other) else (3, 4)
    pic.pin(other, 1)
    pic.pin(first, 1)
    eq(pic.poll(), 0x80 | first)


def test_pic_rotate_on_eoi(pic: Pic):
    pic.pin(1, 1)
    eq(pic.poll(), 0x81)
    pic.m.outb(0x20, 0xa0)
    pic.pin(0, 0)
    pic.pin(0, 1)
    pic.pin(3, 1)
    eq(pic.poll(), 0x83, "line 1 became the lowest, so 2 and on are first")


def test_pic_auto_eoi(pic: Pic):
    pic.init(icw4=3)
    pic.pin(5, 1)
    eq(pic.poll(), 0x85)
    eq(pic.isr(), 0, "ended by itself")


def test_pic_special_mask(pic: Pic):
    """In special mask mode a masked line in service does not hold up the others."""
    pic.pin(3, 1)
    eq(pic.poll(), 0x83)
    pic.m.outb(0x20, 0x68)
    pic.mask(8)
    pic.pin(6, 1)
    eq(pic.poll(), 0x86)


def test_pic_level(pic: Pic):
    """A level line (ELCR) requests as long as it is up."""
    pic.m.outb(0x4d0, 0x20)
    pic.pin(5, 1)
    eq(pic.poll(), 0x85)
    pic.eoi()
    eq(pic.poll(), 0x85, "again")
    pic.pin(5, 0)
    pic.eoi()
    eq(pic.poll() & 0x80, 0, "not when it is down")


def test_pic_edge_needs_a_new_edge(pic: Pic):
    pic.pin(5, 1)
    eq(pic.poll(), 0x85)
    pic.eoi()
    eq(pic.poll() & 0x80, 0, "held up is not a new one")
    pic.pin(5, 0)
    pic.pin(5, 1)
    eq(pic.poll(), 0x85)


@params(port=(0x4d0, 0x4d1))
def test_pic_elcr(m: Machine, port: int):
    """0 to 2, 8 and 13 can only be edges."""
    m.outb(port, 0xff)
    eq(m.inb(port), 0xf8 if port == 0x4d0 else 0xde)
    m.outb(port, 0)
    eq(m.inb(port), 0)


def test_pic_mask_reads_back(pic: Pic):
    for base in (0x20, 0xa0):
        pic.mask(0xa5, base)
        eq(pic.m.inb(base + 1), 0xa5)


def test_pic_init_clears(pic: Pic):
    """ICW1 clears the mask and what is in service."""
    pic.pin(4, 1)
    eq(pic.poll(), 0x84)
    pic.mask(0xff)
    pic.init()
    eq((pic.m.inb(0x21), pic.isr(), pic.irr()), (0, 0, 0), "edges from before are forgotten")


# ---- IOAPIC ----

def test_ioapic_identity(io: Ioapic):
    eq(io.read(0) & 0xf0ffffff, 0, "ID register")
    version = io.read(1)
    eq(version >> 16 & 0xff, 23, "24 entries")
    assert version & 0xff in (0x11, 0x20), f"version {version:#x}"
    io.write(1, 0)
    eq(io.read(1), version, "read only")


@params(value=(0, 5, 0xf))
def test_ioapic_id(io: Ioapic, value: int):
    io.write(0, value << 24 | 0xf0ffffff)
    eq(io.read(0), value << 24)
    eq(io.read(2), value << 24, "arbitration ID follows")


@params(n=(0, 1, 11, 22, 23))
def test_ioapic_entry(io: Ioapic, n: int):
    """Masked after reset; delivery status and remote IRR are read only."""
    eq(io.entry(n), io.MASKED)
    io.set_entry(n, 0xff000000_0001afff)
    eq(io.entry(n), 0xff000000_0001afff)
    io.set_entry(n, io.MASKED)
    io.write(0x10 + 2 * n, io.MASKED | io.REMOTE_IRR | io.PENDING)
    eq(io.entry(n), io.MASKED)


@params(n=(3, 16, 23))
def test_ioapic_remote_irr(io: Ioapic, n: int):
    """A level interrupt sets remote IRR, the EOI of its vector clears it once the line is down."""
    io.set_entry(n, io.LEVEL | 0x40 + n)
    io.pin(n, 1)
    eq(io.entry(n) & io.REMOTE_IRR, io.REMOTE_IRR)
    io.pin(n, 0)
    eq(io.entry(n) & io.REMOTE_IRR, io.REMOTE_IRR, "the line alone does not clear it")
    io.eoi(0x41 + n)
    eq(io.entry(n) & io.REMOTE_IRR, io.REMOTE_IRR, "another vector does not")
    io.eoi(0x40 + n)
    eq(io.entry(n) & io.REMOTE_IRR, 0)


@params(n=(4, 20))
def test_ioapic_level_again(io: Ioapic, n: int):
    """With the line still up the EOI brings the interrupt again."""
    io.set_entry(n, io.LEVEL | 0x50)
    io.pin(n, 1)
    io.eoi(0x50)
    eq(io.entry(n) & io.REMOTE_IRR, io.REMOTE_IRR)


@params(n=(5, 17))
def test_ioapic_masked_level(io: Ioapic, n: int):
    """A level line that is up is delivered when it is unmasked."""
    io.set_entry(n, io.MASKED | io.LEVEL | 0x60)
    io.pin(n, 1)
    eq(io.entry(n) & io.REMOTE_IRR, 0, "masked")
    io.set_entry(n, io.LEVEL | 0x60)
    eq(io.entry(n) & io.REMOTE_IRR, io.REMOTE_IRR, "unmasked")


@params(n=(6, 18))
def test_ioapic_edge_has_no_remote_irr(io: Ioapic, n: int):
    io.set_entry(n, 0x70)
    io.pin(n, 1)
    eq(io.entry(n) & io.REMOTE_IRR, 0)


@params(reg=(3, 0x0f, 0x40, 0xff))
def test_ioapic_no_such_register(io: Ioapic, reg: int):
    io.write(reg, 0xffffffff)
    eq(io.read(reg) & 0xffff, io.read(reg) & 0xffff)
    eq(io.entry(0), io.MASKED, "nothing else changed")


def test_ioapic_select_reads_back(io: Ioapic):
    io.m.writel(io.BASE, 0x15)
    eq(io.m.readl(io.BASE) & 0xff, 0x15)


# ---- local APICs ----

@params(mode=(0, 1, 2, 3, 4, 5, 6, 7))
def test_lapic_messages(lapic: Lapic, mode: int):
    """Messages of every delivery mode from a device harm nothing: the machine goes on."""
    for destination in (0, 1, 0xff):
        for vector in (0, 0x10, 0x41, 0xff):
            lapic.message(vector, destination, mode if mode != 5 else 0)
    lapic.m.writeb(0x1000, 0x5a)
    eq(lapic.m.readb(0x1000), 0x5a)
    eq(lapic.m.endianness(), "little")


@skip_on("qemu", "it keeps a request that fell before it was acknowledged")
def test_pic_request_falls(pic: Pic):
    """An input must stay up until it is acknowledged: a request that falls before that is gone (data sheet, "IR must remain high")."""
    pic.pin(4, 1)
    pic.pin(4, 0)
    eq(pic.poll() & 0x80, 0)
