# SPDX-License-Identifier: GPL-2.0-or-later
"""PCI: configuration by ports and by memory, host bridges, functions, bridges, BARs, capabilities, INTx, MSI and MSI-X."""

from ..model import Board, Driver
from ..proto import QtestError

IO, MEM32, MEM64 = "io", "mem32", "mem64"
CAP_PM, CAP_MSI, CAP_EXPRESS, CAP_MSIX, CAP_VENDOR = 1, 5, 0x10, 0x11, 9


class PciBus:
    """What a PCI device is plugged into. host: the bridge to the processor; number: the bus number.
    mmio_next, mmio_end, io_next, io_end: what is free for BARs and bridges behind it."""
    name = None

    def take_mmio(self, size, align=None):
        at = self._aligned("memory", self.mmio_next, self.mmio_end, size, align)
        self.mmio_next = at + size
        return at

    def take_io(self, size, align=None):
        at = self._aligned("I/O", self.io_next, self.io_end, size, align)
        self.io_next = at + size
        return at

    def _aligned(self, kind, at, end, size, align):
        align = align or size
        at = (at + align - 1) // align * align
        if at + size > end:
            raise QtestError(f"{self.name or type(self).__name__}: no room for {size:#x} bytes of {kind} addresses")
        return at


class PciHost(Driver, PciBus):
    """A host bridge: configuration space, and the addresses that BARs get."""
    consumes = Board
    number = 0
    mmio_base, mmio_end = 0xe0000000, 0xfe000000
    io_base, io_end = 0xc000, 0xf000
    qemu_bus = "pci.0"

    def attach(self):
        self.host = self
        self.mmio_next, self.io_next, self.next_bus = self.mmio_base, self.io_base, 1
        self.by_ports = True

    # ---- configuration space ----

    def _select(self, bdf, reg):
        bus, dev, fn = bdf
        self.m.outl(0xcf8, 0x80000000 | bus << 16 | dev << 11 | fn << 8 | reg & 0xfc)

    def read(self, bdf, reg, size=4):
        if reg > 255:
            return self.ecam_read(bdf, reg, size)
        self._select(bdf, reg)
        return {1: self.m.inb, 2: self.m.inw, 4: self.m.inl}[size](0xcfc + (reg & 3))

    def write(self, bdf, reg, value, size=4):
        if reg > 255:
            return self.ecam_write(bdf, reg, value, size)
        self._select(bdf, reg)
        return {1: self.m.outb, 2: self.m.outw, 4: self.m.outl}[size](0xcfc + (reg & 3), value)

    def ecam_read(self, bdf, reg, size=4):
        raise QtestError(f"{self.name} has no memory mapped configuration space")

    def ecam_write(self, bdf, reg, value, size=4):
        raise QtestError(f"{self.name} has no memory mapped configuration space")

    def intx_line(self, dev, pin):
        """The interrupt controller's line of pin 1 to 4 of a device on bus 0."""
        raise NotImplementedError

    def function(self, dev, fn=0, bus=0):
        return PciFunction(self, (bus, dev, fn))

    def scan(self, bus=0):
        """Every function of a bus that answers."""
        found = []
        for dev in range(32):
            if self.read((bus, dev, 0), 0) == 0xffffffff:
                continue
            many = self.read((bus, dev, 0), 0x0e, 1) & 0x80
            found += [PciFunction(self, (bus, dev, fn)) for fn in range(8 if many else 1)
                      if self.read((bus, dev, fn), 0, 2) != 0xffff]
        return found


class Q35Host(PciHost):
    name = "q35-pcihost"
    matches = "q35-pcihost"
    qemu_bus = "pcie.0"
    ECAM = 0xb0000000

    def attach(self):
        super().attach()
        self._ecam = False

    def enable_ecam(self):
        """PCIEXBAR: 256 buses at ECAM."""
        if not self._ecam:
            self._ecam = True
            self.write((0, 0, 0), 0x64, 0)
            self.write((0, 0, 0), 0x60, self.ECAM | 1)

    def _at(self, bdf, reg):
        self.enable_ecam()
        return self.ECAM + (bdf[0] << 20 | bdf[1] << 15 | bdf[2] << 12 | reg)

    def ecam_read(self, bdf, reg, size=4):
        return {1: self.m.readb, 2: self.m.readw, 4: self.m.readl}[size](self._at(bdf, reg))

    def ecam_write(self, bdf, reg, value, size=4):
        {1: self.m.writeb, 2: self.m.writew, 4: self.m.writel}[size](self._at(bdf, reg), value)

    def intx_line(self, dev, pin):
        """IOAPIC lines: slots 0 to 24 share PIRQE to H by slot and pin, the chipset's own have PIRQA to D."""
        if dev < 25:
            return 20 + (dev + pin - 1) % 4
        return 16 + (pin - 1) % 4


class I440fxHost(PciHost):
    name = "i440fx-pcihost"
    matches = "i440fx-pcihost"
    qemu_bus = "pci.0"
    PIRQ = (10, 10, 11, 11)
    PIIX = (0, 1, 0)

    def start(self):
        for i, line in enumerate(self.PIRQ):
            self.write(self.PIIX, 0x60 + i, line, 1)

    def intx_line(self, dev, pin):
        return self.PIRQ[(dev - 1 + pin - 1) % 4]


