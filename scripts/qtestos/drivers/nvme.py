# SPDX-License-Identifier: GPL-2.0-or-later
"""NVMe (base specification 1.4): admin and I/O queues, namespaces as disks."""
import struct

from ..model import Driver, PciId
from ..proto import QtestError
from .block import BlockDevice, IoFault
from .pci import Msix, PciDevice

CAP, VS, INTMS, INTMC, CC, CSTS, AQA, ASQ, ACQ = 0, 8, 0xc, 0x10, 0x14, 0x1c, 0x24, 0x28, 0x30
FLUSH, WRITE, READ, WRITE_ZEROES, COMPARE, DSM = 0, 1, 2, 8, 5, 9
DELETE_SQ, CREATE_SQ, LOG, DELETE_CQ, CREATE_CQ, IDENTIFY, ABORT, SET_FEATURES, GET_FEATURES, ASYNC = 0, 1, 2, 4, 5, 6, 8, 9, 10, 12


class QueuePair:
    """A submission and a completion queue of the same number."""

    def __init__(self, ctrl, nr, size):
        self.ctrl, self.m, self.nr, self.size = ctrl, ctrl.m, nr, size
        self.sq, self.cq = (self.m.alloc(n * size, what=f"queue {nr}") for n in (64, 16))
        self.tail, self.head, self.phase = 0, 0, 1

    def free(self):
        self.m.free(self.sq, self.cq)

    def submit(self, entry):
        """One 64-byte entry; not yet rung."""
        self.m.write(self.sq + 64 * self.tail, entry)
        self.tail = (self.tail + 1) % self.size

    def ring(self):
        self.ctrl.regs.writel(0x1000 + 2 * self.nr * self.ctrl.stride, self.tail)

    def pop(self):
        """(command's id, status, dword 0) of the next completion, None when there is none."""
        dw0, _, _, _, cid, status = struct.unpack("<IIHHHH", self.m.read(self.cq + 16 * self.head, 16))
        if status & 1 != self.phase:
            return None
        self.head += 1
        if self.head == self.size:
            self.head, self.phase = 0, self.phase ^ 1
        self.ctrl.regs.writel(0x1000 + (2 * self.nr + 1) * self.ctrl.stride, self.head)
        return cid, status >> 1 & 0x7ff, dw0


class NvmeBus:
    name = None


