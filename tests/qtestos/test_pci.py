# SPDX-License-Identifier: GPL-2.0-or-later
"""The PCI core: configuration space, BARs, interrupts, bridges; by edu, pci-testdev and the bridges themselves."""
from qtestos import Machine, arguments, eq, params, raw, requires, variants, via
from qtestos.drivers.bridge import RootPort
from qtestos.drivers.edu import Edu
from qtestos.drivers.pci import CAP_EXPRESS, CAP_MSI, CAP_MSIX, PciDevice, PciHost, Q35Host
from qtestos.drivers.virtio import VirtioDevice


def test_identity(edu: Edu):
    eq(edu.regs.readl(0), 0x010000ed)
    edu.regs.writel(4, 0x12345678)
    eq(edu.regs.readl(4), 0xedcba987, "liveness")


@params(n=(0, 1, 5, 12, 13, 40))
def test_factorial(edu: Edu, n: int):
    want = 1
    for i in range(1, n + 1):
        want = want * i & 0xffffffff
    edu.regs.writel(8, n)
    edu.m.wait(lambda: not edu.regs.readl(0x20) & 1, "the factorial")
    eq(edu.regs.readl(8), want)


def test_intx(edu: Edu):
    m, line = edu.m, edu.function.intx_line()
    m.intercept("ioapic")
    edu.raise_irq(2)
    m.wait(lambda: m.q.irq_level(line), "the line")
    eq(edu.cfg(6, 2) & 8, 8, "interrupt bit of the status register")
    edu.set_cfg(4, 0x406, 2)
    m.wait(lambda: not m.q.irq_level(line), "INTx disable")
    edu.set_cfg(4, 6, 2)
    m.wait(lambda: m.q.irq_level(line), "and enable")
    edu.ack(2)
    m.wait(lambda: not m.q.irq_level(line), "the line to fall")
    eq(edu.cfg(6, 2) & 8, 0, "status register")


@via(RootPort)
def test_intx_behind_root_port(edu: Edu):
    """The pin is turned by the slot at every bridge."""
    m, line = edu.m, edu.function.intx_line()
    m.intercept("ioapic")
    edu.raise_irq(1)
    m.wait(lambda: m.q.irq_level(line), f"line {line}")
    edu.ack(1)
    m.wait(lambda: not m.q.irq_level(line), f"line {line} to fall")


def test_shared_line(a: Edu, b: Edu, c: Edu, d: Edu, e: Edu):
    """Slots n and n + 4 share a line, which is up as long as one of both holds it."""
    m, line = a.m, a.function.intx_line()
    eq(e.function.intx_line(), line, "the fifth has the line of the first")
    m.intercept("ioapic")
    a.raise_irq(1)
    m.wait(lambda: m.q.irq_level(line), "the line")
    e.raise_irq(1)
    a.ack(1)
    m.inb(0x80)
    eq(m.q.irq_level(line), 1, "held by the other")
    e.ack(1)
    m.wait(lambda: not m.q.irq_level(line), "both are down")
    for other in (b, c, d):
        line = other.function.intx_line()
        other.raise_irq(4)
        m.wait(lambda: m.q.irq_level(line), f"line {line} of another slot")


def test_msi(edu: Edu):
    m, msi = edu.m, edu.function.enable_msi()
    edu.raise_irq(1)
    eq(msi.wait(), msi.data, "the message")
    edu.ack(1)
    edu.set_cfg(4, 2, 2)
    edu.raise_irq(1)
    m.inb(0x80)
    eq(msi.take(), None, "none without bus mastering")
    edu.set_cfg(4, 6, 2)
    msi.free()


@raw
def test_header_at_reset(dev: PciDevice):
    """What every function's header must be before anybody touched it."""
    f = dev.function
    eq(f.cfg(4, 2) & 7, 0, "decoding and mastering are off")
    eq(f.cfg(0x3c, 1), 0, "no line")
    assert f.vendor not in (0, 0xffff)
    assert f.class_code >> 16 in range(0x15) or f.class_code >> 16 == 0xff, hex(f.class_code)
    eq(f.cfg(0x0e, 1) & 0x7f, 1 if f.is_bridge else 0, "header type")


@raw
def test_identity_is_read_only(dev: PciDevice):
    f = dev.function
    before = [f.cfg(r) for r in (0, 8, 0x2c if not f.is_bridge else 8, 0x34)]
    for r in (0, 8, 0x2c if not f.is_bridge else 8, 0x34):
        f.set_cfg(r, ~f.cfg(r))
    eq([f.cfg(r) for r in (0, 8, 0x2c if not f.is_bridge else 8, 0x34)], before)


