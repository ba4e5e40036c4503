# SPDX-License-Identifier: GPL-2.0-or-later
"""Every disk by the same tests, however it is attached."""
import random

from qtestos import eq, params, variants, via
from qtestos.drivers.block import BlockDevice, IoFault, pattern
from qtestos.drivers.bridge import RootPort
from qtestos.drivers.virtio_blk import VirtioBlk


def fails(fn, what):
    try:
        fn()
    except IoFault:
        return
    raise AssertionError(f"{what} did not fail")


def test_capacity(disk: BlockDevice):
    eq(disk.blocks * disk.block_size, disk.IMAGE_BLOCKS * 512)


@params(count=(1, 8, 64))
def test_read(disk: BlockDevice, count: int):
    for lba in (0, 1, 777, disk.blocks - count):
        eq(disk.read(lba, count), pattern(lba, count), f"blocks from {lba}")


def test_write(disk: BlockDevice):
    """What is written is read again, its neighbours stay, and after a flush the image has it."""
    data = pattern(5000, 16)
    disk.write(100, data)
    eq(disk.read(99, 18), pattern(99, 1) + data + pattern(116, 1))
    disk.flush()
    image = disk.image()
    eq(image[99 * 512:117 * 512], pattern(99, 1) + data + pattern(116, 1), "image")


def test_beyond_the_end(disk: BlockDevice):
    fails(lambda: disk.read(disk.blocks, 1), "reading behind the end")
    fails(lambda: disk.read(disk.blocks - 1, 2), "reading over the end")
    fails(lambda: disk.write(disk.blocks, bytes(512)), "writing behind the end")
    eq(disk.read(disk.blocks - 1, 1), pattern(disk.blocks - 1, 1), "the last block")


def test_random(disk: BlockDevice):
    """Reads and writes at random against a model in memory."""
    r, model = random.Random(disk.name), bytearray(pattern(0, 256))
    for i in range(40):
        count = r.choice((1, 1, 2, 7, 16))
        lba = r.randrange(256 - count)
        if r.random() < .5:
            data = pattern(10000 + i, count)
            disk.write(lba, data)
            model[lba * 512:(lba + count) * 512] = data
        else:
            eq(disk.read(lba, count), bytes(model[lba * 512:(lba + count) * 512]), f"{count} blocks at {lba}, step {i}")
    eq(disk.read(0, 64) + disk.read(64, 64) + disk.read(128, 64) + disk.read(192, 64), bytes(model), "all in the end")


@via(RootPort)
def test_behind_root_port(disk: BlockDevice):
    eq(disk.read(3, 4), pattern(3, 4))
    disk.write(7, pattern(70, 2))
    eq(disk.read(6, 4), pattern(6, 1) + pattern(70, 2) + pattern(9, 1))


@variants(mode=("modern", "transitional", "legacy"), ring=("split", "packed"), intr=("msix", "intx", "poll"))
def test_virtio_transports(disk: VirtioBlk):
    eq(disk.read(3, 4), pattern(3, 4))
    disk.write(7, pattern(70, 2))
    eq(disk.read(6, 4), pattern(6, 1) + pattern(70, 2) + pattern(9, 1))


@variants(ring=("split", "packed"), indirect=("off", "on"), event_idx=("off", "on"))
def test_virtio_rings(disk: VirtioBlk):
    """Around the ring several times, with chains of changing length."""
    for i in range(40):
        count = 1 + i % 5
        eq(disk.request(0, i, room=count * 512, pieces=count), (0, pattern(i, count)), f"request {i}")
