# SPDX-License-Identifier: GPL-2.0-or-later
"""The qtest protocol: typed commands, one at a time or many in a batch.

Every command is written once, in Ops; Qtest sends it and waits for the reply,
Batch collects it and gives a Reply, whose value is there after the batch has
run. Lines "IRQ raise 5" may come at any time: they go to Qtest.irqs.
"""
import base64
import collections
import select
import socket
import struct
import time


class QtestError(Exception):
    """Something is wrong between us and the emulator."""


class Refused(QtestError):
    """The emulator answered FAIL."""


class Died(QtestError):
    """The emulator closed the connection."""


class TimedOut(QtestError):
    """No answer in time."""


def _number(text):
    return int(text, 0)


def _none(_text):
    return None


def _hex(text):
    return bytes.fromhex(text[2:])


class Ops:
    """Every command of the protocol; _op(text, parse) is what becomes of it."""

    def _op(self, text, parse):
        raise NotImplementedError

    # Ports.
    def inb(self, port): return self._op(f"inb {port:#x}", _number)
    def inw(self, port): return self._op(f"inw {port:#x}", _number)
    def inl(self, port): return self._op(f"inl {port:#x}", _number)
    def outb(self, port, value): return self._op(f"outb {port:#x} {value & 0xff:#x}", _none)
    def outw(self, port, value): return self._op(f"outw {port:#x} {value & 0xffff:#x}", _none)
    def outl(self, port, value): return self._op(f"outl {port:#x} {value & 0xffffffff:#x}", _none)

    # Memory, in one access of that width.
    def readb(self, addr): return self._op(f"readb {addr:#x}", _number)
    def readw(self, addr): return self._op(f"readw {addr:#x}", _number)
    def readl(self, addr): return self._op(f"readl {addr:#x}", _number)
    def readq(self, addr): return self._op(f"readq {addr:#x}", _number)
    def writeb(self, addr, value): return self._op(f"writeb {addr:#x} {value & 0xff:#x}", _none)
    def writew(self, addr, value): return self._op(f"writew {addr:#x} {value & 0xffff:#x}", _none)
    def writel(self, addr, value): return self._op(f"writel {addr:#x} {value & 0xffffffff:#x}", _none)
    def writeq(self, addr, value): return self._op(f"writeq {addr:#x} {value & (1 << 64) - 1:#x}", _none)

    # Memory, any length, at least one byte.
    def read(self, addr, size): return self._op(f"read {addr:#x} {size:#x}", _hex)
    def write(self, addr, data): return self._op(f"write {addr:#x} {len(data):#x} 0x{bytes(data).hex()}", _none)
    def memset(self, addr, size, value): return self._op(f"memset {addr:#x} {size:#x} {value:#x}", _none)
    def b64read(self, addr, size): return self._op(f"b64read {addr:#x} {size:#x}", base64.b64decode)

    def b64write(self, addr, data):
        return self._op(f"b64write {addr:#x} {len(data):#x} {base64.b64encode(bytes(data)).decode()}", _none)

    # Time (with the qtest accelerator only): both give the time afterwards, in nanoseconds.
    def clock_step(self, ns=None): return self._op("clock_step" if ns is None else f"clock_step {ns}", _number)
    def clock_set(self, ns): return self._op(f"clock_set {ns}", _number)

    # Interrupt lines. Only one device's can be watched in one machine.
    def irq_intercept_in(self, path): return self._op(f"irq_intercept_in {path}", _none)
    def irq_intercept_out(self, path, name=None):
        return self._op(f"irq_intercept_out {path}" + (f" {name}" if name else ""), _none)

    def set_irq_in(self, path, number, level, name="unnamed-gpio-in"):
        return self._op(f"set_irq_in {path} {name} {number} {level}", _none)

    def endianness(self): return self._op("endianness", str)
    def module_load(self, prefix, name): return self._op(f"module_load {prefix} {name}", _none)
    def command(self, text):
        """Any line; what follows OK, as text."""
        return self._op(text, str)


