# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds every table from the RSDP and checks it against its specification.

find(image) gives a Tables; check(tables) a list of findings, empty when all is
well. Sections are those of ACPI 6.4 unless another document is named.
"""
import struct

HEADER = struct.Struct("<4sIBB6s8sI4sI")
MADT_LENGTH = {0: 8, 1: 12, 2: 10, 3: 8, 4: 6, 5: 12, 6: 16, 8: 16, 9: 16, 10: 12, 11: 80}
# FADT revision: length of the table (5.2.9 of each edition).
FADT_LENGTH = {1: 116, 2: 132, 3: 244, 4: 244, 5: 268, 6: 276}


class Table:
    """One table: header fields and data (header included)."""

    def __init__(self, addr, data):
        self.addr, self.data = addr, bytes(data)
        raw = HEADER.unpack_from(data)
        self.signature = raw[0].decode("latin-1")
        self.length, self.revision, self.checksum = raw[1], raw[2], raw[3]
        self.oem, self.oem_table, self.oem_revision = raw[4], raw[5], raw[6]

    def u8(self, at): return self.data[at]
    def u16(self, at): return struct.unpack_from("<H", self.data, at)[0]
    def u32(self, at): return struct.unpack_from("<I", self.data, at)[0]
    def u64(self, at): return struct.unpack_from("<Q", self.data, at)[0]

    def gas(self, at):
        """A generic address: (space, bits, offset, access size, address) (5.2.3.2)."""
        return struct.unpack_from("<BBBBQ", self.data, at)

    def entries(self, start):
        """(type, bytes) of the structures that begin with a type and a length byte."""
        at = start
        while at + 2 <= len(self.data):
            kind, length = self.data[at], self.data[at + 1]
            if length < 2 or at + length > len(self.data):
                raise ValueError("%s: a structure of %d bytes at 0x%x of 0x%x" % (self.signature, length, at, len(self.data)))
            yield kind, self.data[at:at + length]
            at += length
        if at != len(self.data):
            raise ValueError("%s: a byte too much at the end" % self.signature)


class Tables:
    def __init__(self, rsdp, tables):
        self.rsdp, self.all = rsdp, tables

    def get(self, signature):
        """The first of that signature, or None."""
        return next((t for t in self.all if t.signature == signature), None)

    def __getitem__(self, signature):
        t = self.get(signature)
        if t is None:
            raise KeyError("no %s; there are %s" % (signature, " ".join(x.signature for x in self.all)))
        return t

    def __contains__(self, signature):
        return self.get(signature) is not None


def table_at(image, addr):
    length = struct.unpack("<I", image.read(addr + 4, 4))[0]
    if image.read(addr, 4) == b"FACS":
        data = image.read(addr, length)
        t = Table(addr, data.ljust(HEADER.size, b"\0"))
        t.data = data
        return t
    if length < HEADER.size:
        raise ValueError("a table of %d bytes at 0x%x" % (length, addr))
    return Table(addr, image.read(addr, length))


def find(image):
    """Follows RSDP, RSDT or XSDT, and the FADT's pointers."""
    at = image.rsdp()
    rsdp = image.read(at, 20)
    if rsdp[15] >= 2:
        rsdp = image.read(at, struct.unpack("<I", image.read(at + 20, 4))[0])
        root = table_at(image, struct.unpack_from("<Q", rsdp, 24)[0])
        form = "<Q"
    else:
        root = table_at(image, struct.unpack_from("<I", rsdp, 16)[0])
        form = "<I"
    out, size = [root], struct.calcsize(form)
    for i in range(HEADER.size, root.length - size + 1, size):
        out.append(table_at(image, struct.unpack_from(form, root.data, i)[0]))
    for fadt in [t for t in out if t.signature == "FACP"]:
        wide = fadt.length >= 148
        for at32, at64 in ((36, 132), (40, 140)):
            addr = wide and fadt.u64(at64) or fadt.u32(at32)
            if addr:
                out.append(table_at(image, addr))
    return Tables(rsdp, out)


class Findings(list):
    def must(self, cond, text):
        if not cond:
            self.append(text)
        return cond


def check_header(f, t):
    if t.signature == "FACS":       # it has no checksum (5.2.10)
        f.must(t.length >= 64, "FACS: %d bytes" % t.length)
        f.must(t.addr % 64 == 0, "FACS: not aligned to 64 bytes")
        return
    f.must(not sum(t.data) & 255, "%s: checksum" % t.signature)
    f.must(all(32 <= c < 127 for c in t.oem), "%s: OEM id %r" % (t.signature, t.oem))
    f.must(t.data[28:32].strip(b"\0 "), "%s: no creator" % t.signature)


