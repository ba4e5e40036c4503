# SPDX-License-Identifier: GPL-2.0-or-later
"""fw_cfg: files from the emulator to firmware, by port and by DMA (QEMU's docs/specs/fw_cfg)."""
import struct

from ..model import Board, Driver
from ..proto import QtestError

SIGNATURE, ID, FILE_DIR = 0, 1, 0x19
DMA_ERROR, DMA_READ, DMA_SKIP, DMA_SELECT, DMA_WRITE = 1, 2, 4, 8, 16


class FwCfg(Driver):
    name = "fw_cfg"
    consumes = Board
    matches = "fw_cfg-io"
    SELECT, DATA, DMA = 0x510, 0x511, 0x514

    def start(self):
        self.page = self.m.alloc(4096, what="fw_cfg's DMA")

    def stop(self):
        self.m.free(self.page)

    def select(self, key): self.m.outw(self.SELECT, key)

    def next(self, size):
        """The next bytes of the selected item, by port."""
        with self.m.batch() as b:
            got = [b.inb(self.DATA) for _ in range(size)]
        return bytes(r.value for r in got)

    def item(self, key, size):
        self.select(key)
        return self.next(size)

    def dma(self, control, size=0, addr=0):
        """One DMA command; the control word that the device leaves."""
        self.m.write(self.page, struct.pack(">IIQ", control, size, addr))
        self.m.outl(self.DMA, 0)
        self.m.outl(self.DMA + 4, int.from_bytes(struct.pack(">I", self.page), "little"))
        return struct.unpack(">I", self.m.read(self.page, 4))[0]

    def dma_item(self, key, size):
        """An item by DMA."""
        if not size:
            return b""
        at = self.m.alloc(size, what="fw_cfg item")
        try:
            left = self.dma(key << 16 | DMA_SELECT | DMA_READ, size, at)
            if left:
                raise QtestError(f"fw_cfg's DMA left {left:#x} in its control word")
            return self.m.read(at, size)
        finally:
            self.m.free(at)

    def files(self):
        """{name: (key, size)} of the directory."""
        count = struct.unpack(">I", self.item(FILE_DIR, 4))[0]
        entries = (struct.unpack(">IHH56s", self.next(64)) for _ in range(count))
        return {name.rstrip(b"\0").decode(): (key, size) for size, key, _, name in entries}

    def file(self, name):
        files = self.files()
        if name not in files:
            raise QtestError(f"fw_cfg has no {name}; it has {' '.join(files)}")
        return self.dma_item(*files[name])
