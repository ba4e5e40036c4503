# SPDX-License-Identifier: GPL-2.0-or-later
"""SCSI: commands as any host adapter carries them, and disks and CD drives on such a bus."""
import struct

from ..model import Driver
from .block import BlockDevice, IoFault

GOOD, CHECK = 0, 2


class ScsiBus:
    """A host adapter: execute(target, lun, cdb, out, room) gives a ScsiResult."""
    name = None

    def execute(self, target, lun, cdb, out=b"", room=0):
        raise NotImplementedError


class ScsiResult:
    """response is the adapter's (0: done), status the target's, sense (key, asc, ascq) or None, left what was not moved."""

    def __init__(self, response, status, sense, data, left=0):
        self.response, self.status, self.data, self.left = response, status, data, left
        self.sense = (sense[2] & 15, sense[12], sense[13]) if len(sense) >= 14 and sense[0] & 0x7f in (0x70, 0x71) else None

    @property
    def good(self):
        return self.response == 0 and self.status == GOOD


class ScsiTarget(Driver):
    """One logical unit."""
    consumes = ScsiBus
    target, lun = 0, 0

    @classmethod
    def bus_address(cls, node):
        parent = node.parent
        parent.children += 1
        node.data["target"] = parent.children - 1
        return {"bus": parent.id + ".0", "scsi-id": node.data["target"], "lun": 0}

    def attach(self):
        self.bus = self.parent.get(ScsiBus)
        self.target = self.node.data["target"]
        self.attention = None

    def run(self, cdb, out=b"", room=0):
        return self.bus.execute(self.target, self.lun, bytes(cdb), out, room)

    def check(self, cdb, out=b"", room=0):
        """Data of a command that must succeed."""
        r = self.run(cdb, out, room)
        if not r.good:
            raise IoFault(f"SCSI {cdb[0]:#04x}, response {r.response}, status {r.status}", r.sense)
        return r.data

    def start(self):
        """Takes the attention condition that a unit has at power on."""
        first = self.run([0] * 6)
        if first.sense and first.sense[0] == 6:
            self.attention = first.sense

    def inquiry(self, page=None, room=96):
        return self.check([0x12, page is not None, page or 0, room >> 8, room & 255, 0], room=room)

    def request_sense(self):
        return self.check([0x03, 0, 0, 0, 18, 0], room=18)


class ScsiDisk(ScsiTarget, BlockDevice):
    name = device = "scsi-hd"

    @classmethod
    def command(cls, node, line):
        line.device(node, drive=cls.image_drive(node, line, discard="unmap"), **cls.bus_address(node))

    def start(self):
        super().start()
        last, self.block_size = struct.unpack(">II", self.check([0x25] + [0] * 9, room=8))
        self.blocks = last + 1

    def read(self, lba, count):
        return self.check(struct.pack(">BBIBHB", 0x28, 0, lba, 0, count, 0), room=count * self.block_size)

    def write(self, lba, data):
        self.check(struct.pack(">BBIBHB", 0x2a, 0, lba, 0, len(data) // self.block_size, 0), out=data)

    def flush(self):
        self.check([0x35] + [0] * 9)

    def unmap(self, lba, count):
        desc = struct.pack(">HHI", 22, 16, 0) + struct.pack(">QII", lba, count, 0)
        return self.run([0x42, 0, 0, 0, 0, 0, 0, 0, len(desc), 0], out=desc)


class ScsiCd(ScsiTarget):
    """A CD drive with a disc of 256 blocks."""
    name = device = "scsi-cd"
    BLOCKS = 256

    @classmethod
    def command(cls, node, line):
        from .block import pattern
        drive = line.drive(cls.BLOCKS * 2048, pattern(0, cls.BLOCKS, 2048), node, media="cdrom", readonly="on")
        line.device(node, drive=drive, **cls.bus_address(node))

    def start(self):
        for _ in range(4):		# power on, then a new medium: each is told once
            r = self.run([0] * 6)
            if r.good:
                return
        raise IoFault("the drive does not become ready", r.sense)