def check_rsdp(f, tables):
    rsdp = tables.rsdp
    f.must(not sum(rsdp[:20]) & 255, "RSDP: checksum of the first 20 bytes")
    if rsdp[15] >= 2:
        f.must(len(rsdp) == 36, "RSDP: %d bytes" % len(rsdp))
        f.must(not sum(rsdp) & 255, "RSDP: extended checksum")
    root = tables.all[0]
    f.must(root.signature == ("XSDT" if rsdp[15] >= 2 else "RSDT"), "RSDP: points to %s" % root.signature)
    for name in ("FACP", "APIC"):
        f.must(name in tables, "no %s" % name)


def check_fadt(f, t):
    want = FADT_LENGTH.get(t.revision)
    f.must(want is None or t.length == want, "FADT: %d bytes in revision %d, want %s" % (t.length, t.revision, want))
    if t.length >= 148:
        for at32, at64, name in ((36, 132, "FACS"), (40, 140, "DSDT")):
            f.must(not t.u64(at64) or not t.u32(at32) or t.u64(at64) == t.u32(at32), "FADT: two addresses for the %s" % name)
    f.must(t.u32(40) or t.length >= 148 and t.u64(140), "FADT: no DSDT")
    if t.revision >= 5 and t.u32(112) >> 20 & 1:    # hardware-reduced: the registers below do not exist
        return
    for at, length, name in ((56, t.u8(88), "PM1a events"), (64, t.u8(89), "PM1a control"), (76, t.u8(91), "PM timer")):
        f.must(t.u32(at), "FADT: no %s block" % name)
        f.must(length == {"PM1a events": 4, "PM1a control": 2, "PM timer": 4}[name] or length > 4 and name != "PM timer",
               "FADT: %s block of %d bytes" % (name, length))
    f.must(not t.u32(80) or t.u8(92) % 2 == 0, "FADT: GPE0 block of %d bytes" % t.u8(92))
    f.must(t.u16(46) in range(1, 256), "FADT: SCI %d" % t.u16(46))
    if t.length >= 208:
        for at, legacy, name in ((148, 56, "PM1a events"), (172, 64, "PM1a control"), (208, 76, "PM timer"), (220, 80, "GPE0")):
            if at + 12 <= t.length and t.gas(at)[4]:
                f.must(t.gas(at)[0] == 1 and t.gas(at)[4] == t.u32(legacy), "FADT: extended %s address %r" % (name, t.gas(at)))
    if t.u32(112) & 0x400:
        f.must(t.gas(116)[1] == 8 and t.gas(116)[2] == 0, "FADT: reset register %r" % (t.gas(116),))
        f.must(t.gas(116)[0] in (0, 1, 2), "FADT: reset register in space %d" % t.gas(116)[0])


def check_madt(f, t):
    cpus, uids, gsis, ioapics = set(), set(), set(), set()
    for kind, e in t.entries(44):
        f.must(kind not in MADT_LENGTH or len(e) == MADT_LENGTH[kind], "MADT: structure %d of %d bytes" % (kind, len(e)))
        if kind in (0, 9):
            uid, apic = (e[2], e[3]) if kind == 0 else (struct.unpack_from("<I", e, 12)[0], struct.unpack_from("<I", e, 4)[0])
            f.must(apic not in cpus, "MADT: APIC id %d twice" % apic)
            f.must(uid not in uids, "MADT: processor %d twice" % uid)
            cpus.add(apic)
            uids.add(uid)
        elif kind == 1:
            addr, base = struct.unpack_from("<II", e, 4)
            f.must(addr and addr % 0x400 == 0, "MADT: IOAPIC at 0x%x" % addr)
            f.must(base not in ioapics, "MADT: two IOAPICs begin at %d" % base)
            ioapics.add(base)
        elif kind == 2:
            gsi, flags = struct.unpack_from("<IH", e, 4)
            f.must(e[2] == 0 and e[3] < 16, "MADT: override of bus %d, IRQ %d" % (e[2], e[3]))
            f.must(flags & 3 != 2 and flags >> 2 & 3 != 2, "MADT: override flags 0x%x" % flags)
            f.must(gsi not in gsis, "MADT: two overrides to interrupt %d" % gsi)
            gsis.add(gsi)
    f.must(cpus, "MADT: no processor")
    f.must(ioapics, "MADT: no IOAPIC")
    f.must(t.u32(36) % 4096 == 0 and t.u32(36), "MADT: local APICs at 0x%x" % t.u32(36))


