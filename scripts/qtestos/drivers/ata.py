# SPDX-License-Identifier: GPL-2.0-or-later
"""ATA: AHCI ports (AHCI 1.3.1), the older IDE channels (ATA-7, SFF-8038i), the disks and packet drives on both."""
import struct

from ..model import Board, Driver, PciId
from ..proto import QtestError
from .block import BlockDevice, IoFault, pattern
from .pci import PciDevice, PciFunction

READ_DMA_EXT, WRITE_DMA_EXT, READ_DMA, WRITE_DMA, FLUSH = 0x25, 0x35, 0xc8, 0xca, 0xe7
READ_PIO, WRITE_PIO, IDENTIFY, IDENTIFY_PACKET, PACKET = 0x20, 0x30, 0xec, 0xa1, 0xa0
READ_FPDMA, WRITE_FPDMA, DATA_SET, READ_LOG = 0x60, 0x61, 0x06, 0x2f


class AtaBus:
    """A controller whose channel(n) runs commands."""
    name = None


def identify_string(words, first, count):
    raw = b"".join(struct.pack(">H", w) for w in words[first:first + count])
    return raw.decode("ascii").strip()


class AhciPort:
    """One port with its command list, its received frames and a command table for each slot."""
    TABLE = 0x100

    def __init__(self, hba, nr):
        self.hba, self.m, self.nr = hba, hba.m, nr
        self.area = self.m.alloc(0x400 + 0x100 + 32 * self.TABLE, what=f"port {nr}")
        self.list, self.fis, self.tables = self.area, self.area + 0x400, self.area + 0x500
        for off, v in ((0, self.list), (4, 0), (8, self.fis), (12, 0), (0x30, 0xffffffff), (0x10, 0xffffffff), (0x18, 0x17)):
            self.set(off, v)

    def free(self):
        self.set(0x14, 0)
        self.set(0x18, 0)
        self.wait(lambda: not self.get(0x18) & 0xc000, "the port to stop")
        self.m.free(self.area)

    def get(self, off): return self.hba.regs.readl(0x100 + 0x80 * self.nr + off)
    def set(self, off, v): self.hba.regs.writel(0x100 + 0x80 * self.nr + off, v)
    def wait(self, condition, what): return self.m.wait(condition, f"port {self.nr}: {what}")

    def build(self, slot, command, lba=0, count=0, feature=0, device=0x40, out=False, regions=(), packet=b""):
        """A command table; regions are (address, length)."""
        fis = struct.pack("<BBBB3sB3sBHBB4x", 0x27, 0x80, command, feature & 255, (lba & 0xffffff).to_bytes(3, "little"), device,
                          (lba >> 24).to_bytes(3, "little"), feature >> 8, count, 0, 0)
        table = self.tables + slot * self.TABLE
        rows = b"".join(struct.pack("<QII", a, 0, n - 1) for a, n in regions)
        if len(rows) > self.TABLE - 0x80:
            raise ValueError("too many regions")
        with self.m.batch() as b:
            b.write(table, fis.ljust(0x40, b"\0") + packet.ljust(0x40, b"\0") + rows)
            b.write(self.list + 32 * slot,
                    struct.pack("<HHIQ", 5 | out << 6 | (0x20 if packet else 0), len(regions), 0, table).ljust(32, b"\0"))

    def run(self, *args, **kw):
        """(status, error) after one command in slot 0."""
        self.build(0, *args, **kw)
        self.set(0x10, 0xffffffff)
        self.set(0x38, 1)
        self.wait(lambda: not self.get(0x38) & 1 or self.get(0x10) & 1 << 30, "a command's end")
        got = self.get(0x20)
        if self.get(0x10) & 1 << 30:
            self.restart()
        return got & 255, got >> 8 & 255

    def restart(self):
        """After an error: stop, clear, start."""
        self.set(0x18, 0x16)
        self.wait(lambda: not self.get(0x18) & 0x8000, "the list to stop")
        self.set(0x30, 0xffffffff)
        self.set(0x10, 0xffffffff)
        self.set(0x18, 0x17)

    def transfer(self, command, data=b"", room=0, pieces=1, **kw):
        """(status, error, data) of a command with a buffer in so many pieces."""
        m, n = self.m, len(data) or room
        at = m.put(data, what="data") if data else m.alloc(room, what="data", fill=0xee) if room else 0
        size = n // pieces // 2 * 2 if n else 0
        regions = [(at + i * size, size if i < pieces - 1 else n - i * size) for i in range(pieces)] if n else []
        status, error = self.run(command, out=bool(data), regions=regions, **kw)
        got = m.read(at, room) if room else b""
        if n:
            m.free(at)
        return status, error, got

    def queued(self, requests):
        """Runs NCQ reads [(lba, count, address)], all outstanding at once."""
        bits = 0
        for slot, (lba, count, at) in enumerate(requests):
            self.build(slot, READ_FPDMA, lba=lba, count=slot << 3, feature=count, regions=[(at, 512 * count)])
            bits |= 1 << slot
        self.set(0x10, 0xffffffff)
        self.set(0x34, bits)
        self.set(0x38, bits)
        self.wait(lambda: not self.get(0x34) or self.get(0x10) & 1 << 30, "queued commands")
        if self.get(0x10) & 1 << 30:
            raise IoFault("queued read", self.get(0x20))