@raw
def test_bars(dev: PciDevice):
    """Sizes are powers of two; what is written is kept above the size; the low bits tell the kind."""
    f = dev.function
    for nr, bar in f.size_bars().items():
        eq(bar.size & bar.size - 1, 0, f"BAR {nr}'s size")
        assert bar.size >= (4 if bar.kind == "io" else 16), f"BAR {nr}: {bar.size}"
        low = f.cfg(0x10 + 4 * nr) & (3 if bar.kind == "io" else 15)
        f.set_cfg(0x10 + 4 * nr, 0x5a5a5a5a)
        mask = -bar.size & (0xffff if bar.kind == "io" else 0xffffffff)
        eq(f.cfg(0x10 + 4 * nr) & (0xffff if bar.kind == "io" else 0xffffffff), 0x5a5a5a5a & mask | low, f"BAR {nr}")
        f.set_cfg(0x10 + 4 * nr, 0)


@raw
def test_capabilities(dev: PciDevice):
    """The list ends, each entry is where it may be, none twice but vendor's."""
    f = dev.function
    seen = [i for i, _ in f.caps if i != 9]
    eq(sorted(set(seen)), sorted(seen), "capabilities")
    for _, at in f.caps:
        assert at >= 0x40 and not at & 3, hex(at)
    if f.cap(CAP_MSI):
        eq(f.cfg(f.cap(CAP_MSI) + 2, 2) & 1, 0, "MSI is off")
    if f.cap(CAP_MSIX):
        eq(f.cfg(f.cap(CAP_MSIX) + 2, 2) & 0xc000, 0, "MSI-X is off")


def hole(m):
    """What nobody answers: all ones, but zeros where QEMU's processor is asked."""
    return m.readl(0xfd000000)


def test_decoding(edu: Edu):
    """Memory decoding off and on, and a range that moves."""
    m, f, regs = edu.m, edu.function, edu.regs
    eq(m.readl(regs.addr), 0x010000ed, "where it is")
    f.enable(memory=False)
    eq(m.readl(regs.addr), hole(m), "decoding off")
    f.enable()
    new = edu.parent.take_mmio(regs.size)
    f.set_cfg(0x10, new)
    eq((m.readl(regs.addr), m.readl(new)), (hole(m), 0x010000ed), "moved")


@variants(mode=("modern",))
def test_64bit_bar(dev: VirtioDevice):
    """A 64-bit range works above 4 GiB."""
    f, m = dev.function, dev.m
    bar = next(b for b in f.bars.values() if b.kind == "mem64")
    old = [m.readb(bar.addr + i) for i in range(0x14, 0x16)]
    f.set_cfg(0x14 + 4 * bar.nr, 1)
    f.set_cfg(0x10 + 4 * bar.nr, 0x40000000)
    eq([m.readb(0x140000000 + i) for i in range(0x14, 0x16)], old, "the same registers")
    eq(m.readl(bar.addr), hole(m), "nothing is left behind")
    f.set_cfg(0x14 + 4 * bar.nr, 0)
    f.set_cfg(0x10 + 4 * bar.nr, bar.addr)


@variants(intr=("msix",))
def test_msix_mask(dev: VirtioDevice):
    """A masked vector is pending until it is unmasked; then its message comes once."""
    x = dev.msix
    if x.count < 2:
        raise AssertionError("fewer than two vectors")
    x.mask(0)
    q = dev.queues[min(dev.queues)]
    x.mask(q.vector)
    eq(x.pending(q.vector), 0, "nothing yet")
    eq(x.table[0].readl(x.table[1] + 16 * q.vector + 12) & 1, 1, "the mask reads back")
    x.mask(q.vector, False)
    eq(x.take(q.vector), False, "no message without a cause")
    x.mask_all()
    x.mask_all(False)
    eq(x.take(0), False, "nor by the function's mask")


def test_ecam(host: Q35Host):
    """Both ways to configuration space show the same, for every function on the board."""
    for f in host.scan():
        for reg in range(0, 256, 4):
            eq(host.ecam_read(f.bdf, reg), host.read(f.bdf, reg), f"{f.bdf} register {reg:#x}")
        host.ecam_write(f.bdf, 0x3c, 0x5a, 1)
        kept = host.read(f.bdf, 0x3c, 1)
        assert kept in (0x5a, 0), kept
        host.write(f.bdf, 0x3c, 0, 1)


def test_config_widths(host: PciHost):
    """Bytes and words at any offset are parts of the long word."""
    for f in host.scan():
        for reg in (0, 8, 0x2c):
            whole = f.cfg(reg)
            eq([f.cfg(reg + i, 1) for i in range(4)], [whole >> 8 * i & 255 for i in range(4)], f"{f.bdf} bytes of {reg:#x}")
            eq([f.cfg(reg + i, 2) for i in (0, 2)], [whole & 0xffff, whole >> 16], f"{f.bdf} words of {reg:#x}")


