# SPDX-License-Identifier: GPL-2.0-or-later
"""edu: the educational device; by it tests look at the PCI core."""
from ..model import PciId
from .pci import PciDevice


class Edu(PciDevice):
    name = device = "edu"
    matches = PciId(0x1234, 0x11e8)
    ID, LIVE, FACTORIAL, STATUS, IRQ_STATUS, IRQ_RAISE, IRQ_ACK = 0, 4, 8, 0x20, 0x24, 0x60, 0x64
    SRC, DST, COUNT, COMMAND = 0x80, 0x88, 0x90, 0x98

    def start(self):
        super().start()
        self.regs = self.bars[0]

    def raise_irq(self, bits): self.regs.writel(self.IRQ_RAISE, bits)
    def ack(self, bits): self.regs.writel(self.IRQ_ACK, bits)
