# SPDX-License-Identifier: GPL-2.0-or-later
"""PCI-to-PCI bridges and PCI Express root ports: a bus behind them, and the windows that it gets."""
from ..model import PciId
from .pci import PciBus, PciDevice

MIB = 1 << 20


class PciBridge(PciDevice, PciBus):
    """A type 1 header: self.number is the bus behind it; its windows are set once, then BARs take from them."""
    WINDOW, IO_WINDOW = 8 * MIB, 0x1000
    first_slot = 0

    def start(self):
        super().start()
        bus = self.parent.get(PciBus)
        self.host = bus.host
        self.number = self.host.next_bus
        self.host.next_bus += 1
        self.open(bus)

    def open(self, bus):
        f = self.function
        self.mmio_next = bus.take_mmio(self.WINDOW, MIB)
        self.mmio_end = self.mmio_next + self.WINDOW
        self.io_next = bus.take_io(self.IO_WINDOW, self.IO_WINDOW)
        self.io_end = self.io_next + self.IO_WINDOW
        f.set_cfg(0x18, self.number << 16 | self.number << 8 | bus.number)
        f.set_cfg(0x1c, (self.io_next >> 8 & 0xf0) | (self.io_end - 1 & 0xf000), 2)
        f.set_cfg(0x20, self.mmio_next >> 16 | self.mmio_end - 1 & 0xfff00000)
        f.set_cfg(0x24, 0x0000fff0)		# no prefetchable window: its end is below its beginning


class RootPort(PciBridge):
    name = device = "pcie-root-port"
    matches = PciId(0x1b36, 0x000c)

    @classmethod
    def address(cls, node):
        cls_address = super().address(node)
        return {**cls_address, "chassis": node.data["slot"], "slot": node.data["slot"]}
