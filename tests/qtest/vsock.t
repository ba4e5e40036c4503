#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""virtio-vsock by its rings: handshakes, credit, shutdown, refusals, wrong packets, hostile drivers."""
import os
import random
import select
import socket
import struct
import subprocess
import sys
import tempfile
import time
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ["srctree"], "tests/qtest"))
sys.path.insert(0, os.path.join(os.environ["srctree"], "scripts"))
from qtestos import harness
from virtio import Device

harness.requires_config("CONFIG_VM", "CONFIG_VIRTIO_VSOCK")
DEV, RX, TX = (0, 4, 0), 0x200000, 0x300000
REQUEST, RESPONSE, RST, SHUTDOWN, RW, CREDIT, ASK = 1, 2, 3, 4, 5, 6, 7
HDR = "<QQIIIHHIII"


class Guest:
    def __init__(self, *more, features=3):
        self.dir = tempfile.TemporaryDirectory()
        self.uds = self.dir.name + "/u"
        self.m = harness.Machine("-device", f"virtio-vsock-pci,guest-cid=5,uds={self.uds},id=vs,addr=4", *more)
        self.d = Device(self.m, DEV)
        self.have = self.d.start(features, (0, 1, 2))
        self.give(8)

    def __enter__(self): return self

    def __exit__(self, *_):
        self.m.close()
        self.dir.cleanup()

    def give(self, n, size=256):
        for _ in range(n):
            at = RX + 0x1000 * self.d.queues[0]["free"]
            self.d.add(0, [(at, size, True)])
        self.d.kick(0)

    def send(self, op, port, host, data=b"", kind=1, flags=0, src=5, dst=2, alloc=1000, fwd=0, length=None, wait=True):
        self.m.write(TX, struct.pack(HDR, src, dst, port, host, len(data) if length is None else length, kind, op, flags, alloc, fwd) + data)
        self.d.add(1, [(TX, 44, False)] + ([(TX + 44, len(data), False)] if data else []))
        self.d.kick(1)
        return self.d.used(1) if wait else None

    def recv(self, again=True, seconds=10):
        """(op, guest port, host port, flags, data, buf_alloc, fwd_cnt) of the next packet."""
        got = self.d.used(0, seconds)
        if not got:
            return None
        raw = self.m.read(RX + 0x1000 * got[0], got[1])
        src, dst, sport, dport, n, kind, op, flags, alloc, fwd = struct.unpack_from(HDR, raw)
        assert (src, dst, n) == (2, 5, len(raw) - 44) or op == RST
        if again:
            self.give(1)
        return op, dport, sport, flags, raw[44:], alloc, fwd

    def listen(self, port, kind=socket.SOCK_STREAM):
        s = socket.socket(socket.AF_UNIX, kind)
        s.bind(f"{self.uds}_{port}")
        s.listen()
        s.settimeout(10)
        return s

    def open(self, port=1, host=100, kind=1):
        server = self.listen(host, socket.SOCK_STREAM if kind == 1 else socket.SOCK_SEQPACKET)
        self.send(REQUEST, port, host, kind=kind)
        assert self.recv()[:3] == (RESPONSE, port, host)
        c = server.accept()[0]
        c.settimeout(10)
        server.close()
        os.unlink(f"{self.uds}_{host}")
        return c


def test_open(t):
    with Guest() as g:
        t.eq(g.have & 3, 3, "streams and messages")
        t.eq(struct.unpack("<Q", g.d.config(0, 8))[0], 5, "the CID")
        g.send(REQUEST, 1, 99)
        t.eq(g.recv()[:3], (RST, 1, 99), "nobody listens")
        c = g.open()
        g.send(RW, 1, 100, b"hello")
        t.eq(c.recv(10), b"hello", "to the host")
        c.sendall(b"w" * 300)
        got = [g.recv() for _ in range(2)]
        t.eq([(r[0], len(r[4])) for r in got], [(RW, 212), (RW, 88)], "to the guest, as buffers are")
        t.eq(got[0][5:], (262144, 5), "with the credit")
        g.send(ASK, 1, 100)
        t.eq(g.recv()[0], CREDIT, "credit on request")
        g.send(REQUEST, 1, 100)
        t.eq(g.recv()[:3], (RST, 1, 100), "a second request ends it")
        t.eq(c.recv(10), b"", "for the host too")
        t.eq(g.d.status(), 15, "the device is well")


