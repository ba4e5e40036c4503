# SPDX-License-Identifier: GPL-2.0-or-later
"""virtio-scsi (virtio 1.2 section 5.6): a SCSI bus behind a control, an event and a request queue."""
import struct

from .scsi import ScsiBus, ScsiResult
from .virtio import VirtioDevice, virtio_id

CDB, SENSE = 32, 96
ABORT_TASK, ABORT_SET, CLEAR_ACA, CLEAR_SET, NEXUS_RESET, LUN_RESET = 0, 1, 2, 3, 4, 5


class VirtioScsi(VirtioDevice, ScsiBus):
    name = device = "virtio-scsi-pci"
    matches = staticmethod(virtio_id(8, 0x1004))
    wanted = 1 << 1 | 1 << 2		# HOTPLUG, CHANGE
    queue_list = (0, 1, 2)

    @staticmethod
    def address_of(target, lun):
        return bytes([1, target, 0x40 | lun >> 8, lun & 255, 0, 0, 0, 0])

    def execute(self, target, lun, cdb, out=b"", room=0, queue=2):
        m = self.m
        req = m.put(self.address_of(target, lun) + bytes(11) + cdb.ljust(CDB, b"\0"), what="SCSI request")
        resp = m.alloc(12 + SENSE, what="SCSI response", fill=0xee)
        bufs, data = [(req, 19 + CDB, False)], None
        if out:
            data = m.put(out, what="data")
            bufs.append((data, len(out), False))
        bufs.append((resp, 12 + SENSE, True))
        if room:
            data = m.alloc(room, what="data", fill=0)
            bufs.append((data, room, True))
        self.queues[queue].run(bufs)
        raw = m.read(resp, 12 + SENSE)
        sense_len, left, _, status, response = struct.unpack("<IIHBB", raw[:12])
        got = m.read(data, room) if room else b""
        m.free(req, resp, *([data] if data else []))
        return ScsiResult(response, status, raw[12:12 + sense_len], got, left)

    def task_management(self, kind, target, lun=0, tag=0):
        """The response of a control request."""
        m = self.m
        req = m.put(struct.pack("<II", 0, kind) + self.address_of(target, lun) + struct.pack("<Q", tag), what="control request")
        resp = m.alloc(1, what="control response", fill=0xee)
        self.queues[0].run([(req, 24, False), (resp, 1, True)])
        got = m.readb(resp)
        m.free(req, resp)
        return got

    def hold_event(self):
        """Gives the event queue a buffer; what wait_event() will read."""
        at = self.m.alloc(16, what="event")
        self.queues[1].add([(at, 16, True)])
        self.queues[1].kick()
        return at

    def wait_event(self, at):
        """(event, address, reason)"""
        self.m.wait(self.queues[1].pop, "a SCSI event")
        got = struct.unpack("<I8sI", self.m.read(at, 16))
        self.m.free(at)
        return got