class Bar:
    """An address range of a function: kind, size, and address once it is mapped. Accesses are relative to it."""

    def __init__(self, m, nr, kind, size, prefetch=False):
        self.m, self.nr, self.kind, self.size, self.prefetch, self.addr = m, nr, kind, size, prefetch, None

    def read(self, off, size):
        m = self.m
        ops = (m.inb, m.inw, m.inl) if self.kind == IO else (m.readb, m.readw, m.readl, m.readq)
        return ops[size.bit_length() - 1](self.addr + off)

    def write(self, off, value, size):
        m = self.m
        ops = (m.outb, m.outw, m.outl) if self.kind == IO else (m.writeb, m.writew, m.writel, m.writeq)
        ops[size.bit_length() - 1](self.addr + off, value)

    def readb(self, off): return self.read(off, 1)
    def readw(self, off): return self.read(off, 2)
    def readl(self, off): return self.read(off, 4)
    def readq(self, off): return self.read(off, 8)
    def writeb(self, off, v): self.write(off, v, 1)
    def writew(self, off, v): self.write(off, v, 2)
    def writel(self, off, v): self.write(off, v, 4)
    def writeq(self, off, v): self.write(off, v, 8)


class PciFunction:
    """One function, wherever it is."""

    def __init__(self, host, bdf, bus=None):
        self.host, self.bdf, self.m, self.bus = host, bdf, host.m, bus
        self.bars = {}
        self._caps = None

    def cfg(self, reg, size=4): return self.host.read(self.bdf, reg, size)
    def set_cfg(self, reg, value, size=4): self.host.write(self.bdf, reg, value, size)

    @property
    def vendor(self): return self.cfg(0, 2)
    @property
    def device_id(self): return self.cfg(2, 2)
    @property
    def class_code(self): return self.cfg(8) >> 8
    @property
    def is_bridge(self): return self.cfg(0x0e, 1) & 0x7f == 1

    # ---- capabilities ----

    @property
    def caps(self):
        """[(id, offset)] in the list's order."""
        if self._caps is None:
            self._caps, at = [], self.cfg(0x34, 1) & 0xfc if self.cfg(6, 2) & 0x10 else 0
            while at and len(self._caps) < 48:
                self._caps.append((self.cfg(at, 1), at))
                at = self.cfg(at + 1, 1) & 0xfc
        return self._caps

    def cap(self, ident):
        """The offset of the first of that kind, or None."""
        return next((at for i, at in self.caps if i == ident), None)

    def express_caps(self):
        """[(id, offset)] of the extended ones, from 0x100 on."""
        found, at = [], 0x100
        while at and len(found) < 64:
            head = self.cfg(at)
            if head in (0, 0xffffffff):
                break
            found.append((head & 0xffff, at))
            at = head >> 20
        return found

    # ---- address ranges ----

    def size_bars(self):
        """Finds kinds and sizes; leaves the registers as they were. Decoding must be off."""
        self.bars, nr, last = {}, 0, 2 if self.is_bridge else 6
        while nr < last:
            step = self._size_bar(nr)
            nr += step
        return self.bars

    def _size_bar(self, nr):
        reg = 0x10 + 4 * nr
        old = self.cfg(reg)
        self.set_cfg(reg, 0xffffffff)
        got = self.cfg(reg)
        self.set_cfg(reg, old)
        if not got:
            return 1
        if got & 1:
            self.bars[nr] = Bar(self.m, nr, IO, -(got & 0xfffc | 0xffff0000) & 0xffff)
            return 1
        if got & 6 != 4:
            self.bars[nr] = Bar(self.m, nr, MEM32, -(got & ~15) & 0xffffffff, bool(got & 8))
            return 1
        old = self.cfg(reg + 4)
        self.set_cfg(reg + 4, 0xffffffff)
        high = self.cfg(reg + 4)
        self.set_cfg(reg + 4, old)
        self.bars[nr] = Bar(self.m, nr, MEM64, -(high << 32 | got & ~15) & (1 << 64) - 1, bool(got & 8))
        return 2

    def map_bars(self):
        """Gives every range an address, in the windows of the bus that it is on."""
        self.size_bars()
        for nr, bar in self.bars.items():
            source = self.bus or self.host
            bar.addr = source.take_io(bar.size) if bar.kind == IO else source.take_mmio(max(bar.size, 4096))
            self.set_cfg(0x10 + 4 * nr, bar.addr & 0xffffffff)
            if bar.kind == MEM64:
                self.set_cfg(0x14 + 4 * nr, bar.addr >> 32)
        return self.bars

    def enable(self, io=True, memory=True, master=True):
        old = self.cfg(4, 2) & ~7
        self.set_cfg(4, old | io | memory << 1 | master << 2, 2)

    # ---- interrupts ----

    @property
    def pin(self): return self.cfg(0x3d, 1)

    def intx_line(self):
        """The controller's line of this function's pin, through the bridges above it."""
        pin, dev, bus = self.pin, self.bdf[1], self.bus
        while bus is not None and bus is not self.host:
            pin = (pin - 1 + dev) % 4 + 1
            dev, bus = bus.function.bdf[1], bus.function.bus
        return self.host.intx_line(dev, pin)

    def enable_msi(self, vectors=1):
        """Single messages caught in memory; an Msi."""
        return Msi(self, vectors)

    def enable_msix(self, count=None):
        return Msix(self, count)


