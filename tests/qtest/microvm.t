#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Machine microvm: virtio devices on memory mapped registers, driven here and
on Debian's QEMU alike, and what of the PC the options leave out."""
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(os.environ["srctree"], d) for d in ("scripts", "tests/qtest")]
from qtestos import harness
import virtio_mmio as mmio

harness.requires_config("CONFIG_VM", "CONFIG_MACHINE_MICROVM", "CONFIG_VIRTIO_BLK", "CONFIG_VIRTIO_RNG")
OUT, IN = 0x200000, 0x210000
QEMU = shutil.which("qemu-system-x86_64")
F_FLUSH, F_BLK_SIZE = 1 << 9, 1 << 6


def image():
    f = tempfile.NamedTemporaryFile(suffix=".img")
    f.write(bytes(range(256)) * 4096)
    f.flush()
    return f


def machines(*args):
    """Ours, and QEMU's where it is there."""
    yield "vmbox", harness.Machine("-M", "microvm", *args), 8
    if QEMU:
        yield "QEMU", harness.Machine("-M", "microvm", "-global", "virtio-mmio.force-legacy=false", *args, binary=QEMU), 24


def block(m, d, kind, sector, bufs):
    m.write(OUT, struct.pack("<IIQ", kind, 0, sector))
    d.run(0, [(OUT, 16, False)] + bufs + [(IN + 0xf000, 1, True)])
    return m.readb(IN + 0xf000)


def test_disk(t):
    with image() as f:
        drive = ("-drive", f"file={f.name},format=raw,if=none,id=d", "-device", "virtio-blk-device,drive=d,serial=abc")
        for who, m, slots in machines(*drive):
            with m:
                at = mmio.find(m, 2, slots)
                t.ok(at is not None, f"{who}: the disk is there")
                t.eq([m.readl(at + r) for r in (0, 4, 0xc)], [0x74726976, 2, 0x554d4551], f"{who}: magic, version, vendor")
                d = mmio.Device(m, at)
                t.ok(m.readl(at + 0x34) >= 256, f"{who}: queues as long as one could wish")
                have = d.start(F_FLUSH | F_BLK_SIZE, (0,))
                t.eq(have, 1 << 32 | F_FLUSH | F_BLK_SIZE, f"{who}: features")
                t.eq((d.status(), m.readl(at + 0x44)), (15, 1), f"{who}: ready")
                t.eq(struct.unpack("<Q", d.config(0, 8))[0], 2048, f"{who}: capacity")
                t.eq(block(m, d, 0, 1, [(IN, 512, True)]), 0, f"{who}: a read")
                t.eq(m.read(IN, 512), bytes(range(256)) * 2, f"{who}: of the data")
                t.eq(d.isr() & 1, 1, f"{who}: with an interrupt")
                d.ack(1)
                t.eq(d.isr(), 0, f"{who}: which is taken back")
                m.write(OUT + 0x100, b"\x5a" * 512)
                t.eq(block(m, d, 1, 7, [(OUT + 0x100, 512, False)]), 0, f"{who}: a write")
                t.eq(block(m, d, 4, 0, []), 0, f"{who}: a flush")
                t.eq(open(f.name, "rb").read()[3584:4096], b"\x5a" * 512, f"{who}: which is in the image")
                t.eq(block(m, d, 8, 0, [(IN, 20, True)]), 0, f"{who}: identity")
                t.eq(m.read(IN, 4), b"abc\0", f"{who}: is the serial number")
                m.writel(at + 0x70, 0)
                t.eq((d.status(), m.readl(at + 0x44), d.isr()), (0, 0, 0), f"{who}: reset")
                t.eq(m.readl(at + 0x200 if at == mmio.BASE else mmio.BASE), 0x74726976, f"{who}: an empty place")
                t.eq(m.readl(mmio.BASE + 8 if at != mmio.BASE else mmio.BASE + 0x208), 0, f"{who}: has device number 0")


def test_lines(t):
    with harness.Machine("-M", "microvm", "-device", "virtio-rng-device", "-device", "virtio-rng-device,bus=virtio-mmio-bus.5") as m:
        t.eq([m.readl(mmio.BASE + i * 0x200 + 8) for i in range(8)], [4, 0, 0, 0, 0, 4, 0, 0], "places: the first, and the one asked for")
        m.command("irq_intercept_in ioapic")
        for slot in (0, 5):
            d = mmio.Device(m, mmio.BASE + slot * 0x200)
            d.start(0, (0,), size=8)
            m.q.take_irqs()
            t.eq(d.run(0, [(IN, 64, True)]), 64, f"place {slot}: random numbers")
            t.eq((m.read(IN, 64) != bytes(64), d.isr()), (True, 1), "that are some")
            t.eq(m.q.take_irqs(), [(16 + slot, 1)], f"interrupt {16 + slot} goes up")
            d.ack(2)
            t.eq((m.q.take_irqs(), d.isr()), ([], 1), "another bit does not take it back")
            d.ack(1)
            m.readl(mmio.BASE)
            t.eq(m.q.take_irqs(), [(16 + slot, 0)], "its own does")
        d.set_common(0x1c, 0)
        t.eq(m.readl(d.at + 0x44), 0, "a queue can be put out of use")
        d.add(0, [(IN, 64, True)])
        d.kick(0)
        t.eq(d.used(0, 0.2), None, "and then takes nothing")


