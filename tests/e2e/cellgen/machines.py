# SPDX-License-Identifier: GPL-2.0-or-later
"""For tests/e2e/cellgen-create.t: machines that nobody has, as folders with
/proc and /sys: ACPI tables by the specifications, device trees, PCI devices."""
import os
import struct


def put(root, path, data):
    path = os.path.join(root, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())


def table(sig, body, revision=1):
    """An ACPI table with header and checksum."""
    head = sig.encode() + struct.pack("<IBB6s8sI4sI", 36 + len(body), revision, 0, b"VMBOX ", b"TESTTEST", 1, b"TEST", 1)
    whole = bytearray(head + body)
    whole[9] = -sum(whole) & 0xff
    return bytes(whole)


def mcfg(*regions):
    return table("MCFG", bytes(8) + b"".join(struct.pack("<QHBBI", base, seg, first, last, 0) for base, seg, first, last in regions))


def madt_x86(cpus, ioapics):
    body = struct.pack("<II", 0xfee00000, 1)
    for i, apic in enumerate(cpus):
        body += struct.pack("<BBBBI", 0, 8, i, apic, 1)
    for ident, address, gsi in ioapics:
        body += struct.pack("<BBBBII", 1, 12, ident, 0, address, gsi)
    return table("APIC", body, 3)


def madt_arm(cpus, gicd, version, gicr=0, gicc=0, gich=0, gicv=0, maintenance=25):
    body = struct.pack("<II", 0, 0)
    for i, mpidr in enumerate(cpus):
        body += struct.pack("<BBHIIIIIQQQQIQQBBH", 0x0b, 80, 0, i, i, 1, 0, 23, 0, gicc, gicv, gich, maintenance, 0, mpidr, 0, 0, 0)
    body += struct.pack("<BBHIQIBBH", 0x0c, 24, 0, 0, gicd, 0, version, 0, 0)
    if gicr:
        body += struct.pack("<BBHQI", 0x0e, 16, 0, gicr, 0x20000 * len(cpus))
    return table("APIC", body, 4)


def scope(kind, bdf, enum=0, path=()):
    steps = bytes([bdf >> 3 & 31, bdf & 7]) + bytes(path)
    return struct.pack("<BBHBB", kind, 6 + len(steps), 0, enum, bdf >> 8) + steps


def drhd(base, scopes, everything=False, segment=0):
    body = b"".join(scopes)
    return struct.pack("<HHBBHQ", 0, 16 + len(body), everything, 0, segment, base) + body


def rmrr(first, last, scopes):
    body = b"".join(scopes)
    return struct.pack("<HHHHQQ", 1, 24 + len(body), 0, 0, first, last) + body


def dmar(*parts):
    return table("DMAR", struct.pack("<BB10s", 38, 1, b"") + b"".join(parts))


def ivhd(kind, bdf, cap, base, info, entries, segment=0):
    head = 24 if kind == 0x10 else 40
    body = b"".join(entries)
    return struct.pack("<BBHHHQHHI", kind, 0, head + len(body), bdf, cap, base, segment, 0, info) + bytes(head - 24) + body


def ivmd(start, size):
    return struct.pack("<BBHHHQQQ", 0x20, 8, 32, 0, 0, 0, start, size)


def ivrs(*parts):
    return table("IVRS", struct.pack("<IQ", 0x00203043, 0) + b"".join(parts), 2)


def fadt(pm_timer):
    body = bytearray(244 - 36)
    struct.pack_into("<I", body, 76 - 36, pm_timer)
    body[91 - 36] = 4
    return table("FACP", bytes(body), 4)


def spcr(kind, address):
    return table("SPCR", struct.pack("<BBBBBBBBQ", kind, 0, 0, 0, 0, 32, 0, 3, address) + bytes(28), 2)


def iort(smmu):
    node = struct.pack("<BHBIIIQ", 4, 68, 1, 0, 0, 0, smmu) + bytes(68 - 24)
    return table("IORT", struct.pack("<III", 1, 48, 0) + node)


BAR_IO, BAR_MEM, BAR_MEM64 = 0x101, 0x200, 0x140204


