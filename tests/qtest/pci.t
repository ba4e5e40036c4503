#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""PCI: mechanism 1 against ECAM, headers, BARs, bridges, PAM; fw_cfg; and the
same register reads on Debian's QEMU where both have the device."""
import os
import shutil
import struct
import subprocess
import sys
import tempfile
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ["srctree"], "scripts"))
from qtestos import harness

harness.requires_config("CONFIG_VM")
MCH, LPC = (0, 0, 0), (0, 0x1f, 0)


def test_config(t):
    with harness.Machine() as m:
        t.eq(m.cfg(MCH, 0), 0x29c08086, "host bridge")
        t.eq(m.cfg(LPC, 0), 0x29188086, "LPC bridge")
        t.eq(m.cfg((0, 5, 0), 0), 0xffffffff, "empty slot")
        t.eq(m.cfg((3, 0, 0), 0), 0xffffffff, "no such bus")
        m.set_cfg(MCH, 0, 0)
        t.eq(m.cfg(MCH, 0), 0x29c08086, "identity is read only")
        m.set_cfg(MCH, 0x60, 0xb0000001)
        ecam = lambda bdf, reg: 0xb0000000 + (bdf[0] << 20 | bdf[1] << 15 | bdf[2] << 12 | reg)
        same = all(m.readl(ecam(d, r)) == m.cfg(d, r) for d in (MCH, LPC) for r in range(0, 256, 4))
        t.ok(same, "ECAM shows the same 256 bytes")
        m.writeb(ecam(LPC, 0x3c), 7)
        t.eq(m.cfg(LPC, 0x3c, 1), 7, "and writes")
        t.eq(m.readl(ecam(LPC, 0x100)), 0xffffffff, "a conventional function ends at 256")
        m.outb(0xcf8, 0x12)
        t.eq(m.inl(0xcf8), 0x8000f83c, "a byte does not reach 0xcf8")


def test_pam(t):
    with harness.Machine() as m:
        m.writel(0xe0000, 0x12345678)
        t.eq(m.readl(0xe0000), 0xffffffff, "closed")
        m.set_cfg(MCH, 0x95, 0x33, 1)
        m.writel(0xe0000, 0x12345678)
        t.eq(m.readl(0xe0000), 0x12345678, "open")
        m.set_cfg(MCH, 0x95, 0x11, 1)
        m.writel(0xe0000, 1)
        t.eq(m.readl(0xe0000), 0x12345678, "read only")
        t.eq(m.readl(0xe8000), 0xffffffff, "the neighbour is closed")


def test_bridge(t):
    with harness.Machine("-device", "pcie-root-port,id=rp,addr=2,chassis=1") as m:
        rp = (0, 2, 0)
        t.eq(m.cfg(rp, 0), 0x000c1b36, "root port")
        t.eq(m.cfg(rp, 0x0e, 1), 1, "is a bridge")
        m.set_cfg(rp, 0x18, 0x00ff0100)
        t.eq(m.cfg(rp, 0x18), 0x00ff0100, "bus numbers")
        t.ok({0x10, 5} <= {ident for ident, _ in m.pci_host().function(2).caps}, "express and MSI capabilities")
        t.eq(m.cfg((1, 0, 0), 0), 0xffffffff, "nothing behind it")


def fw_read(m, key, n):
    m.outw(0x510, key)
    return bytes(m.inb(0x511) for _ in range(n))


def fw_files(m):
    n = struct.unpack(">I", fw_read(m, 0x19, 4))[0]
    raw = fw_read(m, 0x19, 4 + 64 * n)[4:]
    out = {}
    for i in range(n):
        size, sel, _, name = struct.unpack(">IHH56s", raw[64 * i:64 * i + 64])
        out[name.rstrip(b"\0").decode()] = (sel, size)
    return out


def fw_dma(m, control, length, addr):
    m.write(0x8000, struct.pack(">IIQ", control, length, addr))
    m.outl(0x514, 0)
    m.outl(0x518, struct.unpack("<I", struct.pack(">I", 0x8000))[0])
    return struct.unpack(">I", m.read(0x8000, 4))[0]


def test_fw_cfg(t):
    with harness.Machine("-smp", "3") as m:
        t.eq(fw_read(m, 0, 4), b"QEMU", "signature")
        t.eq(fw_read(m, 1, 4), b"\3\0\0\0", "features: DMA")
        t.eq(fw_read(m, 5, 2), b"\3\0", "processors")
        t.eq(fw_read(m, 3, 8), struct.pack("<Q", 64 << 20), "memory")
        files = fw_files(m)
        t.ok({"etc/acpi/rsdp", "etc/acpi/tables", "etc/table-loader", "etc/e820"} <= set(files), "files")
        t.eq(list(files), sorted(files), "sorted")
        t.eq(m.inl(0x514) | m.inl(0x518) << 32, struct.unpack("<Q", b"QEMU CFG")[0], "DMA signature")
        sel, size = files["etc/e820"]
        t.eq(fw_dma(m, sel << 16 | 8 | 2, size, 0x9000), 0, "DMA read")
        t.eq(m.read(0x9000, size), fw_read(m, sel, size), "gives the same bytes")
        t.eq(fw_dma(m, sel << 16 | 8 | 16, size, 0x9000), 1, "writing is refused")
        t.eq(fw_dma(m, sel << 16 | 8 | 2, 64, 0xf0000000), 1, "and DMA to nowhere")


