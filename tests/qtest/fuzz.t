#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Random accesses to every device, from fixed seeds: the emulator must go on
answering. Uses the sanitizer build when there is one. A longer run by hand:
FUZZ_SEED=1000 FUZZ_ROUNDS=200 are the first of other seeds and how many."""
import os
import random
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ["srctree"], "scripts"))
from qtestos import QtestError, harness

harness.requires_config("CONFIG_VM", "CONFIG_EDU", "CONFIG_VIRTIO_BLK", "CONFIG_VIRTIO_RNG", "CONFIG_VGA", "CONFIG_PFLASH", "CONFIG_TESTDEVS",
                   "CONFIG_AHCI", "CONFIG_NVME", "CONFIG_VIRTIO_SCSI", "CONFIG_VIRTIO_NET", "CONFIG_NET_USER", "CONFIG_VIRTIO_SERIAL",
                   "CONFIG_VIRTIO_BALLOON")
asan = os.environ.get("FUZZ_VMBOX") or os.path.join(os.environ.get("objtree", "."), "check/asan/vmbox")
if os.access(asan, os.X_OK):
    harness.VMBOX = asan

FIRST = int(os.environ.get("FUZZ_SEED", 0))
ROUNDS = int(os.environ.get("FUZZ_ROUNDS", 0))

PORTS = [(0x20, 2), (0x60, 5), (0x92, 1), (0xa0, 2), (0x40, 4), (0x61, 1), (0x70, 4), (0x3f8, 8), (0xb2, 2), (0xcf8, 8), (0x4d0, 2), (0x510, 12),
         (0x505, 1), (0x3b0, 48), (0x3c0, 16), (0x1ce, 4), (0xe0, 12), (0x2000, 24), (0xc100, 256), (0x600, 128), (0xc000, 64), (0xc040, 64)]
MMIO = [(0xfec00000, 0x50), (0xfed00000, 0x400), (0xe0000000, 0x200), (0xe0100000, 0x1000), (0xe0200000, 0x4000),
        (0xe0210000, 0x4000), (0xb0000000, 0x10000), (0xb00f8000, 0x1000), (0xe2000000, 0x1000000), (0xe3000000, 0x700), (0xe3100000, 4096), (0xff000000, 0x10000), (0xfffc0000, 0x40000), (0x1000, 0x3000), (0xa0000, 0x60000)]
VALUES = [0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0xffff, 0x1000, 0x10000, 0x7fffffff, 0xffffffff, 0x80000000]


def setup(m):
    for slot, regs in ((3, ((0x10, 0xe0000000),)), (4, ((0x10, 0xc001), (0x14, 0xe0100000), (0x20, 0xe0200000))),
                       (7, ((0x10, 0xe3100000), (0x14, 0xc101))),
                       (6, ((0x10, 0xe2000000), (0x18, 0xe3000000))),
                       (5, ((0x10, 0xc041), (0x14, 0xe0110000), (0x20, 0xe0210000)))):
        for reg, val in regs:
            m.set_cfg((0, slot, 0), reg, val)
        m.set_cfg((0, slot, 0), 4, 7, 2)
    m.set_cfg((0, 0x1f, 0), 0x40, 0x601)
    m.set_cfg((0, 0x1f, 0), 0x44, 0x80, 1)
    m.set_cfg((0, 0, 0), 0x60, 0xb0000001)


# Disks and network: slots, BARs and what to write at random.
DISKS = ("-drive", "driver=null-co,size=1M,index=0", "-drive", "index=2,media=cdrom,driver=null-co,size=1M",
         "-drive", "driver=null-co,size=1M,if=none,id=n", "-device", "nvme,serial=1,drive=n,addr=8",
         "-drive", "driver=null-co,size=1M,if=none,id=s", "-device", "virtio-scsi-pci,addr=9", "-device", "scsi-hd,drive=s",
         "-netdev", "user,id=u,restrict=on", "-device", "virtio-net-pci,netdev=u,addr=10",
         "-device", "virtio-serial-pci,addr=11", "-device", "virtconsole", "-device", "virtserialport,name=x",
         "-device", "virtio-balloon-pci,addr=12,free-page-reporting=on")
DISK_BARS = {(8, 0): ((0x10, 0xe0000000), (0x20, 0xe0100000)), (0x1f, 2): ((0x20, 0xc001), (0x24, 0xe0200000)),
             **{(9 + i, 0): ((0x10, 0xc101 + 64 * i), (0x14, 0xe0300000 + 0x10000 * i), (0x20, 0xe0400000 + 0x10000 * i)) for i in range(4)}}
DISK_PORTS = [(0xc000, 32)] + [(0xc100 + 64 * i, 64) for i in range(4)]
DISK_MMIO = [(0xe0000000, 0x40), (0xe0001000, 0x20), (0xe0100000, 0x40), (0xe0200000, 0x30), (0xe0200100, 0x40), (0xe0200200, 0x40),
             (0x1000, 0x3000), (0xe0300000, 0x40)] + [(0xe0400000 + 0x10000 * i + off, n) for i in range(4)
                                                      for off, n in ((0, 0x38), (0x2000, 0x28), (0x3000, 0x20))]


def setup_disks(m):
    for (slot, fn), regs in DISK_BARS.items():
        for reg, val in regs:
            m.set_cfg((0, slot, fn), reg, val)
        m.set_cfg((0, slot, fn), 4, 7, 2)


def line(r, ports=PORTS, mmio=MMIO):
    val = r.choice(VALUES) if r.random() < 0.6 else r.getrandbits(32)
    if r.random() < 0.5:
        base, n = r.choice(ports)
        port = base + r.randrange(n)
        return r.choice(("out%s 0x%x 0x%x" % (r.choice("bwl"), port, val), "in%s 0x%x" % (r.choice("bwl"), port)))
    base, n = r.choice(mmio)
    addr = base + (r.randrange(n) & r.choice((~0, ~3, ~7)))
    if r.random() < 0.05:
        return "clock_step %d" % r.randrange(10**7)
    return r.choice(("write%s 0x%x 0x%x" % (r.choice("bwlq"), addr, val), "read%s 0x%x" % (r.choice("bwlq"), addr)))


def test_all(t):
    for seed in range(FIRST, FIRST + (ROUNDS or 12)):
        r = random.Random(seed)
        with open("flash.fd", "wb") as f:
            f.write(b"\xff" * 0x40000)
        m = harness.Machine("-no-shutdown", "-serial", "null", "-device", "edu,addr=3",
                       "-drive", "driver=null-co,size=1M,if=none,id=d", "-device", "virtio-blk-pci,drive=d,addr=4",
                       "-device", "virtio-rng-pci,addr=5,packed=on", "-device", "VGA,addr=6",
                       "-device", "pci-testdev,addr=7", "-device", "pc-testdev", "-device", "pvpanic",
                       "-drive", "if=pflash,format=raw,file=flash.fd")
        lines = [line(r) for _ in range(4000)]
        try:
            for i in range(0, len(lines), 200):
                setup(m)        # again: some of them reset the machine
                batch = lines[i:i + 200]
                m.q.exchange("\n".join(batch).split("\n"))
                m.qmp.hmp("screendump screen.ppm")
            t.eq(m.command("endianness"), "little", "seed %d: alive" % seed)
            t.eq(m.close(), 0, "seed %d: ends well" % seed)
        except (QtestError, OSError) as e:
            t.ok(False, "seed %d: %s" % (seed, e))


def test_disks(t):
    for seed in range(FIRST, FIRST + (ROUNDS or 8)):
        r = random.Random(100 + seed)
        m = harness.Machine(*DISKS)
        try:
            for _ in range(20):
                setup_disks(m)
                batch = [line(r, DISK_PORTS, DISK_MMIO) for _ in range(200)]
                m.q.exchange("\n".join(batch).split("\n"))
            t.eq(m.command("endianness"), "little", "disks and network, seed %d: alive" % seed)
            t.eq(m.close(), 0, "disks and network, seed %d: ends well" % seed)
        except (QtestError, OSError) as e:
            t.ok(False, "disks and network, seed %d: %s" % (seed, e))


harness.run_all(sys.modules[__name__])