def test_hostile(t):
    with harness.Machine("-M", "microvm", "-device", "virtio-rng-device") as m:
        d = mmio.Device(m, mmio.BASE)
        for size in ("b", "w", "l", "q"):
            for off in range(0, 0x200, 4):
                m.command(f"write{size} 0x{mmio.BASE + off:x} 0x5a")
                m.command(f"read{size} 0x{mmio.BASE + off:x}")
        m.writel(mmio.BASE + 0x30, 0x10000)
        t.eq(m.readl(mmio.BASE + 0x34), 0, "a queue number that does not fit is not cut to one that does")
        d.start(0, (0,), size=8)
        t.eq(d.run(0, [(IN, 64, True)]), 64, "works after a write of everything")
        m.write(0x100000, struct.pack("<QIHH", IN, 64, 3, 0))
        d.add(0, [(IN, 64, True)])
        m.write(0x100000, struct.pack("<QIHH", IN, 64, 3, 0) * 8)
        d.kick(0)
        t.eq(d.status() & 64, 64, "a chain that bites its tail: needs reset")
        d.start(0, (0,), size=8)
        t.eq(d.run(0, [(IN, 64, True)]), 64, "and works after it")


def test_options(t):
    with harness.Machine("-M", "microvm") as m:
        t.eq((m.inb(0x21) == 0xff, m.inb(0x71) == 0xff), (False, False), "PIC and RTC are there")
        t.eq((m.inb(0xcf8), m.inl(0xcfc)), (0xff, 0xffffffff), "PCI is not")
        t.eq(m.inl(0x604) & 1, 1, "ACPI is always on")
        m.outb(0xcf9, 6)
        m.outw(0x604, 0x2000)
        t.eq(m.proc.wait(20), 0, "and powers off")
    with harness.Machine("-M", "microvm,pic=off,rtc=off,pit=off,isa-serial=off", "-serial", "null") as m:
        t.eq([m.inb(p) for p in (0x21, 0x71, 0x42, 0x3fd)], [0xff] * 4, "left out: PIC, RTC, PIT, serial port")
    with harness.Machine("-M", "microvm,acpi=off", "-device", "virtio-rng-device") as m:
        m.command("irq_intercept_in ioapic")
        d = mmio.Device(m, mmio.BASE)
        d.start(0, (0,), size=8)
        d.run(0, [(IN, 64, True)])
        t.eq((m.inl(0x604), m.q.take_irqs()), (0xffffffff, [(5, 1)]), "acpi=off: no registers, an old line")
    for args, text in ((("-M", "microvm,pcie=on"), "pcie=on"), (("-M", "microvm", "-bios", "x"), "firmware"),
                       (("-M", "microvm"), "-kernel"), (("-M", "microvm", "-vga", "std"), "PCI"),
                       (("-M", "q35,rtc=off"), "rtc"), (("-M", "microvm", "-device", "virtio-rng-pci"), "PCI"),
                       (("-device", "virtio-rng-device"), "virtio-bus")):
        r = subprocess.run([harness.VMBOX, "vm", "-display", "none", *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        t.eq((r.returncode, r.stderr.count("\n"), text in r.stderr), (1, 1, True), f"{' '.join(args)}: refused in one line")


class Qmp:
    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(20)
        self.s.connect(path)
        self.f = self.s.makefile("rw")
        self.f.readline()
        self.cmd("qmp_capabilities")

    def cmd(self, name, **args):
        self.f.write(json.dumps({"execute": name, "arguments": args}) + "\n")
        self.f.flush()
        while True:
            got = json.loads(self.f.readline())
            if "event" not in got:
                return got


def test_save(t):
    with tempfile.TemporaryDirectory() as tmp, image() as f:
        args = ("-M", "microvm", "-drive", f"file={f.name},format=raw,if=none,id=d", "-device", "virtio-blk-device,drive=d")
        with harness.Machine(*args, "-qmp", f"unix:{tmp}/q,server=on,wait=off") as m:
            d = mmio.Device(m, mmio.BASE)
            d.start(F_FLUSH, (0,))
            block(m, d, 0, 1, [(IN, 512, True)])
            q = Qmp(f"{tmp}/q")
            q.cmd("migrate", uri=f"file:{tmp}/state")
            while q.cmd("query-migrate")["return"]["status"] == "active":
                pass
            t.eq(q.cmd("query-migrate")["return"]["status"], "completed", "saved")
        with harness.Machine(*args, "-incoming", f"file:{tmp}/state") as m:
            d2 = mmio.Device(m, mmio.BASE)
            d2.queues = d.queues
            t.eq((d2.status(), d2.isr(), m.readl(mmio.BASE + 0x80)), (15, 1, 0x100000), "the loaded one has the registers")
            t.eq(block(m, d2, 0, 2, [(IN, 512, True)]), 0, "and goes on with the ring")
            t.eq(m.read(IN, 512), bytes(range(256)) * 2, "reading the disk")


harness.run_all(sys.modules[__name__])
