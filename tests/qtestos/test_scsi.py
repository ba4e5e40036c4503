# SPDX-License-Identifier: GPL-2.0-or-later
"""SCSI disks and CD drives, on any adapter."""
import struct

from qtestos import eq, options, params, skip_on, variants
from qtestos.drivers.block import pattern
from qtestos.drivers.scsi import ScsiCd, ScsiDisk
from qtestos.drivers.virtio_scsi import LUN_RESET, VirtioScsi

INVALID_FIELD, NO_OPCODE, OUT_OF_RANGE, NO_LUN = (5, 0x24, 0), (5, 0x20, 0), (5, 0x21, 0), (5, 0x25, 0)


def test_inquiry(disk: ScsiDisk):
    """The tutorial's test (Documentation/qtestos.md)."""
    data = disk.inquiry()
    eq(data[0], 0, "a direct access device")
    eq(data[8:16], b"QEMU    ", "vendor")
    eq(data[4] >= 31, True, "length")


def test_power_on(disk: ScsiDisk):
    eq(disk.attention, (6, 0x29, 0), "the first command is told of the power on")
    eq(disk.run([0] * 6).good, True, "the second is not")


@options(ScsiDisk, {"serial": "qtos-7"})
def test_serial(disk: ScsiDisk):
    page = disk.inquiry(0x80)
    eq(page[:4 + 6], b"\0\x80\0\6qtos-7")


def test_vital_pages(disk: ScsiDisk):
    """Page 0 lists the pages; each is there and names itself."""
    listed = disk.inquiry(0)
    for page in listed[4:4 + listed[3]]:
        data = disk.inquiry(page)
        eq(data[1], page, "page")
    r = disk.run([0x12, 1, 0x7e, 0, 64, 0], room=64)
    eq((r.status, r.sense), (2, INVALID_FIELD), "a page that is not there")


def test_report_luns(disk: ScsiDisk):
    data = disk.check([0xa0] + [0] * 8 + [64, 0, 0], room=64)
    eq(struct.unpack(">I", data[:4])[0], 8, "one unit")
    eq(data[8:16], bytes(8), "number 0")


def test_absent(disk: ScsiDisk):
    eq(disk.bus.execute(disk.target + 7, 0, bytes(6)).response, 3, "an absent target")
    r = disk.bus.execute(disk.target, 5, bytes(6))
    eq((r.status, r.sense), (2, NO_LUN), "an absent unit")


def test_capacity16(disk: ScsiDisk):
    data = disk.check([0x9e, 0x10] + [0] * 8 + [0, 0, 0, 32, 0, 0], room=32)
    eq(struct.unpack(">QI", data[:12]), (disk.blocks - 1, 512))


@params(cdb=(6, 10, 12, 16))
def test_reads_of_each_length(disk: ScsiDisk, cdb: int):
    lba, n = 77, 3
    command = {6: bytes([0x08, 0, 0, lba, n, 0]), 10: struct.pack(">BBIBHB", 0x28, 0, lba, 0, n, 0),
               12: struct.pack(">BBIIBB", 0xa8, 0, lba, n, 0, 0), 16: struct.pack(">BBQIBB", 0x88, 0, lba, n, 0, 0)}[cdb]
    eq(disk.check(command, room=512 * n), pattern(lba, n))


@params(cdb=(6, 10, 12, 16))
def test_writes_of_each_length(disk: ScsiDisk, cdb: int):
    lba, n, data = 33, 2, pattern(9000, 2)
    command = {6: bytes([0x0a, 0, 0, lba, n, 0]), 10: struct.pack(">BBIBHB", 0x2a, 0, lba, 0, n, 0),
               12: struct.pack(">BBIIBB", 0xaa, 0, lba, n, 0, 0), 16: struct.pack(">BBQIBB", 0x8a, 0, lba, n, 0, 0)}[cdb]
    disk.check(command, out=data)
    eq(disk.read(lba - 1, n + 2), pattern(lba - 1, 1) + data + pattern(lba + n, 1))


@params(op=(0x28, 0x2a, 0x88, 0x8a))
def test_out_of_range(disk: ScsiDisk, op: int):
    wide = op > 0x80
    cdb = struct.pack(">BBQIBB" if wide else ">BBIBHB", op, 0, disk.blocks, *((1, 0, 0) if wide else (0, 1, 0)))
    r = disk.run(cdb, **({"out": bytes(512)} if op & 15 == 10 else {"room": 512}))
    eq((r.status, r.sense), (2, OUT_OF_RANGE))