def test_credit(t):
    with Guest() as g:
        c = g.open()
        c.sendall(b"x" * 1500)
        got = b""
        while len(got) < 1000:
            got += g.recv()[4]
        t.eq((len(got), g.recv(seconds=0.3)), (1000, None), "no more than the guest has room for")
        g.send(CREDIT, 1, 100, fwd=700)
        while len(got) < 1500:
            got += g.recv()[4]
        t.eq(got, b"x" * 1500, "the rest when it has read")
        sent = 0
        block = bytes(range(256)) * 128
        for _ in range(8):		# nobody reads on the host: its socket is full some time
            g.send(RW, 1, 100, block, alloc=100000, fwd=1500)
            sent += len(block)
        told = 0
        while sent < 2 << 20:
            g.send(ASK, 1, 100, alloc=100000, fwd=1500)
            told = g.recv()[6]
            if sent + len(block) - told > 262144:
                break
            g.send(RW, 1, 100, block, alloc=100000, fwd=1500)
            sent += len(block)
        t.ok(0 < told < sent, "the host's room ends: %d of %d" % (told, sent))
        read = 0
        while read < sent:
            got = c.recv(65536)
            t.failed += got != (block * 3)[read % 256:][:len(got)]
            read += len(got)
        t.eq(read, sent, "all of it is kept")
        last = 0
        while last < told + 65536:
            r = g.recv()
            last = r[6]
        t.eq(r[0], CREDIT, "credit comes back by itself")
        for _ in range(30):		# past all credit
            g.send(RW, 1, 100, block, wait=True)
            r = g.recv(seconds=0.02)
            if r and r[0] == RST:
                break
        t.eq(r and r[0], RST, "who sends without credit is reset")


def test_shutdown(t):
    with Guest() as g:
        c = g.open()
        c.shutdown(socket.SHUT_WR)
        t.eq(g.recv()[::3][:2], (SHUTDOWN, 2), "the host sends no more")
        g.send(RW, 1, 100, b"still")
        t.eq(c.recv(10), b"still", "but reads")
        g.send(SHUTDOWN, 1, 100, flags=2)
        t.eq(c.recv(10), b"", "until the guest ends too")
        t.eq(g.recv()[::3][:2], (SHUTDOWN, 3), "over on both sides")
        g.send(SHUTDOWN, 1, 100, flags=3)
        t.eq(g.recv()[0], RST, "and the guest closes")
        c = g.open(2, 101)
        c.close()
        t.eq(g.recv()[::3][:2], (SHUTDOWN, 3), "the host closes")
        g.send(RW, 2, 101, b"lost")
        t.eq(g.recv()[0], RST, "data for nobody")
        c = g.open(3, 102)
        g.send(RW, 3, 102, b"last")
        g.send(RST, 3, 102)
        t.eq(c.recv(10) + c.recv(10), b"last", "data before a reset arrive")


def test_messages(t):
    with Guest() as g:
        c = g.open(kind=2)
        g.send(RW, 1, 100, b"one ", kind=2)
        g.send(RW, 1, 100, b"message", kind=2, flags=1)
        g.send(RW, 1, 100, b"two", kind=2, flags=1)
        t.eq([c.recv(100), c.recv(100)], [b"one message", b"two"], "put together")
        c.send(b"m" * 300)
        t.eq([(len(r[4]), r[3]) for r in (g.recv(), g.recv())], [(212, 0), (88, 1)], "the end is marked")
        c.send(b"m" * 1001)
        t.eq(g.recv()[0], RST, "one that never fits")
    with Guest(features=1) as g:
        g.send(REQUEST, 1, 100, kind=2)
        t.eq(g.recv()[0], RST, "not negotiated")