class Reply:
    """What a command in a batch will have answered."""
    __slots__ = ("text", "parse", "_value", "done")

    def __init__(self, text, parse):
        self.text, self.parse, self._value, self.done = text, parse, None, False

    @property
    def value(self):
        if not self.done:
            raise QtestError(f"{self.text}: the batch has not run yet")
        return self._value

    def __int__(self): return self.value
    __index__ = __int__
    def __bytes__(self): return self.value


class Batch(Ops):
    """Commands that go out together, at the end of the with block."""

    def __init__(self, qtest):
        self.qtest, self.replies = qtest, []

    def _op(self, text, parse):
        reply = Reply(text, parse)
        self.replies.append(reply)
        return reply

    def run(self):
        """Sends what has gathered and takes the replies; the first FAIL is raised when all are in."""
        replies, self.replies = self.replies, []
        refused = None
        for reply, text in zip(replies, self.qtest.exchange([r.text for r in replies])):
            try:
                reply._value, reply.done = reply.parse(self.qtest.result(reply.text, text)), True
            except Refused as e:
                refused = refused or e
        if refused:
            raise refused

    def __enter__(self): return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.run()


class Transcript:
    """Records a session: NAME.qtest has the commands, one a line, which any
    emulator takes on its standard input (-qtest stdio); NAME.replies what came
    back, line for line; NAME.argv the command line."""

    def __init__(self, stem, argv=()):
        self.commands = open(stem + ".qtest", "w", encoding="ascii")
        self.replies = open(stem + ".replies", "w", encoding="ascii")
        with open(stem + ".argv", "w", encoding="utf-8") as f:
            f.writelines(a + "\n" for a in argv)

    def sent(self, text): self.commands.write(text + "\n")
    def got(self, text): self.replies.write(text + "\n")

    def close(self):
        self.commands.close()
        self.replies.close()