def pci(root, name, klass=0x0200, bars=(), caps=(), ext=(), secondary=(0, 0)):
    """A device: caps are (id, offset, bytes behind the header)."""
    cfg = bytearray(4096 if ext else 256)
    struct.pack_into("<HH", cfg, 0, 0x8086, 0x10d3)
    struct.pack_into("<H", cfg, 10, klass)
    cfg[0x19:0x1b] = bytes(secondary)
    if caps:
        cfg[6] = 0x10
        cfg[0x34] = caps[0][1]
    for (ident, at, body), following in zip(caps, [c[1] for c in caps[1:]] + [0]):
        cfg[at:at + 2 + len(body)] = bytes([ident, following]) + body
    for (ident, at, body), following in zip(ext, [c[1] for c in ext[1:]] + [0]):
        cfg[at:at + 4 + len(body)] = struct.pack("<I", ident | 1 << 16 | following << 20) + body
    resource = ""
    for i in range(13):
        start, size, flags = dict((b[0], b[1:]) for b in bars).get(i, (0, 0, 0))
        resource += f"0x{start:016x} 0x{start + size - 1 if size else 0:016x} 0x{flags:016x}\n"
    put(root, f"sys/bus/pci/devices/{name}/config", bytes(cfg))
    put(root, f"sys/bus/pci/devices/{name}/resource", resource)


def msix(vectors, bar, offset):
    return struct.pack("<HII", vectors - 1, bar | offset, bar | offset + 0x800)


def lines(ranges):
    return "".join(f"{'  ' * level}{first:08x}-{last:08x} : {name}\n" for level, first, last, name in ranges)


def common(root, cpus, vendor="GenuineIntel", cmdline="", apic=None):
    put(root, "proc/cmdline", cmdline + "\n")
    put(root, "sys/devices/system/cpu/online", f"0-{cpus - 1}\n")
    put(root, "proc/cpuinfo", "".join(f"processor\t: {i}\nvendor_id\t: {vendor}\napicid\t\t: {(apic or range(cpus))[i]}\n\n" for i in range(cpus)))
    put(root, "sys/class/tty/ttyS0/io_type", "0\n")
    put(root, "sys/class/tty/ttyS0/port", "0x3F8\n")
    put(root, "sys/class/tty/ttyS1/io_type", "2\n")
    put(root, "sys/class/tty/ttyS1/iomem_base", "0xFE030000\n")
    put(root, "sys/class/tty/ttyS1/iomem_reg_shift", "0\n")


IOMEM = [(0, 0, 0xfff, "Reserved"), (0, 0x1000, 0x9fbff, "System RAM"), (0, 0x9fc00, 0x9ffff, "Reserved"),
         (0, 0xa0000, 0xbffff, "PCI Bus 0000:00"), (0, 0xc0000, 0xc7fff, "Video ROM"), (0, 0xf0000, 0xfffff, "System ROM"),
         (0, 0x100000, 0x7ffdffff, "System RAM"), (1, 0x1000000, 0x1ffffff, "Kernel code"), (1, 0x7f000000, 0x7f3fffff, "Kernel bss"),
         (0, 0x7ffe0000, 0x7fffffff, "ACPI Tables"),
         (0, 0xb0000000, 0xbfffffff, "PCI MMCONFIG 0000 [bus 00-ff]"), (1, 0xb0000000, 0xbfffffff, "Reserved"),
         (0, 0xc0000000, 0xfebfffff, "PCI Bus 0000:00"), (1, 0xfe000000, 0xfe01ffff, "0000:00:02.0"), (2, 0xfe000000, 0xfe01ffff, "e1000e"),
         (1, 0xfe020000, 0xfe023fff, "0000:00:02.0"), (1, 0xfe030000, 0xfe030fff, "0000:00:1f.2"), (2, 0xfe030000, 0xfe0300ff, "ahci"),
         (1, 0xfe040000, 0xfe0fffff, "PCI Bus 0000:01"), (2, 0xfe040000, 0xfe043fff, "0000:01:00.0"),
         (0, 0xfec00000, 0xfec003ff, "IOAPIC 0"), (0, 0xfec10000, 0xfec103ff, "IOAPIC 1"), (0, 0xfed00000, 0xfed003ff, "HPET 0"),
         (0, 0xfed90000, 0xfed90fff, "dmar0"), (0, 0xfed91000, 0xfed91fff, "dmar1"), (0, 0xfee00000, 0xfee00fff, "Local APIC"),
         (0, 0x100000000, 0x17fffffff, "System RAM")]
IOPORTS = [(0, 0, 0xcf7, "PCI Bus 0000:00"), (1, 0, 0x1f, "dma1"), (1, 0x40, 0x43, "timer0"), (1, 0x60, 0x60, "keyboard"),
           (1, 0x70, 0x77, "rtc0"), (1, 0x2f8, 0x2ff, "serial"), (1, 0x3f8, 0x3ff, "serial"), (0, 0xcf8, 0xcff, "PCI conf1"),
           (0, 0xd00, 0xffff, "PCI Bus 0000:00"), (1, 0x1808, 0x180b, "ACPI PM_TMR"), (1, 0xd000, 0xd01f, "0000:00:02.0"),
           (1, 0xd040, 0xd04f, "0000:00:1f.2")]
