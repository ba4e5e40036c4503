# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine that runs: the process, its qtest and QMP connections, its memory,
and the nodes that were plugged into it."""
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from .control import Control
from .memory import Allocator, Window
from .model import Node
from .proto import Died, Ops, Qtest, QtestError, TimedOut, Transcript
from .qmp import Qmp

RAM_MIB = 64
HEAP_BASE, HEAP_END = 0x100000, RAM_MIB << 20


class CommandLine:
    """What is added to the command line of a machine while its nodes are laid out."""

    def __init__(self, folder, binary):
        self.folder, self.binary, self.args, self.count = folder, binary, [], 0

    def add(self, *args):
        self.args += args

    def name(self, kind):
        """A fresh id."""
        self.count += 1
        return f"{kind}{self.count}"

    def file(self, data=b"", size=None, suffix=""):
        """A file in the machine's folder, with these bytes and then zeros up to size; its path."""
        path = os.path.join(self.folder, self.name("file") + suffix)
        with open(path, "wb") as f:
            f.write(data)
            if size is not None:
                f.truncate(size)
        return path

    def drive(self, size=1 << 20, data=b"", node=None, **opts):
        """A raw image as a -drive; its id. node.data["image"] becomes its path."""
        path, ident = self.file(data, size), self.name("drive")
        opts = {"file": path, "format": "raw", "if": "none", "id": ident, **opts}
        self.add("-drive", ",".join(f"{k}={v}" for k, v in opts.items()))
        if node is not None:
            node.data["image"] = path
        return ident

    def device(self, node, **opts):
        """-device for the node, with its options and bus, and those that the test asked for."""
        values = {"id": node.id, **node.cls.options(node.variant), **opts, **node.extra}
        bus = node.parent.bus() if node.parent else None
        if bus and "bus" not in values:
            values["bus"] = bus
        values = {k: v for k, v in values.items() if v is not None}
        self.add("-device", ",".join([node.cls.device] + [f"{k}={v}" for k, v in values.items()]))