def test_fw_cfg_items(t):
    with open("item", "wb") as f:
        f.write(bytes(range(256)))
    with harness.Machine("-fw_cfg", "name=opt/org.test/a,string=a,,b", "-fw_cfg", "opt/file,file=item") as m:
        files = fw_files(m)
        t.eq(fw_read(m, *files["opt/org.test/a"]), b"a,b", "an item of the user, without NUL")
        t.eq(fw_read(m, *files["opt/file"]), bytes(range(256)), "and one from a file")
    for text in ("opt/a", "name=opt/a,string=x,file=item", "name=opt/a,file=none", "name=etc/e820,string=x", "string=x", "opt/a,string=x,y=z",
                 "name=" + "a" * 56 + ",string=x"):
        r = subprocess.run([harness.VMBOX, "vm", "-accel", "qtest", "-display", "none", "-fw_cfg", text], stdin=subprocess.DEVNULL,
                           capture_output=True, text=True, timeout=60)
        t.eq((r.returncode, r.stderr.count("\n")), (1, 1), "refused: " + text)


def load_acpi(m):
    """Does what firmware does with the loader script; returns {signature: bytes}."""
    files = fw_files(m)
    get = lambda name: bytearray(fw_read(m, *files[name]))
    script, mem, base = get("etc/table-loader"), {}, {}
    at = 0x100000
    for i in range(0, len(script), 128):
        e = script[i:i + 128]
        cmd = struct.unpack_from("<I", e)[0]
        name = lambda off: bytes(e[off:off + 56]).rstrip(b"\0").decode()
        if cmd == 1:
            mem[name(4)], base[name(4)] = get(name(4)), at
            at += 0x10000
        elif cmd == 2:
            off, size = struct.unpack_from("<IB", e, 116)
            val = int.from_bytes(mem[name(4)][off:off + size], "little") + base[name(60)]
            mem[name(4)][off:off + size] = val.to_bytes(size, "little")
        elif cmd == 3:
            off, start, length = struct.unpack_from("<III", e, 60)
            mem[name(4)][off] = 0
            mem[name(4)][off] = -sum(mem[name(4)][start:start + length]) & 255
    blob, b0 = mem["etc/acpi/tables"], base["etc/acpi/tables"]
    table = lambda a: bytes(blob[a - b0:a - b0 + struct.unpack_from("<I", blob, a - b0 + 4)[0]])
    rsdp = mem["etc/acpi/rsdp"]
    xsdt = table(struct.unpack_from("<Q", rsdp, 24)[0])
    out = {"RSDP": bytes(rsdp), "XSDT": xsdt}
    for i in range(36, len(xsdt), 8):
        x = table(struct.unpack_from("<Q", xsdt, i)[0])
        out[x[:4].decode()] = x
    out["DSDT"] = table(struct.unpack_from("<Q", out["FACP"], 140)[0])
    return out


def test_acpi(t):
    with harness.Machine("-smp", "2", "-serial", "null") as m:
        tables = load_acpi(m)
    t.eq(sum(tables["RSDP"]) & 255, 0, "RSDP checksum")
    for name, x in sorted(tables.items()):
        if name != "RSDP":
            t.eq(sum(x) & 255, 0, "%s checksum" % name)
    t.ok({"FACP", "APIC", "HPET", "MCFG", "WAET"} <= set(tables), "all tables")
    with tempfile.TemporaryDirectory() as d:
        for name, x in tables.items():
            if name == "RSDP":
                continue
            path = os.path.join(d, name + ".dat")
            with open(path, "wb") as f:
                f.write(x)
            r = subprocess.run(["iasl", "-d", path], capture_output=True, text=True)
            t.ok(r.returncode == 0 and "Error" not in r.stdout + r.stderr, "iasl takes %s" % name)
        r = subprocess.run(["acpiexec", "-b", r"evaluate \_S5; evaluate \_SB.PCI0._PRT; evaluate \_SB.PCI0._CRS",
                            os.path.join(d, "DSDT.dat")], capture_output=True, text=True)
        t.ok(r.stdout.count("Evaluation of") >= 3 and "Exception" not in r.stdout + r.stderr, "acpiexec evaluates it")
        # Our own DSDT must come out the same through iasl's compiler.
        r = subprocess.run(["iasl", "-oa", "DSDT.dsl"], cwd=d, capture_output=True, text=True)
        t.ok(" 0 Errors" in r.stdout, "and it compiles again")


def test_against_qemu(t):
    """Registers that both machines have, after the same writes."""
    qemu = shutil.which("qemu-system-x86_64")
    if not qemu:
        t.ok(True, "QEMU is missing # SKIP qemu-system-x86 is missing")
        return
    with harness.Machine() as ours, harness.Machine(binary=qemu) as theirs:
        both = lambda fn: (fn(ours), fn(theirs))
        for name, fn in (
                ("HPET capabilities", lambda m: m.readq(0xfed00000)),
                ("IOAPIC version", lambda m: (m.writel(0xfec00000, 1), m.readl(0xfec00010))[1]),
                ("host bridge", lambda m: [m.cfg(MCH, r) for r in (0, 8, 0x2c)]),
                ("LPC bridge", lambda m: [m.cfg(LPC, r) for r in (0, 8, 0x2c)]),
                ("PIRQ registers", lambda m: [m.cfg(LPC, r) for r in (0x60, 0x68)]),
                ("fw_cfg signature", lambda m: fw_read(m, 0, 4)),
                ("fw_cfg version", lambda m: fw_read(m, 1, 4)),
                ("ELCR mask", lambda m: [(m.outb(p, 0xff), m.inb(p))[1] for p in (0x4d0, 0x4d1)]),
                ("RTC register D", lambda m: (m.outb(0x70, 13), m.inb(0x71))[1]),
                # QEMU has no null-count flag and another idle output: the data sheet's are ours.
                ("PIT status", lambda m: (m.outb(0x43, 0xb4), m.outb(0x43, 0xe8), m.inb(0x42) & 0x3f)[2])):
            a, b = both(fn)
            t.eq(a, b, "as QEMU: " + name)


harness.run_all(sys.modules[__name__])