ACPI = "sys/firmware/acpi/tables/"


def x86(root, cmdline=""):
    """What both kinds have: a NIC with MSI-X, a disk with MSI, a bridge with a device behind it."""
    common(root, 4, cmdline=cmdline, apic=[0, 2, 4, 6])
    put(root, "proc/iomem", lines(IOMEM))
    put(root, "proc/ioports", lines(IOPORTS))
    put(root, "sys/class/dmi/id/sys_vendor", "Maker\n")
    pci(root, "0000:00:00.0", 0x0600)
    pci(root, "0000:00:02.0", 0x0200, [(0, 0xfe000000, 0x20000, BAR_MEM), (2, 0xd000, 0x20, BAR_IO), (3, 0xfe020000, 0x4000, BAR_MEM)],
        [(1, 0x50, bytes(6)), (5, 0x60, struct.pack("<H", 0x80) + bytes(10)), (0x10, 0x80, struct.pack("<H", 2) + bytes(56)),
         (0x11, 0x70, msix(5, 3, 0))], [(1, 0x100, bytes(60)), (3, 0x140, bytes(8))])
    pci(root, "0000:00:1c.0", 0x0604, (), [(5, 0x48, struct.pack("<H", 0x180) + bytes(20)), (0x0d, 0x68, bytes(6))], secondary=(1, 1))
    pci(root, "0000:00:1f.2", 0x0106, [(4, 0xd040, 0x10, BAR_IO), (5, 0xfe030000, 0x1000, BAR_MEM)],
        [(5, 0x48, struct.pack("<H", 6) + bytes(6)), (0x12, 0x70, bytes(6))])
    pci(root, "0000:01:00.0", 0x0108, [(0, 0xfe040000, 0x4000, BAR_MEM64)], [(0x11, 0x40, msix(3, 0, 0x2000))])
    put(root, ACPI + "APIC", madt_x86([0, 2, 4, 6], [(8, 0xfec00000, 0), (9, 0xfec10000, 24)]))


def intel(root, cmdline="", regions=((0xb0000000, 0, 0, 255),)):
    x86(root, cmdline)
    put(root, ACPI + "MCFG", mcfg(*regions))
    put(root, ACPI + "DMAR", dmar(
        drhd(0xfed90000, [scope(1, 0x10), scope(3, 0xf0f8, 9)]),
        drhd(0xfed91000, [scope(2, 0xe0), scope(3, 0xff00, 8), scope(4, 0xff08, 0)], True),
        rmrr(0x7ffd0000, 0x7ffdffff, [scope(1, 0x10)]), rmrr(0x90000000, 0x9000ffff, [scope(1, 0xfa)])))


def amd(root):
    x86(root)
    common(root, 4, "AuthenticAMD")
    put(root, "proc/iomem", lines([r for r in IOMEM if "dmar" not in r[3]] + [(0, 0xfeb80000, 0xfebfffff, "amd_iommu")]))
    put(root, "proc/ioports", lines([r for r in IOPORTS if "PM_TMR" not in r[3]]))
    put(root, ACPI + "FACP", fadt(0x808))
    put(root, ACPI + "MCFG", mcfg((0xb0000000, 0, 0, 255)))
    pci(root, "0000:00:00.2", 0x0806, (), [(0x0f, 0x40, bytes(22)), (5, 0x64, struct.pack("<H", 0x80) + bytes(10))])
    pci(root, "0000:20:00.2", 0x0806, (), [(0x0f, 0x40, bytes(22)), (5, 0x60, struct.pack("<H", 0x80) + bytes(10))])
    pci(root, "0000:20:01.0", 0x0200)
    entry = lambda kind, bdf: struct.pack("<BHB", kind, bdf, 0)
    special = lambda handle, bdf: struct.pack("<BHBBHB", 0x48, 0, 0, handle, bdf, 1)
    first = [entry(3, 8), entry(4, 0x1fff), special(8, 0xa0)]
    hid = struct.pack("<BHB8s8sBB", 0xf0, 0x100, 0, b"ACPI0007", bytes(8), 1, 2) + b"ab"
    second = [entry(2, 0x2008), struct.pack("<BHBBHB", 0x42, 0xfa, 0, 0, 0x10, 0), special(9, 0x2001)]
    counters = 1 << 13 | 1 << 17
    put(root, ACPI + "IVRS", ivrs(
        ivhd(0x10, 2, 0x40, 0xfeb80000, counters, first), ivhd(0x11, 2, 0x40, 0xfeb80000, counters, first),
        ivhd(0x40, 2, 0x40, 0xfeb80000, counters, first + [hid]),
        ivhd(0x10, 0x2002, 0x40, 0xf0100000, 0, second), ivmd(0x9a000000, 0x10000)))