class Machine(Ops, Control):
    """Typed commands of its own (m.readl(...)); q is the connection (m.q.batch()), qmp QMP, desc the Board.

    with Machine(binary, board) as m: ...  or start() and close().
    shared: read(), write() and memset() of the heap go to memory that is shared with the emulator, not over the
    protocol; None: where the binary can, and nothing is recorded (a transcript has all that was done)."""

    def __init__(self, binary, desc, args=(), folder=None, record=None, timeout=60, shared=None):
        self.binary, self.desc, self.args, self.timeout = binary, desc, list(args), timeout
        self.record = record
        self.window, self._shared = None, shared
        self._own = tempfile.TemporaryDirectory(prefix="qtestos-") if folder is None else None
        self.folder = folder or self._own.name
        self.q = self._qmp = self.proc = None
        self.alloc_state = None
        self.by_name = {}		# name of a node: its driver
        self._intercepted = None

    # ---- starting and ending ----

    def can_share(self):
        """Whether its memory can be shared with us: not where the arguments say what it is made of."""
        own = ("-m", "-numa") + (("-mem-path",) if self.binary.kind == "qemu" else ())
        said = any(a in own or "memory-backend" in a for a in self.args)
        return "memory-backend-file" in self.binary.types and not said

    def argv(self, window=None):
        """The command line; without the window's descriptor it is one that anybody can repeat."""
        b = self.binary
        machine = ",".join((self.desc.name,) + self.desc.properties + (("memory-backend=ram0",) if window else ()))
        argv = b.argv + ["-machine", machine] + b.accel_args() + ["-nodefaults", "-display", "none", "-m", str(RAM_MIB)]
        if window:
            argv += ["-object", window.backend()]
        argv += ["-qtest", "unix:" + os.path.join(self.folder, "qtest")]
        if b.kind == "qemu":
            argv += ["-qtest-log", "/dev/null"]
        return argv + ["-qmp", f"unix:{os.path.join(self.folder, 'qmp')},server=on,wait=off"] + self.args

    def start(self):
        server = socket.socket(socket.AF_UNIX)
        server.bind(os.path.join(self.folder, "qtest"))
        server.listen(1)
        server.settimeout(0.25)
        self.log = open(os.path.join(self.folder, "log"), "w+", encoding="utf-8", errors="replace")
        if not self.record and self._shared is not False and self.can_share():
            self.window = Window(RAM_MIB << 20, HEAP_BASE, HEAP_END)
        command = self.argv(self.window)
        transcript = Transcript(self.record, self._keep_files(command)) if self.record else None
        self.proc = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                     pass_fds=(self.window.fd,) if self.window else ())
        try:
            sock = self._accept(server)
        finally:
            server.close()
        self.q = Qtest(sock, self.timeout, self._death, transcript)
        self.alloc_state = Allocator(self, HEAP_BASE, HEAP_END)
        return self

    def _keep_files(self, command):
        """Copies the disks to NAME.files before the machine writes to them; the command line with their places there,
        as seen from the transcript's folder."""
        kept = self.record + ".files"
        images = [n for n in os.listdir(self.folder) if os.path.isfile(os.path.join(self.folder, n)) and n != "log"]
        for name in images:
            os.makedirs(kept, exist_ok=True)
            shutil.copyfile(os.path.join(self.folder, name), os.path.join(kept, name))
        there = os.path.join(os.path.basename(kept), "")
        return [a.replace(os.path.join(self.folder, ""), there) for a in command]

    def _accept(self, server):
        end = time.monotonic() + self.timeout
        while True:
            try:
                return server.accept()[0]
            except socket.timeout:
                if self.proc.poll() is not None:
                    raise Died("the emulator did not start\n" + self._death(True)) from None
                if time.monotonic() > end:
                    raise TimedOut(f"the emulator did not connect in {self.timeout} s") from None

    def stderr(self):
        self.log.flush()
        with open(self.log.name, encoding="utf-8", errors="replace") as f:
            return f.read()

    def _death(self, gone):
        """How the process ended and what it said."""
        if gone:
            try:
                self.proc.wait(10)
            except subprocess.TimeoutExpired:
                pass
        status = self.proc.poll()
        if status is None:
            how = "it still runs"
        elif status < 0:
            how = f"it was ended by signal {-status} ({signal.strsignal(-status)})"
        else:
            how = f"it ended with status {status}"
        said = self.stderr().strip()
        return how + (", saying:\n" + said[-4000:] if said else ", saying nothing")

    def close(self):
        """Ends it; returns its status. A death by a signal of its own raises Died."""
        if self._qmp:
            self._qmp.close()
            self._qmp = None
        if self.q:
            self.q.close()
            self.q = None
        status = None
        if self.proc:
            early = self.proc.poll()
            if early is None:
                self.proc.terminate()
            try:
                status = self.proc.wait(self.timeout)
            except subprocess.TimeoutExpired:
                self.proc.kill()
                self.proc.wait()
                self._clean()
                raise TimedOut("the emulator does not end at SIGTERM") from None
            if status < 0 and -status != signal.SIGTERM:
                text = self._death(True)
                self._clean()
                raise Died(text)
        self._clean()
        return status

    def _clean(self):
        self.proc = None
        if getattr(self, "log", None):
            self.log.close()
        if self.window:
            self.window.close()
            self.window = None
        if self._own:
            self._own.cleanup()

    def __enter__(self): return self.start() if not self.q else self

    def __exit__(self, kind, *_):
        try:
            self.close()
        except QtestError:
            if kind is None:
                raise

    # ---- commands ----

    def _op(self, text, parse):
        return self.q._op(text, parse)

    def batch(self):
        return self.q.batch()

    def read(self, addr, size):
        return self.window.read(addr, size) if self.window and self.window.has(addr, size) else self.q.read(addr, size)

    def write(self, addr, data):
        if self.window and self.window.has(addr, len(data)):
            self.window.write(addr, data)
        else:
            self.q.write(addr, data)

    def memset(self, addr, size, value):
        if self.window and self.window.has(addr, size):
            self.window.memset(addr, size, value)
        else:
            self.q.memset(addr, size, value)

    @property
    def qmp(self):
        if not self._qmp:
            self._qmp = Qmp.connect(os.path.join(self.folder, "qmp"), timeout=self.timeout, died=self._death)
        return self._qmp

    @property
    def has_clock(self):
        return self.binary.has_clock

    def pci_host(self):
        """The driver of the host bridge, also where no path goes through it."""
        from . import drivers as _drivers	# noqa: F401 (they join the graph)
        from .solver import host_of
        if "pci-host" not in self.by_name:
            cls = host_of(self.desc)
            node = Node(cls, None, "pci-host", {})
            host = next((d for d in self.by_name.values() if isinstance(d, cls)), None)
            if host is None:
                host = cls(self, None, node)
                host.start()
            self.by_name["pci-host"] = host
        return self.by_name["pci-host"]

    def cfg(self, bdf, reg, size=4):
        """Configuration space of any (bus, device, function)."""
        return self.pci_host().read(bdf, reg, size)

    def set_cfg(self, bdf, reg, value, size=4): self.pci_host().write(bdf, reg, value, size)

    # ---- interrupts ----

    def intercept(self, path="ioapic"):
        """Watches a device's input lines; again for the same one is fine."""
        if self._intercepted != path:
            self.q.irq_intercept_in(path)
            self._intercepted = path

    # ---- memory ----

    def alloc(self, size, align=4096, what="buffer", fill=0): return self.alloc_state.alloc(size, align, what, fill)
    def put(self, data, align=4096, what="buffer"): return self.alloc_state.put(data, align, what)
    def free(self, *addrs):
        for a in addrs:
            self.alloc_state.free(a)

    # ---- time ----

    def wait(self, condition, what="", seconds=None, step_ns=1000000):
        """Until condition() is true, whose value is returned. Where time can be stepped it is, step_ns each time
        from the second look on; the real limit only ends what hangs."""
        end, looks = time.monotonic() + (seconds or self.timeout), 0
        while True:
            got = condition()
            if got:
                return got
            if time.monotonic() > end:
                raise TimedOut(f"waited in vain for {what or 'a condition'}")
            looks += 1
            if self.has_clock and step_ns:
                self.q.clock_step(step_ns)
            if looks > 20:
                time.sleep(0.001)
