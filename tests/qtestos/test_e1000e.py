# SPDX-License-Identifier: GPL-2.0-or-later
"""Intel's gigabit card 82574L. Our machine has none; these run on QEMU's."""
from qtestos import eq, params, raw, skip_on, variants
from qtestos.drivers.e1000e import (CTRL, ICR, ICS, IMC, IMS, LSC, OTHER, R_BAM, R_EN, R_LOOP, R_MPE, R_SECRC, R_UPE, RAH, RAL, RCTL, RST,
                                    RX, RXQ0, RXT0, STATUS, TAIL, TX, TXDW, TXQ0, E1000e)
from qtestos.drivers.pci import CAP_EXPRESS, CAP_MSI, CAP_MSIX, CAP_PM

OTHERS = bytes.fromhex("525400aabbcc")
BROADCAST = b"\xff" * 6


def frame(length, to=E1000e.MAC, seed=0):
    return to + E1000e.MAC + b"\x88\xb5" + bytes((i * 7 + seed) & 255 for i in range(length - 14))


@raw
def test_identity(nic: E1000e):
    f = nic.function
    eq((f.class_code, f.cfg(8, 1)), (0x020000, 0), "Ethernet")
    for cap in (CAP_PM, CAP_MSI, CAP_EXPRESS, CAP_MSIX):
        assert f.cap(cap), f"capability {cap:#x}"
    sizes = {nr: bar.size for nr, bar in f.size_bars().items()}
    eq((sizes[0], sizes[2]), (0x20000, 32), "registers, ports")


@raw
def test_reset_state(nic: E1000e):
    nic.function.map_bars()
    nic.function.enable()
    r = nic.function.bars[0]
    eq((r.readl(RCTL), r.readl(RX + TAIL), r.readl(TX + TAIL), r.readl(IMS)), (0, 0, 0, 0))
    eq(r.readl(STATUS) & 1, 1, "full duplex")


def test_address(nic: E1000e):
    low, high = nic.regs.readl(RAL), nic.regs.readl(RAH)
    eq((low | (high & 0xffff) << 32).to_bytes(6, "little"), nic.MAC)
    eq(high >> 31, 1, "is valid")


def test_eeprom(nic: E1000e):
    words = [nic.eeprom(i) for i in range(64)]
    eq(sum(words) & 0xffff, 0xbaba, "checksum")
    eq(b"".join(w.to_bytes(2, "little") for w in words[:3]), nic.MAC)


def test_phy(nic: E1000e):
    eq((nic.phy(2), nic.phy(3) & 0xfff0), (0x0141, 0x0cb0), "identifier of the 82574's PHY")
    eq(nic.phy(1) & 0x7800, 0x7800, "10 and 100 Mb/s, half and full duplex")


@params(size=(60, 61, 64, 590, 1514))
def test_loopback(nic: E1000e, size: int):
    nic.send(frame(size))
    eq(nic.m.wait(nic.receive, "the frame"), frame(size))
    eq(nic.receive(), None, "it came once")


def test_around_the_rings(nic: E1000e):
    for i in range(3 * nic.SIZE):
        nic.send(frame(60 + i, seed=i))
        eq(nic.m.wait(nic.receive, f"frame {i}"), frame(60 + i, seed=i))


def test_no_room(nic: E1000e):
    """One descriptor stays the hardware's end: SIZE - 1 frames fit, the next is lost."""
    for i in range(nic.SIZE):
        nic.send(frame(60, seed=i))
    got = [nic.receive() for _ in range(nic.SIZE)]
    eq(got, [frame(60, seed=i) for i in range(nic.SIZE - 1)] + [None])


@params(to=(OTHERS, BROADCAST, bytes.fromhex("01005e000001")), mode=(0, R_UPE, R_MPE))
def test_filter(nic: E1000e, to: bytes, mode: int):
    nic.regs.writel(RCTL, R_EN | R_LOOP | R_BAM | R_SECRC | mode)
    nic.send(frame(60, to))
    nic.send(frame(60, seed=1))			# what comes behind tells that nothing is on its way
    wanted = to == BROADCAST or mode == R_UPE and to == OTHERS or mode == R_MPE and to[0] & 1
    want = [frame(60, to)] if wanted else []
    got = []
    nic.m.wait(lambda: got.append(nic.receive()) or frame(60, seed=1) in got, "the second frame")
    eq([g for g in got if g], want + [frame(60, seed=1)])


@params(on=(R_BAM, 0))
def test_broadcast(nic: E1000e, on: int):
    nic.regs.writel(RCTL, R_EN | R_LOOP | R_SECRC | on)
    nic.send(frame(60, BROADCAST))
    nic.send(frame(60, seed=1))
    eq(nic.m.wait(nic.receive), frame(60, BROADCAST) if on else frame(60, seed=1))


def test_stopped(nic: E1000e):
    """Nothing is taken in while the receiver is off."""
    nic.regs.writel(RCTL, R_LOOP)
    nic.send(frame(60))
    nic.regs.writel(RCTL, R_EN | R_LOOP | R_SECRC)
    nic.send(frame(60, seed=1))
    eq(nic.m.wait(nic.receive), frame(60, seed=1))


@skip_on("qemu", "its software reset leaves the registers as they are")
def test_software_reset(nic: E1000e):
    nic.regs.writel(IMS, LSC)
    nic.regs.writel(CTRL, nic.regs.readl(CTRL) | RST)
    nic.m.wait(lambda: not nic.regs.readl(CTRL) & RST, "the reset")
    eq((nic.regs.readl(RCTL), nic.regs.readl(TX + TAIL), nic.regs.readl(IMS)), (0, 0, 0))
    low, high = nic.regs.readl(RAL), nic.regs.readl(RAH)
    eq((low | (high & 0xffff) << 32).to_bytes(6, "little"), nic.MAC, "the address comes from the EEPROM again")


@variants(intr=("msix", "msi", "intx"))
def test_interrupt_by_software(nic: E1000e):
    """Causes that are set by ICS, masked and not."""
    r, m = nic.regs, nic.m
    r.readl(ICR)
    cause = OTHER | LSC if nic.variant["intr"] == "msix" else LSC
    r.writel(ICS, cause)
    eq(nic.interrupted(2), False, "masked")
    eq(r.readl(ICR) & LSC, LSC, "the cause")
    r.writel(IMS, cause)
    r.writel(ICS, cause)
    m.wait(lambda: nic.interrupted(2), "the interrupt")
    assert r.readl(ICR) & LSC
    r.writel(IMC, cause)
    eq(r.readl(IMS) & cause, 0)


@variants(intr=("msix", "msi", "intx"))
def test_interrupts_of_frames(nic: E1000e):
    r, m = nic.regs, nic.m
    msix = nic.variant["intr"] == "msix"
    r.readl(ICR)
    r.writel(IMS, RXQ0 | TXQ0 if msix else TXDW | RXT0)
    nic.send(frame(60))
    m.wait(lambda: nic.interrupted(0), "the receiver's")
    if msix:
        m.wait(lambda: nic.interrupted(1), "the transmitter's")
    causes = r.readl(ICR)
    eq((bool(causes & (RXT0 | RXQ0)), bool(causes & (TXDW | TXQ0))), (True, True), f"causes {causes:#x}")
    eq(m.wait(nic.receive), frame(60))
    if nic.variant["intr"] == "intx":
        m.wait(lambda: not nic.interrupted(0), "the line to fall")