class Qtest(Ops):
    """A connection. died(): the reason why the peer may have gone, for the error's text."""

    def __init__(self, sock, timeout=60, died=None, transcript=None):
        self.sock, self.timeout, self._died, self.transcript = sock, timeout, died, transcript
        # The kernel's time limits: Python's own cost a poll() before every send and receive.
        sock.settimeout(None)
        limit = struct.pack("ll", int(timeout), int(timeout % 1 * 1000000))
        for which in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            sock.setsockopt(socket.SOL_SOCKET, which, limit)
        self._lines = collections.deque()
        self._rest = bytearray()
        self.irqs = collections.deque()		# (number, level), as they came
        self.levels = {}			# number: its last level

    # ---- lines ----

    def _input(self, room=65536):
        """Waits for some bytes; raises when none come."""
        try:
            data = self.sock.recv(room)
        except BlockingIOError:
            raise TimedOut(f"no answer in {self.timeout} s" + self._reason(False)) from None
        except OSError as e:
            raise Died(f"{e}{self._reason(True)}") from None
        if not data:
            raise Died("the emulator closed the connection" + self._reason(True))
        return data

    def _output(self, data):
        try:
            self.sock.sendall(data)
        except BlockingIOError:
            raise TimedOut(f"nothing taken in {self.timeout} s" + self._reason(False)) from None
        except OSError as e:
            raise Died(f"{data[:100].decode()}: {e}{self._reason(True)}") from None

    def _receive(self):
        self._sort(self._input())

    def _sort(self, data):
        """Interrupts to their queue, other lines to theirs, the beginning of a line stays for the next time."""
        self._rest += data
        if b"\n" not in data:
            return
        data = bytes(self._rest)
        *lines, rest = data.split(b"\n")
        self._rest = bytearray(rest)
        if b"IRQ " in data:
            lines = [line for line in lines if not self._irq(line)]
        self._lines.extend(lines)

    def _reason(self, gone):
        text = self._died(gone) if self._died else ""
        return "\n" + text if text else ""

    def _irq(self, line):
        if not line.startswith(b"IRQ "):
            return False
        how, number = line.split()[1:3]
        level = int(how == b"raise")
        self.irqs.append((int(number), level))
        self.levels[int(number)] = level
        return True

    def _take(self):
        while not self._lines:
            self._receive()
        text = self._lines.popleft().decode("ascii", "replace").rstrip("\r")
        if self.transcript:
            self.transcript.got(text)
        return text

    def raw(self, text):
        """One line; the reply with its OK or FAIL."""
        if self.transcript:
            self.transcript.sent(text)
        self._output(text.encode() + b"\n")
        return self._take()

    def exchange(self, texts):
        """Many lines at once; the replies in order. Reads while it writes, so no side fills up."""
        if self.transcript:
            for text in texts:
                self.transcript.sent(text)
        data = memoryview("".join(t + "\n" for t in texts).encode())
        sent = 0
        end = time.monotonic() + self.timeout
        while sent < len(data):
            readable, writable, _ = select.select([self.sock], [self.sock], [], self.timeout)
            if readable:
                self._receive()
            if writable:
                try:
                    sent += self.sock.send(data[sent:sent + 65536], socket.MSG_DONTWAIT)
                except BlockingIOError:
                    pass
                except OSError as e:
                    raise Died(f"{e}{self._reason(True)}") from None
            if not readable and not writable and time.monotonic() > end:
                raise TimedOut(f"no answer in {self.timeout} s")
        return [self._take() for _ in texts]

    @staticmethod
    def result(text, reply):
        if reply[:2] != "OK":
            raise Refused(f"{text[:200]}: {reply}")
        return reply[3:]

    def _op(self, text, parse):
        """One command. Where nothing else is under way the reply is taken from the received bytes as they are."""
        if self.transcript or self._lines or self._rest:
            return parse(self.result(text, self.raw(text)))
        self._output(text.encode() + b"\n")
        data = self._input(4096)
        if data[:2] != b"OK" or data.find(b"\n") != len(data) - 1:
            self._sort(data)
            return parse(self.result(text, self._take()))
        if parse is _number:
            return int(data[3:], 0)
        return None if parse is _none else parse(data[3:-1].decode("ascii", "replace").rstrip("\r"))

    def batch(self):
        return Batch(self)

    # ---- interrupts ----

    def poll(self):
        """Takes what has come without asking for anything."""
        while select.select([self.sock], [], [], 0)[0]:
            self._receive()

    def take_irqs(self):
        """All (number, level) changes since the last call."""
        self.poll()
        got = list(self.irqs)
        self.irqs.clear()
        return got

    def irq_level(self, number):
        """The last level seen of an intercepted line; 0 before the first change."""
        self.poll()
        return self.levels.get(number, 0)

    def close(self):
        self.sock.close()
        if self.transcript:
            self.transcript.close()


def number(reply):
    """The value of a reply; QEMU pads numbers otherwise than we do. Of other replies the text."""
    try:
        return int(reply.split()[1], 0)
    except (IndexError, ValueError):
        return reply


def _looks_again(commands, n):
    """Whether the session polled here: the same command comes again, with nothing but steps of the clock between."""
    later = (c for c in commands[n + 1:n + 3] if not c.startswith("clock_step"))
    return next(later, None) == commands[n]


def _patient(text, qtest, want, patience):
    """The reply to a read of memory, asked for again until it is the wanted one: a device needs its time."""
    end = time.monotonic() + patience
    while True:
        got = qtest.raw(text)
        if number(got) == number(want) or time.monotonic() > end or not text.startswith(("read", "b64read")):
            return got
        time.sleep(0.001)


def replay(commands, qtest, replies=None, patience=1):
    """Sends a transcript's commands; gives [(number of line, command, want, got)] of those answered otherwise. Disks
    answer when they are ready: what was polled counts only by its last reply, and memory gets `patience` seconds."""
    differ = []
    for n, text in enumerate(commands):
        if replies is None or _looks_again(commands, n):
            qtest.raw(text)
            continue
        got = _patient(text, qtest, replies[n], patience if not differ else 0)
        if number(got) != number(replies[n]):
            differ.append((n + 1, text, replies[n], got))
    return differ
