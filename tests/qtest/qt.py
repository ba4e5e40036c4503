# SPDX-License-Identifier: GPL-2.0-or-later
"""A qtest client and TAP for the tests beside it: standard library only."""
import os
import re
import socket
import subprocess
import sys
import tempfile
import time

VMBOX = os.environ.get("VMBOX", "vmbox")


class Machine:
    """A machine under -accel qtest (ours), or another binary with qtest."""

    def __init__(self, *args, binary=None):
        self.dir = tempfile.TemporaryDirectory()
        path = os.path.join(self.dir.name, "q")
        server = socket.socket(socket.AF_UNIX)
        server.bind(path)
        server.listen(1)
        server.settimeout(20)
        if binary:
            cmd = [binary, "-M", "q35", "-accel", "tcg", "-S", "-nodefaults", "-display", "none", "-qtest-log", "/dev/null"]
        else:
            cmd = [VMBOX, "vm", "-accel", "qtest", "-nodefaults", "-display", "none"]
        self.proc = subprocess.Popen(cmd + ["-m", "64", "-qtest", "unix:" + path] + list(args),
                                     stdin=subprocess.DEVNULL)
        self.sock, _ = server.accept()
        server.close()
        self.sock.settimeout(20)
        self.buf = b""
        self.irqs = []

    def line(self):
        while b"\n" not in self.buf:
            got = self.sock.recv(65536)
            if not got:
                raise EOFError("the emulator left with status %s" % self.proc.wait(10))
            self.buf += got
        text, self.buf = self.buf.split(b"\n", 1)
        return text.decode().rstrip("\r")

    def raw(self, text):
        """Sends one line; the reply without interrupts, which go to self.irqs."""
        self.sock.sendall(text.encode() + b"\n")
        while True:
            got = self.line()
            if not got.startswith("IRQ "):
                return got
            self.irqs.append(got[4:])

    def cmd(self, text):
        got = self.raw(text)
        if not got.startswith("OK"):
            raise AssertionError("%s: %s" % (text, got))
        return got[3:]

    def take_irqs(self):
        got, self.irqs = self.irqs, []
        return got

    def inb(self, port): return int(self.cmd("inb 0x%x" % port), 16)
    def inw(self, port): return int(self.cmd("inw 0x%x" % port), 16)
    def inl(self, port): return int(self.cmd("inl 0x%x" % port), 16)
    def outb(self, port, v): self.cmd("outb 0x%x 0x%x" % (port, v))
    def outw(self, port, v): self.cmd("outw 0x%x 0x%x" % (port, v))
    def outl(self, port, v): self.cmd("outl 0x%x 0x%x" % (port, v))
    def readb(self, a): return int(self.cmd("readb 0x%x" % a), 16)
    def readl(self, a): return int(self.cmd("readl 0x%x" % a), 16)
    def readq(self, a): return int(self.cmd("readq 0x%x" % a), 16)
    def writeb(self, a, v): self.cmd("writeb 0x%x 0x%x" % (a, v))
    def writew(self, a, v): self.cmd("writew 0x%x 0x%x" % (a, v))
    def writel(self, a, v): self.cmd("writel 0x%x 0x%x" % (a, v))
    def writeq(self, a, v): self.cmd("writeq 0x%x 0x%x" % (a, v))
    def step(self, ns=None): return int(self.cmd("clock_step" + ("" if ns is None else " %d" % ns)))

    def read(self, addr, size):
        return bytes.fromhex(self.cmd("read 0x%x 0x%x" % (addr, size))[2:])

    def write(self, addr, data):
        self.cmd("write 0x%x 0x%x 0x%s" % (addr, len(data), bytes(data).hex()))

    def cfg(self, bdf, reg, size=4):
        bus, dev, fn = bdf
        self.outl(0xcf8, 0x80000000 | bus << 16 | dev << 11 | fn << 8 | (reg & 0xfc))
        return {1: self.inb, 2: self.inw, 4: self.inl}[size](0xcfc + (reg & 3))

    def set_cfg(self, bdf, reg, val, size=4):
        bus, dev, fn = bdf
        self.outl(0xcf8, 0x80000000 | bus << 16 | dev << 11 | fn << 8 | (reg & 0xfc))
        {1: self.outb, 2: self.outw, 4: self.outl}[size](0xcfc + (reg & 3), val)

    def caps(self, bdf):
        """{capability id: offset} of the first of each."""
        found, at = {}, self.cfg(bdf, 0x34, 1)
        while at and len(found) < 48:
            found.setdefault(self.cfg(bdf, at, 1), at)
            at = self.cfg(bdf, at + 1, 1)
        return found

    def close(self):
        self.sock.close()
        self.proc.terminate()
        status = self.proc.wait(20)
        self.dir.cleanup()
        return status

    def __enter__(self): return self
    def __exit__(self, *_): self.close()


class Monitor:
    """The human monitor; arguments() go to the machine's command line first."""

    def __init__(self):
        self.path = os.path.abspath("monitor%d" % time.monotonic_ns())
        self.sock = None

    def arguments(self):
        return "-monitor", "unix:%s,server,nowait" % self.path

    def wait(self):
        got = b""
        while not got.endswith(b"(qemu) "):
            data = self.sock.recv(4096)
            if not data:
                raise EOFError("the monitor is gone")
            got += data
        return got.decode(errors="replace").replace("\r", "")

    def run(self, line):
        if not self.sock:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.connect(self.path)
            self.sock.settimeout(20)
            self.wait()
        self.sock.sendall(line.encode() + b"\n")
        return self.wait()


class Tap:
    def __init__(self):
        self.n = self.failed = 0

    def ok(self, cond, name):
        self.n += 1
        self.failed += not cond
        print("%sok %d - %s" % ("" if cond else "not ", self.n, name), flush=True)
        return cond

    def eq(self, got, want, name):
        if not self.ok(got == want, name):
            show = lambda v: hex(v) if isinstance(v, int) else repr(v)
            print("# got %s, want %s" % (show(got), show(want)))

    def done(self):
        print("1..%d" % self.n)
        sys.exit(1 if self.failed else 0)


def requires_config(*symbols):
    with open(os.path.join(os.environ.get("objtree", "."), ".config"), encoding="ascii") as f:
        have = f.read()
    for s in symbols:
        if not re.search("^%s=y" % s, have, re.M):
            print("1..0 # SKIP %s is off" % s)
            sys.exit(0)


def run_all(module):
    """Runs every test_* function of the module with a fresh Tap; ends the program."""
    t = Tap()
    for name, fn in sorted(vars(module).items()):
        if name.startswith("test_"):
            try:
                fn(t)
            except Exception as e:  # a broken case must not hide the others
                t.ok(False, "%s: %s: %s" % (name, type(e).__name__, e))
    t.done()