def check_hpet(f, t):
    """IA-PC HPET 1.0a, 3.2.4."""
    f.must(t.length == 56, "HPET: %d bytes" % t.length)
    f.must(t.gas(40)[0] in (0, 1) and t.gas(40)[4] % 8 == 0, "HPET: address %r" % (t.gas(40),))
    f.must(t.u32(36) & 0xff, "HPET: revision 0")
    f.must(t.u32(36) >> 16 not in (0, 0xffff), "HPET: vendor 0x%x" % (t.u32(36) >> 16))


def check_mcfg(f, t):
    """PCI Firmware 3.2, 4.1.2."""
    f.must((t.length - 44) % 16 == 0 and t.length > 44, "MCFG: %d bytes" % t.length)
    for at in range(44, t.length - 15, 16):
        base, _, first, last = struct.unpack_from("<QHBB", t.data, at)
        f.must(first <= last, "MCFG: busses %d to %d" % (first, last))
        f.must(base and base % (1 << 20) == 0, "MCFG: window at 0x%x" % base)


def check_srat(f, t):
    for kind, e in t.entries(48):
        want = {0: 16, 1: 40, 2: 24, 3: 20, 4: 12, 5: 32}.get(kind)
        f.must(want is None or len(e) == want, "SRAT: structure %d of %d bytes" % (kind, len(e)))
    spans = sorted(struct.unpack_from("<QQ", e, 8) for kind, e in t.entries(48) if kind == 1 and e[28] & 1)
    for (a, n), (b, _) in zip(spans, spans[1:]):
        f.must(a + n <= b, "SRAT: memory at 0x%x and 0x%x overlaps" % (a, b))


def check_dmar(f, t):
    """Intel VT-d 8.1: structures have 16-bit types and lengths."""
    f.must(t.u8(36) < 64, "DMAR: host address width %d" % t.u8(36))
    at = 48
    while at + 4 <= t.length:
        kind, length = t.u16(at), t.u16(at + 2)
        if not f.must(4 <= length and at + length <= t.length, "DMAR: structure %d of %d bytes at 0x%x" % (kind, length, at)):
            return
        if kind == 0:
            f.must(t.u64(at + 8) and t.u64(at + 8) % 4096 == 0, "DMAR: unit at 0x%x" % t.u64(at + 8))
        scope = at + {0: 16, 1: 24, 2: 8}.get(kind, length)
        while scope < at + length:
            if not f.must(t.u8(scope + 1) >= 8 and scope + t.u8(scope + 1) <= at + length, "DMAR: device scope at 0x%x" % scope):
                return
            scope += t.u8(scope + 1)
        at += length
    f.must(at == t.length, "DMAR: bytes left at the end")


def check_ivrs(f, t):
    """AMD IOMMU (48882), 5.2."""
    at = 48
    while at + 4 <= t.length:
        kind, length = t.u8(at), t.u16(at + 2)
        if not f.must(length >= 24 and at + length <= t.length, "IVRS: block 0x%x of %d bytes at 0x%x" % (kind, length, at)):
            return
        if kind in (0x10, 0x11, 0x40):
            check_ivhd(f, t, at, at + {0x10: 24}.get(kind, 40), at + length)
        at += length
    f.must(at == t.length, "IVRS: bytes left at the end")


def check_ivhd(f, t, start, at, end):
    f.must(t.u64(start + 8) % (16 << 10) == 0 and t.u64(start + 8), "IVRS: IOMMU at 0x%x" % t.u64(start + 8))
    opened = False
    while at < end:
        kind = t.u8(at)
        size = 4 << (kind >> 6) if kind < 240 else 22 + t.u8(at + 21)
        if kind in (3, 67, 71):
            f.must(not opened, "IVRS: a range begins within a range at 0x%x" % at)
            opened = True
        if kind == 4:
            f.must(opened, "IVRS: a range ends without a begin at 0x%x" % at)
            opened = False
        if not f.must(at + size <= end, "IVRS: device entry %d at 0x%x" % (kind, at)):
            return
        at += size
    f.must(not opened, "IVRS: a range without an end")


def check_waet(f, t):
    f.must(t.length == 40, "WAET: %d bytes" % t.length)
    f.must(not t.u32(36) & ~3, "WAET: flags 0x%x" % t.u32(36))


CHECKS = {"FACP": check_fadt, "APIC": check_madt, "HPET": check_hpet, "MCFG": check_mcfg, "SRAT": check_srat, "DMAR": check_dmar,
          "IVRS": check_ivrs, "WAET": check_waet}


def check(tables):
    """What is wrong, a line each."""
    f = Findings()
    check_rsdp(f, tables)
    for t in tables.all:
        try:
            check_header(f, t)
            if t.signature in CHECKS:
                CHECKS[t.signature](f, t)
        except (ValueError, struct.error, IndexError) as e:
            f.append("%s: %s" % (t.signature, e))
    return f
