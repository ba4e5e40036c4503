# SPDX-License-Identifier: GPL-2.0-or-later
"""virtio-blk (virtio 1.2 section 5.2)."""
import struct

from .block import BlockDevice, IoFault
from .virtio import VirtioDevice, virtio_id

IN, OUT, FLUSH, GET_ID, DISCARD, WRITE_ZEROES = 0, 1, 4, 8, 11, 13
F_SIZE_MAX, F_SEG_MAX, F_BLK_SIZE, F_FLUSH, F_TOPOLOGY, F_MQ, F_DISCARD, F_ZEROES = 1, 2, 6, 9, 10, 12, 13, 14


class VirtioBlk(VirtioDevice, BlockDevice):
    name = device = "virtio-blk-pci"
    matches = staticmethod(virtio_id(2, 0x1001))
    wanted = sum(1 << b for b in (F_SEG_MAX, F_BLK_SIZE, F_FLUSH, F_TOPOLOGY, F_DISCARD, F_ZEROES))

    @classmethod
    def command(cls, node, line):
        line.device(node, drive=cls.image_drive(node, line, discard="unmap"), **cls.address(node))

    def start(self):
        super().start()
        self.blocks = self.config(0, 4) | self.config(4, 4) << 32

    def request(self, kind, sector, out=b"", room=0, queue=0, pieces=1):
        """(status, data): one request, its data in so many buffers."""
        m = self.m
        head = m.put(struct.pack("<IIQ", kind, 0, sector), 16, "request")
        status = m.alloc(1, 16, "status", 0xff)
        n = len(out) or room
        data = (m.put(out, what="data") if out else m.alloc(room, what="data", fill=0xee)) if n else None
        bufs = [(head, 16, False)]
        if n:
            size = n // pieces
            bufs += [(data + i * size, size if i < pieces - 1 else n - i * size, not out) for i in range(pieces)]
        bufs.append((status, 1, True))
        written = self.queues[queue].run(bufs)
        code, got = m.readb(status), m.read(data, room) if room else b""
        m.free(head, status, *([data] if n else []))
        if code == 0 and written != room + 1:
            raise AssertionError(f"the device says it wrote {written} bytes of {room + 1}")
        return code, got

    def _run(self, *args, **kw):
        code, got = self.request(*args, **kw)
        if code:
            raise IoFault(f"request {args[:2]}", code)
        return got

    def read(self, lba, count): return self._run(IN, lba, room=count * 512)
    def write(self, lba, data): self._run(OUT, lba, out=data)
    def flush(self): self._run(FLUSH, 0)
    def serial(self): return self._run(GET_ID, 0, room=20).split(b"\0")[0].decode()

    def range_request(self, kind, sector, count, flags=0):
        return self.request(kind, 0, out=struct.pack("<QII", sector, count, flags))[0]