def test_unknown_command(disk: ScsiDisk):
    r = disk.run([0xc1] + [0] * 9)
    eq((r.status, r.sense), (2, NO_OPCODE))
    eq(disk.read(0, 1), pattern(0, 1), "and the disk goes on")


def test_unmap(disk: ScsiDisk):
    r = disk.unmap(8, 8)
    eq((r.response, r.status), (0, 0), "UNMAP")
    eq(disk.read(0, 8), pattern(0, 8), "below")
    eq(disk.read(16, 8), pattern(16, 8), "above")
    eq(disk.unmap(disk.blocks - 1, 2).sense, OUT_OF_RANGE, "beyond the end")


def test_write_same(disk: ScsiDisk):
    disk.check(struct.pack(">BBIBHB", 0x41, 0, 16, 0, 5, 0), out=b"xy" * 256)
    eq(disk.read(15, 7), pattern(15, 1) + b"xy" * 256 * 5 + pattern(21, 1))


def test_verify_and_sync(disk: ScsiDisk):
    disk.check(struct.pack(">BBIBHB", 0x2f, 0, 3, 0, 5, 0))
    disk.flush()


def test_mode_sense(disk: ScsiDisk):
    data = disk.check([0x1a, 8, 0x08, 0, 64, 0], room=64)
    eq(data[4 + data[3]] & 0x3f, 8, "the caching page")


def test_lun_reset(disk: ScsiDisk):
    eq(disk.run([0] * 6).good, True)
    eq(disk.bus.task_management(LUN_RESET, disk.target), 0, "function complete")
    eq(disk.run([0] * 6).sense, (6, 0x29, 0), "the unit tells of it")


def test_unknown_task_function(hba: VirtioScsi):
    assert hba.task_management(99, 0) in range(1, 12)


@variants(mode=("modern", "transitional", "legacy"), ring=("split", "packed"), intr=("msix", "intx"))
def test_transports(disk: ScsiDisk):
    eq(disk.read(3, 4), pattern(3, 4))
    disk.write(3, pattern(300, 4))
    eq(disk.read(3, 4), pattern(300, 4))


@skip_on("qemu", "its count of what is left is negative")
def test_residual(disk: ScsiDisk):
    """A buffer longer than the data: the adapter says how much was not used."""
    r = disk.run([0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0], room=2048)
    eq((r.response, r.status, r.left, r.data[:512]), (0, 0, 1536, pattern(0, 1)))


def test_two_disks(a: ScsiDisk, b: ScsiDisk):
    """Two on one adapter do not mix."""
    a.write(0, pattern(111, 2))
    b.write(0, pattern(222, 2))
    eq((a.read(0, 2), b.read(0, 2)), (pattern(111, 2), pattern(222, 2)))


def test_cd_read(cd: ScsiCd):
    eq(struct.unpack(">II", cd.check([0x25] + [0] * 9, room=8)), (cd.BLOCKS - 1, 2048), "capacity")
    eq(cd.check(struct.pack(">BBIBHB", 0x28, 0, 7, 0, 2, 0), room=4096), pattern(7, 2, 2048))


def test_cd_is_read_only(cd: ScsiCd):
    r = cd.run(struct.pack(">BBIBHB", 0x2a, 0, 7, 0, 1, 0), out=bytes(2048))
    eq(r.good, False, "a write")


def test_cd_toc(cd: ScsiCd):
    data = cd.check([0x43, 0, 0, 0, 0, 0, 0, 0, 20, 0], room=20)
    eq(data[2:4], b"\1\1", "one track")


def test_cd_tray(cd: ScsiCd):
    """A locked tray stays; an open one has no medium."""
    cd.check([0x1e, 0, 0, 0, 1, 0])
    eq(cd.run([0x1b, 0, 0, 0, 2, 0]).good, False, "locked")
    cd.check([0x1e, 0, 0, 0, 0, 0])
    cd.check([0x1b, 0, 0, 0, 2, 0])
    eq(cd.run([0] * 6).sense[:2], (2, 0x3a), "no medium")
    cd.check([0x1b, 0, 0, 0, 3, 0])