def test_host_connects(t):
    with Guest() as g:
        c = socket.socket(socket.AF_UNIX)
        c.settimeout(10)
        c.connect(g.uds)
        c.sendall(b"CONNECT 77\nearly")
        op, port, host = g.recv()[:3]
        t.eq((op, port, host >= 1 << 30), (REQUEST, 77, True), "asked")
        g.send(RESPONSE, 77, host)
        t.eq(c.recv(100), b"OK %d\n" % host, "answered")
        t.eq(g.recv()[4], b"early", "what came early is kept")
        d = socket.socket(socket.AF_UNIX)
        d.connect(g.uds)
        d.sendall(b"CONNECT 78\n")
        host = g.recv()[2]
        d.close()
        t.eq(g.recv()[:3], (RST, 78, host), "the client did not wait")
        g.d.start(3, (0, 1, 2))
        t.eq(c.recv(10), b"", "the driver is reset: all is over")


def test_wrong(t):
    with Guest() as g:
        for name, args, want in (("RW of nothing", {"op": RW}, RST), ("an unknown kind", {"op": REQUEST, "kind": 9}, RST),
                                 ("another CID", {"op": REQUEST, "dst": 9}, RST), ("a reset of nothing", {"op": RST}, None),
                                 ("a forged sender", {"op": REQUEST, "src": 6}, None),
                                 ("more length than data", {"op": RW, "length": 50}, None)):
            g.send(port=1, host=5, **args)
            r = g.recv(seconds=10 if want else 0.2)
            t.eq(r and r[0], want, name)
        c = g.open()
        g.send(99, 1, 100)
        t.eq(g.recv()[0], RST, "an unknown operation ends the connection")
        g.m.write(TX, bytes(20))
        t.ok(g.d.run(1, [(TX, 20, False)]) is not None, "a packet shorter than its header")
        t.eq(g.d.status(), 15, "the device is well")


def test_random(t):
    r = random.Random(7)
    with Guest() as g:
        keep = [g.listen(i) for i in range(3)]
        for i in range(300):
            g.send(r.choice([REQUEST] * 3 + [RESPONSE, RST, SHUTDOWN, RW, RW, RW, CREDIT, ASK, 0, 9]), r.randrange(3), r.randrange(4),
                   bytes(r.randrange(2000)), kind=r.choice((1, 1, 1, 2, 0)), flags=r.randrange(8), alloc=r.choice((0, 1000, 0xffffffff)),
                   fwd=r.choice((0, 5, 0xffffffff)), length=r.choice((None, None, None, 0, 0xffffffff)))
            while g.recv(seconds=0):
                pass
        t.eq(g.d.status(), 15, "300 packets at random")
        g.m.write(g.d.queues[0]["at"], r.randbytes(256))
        g.m.write(g.d.queues[1]["at"], r.randbytes(256))
        for q in (0, 1):
            g.m.write(g.d.queues[q]["at"] + 0x1002, struct.pack("<H", r.randrange(65536)))
            g.d.kick(q)
        g.d.start(3, (0, 1, 2))
        t.eq(g.d.status(), 15, "rings at random, then a reset")
        for s in keep:
            s.close()


def blocks(data):
    """[(type, body)] of a pcapng stream."""
    at, found = 0, []
    while at + 12 <= len(data):
        kind, n = struct.unpack_from("<II", data, at)
        assert struct.unpack_from("<I", data, at + n - 4)[0] == n
        found.append((kind, data[at + 8:at + n - 4]))
        at += n
    assert at == len(data)
    return found


def packets(found):
    """[(direction, CIDs, ports, op, virtio op, payload)] of enhanced packet blocks."""
    out = []
    for kind, b in found:
        if kind == 6:
            n, real = struct.unpack_from("<II", b, 12)
            r, opts = b[20:20 + n], b[20 + (n + 3 & ~3):]
            assert r[26:30] == b"\2\0\x2c\0" and r[:24] == r[32:56] and opts[:4] == b"\2\0\4\0"
            out.append((opts[4], struct.unpack_from("<QQ", r), struct.unpack_from("<II", r, 16), r[24], r[62], r[76:], real - n))
    return out