def test_empty_slots(host: PciHost):
    have = {f.bdf[1] for f in host.scan()}
    for dev in set(range(32)) - have:
        eq(host.read((0, dev, 0), 0), 0xffffffff, f"slot {dev}")
    eq(host.read((7, 0, 0), 0), 0xffffffff, "a bus that is not there")


def test_config_address(host: PciHost):
    """Only a long word reaches 0xcf8; with its top bit clear 0xcfc is nothing."""
    m = host.m
    m.outl(0xcf8, 0x80000000)
    m.outb(0xcf8, 0x12)
    eq(m.inl(0xcf8), 0x80000000, "a byte does not reach it")
    m.outl(0xcf8, 0)
    eq(m.inl(0xcfc), 0xffffffff, "not enabled")


def test_root_port(port: RootPort):
    f = port.function
    eq(f.cfg(f.cap(CAP_EXPRESS) + 2, 2) >> 4 & 15, 4, "a root port")
    eq(f.cfg(0x18) & 0xffffff, port.number << 16 | port.number << 8, "bus numbers")
    eq(port.host.read((port.number, 0, 0), 0), 0xffffffff, "nothing behind it")
    eq(f.cfg(0x1e, 2) & 0x2000, 0x2000 & f.cfg(0x1e, 2), "secondary status")


@via(RootPort)
def test_windows(edu: Edu):
    """Behind a bridge an access comes through only within the window, and only while the bridge forwards."""
    m, port, regs = edu.m, edu.parent, edu.regs
    eq(m.readl(regs.addr), 0x010000ed, "through the window")
    port.function.enable(memory=False)
    eq(m.readl(regs.addr), hole(m), "the bridge does not forward")
    port.function.enable()
    window = port.cfg(0x20)
    port.set_cfg(0x20, 0x0000fff0)
    eq(m.readl(regs.addr), hole(m), "the window is shut")
    port.set_cfg(0x20, window)
    eq(m.readl(regs.addr), 0x010000ed, "and open again")


@via(RootPort)
def test_msi_through_bridge(edu: Edu):
    msi = edu.function.enable_msi()
    edu.raise_irq(1)
    eq(msi.wait(), msi.data)
    msi.free()


def _dma(edu, src, dst, n, command):
    r, m = edu.regs, edu.m
    for off, v in ((edu.SRC, src), (edu.DST, dst), (edu.COUNT, n), (edu.COMMAND, command)):
        r.writeq(off, v)
    m.wait(lambda: not r.readl(edu.COMMAND) & 1, "DMA", step_ns=100000000)


@requires("clock")
@params(n=(1, 4, 100, 4096))
def test_dma(edu: Edu, n: int):
    m = edu.m
    data = bytes((7 * i + n) & 255 for i in range(n))
    src, dst = m.put(data, what="source"), m.alloc(n, what="destination")
    _dma(edu, src, 0x40000, n, 1)
    _dma(edu, 0x40000, dst, n, 3)
    eq(m.read(dst, n), data, "there and back")
    m.free(src, dst)


def test_memory(m: Machine):
    a = m.alloc(100)
    with m.batch() as b:
        for i in range(25):
            b.writel(a + 4 * i, i)
        got = b.read(a, 100)
    eq(bytes(got), b"".join(i.to_bytes(4, "little") for i in range(25)))
    m.free(a)


@arguments("-device", "edu,addr=0x1c", "-device", "edu,addr=0X1d.0", "-device", "edu,addr=1e.3,multifunction=on")
def test_addresses(m: Machine):
    """The forms of addr=: hexadecimal, with 0x or without, and the function."""
    for slot, function in ((0x1c, 0), (0x1d, 0), (0x1e, 3)):
        m.outl(0xcf8, 0x80000000 | slot << 11 | function << 8)
        eq(m.inl(0xcfc), 0x11e81234, f"slot {slot:x}, function {function}")


@arguments("-device", "edu,addr=0x1d.0x0", "-device", "edu,addr=1c.0x7", "-device", "edu,addr=0x1b")
def test_addresses(host: PciHost):
    """The forms of an address on the command line."""
    eq([f.bdf for f in host.scan() if f.vendor == 0x1234 and f.device_id == 0x11e8], [(0, 0x1b, 0), (0, 0x1d, 0)])
    eq(host.function(0x1c, 7).device_id, 0x11e8, "a function that is no first is there, but is not found")
