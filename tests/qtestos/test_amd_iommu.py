# SPDX-License-Identifier: GPL-2.0-or-later
"""AMD's IOMMU, with an NVMe disk behind it whose transfers it translates. Our machine has none; these run on QEMU's."""
from qtestos import eq, options, params, raw, skip_on
from qtestos.drivers.amd_iommu import (CMD_HEAD, CMD_TAIL, CONTROL, DEVTAB, EVT_HEAD, EVT_TAIL, FEATURES, IO_PAGE_FAULT, READ, S_COMMANDS,
                                       S_EVENTS, STATUS, WRITE, AmdIommu)
from qtestos.drivers.block import pattern
from qtestos.drivers.nvme import READ as NVME_READ
from qtestos.drivers.nvme import WRITE as NVME_WRITE
from qtestos.drivers.nvme import NvmeNamespace
from qtestos.machine import HEAP_END

IOVA = 0x40000000


def heap(iommu, **kw):
    """A domain in which the drivers' memory is where it is."""
    domain = iommu.domain(**kw)
    domain.map(0, 0, HEAP_END, level=2)
    return domain


def transfer(ns, opcode, at, block=3):
    """One block by an address of the test's choice; the status."""
    return ns.parent.execute(1, opcode, nsid=ns.nsid, prp=(at, 0), words=(block, 0, 0))[0]


@raw
def test_capability(iommu: AmdIommu):
    f, cap = iommu.function, iommu.cap
    eq((f.vendor, f.cfg(cap, 1)), (0x1022, 0x0f), "AMD, a secure device")


@raw
@skip_on("qemu", "its capability says revision 0")
def test_revision(iommu: AmdIommu):
    eq(iommu.function.cfg(iommu.cap) >> 19 & 31, 1, "CapRev (3.1.1)")


@raw
def test_reset_state(iommu: AmdIommu):
    eq([iommu.get64(r) for r in (CONTROL, CMD_HEAD, CMD_TAIL, EVT_HEAD, EVT_TAIL)], [0] * 5)
    eq(iommu.get64(STATUS) & (S_COMMANDS | S_EVENTS), 0, "nothing runs")
    eq(iommu.get64(FEATURES) >> 10 & 3, 2, "page tables of up to six levels")


def test_enabled(iommu: AmdIommu):
    eq(iommu.get64(DEVTAB) & 0xffffffffff000, iommu.devices)
    eq(iommu.get64(STATUS) & (S_COMMANDS | S_EVENTS), S_COMMANDS | S_EVENTS, "both rings run")


def test_commands(iommu: AmdIommu):
    """Around the ring and on."""
    for _ in range(300):
        iommu.wait()
    eq(iommu.get64(CMD_HEAD), iommu.get64(CMD_TAIL))
    eq(iommu.get64(CMD_TAIL), 300 * 16 % iommu.RING)


def test_no_entry(iommu: AmdIommu, ns: NvmeNamespace):
    """Devices without an entry are not translated (2.2.2.1, V=0)."""
    eq(ns.read(5, 3), pattern(5, 3))
    eq(iommu.take_events(), [])


@params(levels=(2, 3, 4, 5, 6))
def test_levels(iommu: AmdIommu, ns: NvmeNamespace, levels: int):
    """Trees of each height; the commands, data and interrupts of the disk all pass through."""
    iommu.put_into(heap(iommu, levels=levels), ns.parent.function)
    ns.write(40, pattern(400, 9))
    eq(ns.read(39, 11), pattern(39, 1) + pattern(400, 9) + pattern(49, 1))
    eq(iommu.take_events(), [])


@params(level=(1, 2, 3))
def test_pages(iommu: AmdIommu, ns: NvmeNamespace, level: int):
    """A device's address that is not the memory's, by pages of 4 KiB, 2 MiB, 1 GiB."""
    m, domain, page = ns.m, heap(iommu), 4096 << 9 * (level - 1)
    at = m.alloc(4096, what="data")
    domain.map(IOVA, at & -page, page, level=level)
    iommu.put_into(domain, ns.parent.function)
    eq(transfer(ns, NVME_READ, IOVA + at % page), 0)
    eq(m.read(at, 512), pattern(3, 1))
    eq(iommu.take_events(), [])
    m.free(at)


def test_remapped(iommu: AmdIommu, ns: NvmeNamespace):
    """The same address leads elsewhere after an invalidation."""
    m, domain = ns.m, heap(iommu)
    a, b = m.alloc(4096, what="one page"), m.alloc(4096, what="another")
    iommu.put_into(domain, ns.parent.function)
    for at, block in ((a, 7), (b, 8)):
        domain.map(IOVA, at)
        iommu.flush(domain)
        eq(transfer(ns, NVME_READ, IOVA, block), 0)
    eq((m.read(a, 512), m.read(b, 512)), (pattern(7, 1), pattern(8, 1)))
    m.free(a, b)


@params(opcode=(NVME_READ, NVME_WRITE), access=(READ, WRITE, 0))
def test_rights(iommu: AmdIommu, ns: NvmeNamespace, opcode: int, access: int):
    """What the page does not grant does not happen."""
    m, domain = ns.m, heap(iommu)
    at = m.alloc(4096, what="data", fill=0x5a)
    if access:
        domain.map(IOVA, at, access=access)
    iommu.put_into(domain, ns.parent.function)
    transfer(ns, opcode, IOVA)
    allowed = access == (WRITE if opcode == NVME_READ else READ)
    iommu.put_into(None, ns.parent.function)
    want = pattern(3, 1)
    if opcode == NVME_READ:
        eq(m.read(at, 512), want if allowed else b"\x5a" * 512, "memory")
    else:
        eq(ns.read(3, 1) == b"\x5a" * 512, allowed, "the disk has it")
    m.free(at)


@skip_on("qemu", "the tail of its event ring, as its register shows it, stands still")
def test_fault_event(iommu: AmdIommu, ns: NvmeNamespace):
    """IO_PAGE_FAULT (2.5.3) names the device and the address."""
    iommu.put_into(heap(iommu), ns.parent.function)
    transfer(ns, NVME_READ, IOVA)
    eq(iommu.take_events()[0], (IO_PAGE_FAULT, iommu.number(ns.parent.function), IOVA))


def test_switched_off(iommu: AmdIommu, ns: NvmeNamespace):
    """An empty domain stops the device; without the IOMMU nothing is translated any more."""
    iommu.put_into(iommu.domain(), ns.parent.function)
    iommu.set64(CONTROL, 0)
    eq(ns.read(9, 1), pattern(9, 1))


@options(AmdIommu, {"intremap": "on"})
def test_with_interrupt_remapping(iommu: AmdIommu, ns: NvmeNamespace):
    """Messages that are no interrupts pass as other writes do."""
    iommu.put_into(heap(iommu), ns.parent.function)
    eq(ns.read(11, 2), pattern(11, 2))