class Ahci(AtaBus):
    """What the chipset's controller and a plugged one share: self.function and self.regs are there."""

    def open(self):
        self.ports = {}
        self.regs = self.function.bars[5]
        self.regs.writel(4, 1)
        self.m.wait(lambda: not self.regs.readl(4) & 1, "the reset")
        self.regs.writel(4, 0x80000002)
        self.count = (self.regs.readl(0) & 31) + 1

    def channel(self, nr):
        if nr not in self.ports:
            self.ports[nr] = AhciPort(self, nr)
        return self.ports[nr]

    def close(self):
        for port in self.ports.values():
            port.free()
        self.ports = {}


class OnBoardAhci(Driver, Ahci):
    """The chipset's own, at 0:1f.2."""
    name = "ich9-ahci-onboard"
    consumes = Board
    matches = "ich9-ahci-onboard"
    qom = "ich9-ahci"
    bus_prefix = "ide"

    def start(self):
        host = self.m.pci_host()
        self.function = PciFunction(host, (0, 0x1f, 2), host)
        self.function.map_bars()
        self.function.enable()
        self.open()

    def stop(self):
        self.close()


class PluggedAhci(PciDevice, Ahci):
    name = device = "ich9-ahci"
    matches = PciId(0x8086, 0x2922)

    def start(self):
        super().start()
        self.open()

    def stop(self):
        self.close()


class AtaUnit(Driver):
    """What is plugged into a channel."""
    consumes = AtaBus

    @classmethod
    def channel_bus(cls, node):
        parent = node.parent
        nr = parent.children
        parent.children += 1
        node.data["channel"] = nr
        return f"{parent.id}.{nr}" if parent.cls.device else f"{parent.cls.bus_prefix}.{nr}"

    def start(self):
        self.port = self.parent.get(AtaBus).channel(self.node.data["channel"])


