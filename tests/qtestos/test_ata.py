# SPDX-License-Identifier: GPL-2.0-or-later
"""ATA disks and packet drives, by AHCI and by the older channels."""
import struct

from qtestos import eq, on, options, params, skip_on
from qtestos.drivers.ata import FLUSH, IDENTIFY, IDENTIFY_PACKET, READ_DMA_EXT, Ahci, AtaCd, AtaDisk, identify_string
from qtestos.drivers.ata import OnBoardAhci
from qtestos.drivers.block import pattern


@options(AtaDisk, {"serial": "ata-99"})
def test_identify(disk: AtaDisk):
    eq(identify_string(disk.words, 10, 10), "ata-99", "serial number")
    eq(identify_string(disk.words, 27, 20), "QEMU HARDDISK", "model")
    eq(disk.words[49] & 0x300, 0x300, "LBA and DMA")


@skip_on("qemu", "its IDENTIFY data has no integrity word")
def test_identify_checksum(disk: AtaDisk):
    raw = struct.pack("<256H", *disk.words)
    eq((raw[510], sum(raw) & 255), (0xa5, 0), "signature and checksum")


def test_pio(disk: AtaDisk):
    eq(disk.read_pio(9, 3), pattern(9, 3))


def test_unknown_command(disk: AtaDisk):
    status, error, _ = disk.port.transfer(0x7f)
    eq((status & 1, error & 4), (1, 4), "aborted")
    eq(disk.read(0, 1), pattern(0, 1), "and the disk goes on")


def test_packet_identify_of_a_disk(disk: AtaDisk):
    status, error, _ = disk.port.transfer(IDENTIFY_PACKET, device=0, room=512)
    eq((status & 1, error & 4), (1, 4), "aborted")


def test_flush(disk: AtaDisk):
    disk.write(5, pattern(500, 1))
    eq(disk.port.transfer(FLUSH)[0] & 1, 0)
    eq(disk.image()[5 * 512:6 * 512], pattern(500, 1))


def test_ahci_registers(hba: OnBoardAhci):
    cap = hba.regs.readl(0)
    eq((cap >> 8 & 31, cap & 31), (31, 5), "32 slots, 6 ports")
    eq(hba.regs.readl(0xc), 0x3f, "ports implemented")
    assert hba.regs.readl(0x10) in (0x10000, 0x10100, 0x10200, 0x10300, 0x10301), "version"
    eq(hba.regs.readl(4) >> 31, 1, "AHCI is on")


@on(Ahci)
def test_signature(disk: AtaDisk):
    eq((disk.port.get(0x24), disk.port.get(0x28) & 15), (0x101, 3), "a disk, a link")


@on(Ahci)
def test_pieces(disk: AtaDisk):
    """Data in pieces of odd places."""
    status, _, data = disk.port.transfer(READ_DMA_EXT, lba=3, count=8, room=4096, pieces=7)
    eq((status & 0x21, data), (0, pattern(3, 8)))


@on(Ahci)
def test_queued(disk: AtaDisk):
    """NCQ: eight reads outstanding."""
    m = disk.m
    at = [m.alloc(2048, what="data") for _ in range(8)]
    disk.port.queued([(10 * i, 4, a) for i, a in enumerate(at)])
    for i, a in enumerate(at):
        eq(m.read(a, 2048), pattern(10 * i, 4), f"command {i}")
    m.free(*at)


def read_short(disk, count):
    """Reads one sector more than count into room for one; the status."""
    m, port = disk.m, disk.port
    at = m.alloc(512, what="data")
    status, _ = port.run(READ_DMA_EXT, lba=0, count=count + 1, regions=[(at, 512)])
    m.free(at)
    eq(disk.read(1, 1), pattern(1, 1), "it goes on")
    return status


@on(Ahci)
@params(count=(1, 256))
def test_short_table(disk: AtaDisk, count: int):
    """A table with less room than the command moves: nothing is written beyond it."""
    read_short(disk, count)


@on(Ahci)
@skip_on("qemu", "it ends the command without an error")
def test_short_table_is_an_error(disk: AtaDisk):
    eq(read_short(disk, 256) & 1, 1)


@on(Ahci)
def test_interrupt(disk: AtaDisk):
    """The port's interrupt goes up with the command's end and falls when it is acknowledged."""
    m, port, line = disk.m, disk.port, disk.parent.function.intx_line()
    m.intercept("ioapic")
    port.set(0x14, 0xffffffff)
    at = m.alloc(512, what="data")
    port.build(0, READ_DMA_EXT, lba=0, count=1, regions=[(at, 512)])
    port.set(0x10, 0xffffffff)
    port.set(0x38, 1)
    m.wait(lambda: m.q.irq_level(line), f"line {line}")
    m.wait(lambda: not port.get(0x38) & 1, "the end")
    port.set(0x14, 0)
    port.set(0x10, 0xffffffff)
    port.hba.regs.writel(8, 0xffffffff)
    m.wait(lambda: not m.q.irq_level(line), f"line {line} to fall")
    m.free(at)


def test_cd_identify(cd: AtaCd):
    status, error, _ = cd.port.transfer(IDENTIFY, device=0, room=512)
    eq((status & 1, error & 4), (1, 4), "IDENTIFY is refused")
    status, _, data = cd.port.transfer(IDENTIFY_PACKET, device=0, room=512)
    eq(status & 1, 0)
    eq(struct.unpack_from("<H", data)[0] >> 14, 2, "a packet device")


def test_cd_read(cd: AtaCd):
    eq(cd.packet([0x25] + [0] * 9, room=8)[2], struct.pack(">II", cd.BLOCKS - 1, 2048), "capacity")
    eq(cd.packet(struct.pack(">BBIBHB", 0x28, 0, 9, 0, 2, 0), room=4096)[2], pattern(9, 2, 2048))


def test_cd_errors(cd: AtaCd):
    status, error, _ = cd.packet(struct.pack(">BBIBHB", 0x28, 0, cd.BLOCKS, 0, 1, 0), room=2048)
    eq((status & 1, error >> 4), (1, 5), "illegal request")
    eq(cd.sense()[:2], (5, 0x21), "beyond the end")
    status, error, _ = cd.packet([0xff])
    eq((status & 1, error >> 4), (1, 5), "an unknown command")


def test_cd_toc(cd: AtaCd):
    data = cd.packet([0x43, 0, 0, 0, 0, 0, 0, 0, 12, 0], room=12)[2]
    eq(data[2:4], b"\1\1", "one track")


def test_cd_tray(cd: AtaCd):
    cd.packet([0x1e, 0, 0, 0, 1, 0])
    eq(cd.packet([0x1b, 0, 0, 0, 2, 0])[0] & 1, 1, "a locked tray stays")
    cd.packet([0x1e, 0, 0, 0, 0, 0])
    eq(cd.packet([0x1b, 0, 0, 0, 2, 0])[0] & 1, 0, "it opens")
    eq(cd.packet([0])[1] >> 4, 2, "not ready")
    eq(cd.packet([0x1b, 0, 0, 0, 3, 0])[0] & 1, 0, "it closes")