class NvmeController(PciDevice, NvmeBus):
    """admin() and io() run one command each; I/O queue pair 1 is there after start()."""
    name = device = "nvme"
    matches = PciId(class_code=0x010802)
    variants = {"intr": ("msix", "intx", "poll")}
    SIZE = 16

    @classmethod
    def options(cls, variant):
        return {"serial": "qtestos"}

    def start(self):
        super().start()
        self.regs, self.msix, self.cid, self.pairs = self.bars[0], None, 0, {}
        if self.variant["intr"] == "msix":
            self.msix = Msix(self.function, 2)
        elif self.variant["intr"] == "intx":
            self.m.intercept("ioapic")
        cap = self.regs.readl(CAP) | self.regs.readl(CAP + 4) << 32
        self.stride = 4 << (cap >> 32 & 15)
        self.enable()
        status, _ = self.admin(SET_FEATURES, words=(7, 3 << 16 | 3))	# before there is any queue (5.27.1.5)
        if status:
            raise QtestError(f"Set Features, number of queues: status {status:#x}")
        self.create_pair(1, 1 if self.msix else 0, self.variant["intr"] != "poll")

    def enable(self):
        r = self.regs
        r.writel(CC, 0)
        self.m.wait(lambda: not r.readl(CSTS) & 1, "the controller to stop")
        pair = self.pairs[0] = QueuePair(self, 0, self.SIZE)
        r.writel(AQA, (self.SIZE - 1) << 16 | self.SIZE - 1)
        for reg, addr in ((ASQ, pair.sq), (ACQ, pair.cq)):
            r.writel(reg, addr & 0xffffffff)
            r.writel(reg + 4, addr >> 32)
        r.writel(CC, 4 << 20 | 6 << 16 | 1)
        self.m.wait(lambda: r.readl(CSTS) & 3, "the controller")
        if r.readl(CSTS) & 2:
            raise QtestError("the controller has a fatal status")

    def stop(self):
        self.regs.writel(CC, 0)
        self.m.wait(lambda: not self.regs.readl(CSTS) & 1, "the controller to stop")
        for pair in self.pairs.values():
            pair.free()
        if self.msix:
            self.msix.free()

    def create_pair(self, nr, vector=0, interrupts=True, size=None):
        pair = QueuePair(self, nr, size or self.SIZE)
        self.check(self.admin(CREATE_CQ, prp=(pair.cq, 0), words=((pair.size - 1) << 16 | nr, vector << 16 | interrupts << 1 | 1)))
        self.check(self.admin(CREATE_SQ, prp=(pair.sq, 0), words=((pair.size - 1) << 16 | nr, nr << 16 | 1)))
        pair.vector, pair.interrupts = vector, interrupts
        self.pairs[nr] = pair
        return pair

    def delete_pair(self, nr):
        self.check(self.admin(DELETE_SQ, words=(nr,)))
        self.check(self.admin(DELETE_CQ, words=(nr,)))
        self.pairs.pop(nr).free()

    @staticmethod
    def check(got):
        if got[0]:
            raise IoFault("NVMe", got[0])
        return got

    def entry(self, opcode, nsid=0, prp=(0, 0), words=(), flags=0):
        self.cid = self.cid + 1 & 0xffff
        return struct.pack("<BBHI16xQQ", opcode, flags, self.cid, nsid, *prp) + b"".join(struct.pack("<I", w) for w in words).ljust(24, b"\0")

    def execute(self, nr, *args, **kw):
        """(status, dword 0) of one command on queue pair nr."""
        pair = self.pairs[nr]
        pair.submit(self.entry(*args, **kw))
        cid = self.cid
        pair.ring()
        if nr and pair.interrupts:
            self.wait_irq(pair)
        got = self.m.wait(pair.pop, f"queue {nr}")
        if nr and pair.interrupts and not self.msix:
            line = self.function.intx_line()
            self.m.wait(lambda: not self.m.q.irq_level(line), f"line {line} to fall")
        if got[0] != cid:
            raise QtestError(f"command {got[0]} ended, not {cid}")
        return got[1:]

    def wait_irq(self, pair):
        if self.msix:
            self.msix.wait(pair.vector)
        else:
            line = self.function.intx_line()
            self.m.wait(lambda: self.m.q.irq_level(line), f"line {line}")

    def admin(self, *args, **kw): return self.execute(0, *args, **kw)

    def identify(self, what, nsid=0):
        """The 4096 bytes of a structure."""
        at = self.m.alloc(4096, what="identify")
        try:
            self.check(self.admin(IDENTIFY, nsid, (at, 0), (what,)))
            return self.m.read(at, 4096)
        finally:
            self.m.free(at)

    def prps(self, addr, length):
        """((prp1, prp2), list or None) of a buffer that begins on a page."""
        pages = [addr + i for i in range(4096, length, 4096)]
        if len(pages) < 2:
            return (addr, pages[0] if pages else 0), None
        table = self.m.put(struct.pack(f"<{len(pages)}Q", *pages), what="PRP list")
        return (addr, table), table


class NvmeNamespace(Driver, BlockDevice):
    """A namespace of its own on a controller."""
    consumes = NvmeBus
    name = device = "nvme-ns"

    @classmethod
    def command(cls, node, line):
        node.parent.children += 1
        node.data["nsid"] = node.parent.children
        more = {}
        if "logical_block_size" in node.extra and "physical_block_size" in line.binary.properties("nvme-ns"):
            more["physical_block_size"] = node.extra["logical_block_size"]	# QEMU's wants them to go together
        line.device(node, drive=cls.image_drive(node, line, discard="unmap"), bus=node.parent.id, nsid=node.data["nsid"], **more)

    def start(self):
        self.ctrl, self.nsid = self.parent, self.node.data["nsid"]
        data = self.ctrl.identify(0, self.nsid)
        self.blocks = struct.unpack_from("<Q", data)[0]
        lbaf = struct.unpack_from("<I", data, 128 + 4 * (data[26] & 15))[0]
        self.block_size = 1 << (lbaf >> 16 & 255)

    def io(self, opcode, lba, count, data=b"", room=0, queue=1):
        """(status, data)"""
        m, n = self.m, len(data) or room
        at = m.put(data, what="data") if data else m.alloc(room, what="data", fill=0xee) if room else 0
        prp, table = self.ctrl.prps(at, n) if n else ((0, 0), None)
        status, _ = self.ctrl.execute(queue, opcode, self.nsid, prp, (lba & 0xffffffff, lba >> 32, count - 1))
        got = m.read(at, room) if room else b""
        m.free(*([at] if n else []), *([table] if table else []))
        return status, got

    def _run(self, *args, **kw):
        status, got = self.io(*args, **kw)
        if status:
            raise IoFault(f"NVMe {args[0]:#x}", status)
        return got

    def read(self, lba, count): return self._run(READ, lba, count, room=count * self.block_size)
    def write(self, lba, data): self._run(WRITE, lba, len(data) // self.block_size, data=data)
    def flush(self): self._run(FLUSH, 0, 1)