class AtaDisk(AtaUnit, BlockDevice):
    name = device = "ide-hd"

    @classmethod
    def command(cls, node, line):
        line.device(node, drive=cls.image_drive(node, line, discard="unmap"), bus=cls.channel_bus(node))

    def start(self):
        super().start()
        self.words = struct.unpack("<256H", self._data(IDENTIFY, room=512, device=0))
        self.blocks = self.words[60] | self.words[61] << 16

    def _data(self, command, **kw):
        status, error, data = self.port.transfer(command, **kw)
        if status & 0x21:
            raise IoFault(f"ATA {command:#04x}, status {status:#x}", error)
        return data

    def read(self, lba, count): return self._data(READ_DMA_EXT, lba=lba, count=count, room=512 * count)
    def write(self, lba, data): self._data(WRITE_DMA_EXT, lba=lba, count=len(data) // 512, data=data)
    def flush(self): self._data(FLUSH)
    def read_pio(self, lba, count): return self._data(READ_PIO, lba=lba, count=count, room=512 * count)


class AtaCd(AtaUnit):
    """A packet drive with a disc of 256 blocks."""
    name = device = "ide-cd"
    BLOCKS = 256

    @classmethod
    def command(cls, node, line):
        drive = line.drive(cls.BLOCKS * 2048, pattern(0, cls.BLOCKS, 2048), node, media="cdrom", readonly="on")
        line.device(node, drive=drive, bus=cls.channel_bus(node))

    def start(self):
        super().start()
        for _ in range(4):
            if not self.packet([0])[0] & 1:
                return
        raise QtestError("the drive does not become ready")

    def packet(self, cdb, room=0):
        """(status, error, data); the sense key is the upper half of error."""
        return self.port.transfer(PACKET, room=room, feature=1, packet=bytes(cdb).ljust(12, b"\0"), lba=(room & 0xffff) << 8)

    def sense(self):
        data = self.packet([0x03, 0, 0, 0, 18, 0], room=18)[2]
        return data[2] & 15, data[12], data[13]


# ---- the older channels ----

class IdeChannel:
    """Command block at base, control at ctl, bus master registers at bm."""

    def __init__(self, m, base, ctl, bm):
        self.m, self.base, self.ctl, self.bm = m, base, ctl, bm
        m.outb(ctl, 2)				# no interrupts: we look

    def free(self):
        self.m.outb(self.bm, 0)

    def _select(self, command, lba, count, feature, device):
        m = self.m
        with m.batch() as b:
            b.outb(self.base + 6, device)
            if command in (READ_DMA_EXT, WRITE_DMA_EXT):
                for off, v in ((2, count >> 8), (3, lba >> 24), (4, lba >> 32), (5, lba >> 40)):
                    b.outb(self.base + off, v)
            for off, v in ((1, feature), (2, count), (3, lba), (4, lba >> 8), (5, lba >> 16)):
                b.outb(self.base + off, v)

    def _idle(self):
        self.m.wait(lambda: not self.m.inb(self.base + 7) & 0x80, "the channel")
        return self.m.inb(self.base + 7)

    def transfer(self, command, data=b"", room=0, lba=0, count=0, feature=0, device=0xe0, packet=b""):
        """(status, error, data), by DMA for the DMA commands, else by the data port."""
        if packet:
            feature &= ~1			# a packet's data goes by the port here
        self._select(command, lba, count, feature, device)
        if command in (READ_DMA_EXT, WRITE_DMA_EXT, READ_DMA, WRITE_DMA):
            got = self._dma(command, data, room)
        else:
            self.m.outb(self.base + 7, command)
            got = self._pio(room, packet)
        status = self._idle()
        return status, self.m.inb(self.base + 1), got

    def _dma(self, command, data, room):
        m, n = self.m, len(data) or room
        at = m.put(data, what="data") if data else m.alloc(room, what="data", fill=0xee)
        rows, pos = [], 0
        while pos < n:				# a region ends where its upper 16 bits would change
            size = min(n - pos, 0x10000 - (at + pos & 0xffff))
            rows.append(struct.pack("<IHH", at + pos, size & 0xffff, 0x8000 if pos + size == n else 0))
            pos += size
        table = m.put(b"".join(rows), 4096, "PRD table")
        m.outl(self.bm + 4, table)
        m.outb(self.bm, 0 if data else 8)
        m.outb(self.bm + 2, 6)
        m.outb(self.base + 7, command)
        m.outb(self.bm, 1 | (0 if data else 8))
        m.wait(lambda: not m.inb(self.bm + 2) & 1 or m.inb(self.ctl) & 1, "DMA")
        m.outb(self.bm, 0)
        got = m.read(at, room) if room else b""
        m.free(at, table)
        return got

    def _pio(self, room, packet):
        got = b""
        if packet:
            self._idle()
            self._words_out(packet)
        while len(got) < room:
            status = self._idle()
            if status & 0x21 or not status & 8:
                break
            n = self.m.inb(self.base + 4) | self.m.inb(self.base + 5) << 8 if packet else 512
            with self.m.batch() as b:
                words = [b.inw(self.base) for _ in range(n // 2)]
            got += b"".join(struct.pack("<H", int(w)) for w in words)
        return got

    def _words_out(self, data):
        with self.m.batch() as b:
            for i in range(0, len(data), 2):
                b.outw(self.base, data[i] | data[i + 1] << 8)


class PiixIde(AtaBus):
    """Two channels at the old ports; BAR 4 has the bus master's."""
    PORTS = ((0x1f0, 0x3f6), (0x170, 0x376))

    def open(self):
        self.channels = {}
        for i in range(2):
            self.function.set_cfg(0x40 + 2 * i, 0x8000, 2)	# decode the ports

    def channel(self, nr):
        if nr not in self.channels:
            base, ctl = self.PORTS[nr]
            self.channels[nr] = IdeChannel(self.m, base, ctl, self.function.bars[4].addr + 8 * nr)
        return self.channels[nr]


class OnBoardIde(Driver, PiixIde):
    """The older chipset's, at 0:1.1."""
    name = "piix3-ide-onboard"
    consumes = Board
    matches = "piix3-ide-onboard"
    qom = "piix3-ide"
    bus_prefix = "ide"

    def start(self):
        host = self.m.pci_host()
        self.function = PciFunction(host, (0, 1, 1), host)
        self.function.map_bars()
        self.function.enable()
        self.open()

    def stop(self):
        for c in self.channels.values():
            c.free()


class PluggedIde(PciDevice, PiixIde):
    name = device = "piix3-ide"
    matches = PciId(0x8086, 0x7010)

    def start(self):
        super().start()
        self.open()