class Msi:
    """MSI with the message address in RAM: a message is a write that we can read. Free it."""

    def __init__(self, fn, vectors=1, data=0x4320):
        self.fn, self.m, self.data = fn, fn.m, data
        self.cap = fn.cap(CAP_MSI)
        if self.cap is None:
            raise QtestError("the function has no MSI")
        self.at = fn.m.alloc(4, what="MSI address")
        control = fn.cfg(self.cap + 2, 2)
        self.wide = bool(control & 0x80)
        fn.set_cfg(self.cap + 4, self.at)
        if self.wide:
            fn.set_cfg(self.cap + 8, 0)
        fn.set_cfg(self.cap + (12 if self.wide else 8), data, 2)
        fn.set_cfg(self.cap + 2, control & ~0x70 | (vectors.bit_length() - 1) << 4 | 1, 2)

    def take(self):
        """The data of the last message since the last call, None: no message."""
        got = self.m.readl(self.at)
        if got:		# clearing what is clear could lose one that comes just then
            self.m.writel(self.at, 0)
        return got or None

    def wait(self):
        return self.m.wait(self.take, "an MSI")

    def free(self):
        self.fn.set_cfg(self.cap + 2, self.fn.cfg(self.cap + 2, 2) & ~1, 2)
        self.m.free(self.at)


class Msix:
    """MSI-X with every vector's message caught in a word of its own in RAM. Free it."""

    def __init__(self, fn, count=None):
        self.fn, self.m = fn, fn.m
        self.cap = fn.cap(CAP_MSIX)
        if self.cap is None:
            raise QtestError("the function has no MSI-X")
        control = fn.cfg(self.cap + 2, 2)
        self.size = (control & 0x7ff) + 1
        self.count = min(count or self.size, self.size)
        where = [fn.cfg(self.cap + 4), fn.cfg(self.cap + 8)]
        self.table, self.pba = ((fn.bars[w & 7], w & ~7) for w in where)
        self.at = fn.m.alloc(4 * self.count, what="MSI-X addresses")
        for v in range(self.count):
            self.set_entry(v, self.at + 4 * v, 0x8000 + v, 0)
        fn.set_cfg(self.cap + 2, control & ~0x4000 | 0x8000, 2)

    def set_entry(self, v, addr, data, masked):
        bar, off = self.table
        for i, word in enumerate((addr & 0xffffffff, addr >> 32, data, masked)):
            bar.writel(off + 16 * v + 4 * i, word)

    def mask(self, v, masked=True): self.table[0].writel(self.table[1] + 16 * v + 12, int(masked))

    def mask_all(self, masked=True):
        control = self.fn.cfg(self.cap + 2, 2)
        self.fn.set_cfg(self.cap + 2, control | 0x4000 if masked else control & ~0x4000, 2)

    def pending(self, v): return self.pba[0].readl(self.pba[1] + 4 * (v // 32)) >> v % 32 & 1

    def take(self, v):
        """Whether vector v's message came since the last call."""
        got = self.m.readl(self.at + 4 * v)
        if got:
            self.m.writel(self.at + 4 * v, 0)
        return got == 0x8000 + v

    def wait(self, v):
        return self.m.wait(lambda: self.take(v), f"MSI-X vector {v}")

    def free(self):
        self.fn.set_cfg(self.cap + 2, self.fn.cfg(self.cap + 2, 2) & 0x7fff, 2)
        self.m.free(self.at)


class PciDevice(Driver):
    """A plugged function: self.function, with its BARs mapped after start()."""
    consumes = PciBus

    @classmethod
    def command(cls, node, line):
        line.device(node, **cls.address(node))

    @classmethod
    def address(cls, node):
        """bus= and addr= for the next free slot of the parent."""
        parent = node.parent
        slot = parent.cls.first_slot + parent.children
        parent.children += 1
        node.data["slot"] = slot
        bus = parent.id if parent.cls.device else parent.cls.qemu_bus
        return {"bus": bus, "addr": f"{slot:x}"}

    def attach(self):
        bus = self.parent.get(PciBus)
        self.function = PciFunction(bus.host, (bus.number, self.node.data["slot"], 0), bus)
        f = self.function
        if self.matches and not self.matches(f):
            raise QtestError(f"{self.name}: slot {self.node.data['slot']} of bus {bus.number} has "
                             f"{f.vendor:04x}:{f.device_id:04x}, class {f.class_code:06x}")

    def start(self):
        self.function.map_bars()
        self.function.enable()
        self.bars = self.function.bars

    def cfg(self, reg, size=4): return self.function.cfg(reg, size)
    def set_cfg(self, reg, value, size=4): self.function.set_cfg(reg, value, size)


PciHost.first_slot = 4