def test_capture(t):
    with tempfile.TemporaryDirectory() as where:
        f, late, path = where + "/f.pcapng", where + "/late.pcapng", where + "/sock"
        with Guest("-object", f"filter-vsock-dump,id=one,dev=vs,file={f}", "-object", f"filter-vsock-dump,id=two,dev=vs,path={path}") as g:
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(10)
            client.connect(path)
            client.recv(1, socket.MSG_PEEK)
            t.ok("no virtio-vsock-pci" in g.m.qmp.hmp(f"object_add filter-vsock-dump,id=x,dev=none,file={late}"), "a device that is not there")
            t.ok("either" in g.m.qmp.hmp("object_add filter-vsock-dump,id=x,dev=vs"), "neither file nor path")
            g.m.qmp.hmp(f"object_add filter-vsock-dump,id=three,dev=vs,file={late},maxlen=80")
            c = g.open()
            g.send(RW, 1, 100, b"hello")
            c.recv(10)
            c.sendall(b"answer")
            g.recv()
            g.send(RST, 1, 100)
            c.recv(1)
            g.m.qmp.hmp("object_del three")
            g.send(REQUEST, 9, 99)
            g.recv()
            g.m.qmp.hmp("object_del one")
            g.m.qmp.hmp("object_del two")
            stream = b""
            while data := client.recv(65536):
                stream += data
            to, back = ((5, 2), (1, 100)), ((2, 5), (100, 1))
            want = [(1, *to, 1, 1, b"", 0), (2, *back, 1, 2, b"", 0), (1, *to, 4, 5, b"hello", 0), (2, *back, 4, 5, b"answer", 0),
                    (1, *to, 2, 3, b"", 0)]
            more = [(1, (5, 2), (9, 99), 1, 1, b"", 0), (2, (2, 5), (99, 9), 2, 3, b"", 0)]
            whole = blocks(open(f, "rb").read())
            t.eq(packets(whole), want + more, "the file has every packet with its direction")
            t.eq((whole[0][0], whole[1][0], whole[-1][0]), (0x0a0d0d0a, 1, 5), "section, interface, statistics")
            t.eq(whole[-1][1].find(struct.pack("<HHQHHQ", 4, 8, 7, 5, 8, 0)) > 0, True, "seven received, none lost")
            t.eq(packets(blocks(stream)), want + more, "the socket has the same")
            cut = [w[:5] + (w[5][:4], max(0, len(w[5]) - 4)) for w in want]
            t.eq(packets(blocks(open(late, "rb").read())), cut, "made later, cut to 80 bytes")
            t.eq(os.path.exists(path), False, "the socket is gone")


def statistics(found):
    """(received, dropped) of the last statistics block."""
    body = [b for kind, b in found if kind == 5][-1]
    options, at = {}, 12
    while at + 4 <= len(body):
        code, n = struct.unpack_from("<HH", body, at)
        options[code] = body[at + 4:at + 4 + n]
        at += 4 + (n + 3 & ~3)
    return tuple(struct.unpack("<Q", options[c])[0] for c in (4, 5))


