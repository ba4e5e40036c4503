#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""virtio-net, virtio-scsi, virtio-serial, virtio-balloon and virtio-blk by their
rings, and all of them with rings that a hostile driver wrote."""
import os
import random
import socket
import struct
import sys
import tempfile
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ["srctree"], "tests/qtest"))
sys.path.insert(0, os.path.join(os.environ["srctree"], "scripts"))
from qtestos import harness
from virtio import Device

harness.requires_config("CONFIG_VM", "CONFIG_VIRTIO_NET", "CONFIG_VIRTIO_SCSI", "CONFIG_VIRTIO_SERIAL", "CONFIG_VIRTIO_BALLOON",
                   "CONFIG_VIRTIO_BLK", "CONFIG_NET_SOCKET")
DEV = (0, 4, 0)
OUT, IN = 0x200000, 0x210000
MAC = bytes.fromhex("525400123456")


def image(size):
    f = tempfile.NamedTemporaryFile(suffix=".img")
    f.write(bytes(range(256)) * (size // 256))
    f.flush()
    return f


# ---- network ----

class Wire:
    """The other end of a -netdev dgram."""

    def __init__(self):
        self.dir = tempfile.TemporaryDirectory()
        self.ours, self.theirs = self.dir.name + "/a", self.dir.name + "/b"
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(self.ours)
        self.sock.settimeout(10)
        self.args = ("-netdev", f"dgram,id=n,local.type=unix,local.path={self.theirs},remote.type=unix,remote.path={self.ours}",
                     "-device", "virtio-net-pci,netdev=n,addr=4")

    def send(self, data): self.sock.sendto(data, self.theirs)


def frame(dst=MAC, n=100, kind=b"\x88\xb5"):
    return dst + b"\x02\0\0\0\0\1" + kind + bytes(i & 255 for i in range(n))


def test_net(t):
    w = Wire()
    with harness.Machine(*w.args) as m:
        d = Device(m, DEV)
        have = d.start(1 << 15 | 1 << 5 | 1 << 16 | 1 << 17 | 1 << 18 | 1 << 19, (0, 1, 2))
        t.eq(d.config(0, 8), MAC + b"\1\0", "address, link up")
        t.eq(have & (1 | 1 << 11), 0, "no offloads over a plain socket")
        p = frame()
        m.write(OUT, bytes(12) + p)
        t.eq(d.run(1, [(OUT, 12, False), (OUT + 12, len(p), False)]), 0, "sent in two pieces")
        t.eq(w.sock.recv(4096), p, "and arrives")
        for i in range(4):
            d.add(0, [(IN + 0x1000 * i, 64, True)])
        d.kick(0)
        w.send(p)
        got = [d.used(0) for _ in range(2)]
        t.eq([g and g[1] for g in got], [64, 12 + len(p) - 64], "received into two merged buffers")
        t.eq(m.read(IN, 64)[10:12] + m.read(IN, 64)[12:] + m.read(IN + 0x1000, 62), b"\2\0" + p, "whole")
        # Control: no promiscuous mode, a table with one address.
        other, third = b"\x02\x11\x22\x33\x44\x55", b"\x02\x11\x22\x33\x44\x66"
        m.write(OUT, b"\0\0" + b"\0" + b"\1\0" + struct.pack("<I", 1) + other + struct.pack("<I", 0))
        t.eq(d.run(2, [(OUT, 2, False), (OUT + 2, 1, False), (IN + 0x8000, 1, True)]), 1, "promiscuous mode off")
        t.eq((d.run(2, [(OUT + 3, 2, False), (OUT + 5, 14, False), (IN + 0x8000, 1, True)]), m.readb(IN + 0x8000)), (1, 0), "table set")
        for p, name in ((frame(third), "another's frame"), (frame(other), "the table's"), (frame(b"\xff" * 6), "a broadcast")):
            w.send(p)
        d.used(0), d.used(0)
        t.eq(m.read(IN + 0x2000 + 12, 6), other, "only what the filter lets through")
        m.write(OUT, b"\x09\x09")
        d.run(2, [(OUT, 2, False), (IN + 0x8000, 1, True)])
        t.eq(m.readb(IN + 0x8000), 1, "an unknown order fails")
        t.eq(d.status(), 15, "the device is well")


def test_net_backpressure(t):
    w = Wire()
    with harness.Machine(*w.args) as m:
        d = Device(m, DEV)
        d.start(1 << 15 | 1 << 5, (0, 1))
        for i in range(8):
            w.send(frame(n=20 + i))
        for i in range(8):
            d.add(0, [(IN + 0x1000 * i, 2048, True)])
        d.kick(0)
        t.eq([d.used(0)[1] for _ in range(8)], [12 + 34 + i for i in range(8)], "packets wait for buffers, in order")


# ---- SCSI ----

class Scsi:
    def __init__(self, m):
        self.m, self.d = m, Device(m, DEV)
        self.d.start(6, (0, 1, 2))

    def run(self, cdb, out=b"", room=0, target=0, lun=0):
        """(response, status, sense key/asc/ascq, data)"""
        m = self.m
        m.write(OUT, bytes([1, target, 0x40 | lun >> 8, lun & 255, 0, 0, 0, 0]) + bytes(8) + bytes(3) + bytes(cdb).ljust(32, b"\0") + out)
        m.write(IN, bytes(108 + room))
        bufs = [(OUT, 51, False)] + ([(OUT + 51, len(out), False)] if out else []) + [(IN, 108, True)]
        self.d.run(2, bufs + ([(IN + 108, room, True)] if room else []))
        resp = m.read(IN, 108 + room)
        sense = resp[12:]
        key = (sense[2] & 15, sense[12], sense[13]) if struct.unpack("<I", resp[:4])[0] else None
        return resp[11], resp[10], key, resp[108:]


def test_scsi(t):
    f = image(1 << 20)
    with f, harness.Machine("-device", "virtio-scsi-pci,id=vs,addr=4", "-drive", f"file={f.name},format=raw,if=none,id=d,discard=unmap",
                       "-device", "scsi-hd,drive=d,serial=abc,scsi-id=2,lun=1", "-device", "scsi-cd,scsi-id=3") as m:
        s = Scsi(m)
        at = {"target": 2, "lun": 1}
        t.eq(s.run([0] * 6)[0], 3, "an absent target")
        t.eq(s.run([0] * 6, **at)[1:3], (2, (6, 0x29, 0)), "power on")
        t.eq(s.run([0] * 6, **at)[1:3], (0, None), "then ready")
        data = s.run([0x12, 0, 0, 0, 36, 0], room=36, **at)[3]
        t.eq((data[0], data[8:16]), (0, b"QEMU    "), "INQUIRY")
        t.eq(s.run([0x12, 1, 0x80, 0, 64, 0], room=64, **at)[3][:7], b"\0\x80\0\3abc", "serial number page")
        t.eq(s.run([0x12, 1, 0xb0, 0, 64, 0], room=64, **at)[3][20:24], struct.pack(">I", 0x400000), "limits: UNMAP")
        t.eq(s.run([0xa0] + [0] * 8 + [64] + [0] * 2, room=64, target=2)[3][:24], b"\0\0\0\x10" + bytes(12) + b"\0\1" + bytes(6), "REPORT LUNS")
        t.eq(s.run([0x25] + [0] * 9, room=8, **at)[3], struct.pack(">II", 2047, 512), "READ CAPACITY")
        t.eq(s.run([0x28, 0, 0, 0, 0, 3, 0, 0, 2, 0], room=1024, **at)[3], bytes(range(256)) * 4, "READ(10)")
        t.eq(s.run([0x2a, 8, 0, 0, 0, 3, 0, 0, 1, 0], out=b"\x5a" * 512, **at)[:2], (0, 0), "WRITE(10) with FUA")
        t.eq(s.run([0x88] + [0] * 8 + [3] + [0] * 3 + [1, 0, 0], room=512, **at)[3], b"\x5a" * 512, "READ(16)")
        t.eq(s.run([0x28, 0, 0, 0, 8, 0, 0, 0, 1, 0], room=512, **at)[1:3], (2, (5, 0x21, 0)), "beyond the end")
        t.eq(s.run([0x28, 0, 0, 0, 0, 0, 0, 0, 2, 0], room=512, **at)[0], 1, "a buffer too small: overrun")
        t.eq(s.run([0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0], room=512, **at)[0], 1, "a write from a buffer for reading is none")
        t.eq(s.run([0x93, 8] + [0] * 7 + [8] + [0] * 3 + [8, 0, 0], out=bytes(512), **at)[:2], (0, 0), "WRITE SAME, zeros")
        t.eq(s.run([0x41, 0, 0, 0, 0, 16, 0, 0, 4, 0], out=b"ab" * 256, **at)[:2], (0, 0), "WRITE SAME, a pattern")
        t.eq(s.run([0x28, 0, 0, 0, 0, 8, 0, 0, 12, 0], room=6144, **at)[3], bytes(4096) + b"ab" * 1024, "as written")
        desc = struct.pack(">HHI", 22, 16, 0) + struct.pack(">QII", 100, 8, 0)
        t.eq(s.run([0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0], out=desc, **at)[:3], (0, 0, None), "UNMAP")
        bad = struct.pack(">HHI", 22, 16, 0) + struct.pack(">QII", 2047, 2, 0)
        t.eq(s.run([0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0], out=bad, **at)[2], (5, 0x21, 0), "UNMAP beyond the end")
        for op in (0x5e, 0x5f):
            t.eq(s.run([op] + [0] * 9, **at)[1:3], (2, (5, 0x20, 0)), "PERSISTENT RESERVE %02x is refused" % op)
        t.eq(s.run([0] * 6, target=2, lun=9)[1:3], (2, (5, 0x25, 0)), "an absent unit")
        s.run([0] * 6, target=3)
        t.eq(s.run([0] * 6, target=3)[2], (2, 0x3a, 1), "an empty CD drive")
        m.write(OUT, struct.pack("<II", 0, 5) + bytes([1, 2, 0x40, 1]) + bytes(12))
        t.eq((s.d.run(0, [(OUT, 24, False), (IN, 1, True)]), m.readb(IN)), (1, 0), "a unit is reset")
        t.eq(s.run([0] * 6, **at)[2], (6, 0x29, 0), "and says so")
        f.seek(0)
        t.eq(f.read()[512 * 8:512 * 16], bytes(4096), "the image has the zeros")
        s.d.add(1, [(OUT, 16, True)])
        s.d.kick(1)
        m.qmp("block_resize", device="d", size=3 << 20)
        s.d.used(1)
        t.eq(m.read(OUT, 16), struct.pack("<IBBHII", 3, 1, 2, 0x100, 0, 0x092a)[:16], "another size: an event names the unit")
        t.eq(s.run([0x25] + [0] * 9, room=8, **at)[2], (6, 0x2a, 9), "the unit says so")
        t.eq(s.run([0x25] + [0] * 9, room=8, **at)[3], struct.pack(">II", 6143, 512), "once, and has it")


# ---- block ----

def test_blk(t):
    f = image(1 << 20)
    with f, harness.Machine("-drive", f"file={f.name},format=raw,if=none,id=d,discard=unmap",
                       "-device", "virtio-blk-pci,drive=d,addr=4,serial=xyz,physical_block_size=4096,num-queues=4") as m:
        d = Device(m, DEV)
        d.start(~0, (0, 3))
        cfg = d.config(0, 60)
        t.eq((struct.unpack_from("<Q", cfg)[0], struct.unpack_from("<I", cfg, 20)[0], cfg[24], struct.unpack_from("<H", cfg, 34)[0]),
             (2048, 512, 3, 4), "capacity, block sizes, queues")

        def req(kind, sector, out=b"", room=0, q=3):
            m.write(OUT, struct.pack("<IIQ", kind, 0, sector) + out)
            m.write(IN, b"\xff" * (room + 1))
            d.run(q, [(OUT, 16 + len(out), False), (IN, room + 1, True)])
            got = m.read(IN, room + 1)
            return got[-1], got[:-1]
        t.eq(req(0, 1, room=512), (0, bytes(range(256)) * 2), "read")
        t.eq(req(1, 1, out=b"\xa5" * 1024)[0], 0, "write")
        t.eq(req(0, 2, room=512)[1], b"\xa5" * 512, "read back")
        t.eq(req(8, 0, room=20)[1], b"xyz".ljust(20, b"\0"), "serial number")
        t.eq(req(13, 0, out=struct.pack("<QII", 1, 1, 0))[0], 0, "write zeroes")
        t.eq(req(0, 1, room=512)[1], bytes(512), "zeros")
        t.eq(req(11, 0, out=struct.pack("<QII", 8, 8, 0))[0], 0, "discard")
        t.eq(req(11, 0, out=struct.pack("<QII", 2048, 8, 0))[0], 1, "discard beyond the end")
        t.eq(req(0, 2048, room=512)[0], 1, "read beyond the end")
        t.eq(req(0, 2**63, room=512)[0], 1, "read at an address that wraps")
        t.eq(req(4, 0)[0], 0, "flush")
        t.eq(req(99, 0)[0], 2, "an unknown request")


def test_blk_many(t):
    """All requests of a ring at once; each reads what was at its place."""
    f = tempfile.NamedTemporaryFile(suffix=".img")
    f.write(b"".join(struct.pack("<I", i) * 128 for i in range(2048)))
    f.flush()
    with f, harness.Machine("-object", "iothread,id=t", "-drive", f"file={f.name},format=raw,if=none,id=d",
                       "-device", "virtio-blk-pci,drive=d,addr=4,iothread=t", "-drive", "driver=null-co,size=1M,latency-ns=300000000,if=none,id=slow",
                       "-device", "virtio-blk-pci,drive=slow,addr=5") as m:
        for slot, expect_data in ((4, True), (5, False)):
            d = Device(m, (0, slot, 0), base=0x100000 * slot)
            d.start(1 << 9, (0,), size=64)
            r = random.Random(slot)
            sectors = [r.randrange(2048) for _ in range(16)]
            for i, s in enumerate(sectors):
                m.write(OUT + 16 * i, struct.pack("<IIQ", 0, 0, s))
                d.add(0, [(OUT + 16 * i, 16, False), (IN + 1024 * i, 512, True), (IN + 1024 * i + 512, 1, True)])
            d.kick(0)
            done = sorted(d.used(0, 60)[0] for _ in sectors)
            t.eq(done, [3 * i for i in range(16)], "sixteen requests end, each once")
            if expect_data:
                t.ok(all(m.read(IN + 1024 * i, 513) == struct.pack("<I", s) * 128 + b"\0" for i, s in enumerate(sectors)), "with their own data")
        # A reset while they are under way: none of them touches the rings of the new driver.
        for i in range(16):
            d.add(0, [(OUT + 16 * i, 16, False), (IN + 1024 * i, 512, True), (IN + 1024 * i + 512, 1, True)])
        d.kick(0)
        d.start(1 << 9, (0,), size=64)
        t.eq(d.used(0, 0.5), None, "nothing from before the reset")
        d.add(0, [(OUT, 16, False), (IN, 513, True)])
        d.kick(0)
        t.eq(d.used(0, 60), (0, 513), "and it works again")


# ---- hostile drivers ----

DEVICES = (
    ("net", "virtio-net-pci,netdev=n,addr=4", (0, 1, 2)),
    ("scsi", "virtio-scsi-pci,id=vs,addr=4", (0, 1, 2)),
    ("serial", "virtio-serial-pci,id=ser,addr=4", (0, 1, 2, 3, 4, 5)),
    ("balloon", "virtio-balloon-pci,addr=4,free-page-reporting=on", (0, 1, 2, 3)),
    ("blk", "virtio-blk-pci,drive=d,addr=4", (0,)),
)


def random_addr(r):
    return r.choice((r.randrange(0x400000), 0x200000, 0x3ffffff, 0xe4000000, 0xfee00000, 0xfffffffffffffff0, 0xa0000, 0x80000000,
                     r.getrandbits(64)))


def random_desc(r):
    return struct.pack("<QIHH", random_addr(r), r.choice((0, 1, 12, 16, 51, 108, 512, 4096, 65536, 0x7fffffff, 0xffffffff)),
                       r.choice((0, 1, 2, 3, 4, 5, 6, 7, 0xffff)), r.choice((0, 1, 2, 15, 16, 0xffff)))


def attack(m, d, queues, r):
    d.start(r.choice((0, 1 << 28, ~0 & ~(1 << 34))), queues)
    for q in queues:
        at = d.base + q * 0x4000
        m.write(at, b"".join(random_desc(r) for _ in range(16)))
        m.write(0x200000, bytes(r.randrange(256) for _ in range(256)))
        m.write(at + 0x1000, struct.pack("<18H", r.randrange(4), r.choice((1, 2, 16, 17, 0xffff)), *(r.choice((0, 1, 5, 15, 16, 0xffff)) for _ in range(16))))
        d.kick(q)


def test_hostile(t):
    for name, dev, queues in DEVICES:
        with harness.Machine("-netdev", "socket,id=n,udp=127.0.0.1:9,localaddr=127.0.0.1:0", "-drive", "driver=null-co,size=1M,if=none,id=d",
                        "-drive", "driver=null-co,size=1M,if=none,id=d2", "-device", dev,
                        *(("-device", "scsi-hd,drive=d2,bus=vs.0") if name == "scsi" else ()),
                        *(("-device", "virtconsole,bus=ser.0", "-device", "virtserialport,bus=ser.0,name=x") if name == "serial" else ())) as m:
            d = Device(m, DEV)
            r = random.Random(name)
            for _ in range(60):
                attack(m, d, queues, r)
            d.set_common(0x14, 0, 1)
            t.eq(d.status(), 0, "%s: resets after 60 hostile rings" % name)
            t.eq(m.close(), 0, "%s: ends well" % name)


harness.run_all(sys.modules[__name__])
