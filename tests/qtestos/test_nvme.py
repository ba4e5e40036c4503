# SPDX-License-Identifier: GPL-2.0-or-later
"""NVMe: the controller's commands, queues, namespaces, data by PRPs."""
import struct

from qtestos import eq, options, params, raw, variants
from qtestos.drivers.block import pattern
from qtestos.drivers.nvme import (CC, CREATE_CQ, CREATE_SQ, CSTS, DELETE_CQ, FLUSH, GET_FEATURES, LOG, READ, SET_FEATURES,
                                  VS, WRITE, WRITE_ZEROES, NvmeController, NvmeNamespace)


@raw
def test_reset_state(c: NvmeController):
    c.function.map_bars()
    c.function.enable()
    r = c.function.bars[0]
    eq((r.readl(CC) & 1, r.readl(CSTS) & 3), (0, 0), "not enabled, not ready")
    assert r.readl(VS) >= 0x10200, hex(r.readl(VS))
    assert (r.readl(0) & 0xffff) + 1 >= 16, "entries of a queue"
    assert r.readl(4) >> 5 & 1, "the NVM command set"


def test_identify_controller(c: NvmeController):
    page = c.identify(1)
    eq(page[4:24].rstrip(), b"qtestos", "serial number")
    eq(page[24:64].rstrip(), b"QEMU NVMe Ctrl", "model")
    eq((page[512] & 15, page[513] & 15), (6, 4), "sizes of queue entries")


def test_namespaces(c: NvmeController, a: NvmeNamespace, b: NvmeNamespace):
    eq((a.nsid, b.nsid), (1, 2))
    eq(struct.unpack_from("<III", c.identify(2)), (1, 2, 0), "the list")
    a.write(0, pattern(100, 2))
    b.write(0, pattern(200, 2))
    eq((a.read(0, 2), b.read(0, 2)), (pattern(100, 2), pattern(200, 2)), "they do not mix")


def test_number_of_queues(c: NvmeController):
    """It is set before there is a queue; later the command comes out of order (base specification 5.27.1.5)."""
    eq(c.admin(SET_FEATURES, words=(7, 1 << 16 | 1))[0], 0x0c, "with a queue")
    c.delete_pair(1)
    eq(c.admin(SET_FEATURES, words=(7, 1 << 16 | 1))[0], 0x0c, "there was one")


@options(NvmeNamespace, {"logical_block_size": 4096})
def test_big_blocks(ns: NvmeNamespace):
    eq((ns.block_size, ns.blocks), (4096, ns.IMAGE_BLOCKS // 8))
    eq(ns.read(1, 2), pattern(8, 16))


@variants(intr=("msix", "intx", "poll"))
def test_interrupts(ns: NvmeNamespace):
    for i in range(20):				# once around the queue and more
        eq(ns.read(i, 1), pattern(i, 1), f"command {i}")


@params(blocks=(1, 8, 9, 16, 17, 128))
def test_prps(ns: NvmeNamespace, blocks: int):
    """One page, two, and a list."""
    eq(ns.read(5, blocks), pattern(5, blocks))
    ns.write(200, pattern(7000, blocks))
    eq(ns.read(199, blocks + 2), pattern(199, 1) + pattern(7000, blocks) + pattern(200 + blocks, 1))


def test_prp_offset(ns: NvmeNamespace):
    """A buffer that begins within a page."""
    m = ns.m
    at = m.alloc(8192, what="data", fill=0xee)
    status, _ = ns.ctrl.execute(1, READ, ns.nsid, (at + 0x800, at + 0x1000), (3, 0, 7))
    eq(status, 0)
    eq(m.read(at, 8192), b"\xee" * 0x800 + pattern(3, 8) + b"\xee" * 0x800)
    m.free(at)


def test_write_zeroes(ns: NvmeNamespace):
    eq(ns.io(WRITE_ZEROES, 4, 4)[0], 0)
    eq(ns.read(3, 6), pattern(3, 1) + bytes(2048) + pattern(8, 1))


def test_flush(ns: NvmeNamespace):
    ns.write(0, pattern(800, 1))
    eq(ns.ctrl.execute(1, FLUSH, ns.nsid)[0], 0)
    eq(ns.image()[:512], pattern(800, 1))


def test_queue_pairs(ns: NvmeNamespace):
    c = ns.ctrl
    c.create_pair(2, 0, False)
    eq(ns.io(READ, 9, 1, room=512, queue=2), (0, pattern(9, 1)), "by the second")
    eq(ns.io(READ, 10, 1, room=512, queue=1), (0, pattern(10, 1)), "by the first")
    eq(c.admin(DELETE_CQ, words=(2,))[0], 0x10c, "a completion queue in use stays")
    c.delete_pair(2)
    eq(ns.read(11, 1), pattern(11, 1))


def test_bad_queues(c: NvmeController):
    at = c.m.alloc(4096, what="queue")
    eq(c.admin(CREATE_CQ, prp=(at, 0), words=(15 << 16 | 1, 1))[0] & 0x7ff, 0x101, "number 1 is taken")
    eq(c.admin(CREATE_SQ, prp=(at, 0), words=(15 << 16 | 2, 7 << 16 | 1))[0] & 0x7ff, 0x100, "no such completion queue")
    c.m.free(at)


def test_features(c: NvmeController):
    status, value = c.admin(GET_FEATURES, words=(7,))
    eq(status, 0)
    assert value & 0xffff >= 1 and value >> 16 >= 1, hex(value)
    eq(c.admin(GET_FEATURES, words=(0xbb,))[0] & 0xff, 2, "an unknown one")


def test_smart_log(c: NvmeController):
    at = c.m.alloc(512, what="log")
    eq(c.admin(LOG, 0xffffffff, (at, 0), (127 << 16 | 2,))[0], 0)
    kelvin = struct.unpack("<H", c.m.read(at + 1, 2))[0]
    assert 273 <= kelvin <= 373, kelvin
    c.m.free(at)


def test_unknown_opcodes(ns: NvmeNamespace):
    eq(ns.ctrl.admin(0x7e)[0] & 0xff, 1, "admin")
    eq(ns.io(0x7e, 0, 1)[0] & 0xff, 1, "I/O")


def test_bad_namespace(ns: NvmeNamespace):
    at = ns.m.alloc(512, what="data")
    eq(ns.ctrl.execute(1, READ, 77, (at, 0), (0, 0, 0))[0] & 0xff in (2, 0xb), True)
    ns.m.free(at)


def test_end(ns: NvmeNamespace):
    eq(ns.io(READ, ns.blocks, 1, room=512)[0] & 0x7ff, 0x80, "LBA out of range")
    eq(ns.io(WRITE, ns.blocks - 1, 2, data=bytes(1024))[0] & 0x7ff, 0x80, "over the end")
    eq(ns.read(ns.blocks - 1, 1), pattern(ns.blocks - 1, 1))


def test_reset(ns: NvmeNamespace):
    """A controller that is disabled and enabled again works, with new queues."""
    c = ns.ctrl
    c.stop()
    c.start()
    eq(ns.read(6, 2), pattern(6, 2))