def test_vsockdump(t):
    with open(os.path.join(os.environ.get("objtree", "."), ".config"), encoding="ascii") as f:
        if "CONFIG_TOOL_VSOCKDUMP=y" not in f.read():
            return
    with tempfile.TemporaryDirectory() as where:
        path, out = where + "/sock", where + "/out.pcapng"
        with Guest("-object", f"filter-vsock-dump,id=cap,dev=vs,path={path}") as g:
            dump = lambda *a: subprocess.Popen([harness.VMBOX, "vsockdump", "-i", path, *a], text=True,
                                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            keep, show = dump("-w", out), dump("-tn", "port 1")
            seen = lambda: os.path.exists(out) and b"\2\0\x2c\0" in open(out, "rb").read()
            for port, ready in ((9, seen), (1, lambda: select.select([show.stdout], [], [], 0)[0])):
                for _ in range(1000):	# until who has just begun sees something
                    if ready():
                        break
                    g.send(RST, port, 9)
                    time.sleep(0.02)
            c = g.open()
            g.send(RW, 1, 100, b"hello")
            c.recv(10)
            c.sendall(b"answer")
            g.recv()
            g.send(RST, 1, 100)
            c.recv(1)
            g.m.qmp.hmp("object_del cap")
            lines = show.communicate(timeout=60)[0].splitlines()
            keep.communicate(timeout=60)
            t.eq(lines[0], "In  VIRTIO 5.1 > 2.9: rst stream, length 0", "shown live")
            t.eq([x for x in lines if "2.9:" not in x],
                 ["In  VIRTIO 5.1 > 2.100: request stream, length 0", "Out VIRTIO 2.100 > 5.1: response stream, length 0",
                  "In  VIRTIO 5.1 > 2.100: rw stream, length 5", "Out VIRTIO 2.100 > 5.1: rw stream, length 6",
                  "In  VIRTIO 5.1 > 2.100: rst stream, length 0"], "with directions, filtered")
            found = blocks(open(out, "rb").read())
            to, back = ((5, 2), (1, 100)), ((2, 5), (100, 1))
            t.eq([p for p in packets(found) if 9 not in p[2]],
                 [(1, *to, 1, 1, b"", 0), (2, *back, 1, 2, b"", 0), (1, *to, 4, 5, b"hello", 0), (2, *back, 4, 5, b"answer", 0),
                  (1, *to, 2, 3, b"", 0)], "written as the emulator has them")
            t.eq(statistics(found), (len(packets(found)), 0), "none was lost")
            t.eq((show.returncode, keep.returncode), (0, 0), "both end with the capture")


def test_slow_client(t):
    """Who does not read loses packets, the guest goes on; the count comes when he reads again."""
    with tempfile.TemporaryDirectory() as where:
        path = where + "/sock"
        with Guest("-object", f"filter-vsock-dump,id=cap,dev=vs,path={path}") as g:
            slow = socket.socket(socket.AF_UNIX)
            slow.settimeout(20)
            slow.connect(path)
            slow.recv(1, socket.MSG_PEEK)
            c, n, size = g.open(), 120, 60000
            g.m.write(TX, struct.pack(HDR, 5, 2, 1, 100, size, 1, RW, 0, 1000, 0) + bytes(size))
            for _ in range(n):	# 7 MB, of which the emulator keeps four
                g.d.add(1, [(TX, 44, False), (TX + 44, size, False)])
                g.d.kick(1)
                g.d.used(1)
                left = size
                while left:
                    left -= len(c.recv(left))
            data, at, kind = b"", 0, 0
            while kind != 5:
                while at + 8 > len(data) or at + struct.unpack_from("<I", data, at + 4)[0] > len(data):
                    data += slow.recv(1 << 20)
                kind, step = struct.unpack_from("<II", data, at)
                at += step
            found = blocks(data[:at])
            sent = [p for p in packets(found) if p[4] == RW]
            received, dropped = statistics(found)
            t.ok(60 < len(sent) < n and all(p[5:] == (bytes(size), 0) for p in sent), "some are there, and whole")
            t.eq((received, dropped > 0), (len(packets(found)) + dropped, True), "the others are counted")
            t.eq(g.d.status(), 15, "the guest has noticed nothing")
            g.send(RST, 1, 100)
            g.m.qmp.hmp("object_del cap")
            data = data[at:]
            while more := slow.recv(65536):
                data += more
            t.eq(packets(blocks(data))[-1][:5], (1, (5, 2), (1, 100), 2, RST), "and he gets the next ones")


harness.run_all(sys.modules[__name__])
