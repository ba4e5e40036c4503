# SPDX-License-Identifier: GPL-2.0-or-later
"""Intel 82574L (datasheet 317694, chapter 10): rings of legacy descriptors, EEPROM, PHY, interrupts."""
import struct

from ..model import PciId
from ..proto import QtestError
from .pci import Msi, Msix, PciDevice

CTRL, STATUS, EERD, CTRL_EXT, MDIC, ICR, ICS, IMS, IMC, IVAR = 0x00, 0x08, 0x14, 0x18, 0x20, 0xc0, 0xc8, 0xd0, 0xd8, 0xe4
RCTL, TCTL, RX, TX, MTA, RAL, RAH = 0x100, 0x400, 0x2800, 0x3800, 0x5200, 0x5400, 0x5404
BASE, BASE_HIGH, LENGTH, HEAD, TAIL = 0x00, 0x04, 0x08, 0x10, 0x18		# from RX and TX
SLU, RST = 1 << 6, 1 << 26
R_EN, R_UPE, R_MPE, R_LOOP, R_BAM, R_SECRC = 1 << 1, 1 << 3, 1 << 4, 1 << 6, 1 << 15, 1 << 26
T_EN, T_PSP = 1 << 1, 1 << 3
EOP, IFCS, RS = 1, 2, 8
TXDW, LSC, RXT0, RXQ0, TXQ0, OTHER = 1, 1 << 2, 1 << 7, 1 << 20, 1 << 22, 1 << 24
MDI_READ, MDI_WRITE, MDI_READY, MDI_ERROR = 2 << 26, 1 << 26, 1 << 28, 1 << 30
BUFFER = 2048


class E1000e(PciDevice):
    """send() and receive() frames; the transmitter's frames come back (RCTL.LBM), so no network is needed."""
    name = device = "e1000e"
    matches = PciId(0x8086, 0x10d3)
    variants = {"intr": ("poll", "msix", "msi", "intx")}
    MAC = bytes.fromhex("525400123457")
    SIZE = 16

    @classmethod
    def options(cls, variant):
        return {"mac": cls.MAC.hex(":")}

    def start(self):
        super().start()
        self.regs = self.bars[0]
        self.messages = None
        self.reset()
        kind = self.variant["intr"]
        if kind == "msix":
            self.messages = Msix(self.function, 3)
            self.regs.writel(IVAR, 0 | 8 | (1 | 8) << 8 | (2 | 8) << 16)
        elif kind == "msi":
            self.messages = Msi(self.function)
        elif kind == "intx":
            self.m.intercept("ioapic")
        self.open()

    def reset(self):
        self.regs.writel(IMC, 0xffffffff)
        self.regs.writel(CTRL, RST)
        self.m.wait(lambda: not self.regs.readl(CTRL) & RST, "the reset")
        self.regs.writel(IMC, 0xffffffff)
        self.regs.writel(CTRL, self.regs.readl(CTRL) | SLU)

    def open(self):
        """Rings, and a buffer for each descriptor of the receiver."""
        m, r = self.m, self.regs
        self.rx, self.tx = (m.alloc(16 * self.SIZE, what=f"{what} ring") for what in ("receive", "transmit"))
        self.buffers = [m.alloc(BUFFER, what="receive buffer") for _ in range(self.SIZE)]
        self.sent = self.taken = 0
        self.out = m.alloc(BUFFER, what="transmit buffer")
        for at, ring in ((RX, self.rx), (TX, self.tx)):
            for reg, value in ((BASE, ring & 0xffffffff), (BASE_HIGH, ring >> 32), (LENGTH, 16 * self.SIZE), (HEAD, 0), (TAIL, 0)):
                r.writel(at + reg, value)
        for i, buf in enumerate(self.buffers):
            m.write(self.rx + 16 * i, struct.pack("<QQ", buf, 0))
        r.writel(TCTL, T_EN | T_PSP)
        r.writel(RCTL, R_EN | R_LOOP | R_BAM | R_SECRC)
        r.writel(RX + TAIL, self.SIZE - 1)

    def stop(self):
        self.regs.writel(RCTL, 0)
        self.regs.writel(TCTL, 0)
        self.m.free(self.rx, self.tx, self.out, *self.buffers)
        if self.messages:
            self.messages.free()

    # ---- what is not on the card's own chip ----

    def eeprom(self, word):
        self.regs.writel(EERD, word << 2 | 1)
        self.m.wait(lambda: self.regs.readl(EERD) & 2, "the EEPROM")
        return self.regs.readl(EERD) >> 16

    def _mdi(self, command):
        self.regs.writel(MDIC, command | 1 << 21)
        got = self.m.wait(lambda: self.regs.readl(MDIC) & (MDI_READY | MDI_ERROR) and self.regs.readl(MDIC), "the PHY")
        if got & MDI_ERROR:
            raise QtestError("the PHY refuses the access")
        return got & 0xffff

    def phy(self, reg): return self._mdi(MDI_READ | reg << 16)

    def set_phy(self, reg, value): self._mdi(MDI_WRITE | reg << 16 | value)

    # ---- frames ----

    def send(self, frame):
        """One frame; back when the descriptor is done."""
        at = self.tx + 16 * self.sent
        self.m.write(self.out, frame)
        self.m.write(at, struct.pack("<QHBBBBH", self.out, len(frame), 0, EOP | IFCS | RS, 0, 0, 0))
        self.sent = (self.sent + 1) % self.SIZE
        self.regs.writel(TX + TAIL, self.sent)
        self.m.wait(lambda: self.m.readb(at + 12) & 1, "the transmitter")

    def receive(self):
        """The next frame that came, None: there is none. Its descriptor is given back."""
        at, buf = self.rx + 16 * self.taken, self.buffers[self.taken]
        length, _, status, errors, _ = struct.unpack("<HHBBH", self.m.read(at + 8, 8))
        if not status & 1:
            return None
        if errors or not status & 2:
            raise QtestError(f"received with status {status:#x}, errors {errors:#x}")
        frame = self.m.read(buf, length)
        self.m.write(at, struct.pack("<QQ", buf, 0))
        self.regs.writel(RX + TAIL, self.taken)
        self.taken = (self.taken + 1) % self.SIZE
        return frame

    # ---- interrupts ----

    def interrupted(self, vector):
        """Whether one came since the last call: the vector's with MSI-X, otherwise the only one. ICR must be read then."""
        kind = self.variant["intr"]
        if kind == "msix":
            return self.messages.take(vector)
        if kind == "msi":
            return bool(self.messages.take())
        return bool(self.m.q.irq_level(self.function.intx_line()))