# ---- device trees ----

class Dt:
    """A flattened device tree."""
    def __init__(self):
        self.struct, self.strings = b"", b""

    def begin(self, name):
        self.struct += struct.pack(">I", 1) + (name.encode() + b"\0").ljust((len(name) + 4) & ~3, b"\0")
        return self

    def end(self):
        self.struct += struct.pack(">I", 2)
        return self

    def prop(self, name, value):
        if isinstance(value, str):
            value = value.encode() + b"\0"
        elif isinstance(value, (list, tuple)):
            value = b"".join(struct.pack(">I", v) for v in value)
        self.struct += struct.pack(">III", 3, len(value), len(self.strings)) + value.ljust((len(value) + 3) & ~3, b"\0")
        self.strings += name.encode() + b"\0"
        return self

    def blob(self):
        s = self.struct + struct.pack(">I", 9)
        head = struct.pack(">10I", 0xd00dfeed, 56 + len(s) + len(self.strings), 56, 56 + len(s), 40, 17, 16, 0, len(self.strings), len(s))
        return head + bytes(16) + s + self.strings


def device_tree(gic=3, smmu=True):
    d = Dt().begin("").prop("#address-cells", [2]).prop("#size-cells", [2]).prop("compatible", "test,board").prop("interrupt-parent", [1])
    d.begin("chosen").prop("stdout-path", "serial0:115200n8").end()
    d.begin("aliases").prop("serial0", "/soc/uart@1000000").end()
    d.begin("cpus").prop("#address-cells", [1]).prop("#size-cells", [0])
    for i in range(4):
        d.begin(f"cpu@{i}").prop("device_type", "cpu").prop("reg", [i >> 1 << 8 | i & 1]).end()
    d.end()
    d.begin("memory@40000000").prop("device_type", "memory").prop("reg", [0, 0x40000000, 0, 0x40000000]).end()
    d.begin("reserved-memory").prop("#address-cells", [2]).prop("#size-cells", [2]).prop("ranges", b"")
    d.begin("optee@7e000000").prop("reg", [0, 0x7e000000, 0, 0x200000]).prop("no-map", b"").end().end()
    d.begin("intc@8000000").prop("compatible", "arm,gic-v3" if gic == 3 else "arm,gic-400").prop("phandle", [1])
    if gic == 3:
        d.prop("reg", [0, 0x8000000, 0, 0x10000, 0, 0x80a0000, 0, 0x100000])
    else:
        d.prop("reg", [0, 0x8000000, 0, 0x1000, 0, 0x8010000, 0, 0x2000, 0, 0x8020000, 0, 0x2000, 0, 0x8030000, 0, 0x2000])
    d.prop("interrupts", [1, 9, 4]).end()
    d.begin("soc").prop("compatible", "simple-bus").prop("#address-cells", [1]).prop("#size-cells", [1])
    d.prop("ranges", [0, 0, 0x9000000, 0x4000000])
    d.begin("uart@1000000").prop("compatible", "arm,pl011").prop("reg", [0x1000000, 0x1000]).prop("interrupts", [0, 1, 4]).end()
    d.begin("net@2000000").prop("compatible", "test,net").prop("reg", [0x2000000, 0x200, 0x2001000, 0x200]).prop("interrupts", [0, 150, 4, 0, 151, 4]).end()
    if smmu:
        d.begin("iommu@3000000").prop("compatible", "arm,smmu-v3").prop("reg", [0x3000000, 0x20000]).end()
    return d.end().end().blob()


ARM_IOMEM = [(0, 0x9000000, 0x9000fff, "other"), (0, 0x40000000, 0x7dffffff, "System RAM"), (1, 0x40200000, 0x41ffffff, "Kernel code"),
             (0, 0x7e200000, 0x7fffffff, "System RAM")]


def arm64(root, acpi=False, gic=3):
    put(root, "proc/cmdline", "\n")
    put(root, "proc/iomem", lines(ARM_IOMEM))
    put(root, "proc/cpuinfo", "".join(f"processor\t: {i}\nCPU architecture: 8\n\n" for i in range(4)))
    put(root, "sys/devices/system/cpu/online", "0-3\n")
    if acpi:
        put(root, ACPI + "APIC", madt_arm([0, 1, 0x100, 0x101], 0x8000000, 3, gicr=0x80a0000))
        put(root, ACPI + "IORT", iort(0xc000000))
        put(root, ACPI + "SPCR", spcr(3, 0x9000000))
    else:
        put(root, "sys/firmware/fdt", device_tree(gic))
