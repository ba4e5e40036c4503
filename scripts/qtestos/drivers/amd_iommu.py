# SPDX-License-Identifier: GPL-2.0-or-later
"""AMD's IOMMU (specification 48882): device table, command and event rings, page tables of up to six levels."""
import struct

from ..model import Driver
from ..proto import QtestError
from .pci import PciFunction, Q35Host

DEVTAB, CMDBUF, EVTLOG, CONTROL, FEATURES = 0x00, 0x08, 0x10, 0x18, 0x30
CMD_HEAD, CMD_TAIL, EVT_HEAD, EVT_TAIL, STATUS = 0x2000, 0x2008, 0x2010, 0x2018, 0x2020
ENABLE, EVENT_LOG, COMMANDS = 1, 1 << 2, 1 << 12				# CONTROL
S_OVERFLOW, S_WAITED, S_EVENTS, S_COMMANDS = 1, 1 << 2, 1 << 3, 1 << 4		# STATUS
COMPLETION_WAIT, INVALIDATE_ENTRY, INVALIDATE_PAGES, INVALIDATE_ALL = 1, 2, 3, 8
VALID, TABLES_VALID, PRESENT, READ, WRITE = 1, 1 << 1, 1, 1 << 61, 1 << 62
CAP_SECURE_DEVICE = 0x0f
DEVICES = 1 << 16
EVENT_BYTES = COMMAND_BYTES = 16
IO_PAGE_FAULT = 2


class Domain:
    """One address space of devices: a tree of page tables (2.2.3)."""

    def __init__(self, iommu, number, levels=3):
        self.iommu, self.m, self.number, self.levels = iommu, iommu.m, number, levels
        self.tables = []
        self.root = self._table()

    def _table(self):
        self.tables.append(self.m.alloc(4096, what="page table"))
        return self.tables[-1]

    def map(self, iova, phys, size=4096, access=READ | WRITE, level=1):
        """Pages of 4 KiB (level 1), 2 MiB (2) or 1 GiB (3)."""
        step = 4096 << 9 * (level - 1)
        for off in range(0, size, step):
            at = self._entry(iova + off, level)
            self.m.q.writeq(at, phys + off | PRESENT | access)

    def unmap(self, iova, size=4096, level=1):
        for off in range(0, size, 4096 << 9 * (level - 1)):
            self.m.q.writeq(self._entry(iova + off, level), 0)

    def _entry(self, iova, level):
        """Where the entry of that level is; the tables above it are made."""
        table = self.root
        for n in range(self.levels, level, -1):
            at = table + 8 * (iova >> 12 + 9 * (n - 1) & 511)
            entry = self.m.readq(at)
            if not entry & PRESENT:
                entry = self._table() | PRESENT | n - 1 << 9 | READ | WRITE
                self.m.writeq(at, entry)
            table = entry & 0xffffffffff000
        return table + 8 * (iova >> 12 + 9 * (level - 1) & 511)

    def free(self):
        self.m.free(*self.tables)


class AmdIommu(Driver):
    """Enabled after start(), with no device in a domain yet: all pass. Name it before the devices that a test puts behind it."""
    name = device = "amd-iommu"
    consumes = Q35Host
    BASE, RING = 0xfed80000, 4096

    def attach(self):
        found = [f for f in self.parent.scan() if f.class_code == 0x080600]
        if len(found) != 1:
            raise QtestError(f"{len(found)} functions of class 080600")
        self.function: PciFunction = found[0]
        self.cap = self.function.cap(CAP_SECURE_DEVICE)
        if self.cap is None or self.function.cfg(self.cap) >> 16 & 7 != 3:
            raise QtestError("the function has no capability of an IOMMU")

    def get64(self, reg): return self.m.readq(self.BASE + reg)

    def set64(self, reg, value): self.m.writeq(self.BASE + reg, value)

    def start(self):
        m = self.m
        self.domains = []
        self.devices = m.alloc(32 * DEVICES, what="device table")
        self.commands, self.events = (m.alloc(self.RING, what=f"{what} ring") for what in ("command", "event"))
        self.waited = m.alloc(8, what="completion")
        self.count = 0
        self.set64(CONTROL, 0)
        self.set64(DEVTAB, self.devices | 32 * DEVICES // 4096 - 1)
        for reg, at in ((CMDBUF, self.commands), (EVTLOG, self.events)):
            self.set64(reg, at | 8 << 56)			# 2^8 entries of 16 bytes
        for reg in (CMD_HEAD, CMD_TAIL, EVT_HEAD, EVT_TAIL):
            self.set64(reg, 0)
        self.set64(CONTROL, ENABLE | EVENT_LOG | COMMANDS)

    def stop(self):
        self.set64(CONTROL, 0)
        for domain in self.domains:
            domain.free()
        self.m.free(self.devices, self.commands, self.events, self.waited)

    # ---- commands (2.4) ----

    def do(self, opcode, first=0, second=0):
        """One command, and the wait for all before it."""
        self._put(opcode, first, second)
        self.wait()

    def _put(self, opcode, first, second):
        tail = self.get64(CMD_TAIL)
        self.m.write(self.commands + tail, struct.pack("<QQ", opcode << 60 | first, second))
        self.set64(CMD_TAIL, (tail + COMMAND_BYTES) % self.RING)

    def wait(self):
        """COMPLETION_WAIT that stores a number."""
        self.count += 1
        self._put(COMPLETION_WAIT, self.waited | 1, self.count)
        self.m.wait(lambda: self.m.q.readq(self.waited) == self.count, "COMPLETION_WAIT")

    # ---- events (2.5) ----

    def take_events(self):
        """[(opcode, device, address)] since the last call."""
        got, head = [], self.get64(EVT_HEAD)
        while head != self.get64(EVT_TAIL):
            a, b = struct.unpack("<QQ", self.m.read(self.events + head, EVENT_BYTES))
            got.append((a >> 60, a & 0xffff, b))
            head = (head + EVENT_BYTES) % self.RING
            self.set64(EVT_HEAD, head)
        return got

    # ---- domains ----

    def domain(self, levels=3):
        self.domains.append(Domain(self, len(self.domains) + 1, levels))
        return self.domains[-1]

    @staticmethod
    def number(function):
        bus, dev, fn = function.bdf
        return bus << 8 | dev << 3 | fn

    def put_into(self, domain, function, access=READ | WRITE):
        """Writes the device's entry; None: out of every domain."""
        entry = b"\0" * 32
        if domain:
            entry = struct.pack("<QQQQ", domain.root | VALID | TABLES_VALID | domain.levels << 9 | access, domain.number, 0, 0)
        self.m.write(self.devices + 32 * self.number(function), entry)
        self.do(INVALIDATE_ENTRY, self.number(function))

    def flush(self, domain):
        """Every page of the domain."""
        self.do(INVALIDATE_PAGES, domain.number << 32, 0x7ffffffffffff000 | 1)
