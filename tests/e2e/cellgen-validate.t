#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# The rules: sets that work have no findings, and every kind of fault, put
# into such a set, is found under its code. Every rule has its fault here
# (JH-EXS: see cellgen-create.t).
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "cellgen"))
from configs import *

requires_config("TOOL_CELLGEN")


def validate(files, *options):
    r = run("validate", "--json", *options, *files)
    try:
        return r.returncode, json.loads(r.stdout)
    except ValueError:
        return r.returncode, {"findings": [], "text": r.stdout + r.stderr}


def write(configs, prefix="m"):
    return [save(c, f"{prefix}{i}.cell") for i, c in enumerate(configs)]


makers = {"x86": x86_set, "arm64": arm64_set, "arm": arm_set}
for arch, make in makers.items():
    files = write(make(), arch)
    for some in (files, files[:1], files[:2], [files[0], files[-1]]):
        rc, out = validate(some, "--strict")
        bad = [f for f in out["findings"] if f["severity"] != "note" or len(some) == len(files)]
        check(rc == 0 and not bad, f"{arch}, {len(some)} files: nothing is found", json.dumps(out, indent=1))

covered = set()


def fault(code, name, files, status=None):
    """One finding with this code must be there, with all that a finding has."""
    rc, out = validate(files)
    found = [f for f in out["findings"] if f["code"] == code]
    covered.add(code)
    good = bool(found)
    if good:
        f = found[0]
        want = {"error": 1, "warning": 0, "note": 0}[f["severity"]] if status is None else status
        worst = max((("note", "warning", "error").index(g["severity"]) for g in out["findings"]))
        want = 2 if status == 2 else 1 if worst == 2 else 0
        good = rc == want and f["text"] and f["title"] and f["file"] and "errno" in f and "values" in f
        if good and f["severity"] == "warning" and worst == 1:
            good = validate(files, "--strict")[0] == 3
    check(good, f"{code}: {name}", f"status {rc}\n" + json.dumps(out, indent=1))


def mutate(code, name, change, arch="x86"):
    """change(system, cells...) changes a set in place."""
    configs = makers[arch]()
    change(*configs)
    try:
        files = write(configs)
    except RuntimeError as e:
        check(False, f"{code}: {name}", str(e))
        covered.add(code)
        return
    fault(code, name, files)


def root(system):
    return system["root_cell"]


def put(target, **changes):
    target.update(changes)


# ---- the file itself ----
base = write(x86_set(), "b")
with open(base[1], "rb") as f:
    cell = f.read()


def bytes_fault(code, name, data, status=2):
    with open("x.cell", "wb") as f:
        f.write(data)
    fault(code, name, [base[0], "x.cell"], status)


bytes_fault("JH-FMT-001", "four bytes", cell[:4])
bytes_fault("JH-FMT-001", "an empty file", b"")
bytes_fault("JH-FMT-001", "cut in the descriptor", cell[:100])
for cut in (133, 200, len(cell) // 2, len(cell) - 1):
    bytes_fault("JH-FMT-005", f"cut to {cut} bytes", cell[:cut])
bytes_fault("JH-FMT-002", "another signature", b"JHXXX" + cell[5:])
bytes_fault("JH-FMT-003", "revision 11", cell[:6] + b"\x0b\0" + cell[8:])
bytes_fault("JH-FMT-003", "an old signature with a new revision", b"JHCELL" + cell[6:])
bytes_fault("JH-FMT-004", "architecture 7", cell[:5] + b"\7" + cell[6:])
for at, what in ((52, "memory regions"), (56, "cache regions"), (60, "interrupt chips"), (64, "ports"), (68, "PCI devices"),
                 (72, "capabilities"), (76, "stream ids"), (48, "CPU set")):
    bytes_fault("JH-FMT-005", f"2^32 - 1 {what}", cell[:at] + b"\xff" * 4 + cell[at + 4:])
    bytes_fault("JH-FMT-005", f"one more of {what}", cell[:at] + struct.pack("<I", struct.unpack_from("<I", cell, at)[0] + 56) + cell[at + 4:])
bytes_fault("JH-FMT-006", "two megabytes", cell + bytes(2 << 20))
bytes_fault("JH-FMT-007", "one byte behind the end", cell + b"\0", 0)
bytes_fault("JH-FMT-007", "a device that is not counted", cell + cell[-56:], 0)
bytes_fault("JH-NAM-001", "a name without end", cell[:8] + b"n" * 32 + cell[40:], 1)
pci_at = len(cell) - 5 * 8 - 2 * 56
bytes_fault("JH-FMT-008", "bits of MSI that mean nothing", cell[:pci_at + 35] + bytes([cell[pci_at + 35] | 0x40]) + cell[pci_at + 36:], 1)
with open(base[0], "rb") as f:
    system = f.read()
with open("y.cell", "wb") as f:
    f.write(system[:340] + b"\1" + system[341:])
fault("JH-FMT-008", "padding of the platform", ["y.cell"])
with open("y.cell", "wb") as f:
    f.write(system[:356] + b"JHCLL\1\x0e\0" + system[364:])
fault("JH-FMT-013", "the root cell with a head of its own", ["y.cell"])
mutate("JH-FMT-009", "a cell with 2200 regions", lambda s, a, b: a["mem_regions"].extend([{}] * 2200))
mutate("JH-FMT-010", "a cell for arm64", lambda s, a, b: put(a, architecture="arm64"))
run("convert", "--revision", "15", base[1], "r15.cell")
fault("JH-FMT-011", "a cell of revision 15", [base[0], "r15.cell"])
run("convert", "--revision", "13", base[0], "r13.cell")
fault("JH-FMT-012", "a system that does not say its architecture", ["r13.cell"])

# ---- names, CPUs, flags, communication region ----
mutate("JH-NAM-002", "no name", lambda s, a, b: put(a, name=""))
mutate("JH-NAM-003", "two cells of one name", lambda s, a, b: put(b, name="one"))
mutate("JH-NAM-003", "a cell with the root cell's name", lambda s, a, b: put(b, name="root"))
mutate("JH-NAM-004", "a slash in the name", lambda s, a, b: put(a, name="a/b"))
mutate("JH-CPU-001", "a cell without CPUs", lambda s, a, b: put(a, cpus=[]))
mutate("JH-CPU-002", "a CPU that the root cell lacks", lambda s, a, b: put(a, cpus=[9]))
mutate("JH-CPU-003", "a CPU in two cells", lambda s, a, b: put(b, cpus=[2, 3]))
mutate("JH-CPU-004", "no CPU for the root cell", lambda s, a, b: put(a, cpus=[0, 1, 2]))
mutate("JH-CPU-005", "CPU 0 given away", lambda s, a, b: put(a, cpus=[0]))
big = cell[:48] + struct.pack("<I", 4104) + cell[52:132] + cell[132:140] + bytes(4096) + cell[140:]
bytes_fault("JH-CPU-006", "a CPU set of 4104 bytes", big, 1)
odd = cell[:48] + struct.pack("<I", 5) + cell[52:132] + cell[132:137] + cell[140:]
bytes_fault("JH-CPU-007", "a CPU set of 5 bytes", odd, 1)
run("convert", "--revision", "15", base[0], "s15.cell")
r15 = load("r15.cell")
r15["cpus"] = [{"phys_id": 2}, {"phys_id": 2}]
fault("JH-CPU-008", "a CPU twice", ["s15.cell", save(r15, "t15.cell")])
mutate("JH-CEL-001", "a cell flag without a name", lambda s, a, b: put(a, flags=0x100))
mutate("JH-CEL-002", "AARCH32 on x86", lambda s, a, b: a["flags"].append("AARCH32"))
mutate("JH-CEL-003", "an id", lambda s, a, b: put(a, id=5))
COMM = 6    # region of cell one


def drop_comm(s, a, b):
    del a["mem_regions"][COMM]


mutate("JH-COM-001", "no communication region", drop_comm)
mutate("JH-COM-002", "two communication regions", lambda s, a, b: a["mem_regions"].append(comm(0x40000000)))
mutate("JH-COM-003", "a communication region of two pages", lambda s, a, b: put(a["mem_regions"][COMM], size=0x2000))
mutate("JH-COM-003", "a communication region of no page", lambda s, a, b: put(a["mem_regions"][COMM], virt_start=0x100800))
mutate("JH-COM-004", "a communication region that is shared", lambda s, a, b: a["mem_regions"][COMM]["flags"].append("ROOTSHARED"))
mutate("JH-COM-005", "a communication region that is read only", lambda s, a, b: a["mem_regions"][COMM]["flags"].remove("WRITE"))
mutate("JH-COM-006", "a communication region of the root cell", lambda s, a, b: root(s)["mem_regions"].append(comm(0x70000000)))

# ---- the system ----
hv = "hypervisor_memory"
mutate("JH-SYS-001", "a system flag without a name", lambda s, a, b: put(s, flags=3))
mutate("JH-HV-001", "hypervisor memory with an odd size", lambda s, a, b: put(s[hv], size=0x600800))
mutate("JH-HV-002", "hypervisor memory at 1 MiB", lambda s, a, b: put(s[hv], phys_start=0x3a100000, size=0x500000))
mutate("JH-HV-003", "hypervisor memory of 64 KiB", lambda s, a, b: put(s[hv], size=0x10000))
mutate("JH-HV-004", "hypervisor memory that wraps", lambda s, a, b: put(s[hv], phys_start=0xffffffffffe00000))
mutate("JH-HV-005", "hypervisor memory with flags", lambda s, a, b: put(s[hv], flags=["READ"]))
plat = lambda s: s["platform_info"]
mutate("JH-SYS-002", "no interrupts to remap", lambda s, a, b: put(plat(s)["x86"], vtd_interrupt_limit=0))
mutate("JH-SYS-002", "a limit of 40000", lambda s, a, b: put(plat(s)["x86"], vtd_interrupt_limit=40000))
mutate("JH-SYS-003", "a limit of 16", lambda s, a, b: put(plat(s)["x86"], vtd_interrupt_limit=16))
mutate("JH-SYS-004", "no PM timer", lambda s, a, b: put(plat(s)["x86"], pm_timer_address=0))
mutate("JH-SYS-005", "APIC mode 5", lambda s, a, b: put(plat(s)["x86"], apic_mode=5))
mutate("JH-SYS-006", "MMCONFIG misaligned", lambda s, a, b: put(plat(s), pci_mmconfig_base=0xb0001000))
mutate("JH-SYS-007", "pci_is_virtual 2", lambda s, a, b: put(plat(s), pci_is_virtual=2))
mutate("JH-SYS-008", "GIC version 5", lambda s, a, b: put(plat(s)["arm"], gic_version=5), "arm64")
mutate("JH-SYS-009", "no redistributors", lambda s, a, b: put(plat(s)["arm"], gicr_base=0), "arm64")
mutate("JH-SYS-009", "no GICH", lambda s, b: put(plat(s)["arm"], gich_base=0), "arm")
mutate("JH-SYS-010", "GIC misaligned", lambda s, a, b: put(plat(s)["arm"], gicr_base=0x080a1000), "arm64")
mutate("JH-SYS-011", "maintenance interrupt 40", lambda s, a, b: put(plat(s)["arm"], maintenance_irq=40), "arm64")
units = lambda s: plat(s)["iommu_units"]
mutate("JH-IOM-001", "IOMMU type 9", lambda s, a, b: put(units(s)[0], type=9))
mutate("JH-IOM-001", "an SMMU on x86", lambda s, a, b: put(units(s)[0], type="SMMUV3"))
mutate("JH-IOM-001", "an AMD IOMMU on arm64", lambda s, a, b: put(units(s)[0], type="AMD"), "arm64")
mutate("JH-IOM-002", "AMD and Intel", lambda s, a, b: put(units(s)[1], type="AMD"))
mutate("JH-IOM-003", "a gap between IOMMUs", lambda s, a, b: put(units(s)[0], base=0))
mutate("JH-IOM-004", "an IOMMU without size", lambda s, a, b: put(units(s)[0], size=0))
mutate("JH-IOM-004", "an IOMMU misaligned", lambda s, a, b: put(units(s)[0], base=0xfed90800))
mutate("JH-IOM-005", "two IOMMUs in one place", lambda s, a, b: put(units(s)[1], base=0xfed90000))


def amd(s, a, b):
    plat(s)["iommu_units"] = [{"type": "AMD", "base": 0xfeb80000, "size": 0x4000, "amd": {"bdf": 2, "base_cap": 0x40, "msi_cap": 0x54}}]
    for c in (root(s), a, b):
        for d in c["pci_devices"]:
            d.pop("iommu", None)


def amd_with(**changes):
    def change(s, a, b):
        amd(s, a, b)
        put(units(s)[0]["amd"], **changes)
    return change


configs = x86_set()
amd(*configs)
rc, out = validate(write(configs), "--strict")
check(rc == 0, "the same with an AMD IOMMU: nothing is found", json.dumps(out, indent=1))
mutate("JH-IOM-006", "an AMD IOMMU without MSI", amd_with(msi_cap=0))
mutate("JH-IOM-007", "an AMD IOMMU given to the root cell", amd_with(bdf=0xfa))
mutate("JH-IOM-008", "no IOMMU", lambda s, a, b: plat(s).pop("iommu_units"))
mutate("JH-CON-001", "console type 99", lambda s, a, b: put(s["debug_console"], type=99))
mutate("JH-CON-002", "console flag 8", lambda s, a, b: put(a["console"], flags=8))
mutate("JH-CON-003", "a console nowhere", lambda s, a, b: put(a["console"], address=0))
mutate("JH-CON-004", "a console at port 0x12345", lambda s, a, b: put(s["debug_console"], address=0x12345))
mutate("JH-CON-004", "a console at a port of arm64", lambda s, a, b: put(s["debug_console"], address=0x3f8, flags=[]), "arm64")
mutate("JH-CON-005", "a console of no size", lambda s, a, b: put(s["debug_console"], size=0), "arm64")
mutate("JH-CON-006", "a console that the cell does not have", lambda s, a, b: a["pio_regions"].clear())

# ---- memory ----
LOW = 5     # cell one: 0x3a600000 at 0
BAR = 8     # 0xfe000000
SUB = 7     # cell two: part of a page
ram = lambda c: c["mem_regions"][LOW]
mutate("JH-MEM-001", "RAM of 0x100010 bytes", lambda s, a, b: put(ram(a), size=0x100010))
mutate("JH-MEM-001", "RAM at 0x3a600800", lambda s, a, b: put(ram(a), phys_start=0x3a600800))
mutate("JH-MEM-002", "registers with another offset", lambda s, a, b: put(a["mem_regions"][BAR], phys_start=0xfe000010))
mutate("JH-MEM-003", "part of a page without widths", lambda s, a, b: b["mem_regions"][SUB]["flags"].remove("IO_32"))
mutate("JH-MEM-003", "registers of 0x1234 bytes", lambda s, a, b: put(a["mem_regions"][BAR], size=0x1234))
mutate("JH-MEM-004", "RAM that wraps", lambda s, a, b: put(ram(a), phys_start=0xfffffffffff00000, size=0x200000))
mutate("JH-MEM-005", "RAM beyond 2^52", lambda s, a, b: put(ram(a), phys_start=1 << 53))
mutate("JH-MEM-006", "a region of no size", lambda s, a, b: put(ram(a), size=0))
mutate("JH-MEM-007", "memory flag 1 << 40", lambda s, a, b: put(ram(a), flags=1 << 40 | 0x4f))
mutate("JH-MEM-007", "memory flag 0x200", lambda s, a, b: put(root(s)["mem_regions"][5], flags=0x20f))
mutate("JH-MEM-008", "memory without rights", lambda s, a, b: put(a["mem_regions"][BAR], flags=["IO"]))
mutate("JH-MEM-009", "LOADABLE and ROOTSHARED", lambda s, a, b: ram(a)["flags"].append("ROOTSHARED"))
mutate("JH-MEM-009", "LOADABLE but not written", lambda s, a, b: ram(a)["flags"].remove("WRITE"))
mutate("JH-MEM-011", "two regions at one address", lambda s, a, b: put(a["mem_regions"][7], virt_start=0x80000))
mutate("JH-MEM-011", "regions of the root cell overlap", lambda s, a, b: put(root(s)["mem_regions"][5], size=0x3a700000))
mutate("JH-MEM-012", "the same memory twice", lambda s, a, b: a["mem_regions"].append(mem(0x3a600000, 0x1000, RW, 0x50000000)))
mutate("JH-MEM-013", "the root cell is moved", lambda s, a, b: put(root(s)["mem_regions"][6], virt_start=0))
mutate("JH-MEM-014", "LOADABLE in the root cell", lambda s, a, b: root(s)["mem_regions"][6]["flags"].append("LOADABLE"))
mutate("JH-MEM-015", "nothing can be loaded", lambda s, a, b: [put(m, flags=RAM) for m in (a["mem_regions"][LOW], a["mem_regions"][7])])
mutate("JH-MEM-016", "CPUs start nowhere", lambda s, a, b: put(a, cpu_reset_address=0x30000000))
mutate("JH-MEM-020", "the hypervisor's memory in a cell", lambda s, a, b: put(ram(a), phys_start=0x3a500000))
mutate("JH-MEM-020", "the hypervisor's memory in the root cell", lambda s, a, b: put(root(s)["mem_regions"][5], size=0x3a100000))
mutate("JH-MEM-021", "MMCONFIG in a cell", lambda s, a, b: a["mem_regions"].append(mem(0xb0100000, 0x1000, RW)))
mutate("JH-MEM-022", "an IOMMU in a cell", lambda s, a, b: a["mem_regions"].append(mem(0xfed90000, 0x1000, RW)))
mutate("JH-MEM-023", "the local APIC in a cell", lambda s, a, b: a["mem_regions"].append(mem(0xfee00000, 0x1000, RW)))
mutate("JH-MEM-023", "the IOAPIC in the root cell", lambda s, a, b: root(s)["mem_regions"].append(mem(0xfec00000, 0x1000, RW)))
mutate("JH-MEM-024", "the GIC in a cell", lambda s, a, b: a["mem_regions"].append(mem(0x08000000, 0x1000, RW)), "arm64")
mutate("JH-MEM-024", "the third redistributor in the root cell",
       lambda s, a, b: root(s)["mem_regions"].append(mem(0x080e0000, 0x10000, RW)), "arm64")
mutate("JH-MEM-024", "GICv2's CPU interface", lambda s, b: root(s)["mem_regions"].append(mem(0x01c83000, 0x1000, RW)), "arm")
mutate("JH-MEM-025", "an MSI-X table in a cell", lambda s, a, b: put(a["mem_regions"][BAR], size=0x21000))
mutate("JH-MEM-030", "two cells on the same RAM", lambda s, a, b: put(b["mem_regions"][5], phys_start=0x3a600000))
mutate("JH-MEM-030", "two cells with the same registers", lambda s, a, b: b["mem_regions"].append(mem(0xfe021000, 0x1000, RW)))
mutate("JH-MEM-030", "one page of RAM in both", lambda s, a, b: put(b["mem_regions"][5], phys_start=0x3affffff & ~0xfff))
mutate("JH-MEM-031", "two cells share a page", lambda s, a, b: [c["mem_regions"].append(mem(0xfed00000, 0x1000, RW + ["ROOTSHARED"])) for c in (a, b)])
mutate("JH-MEM-032", "RAM that the root cell lacks", lambda s, a, b: put(ram(a), phys_start=0x40000000))
mutate("JH-MEM-032", "RAM that the root cell has half of", lambda s, a, b: put(ram(a), phys_start=0x3df80000))
mutate("JH-MEM-033", "RAM, not loadable, that the root cell lacks", lambda s, a, b: a["mem_regions"].append(mem(0x60000000, 0x1000, RAM)))
mutate("JH-MEM-034", "registers that the root cell lacks", lambda s, a, b: a["mem_regions"].append(mem(0xd0000000, 0x1000, RW)))
mutate("JH-MEM-035", "shared registers that the root cell lacks",
       lambda s, a, b: a["mem_regions"].append(mem(0xd0000000, 0x1000, RW + ["ROOTSHARED"])))
mutate("JH-MEM-036", "shared memory that is taken", lambda s, a, b: a["mem_regions"][1]["flags"].remove("ROOTSHARED"))

# ---- interrupts, ports, cache, streams ----
chip = lambda c: c["irqchips"][0]
mutate("JH-IRQ-001", "an IOAPIC from pin 32", lambda s, a, b: put(chip(a), pin_base=32))
mutate("JH-IRQ-002", "a GIC from pin 40", lambda s, a, b: put(chip(a), pin_base=40), "arm64")
mutate("JH-IRQ-002", "a GIC up to pin 1055", lambda s, a, b: put(chip(a), pin_base=928), "arm64")
mutate("JH-IRQ-003", "PPIs", lambda s, a, b: put(chip(a), pin_base=0), "arm64")
mutate("JH-IRQ-004", "another GIC", lambda s, a, b: put(chip(a), address=0x09000000), "arm64")
mutate("JH-IRQ-005", "another IOAPIC", lambda s, a, b: put(chip(a), address=0xfec10000))
mutate("JH-IRQ-006", "an IOAPIC with another id", lambda s, a, b: put(chip(a), id=0xff01))
mutate("JH-IRQ-007", "an IOAPIC behind IOMMU 5", lambda s, a, b: put(chip(root(s)), id=0x5ff00))
mutate("JH-IRQ-008", "an IOAPIC twice", lambda s, a, b: a["irqchips"].append(dict(chip(a))))
mutate("JH-IRQ-009", "no pins", lambda s, a, b: put(chip(a), pin_bitmap=[]))
mutate("JH-IRQ-010", "70 chips", lambda s, a, b: put(a, irqchips=[dict(chip(a)) for _ in range(70)]))
mutate("JH-IRQ-011", "a pin in two cells", lambda s, a, b: put(chip(b), pin_bitmap=[1 << 3 | 1 << 5]))
mutate("JH-IRQ-011", "a pin in two cells", lambda s, a, b: put(chip(b), pin_bitmap=[2]), "arm64")
mutate("JH-IRQ-012", "a pin twice", lambda s, a, b: a["irqchips"].append(dict(chip(a))), "arm64")
mutate("JH-IRQ-013", "a pin that the root cell lacks", lambda s, a, b: put(chip(a), pin_bitmap=[1 << 30]))
port = lambda c: c["pio_regions"][0]
mutate("JH-PIO-001", "no ports", lambda s, a, b: put(port(b), length=0))
mutate("JH-PIO-002", "ports beyond the end", lambda s, a, b: put(port(b), base=0xfff0, length=0x20))
mutate("JH-PIO-003", "ports twice", lambda s, a, b: b["pio_regions"].append({"base": 0xd010, "length": 1}))
mutate("JH-PIO-004", "ports in two cells", lambda s, a, b: b["pio_regions"].append({"base": 0x2fc, "length": 1}))
mutate("JH-PIO-005", "ports that the root cell lacks", lambda s, a, b: b["pio_regions"].append({"base": 0xe000, "length": 8}))
mutate("JH-PIO-006", "ports on arm64", lambda s, a, b: put(a, pio_regions=[{"base": 0x3f8, "length": 8}]), "arm64")
mutate("JH-PIO-007", "ports of PCI configuration", lambda s, a, b: root(s)["pio_regions"].append({"base": 0xcf0, "length": 0x10}))
mutate("JH-CAC-001", "a cache region of no size", lambda s, a, b: put(a["cache_regions"][0], size=0))
mutate("JH-CAC-001", "two cache regions", lambda s, a, b: a["cache_regions"].append({"start": 4, "size": 1, "type": "L3"}))
mutate("JH-CAC-001", "a cache region of type 1", lambda s, a, b: put(a["cache_regions"][0], type=1))
mutate("JH-CAC-002", "a cache flag without a name", lambda s, a, b: put(a["cache_regions"][0], flags=4))
mutate("JH-CAC-003", "a cache region on arm64", lambda s, a, b: put(a, cache_regions=[{"size": 1, "type": "L3"}]), "arm64")
mutate("JH-CAC-004", "two cells in one part of the cache", lambda s, a, b: put(b["cache_regions"][0], start=1))
mutate("JH-STR-001", "a stream id twice", lambda s, a, b: a["stream_ids"].append({"id": 0x100}), "arm64")
mutate("JH-STR-002", "a stream id in two cells", lambda s, a, b: b["stream_ids"].append({"id": 0x101}), "arm64")
mutate("JH-STR-003", "a stream id on x86", lambda s, a, b: put(a, stream_ids=[{"id": 1}]))
mutate("JH-STR-004", "stream ids without an SMMU", lambda s, a, b: plat(s).pop("iommu_units"), "arm64")

# ---- PCI ----
dev = lambda c, i=0: c["pci_devices"][i]
cap = lambda c, i=0: c["pci_caps"][i]
mutate("JH-PCI-001", "device type 7", lambda s, a, b: put(dev(a), type=7))
mutate("JH-PCI-002", "a device twice", lambda s, a, b: a["pci_devices"].append(dict(NIC)))
mutate("JH-PCI-003", "a device in two cells", lambda s, a, b: b["pci_devices"].append(dict(NIC, num_caps=0, num_msi_vectors=0)))
mutate("JH-PCI-004", "a device that the root cell lacks", lambda s, a, b: put(dev(a), bdf=0x20))
mutate("JH-PCI-005", "MSI-X elsewhere than in the root cell", lambda s, a, b: put(dev(a), msix_address=0xfe024000))
mutate("JH-PCI-005", "another IOMMU than in the root cell", lambda s, a, b: put(dev(a), iommu=1))
mutate("JH-PCI-005", "another BAR than in the root cell", lambda s, a, b: put(dev(a), bar_mask=[0xffff0000, 0, 0xffffffe0, 0xffffc000]))
mutate("JH-PCI-006", "capabilities beyond the table", lambda s, a, b: put(dev(a), num_caps=6))
mutate("JH-PCI-006", "capabilities from 60000", lambda s, a, b: put(dev(a), caps_start=60000))
mutate("JH-PCI-007", "IOMMU 6", lambda s, a, b: put(dev(root(s)), iommu=6))
mutate("JH-PCI-007", "IOMMU 200", lambda s, a, b: put(dev(a), iommu=200))
mutate("JH-PCI-008", "3 MSIs", lambda s, a, b: put(dev(a), num_msi_vectors=3))
mutate("JH-PCI-008", "64 MSIs", lambda s, a, b: put(dev(a), num_msi_vectors=64))
mutate("JH-PCI-009", "MSIs without their capability", lambda s, a, b: put(cap(a, 1), id=9))
mutate("JH-PCI-010", "an MSI capability without MSIs", lambda s, a, b: put(dev(a), num_msi_vectors=0))
mutate("JH-PCI-011", "an MSI capability of 10 bytes with 64 bits", lambda s, a, b: put(cap(a, 1), len=10))
mutate("JH-PCI-011", "64 bits in 10 bytes", lambda s, a, b: put(dev(b), msi_64bits=1))
mutate("JH-PCI-012", "MSI-X without its capability", lambda s, a, b: put(cap(a, 2), id=9))
mutate("JH-PCI-013", "an MSI-X capability without vectors", lambda s, a, b: put(dev(a), num_msix_vectors=0))
mutate("JH-PCI-014", "MSI-X at address 0", lambda s, a, b: put(dev(a), msix_address=0))
mutate("JH-PCI-014", "MSI-X misaligned", lambda s, a, b: put(dev(a), msix_address=0xfe020800))
mutate("JH-PCI-014", "MSI-X of 300 vectors in a page", lambda s, a, b: put(dev(a), num_msix_vectors=300))
mutate("JH-PCI-014", "MSI-X of 3000 vectors", lambda s, a, b: put(dev(a), num_msix_vectors=3000, msix_region_size=0xc000))
mutate("JH-PCI-015", "an MSI-X capability of 8 bytes", lambda s, a, b: put(cap(a, 2), len=8))
mutate("JH-PCI-016", "an MSI capability that is read only", lambda s, a, b: put(cap(a, 1), flags=[]))
mutate("JH-PCI-017", "a capability at 0x20", lambda s, a, b: put(cap(a), start=0x20))
mutate("JH-PCI-017", "a capability beyond 0xff", lambda s, a, b: put(cap(a, 3), start=0xf0))
mutate("JH-PCI-017", "an extended capability at 0x80", lambda s, a, b: put(cap(a, 4), start=0x80))
mutate("JH-PCI-017", "a capability at 0x51", lambda s, a, b: put(cap(a), start=0x51))
mutate("JH-PCI-018", "a capability of no length", lambda s, a, b: put(cap(a, 3), len=0))
mutate("JH-PCI-019", "capability 0x77", lambda s, a, b: put(cap(a, 3), id=0x77))
mutate("JH-PCI-020", "a capability flag without a name", lambda s, a, b: put(cap(a), flags=6))
mutate("JH-PCI-021", "capabilities overlap", lambda s, a, b: put(cap(a), len=0x20))
mutate("JH-PCI-022", "a capability of no device", lambda s, a, b: a["pci_caps"].append({"id": 9, "start": 0xe0, "len": 4}))
mutate("JH-PCI-023", "a BAR mask with a hole", lambda s, a, b: put(dev(a), bar_mask=[0xff0f0000, 0, 0xffffffe0, 0xffffc000]))
mutate("JH-PCI-024", "a bus beyond MMCONFIG", lambda s, a, b: put(plat(s), pci_mmconfig_end_bus=0) or put(dev(root(s), 2), bdf=0x100))
mutate("JH-PCI-025", "a device of domain 3", lambda s, a, b: put(dev(root(s), 2), domain=3))
mutate("JH-PCI-026", "a bridge in a cell", lambda s, a, b: a["pci_devices"].append(dict(BRIDGE)))
run("convert", "--revision", "10", save({k: ({**v, "pci_devices": v["pci_devices"][:3]} if k == "root_cell" else v)
                                         for k, v in x86_set()[0].items()}, "n.cell"), "r10.cell")
c10 = load("r10.cell")
c10["root_cell"]["pci_devices"][0]["msi_64bits"] = 7
fault("JH-PCI-027", "msi_64bits 7", [save(c10, "t10.cell")])

# ---- shared memory ----
link = lambda c: c["pci_devices"][-1]
mutate("JH-SHM-001", "a table beyond the regions", lambda s, a, b: put(link(a), shmem_regions_start=8))
mutate("JH-SHM-001", "a table at 2^32 - 1", lambda s, a, b: put(link(a), shmem_regions_start=0xffffffff))
mutate("JH-SHM-002", "one peer", lambda s, a, b: put(link(a), shmem_peers=1))
mutate("JH-SHM-002", "13 peers", lambda s, a, b: put(link(a), shmem_peers=13))
mutate("JH-SHM-003", "peer 3 of 3", lambda s, a, b: put(link(a), shmem_dev_id=3))
mutate("JH-SHM-004", "17 vectors", lambda s, a, b: put(link(a), num_msix_vectors=17))
mutate("JH-SHM-005", "a virtual device with MSIs", lambda s, a, b: put(link(a), num_msi_vectors=1))
mutate("JH-SHM-006", "no registers", lambda s, a, b: put(link(a), bar_mask=[0, 0xfffff000]))
mutate("JH-SHM-006", "no place for MSI-X", lambda s, a, b: put(link(a), bar_mask=[0xfffff000]))
mutate("JH-SHM-007", "no MSI-X on x86", lambda s, a, b: put(link(a), num_msix_vectors=0))
mutate("JH-SHM-008", "no table of states", lambda s, a, b: put(a["mem_regions"][0], size=0))
mutate("JH-SHM-009", "shared memory misaligned", lambda s, a, b: put(a["mem_regions"][1], phys_start=0x3e001100))
mutate("JH-SHM-010", "states that can be written", lambda s, a, b: a["mem_regions"][0]["flags"].append("WRITE"))
mutate("JH-SHM-010", "another's section written", lambda s, a, b: a["mem_regions"][4]["flags"].append("WRITE"))
mutate("JH-SHM-010", "its own section not written", lambda s, a, b: a["mem_regions"][3]["flags"].remove("WRITE"))
mutate("JH-SHM-011", "sections of different size", lambda s, a, b: put(a["mem_regions"][4], size=0x1000))
mutate("JH-SHM-012", "a gap between sections", lambda s, a, b: put(a["mem_regions"][2], virt_start=0x50000000))
mutate("JH-SHM-013", "a link where a device is", lambda s, a, b: [put(link(c), bdf=0x10) for c in (root(s), a, b)])
mutate("JH-SHM-014", "two peers with one id", lambda s, a, b: put(link(b), shmem_dev_id=1))
mutate("JH-SHM-015", "peers that differ in number", lambda s, a, b: put(link(b), shmem_peers=2))
mutate("JH-SHM-016", "peers that differ in protocol", lambda s, a, b: put(link(b), shmem_protocol=1))
mutate("JH-SHM-017", "peers that differ in vectors", lambda s, a, b: put(link(b), num_msix_vectors=1))
mutate("JH-SHM-018", "peers with different memory", lambda s, a, b: [put(m, phys_start=m["phys_start"] + 0x10000) for m in b["mem_regions"][:5]])
mutate("JH-SHM-019", "a link without a peer", lambda s, a, b: [put(link(a), bdf=0x68)])
mutate("JH-SHM-020", "an interrupt that is not the cell's", lambda s, a, b: put(a, vpci_irq_base=104), "arm64")
mutate("JH-SHM-021", "peer 12", lambda s, a, b: put(link(a), shmem_dev_id=12))

# ---- all of them, and the rest ----
rules = [line.split()[0] for line in run("validate", "--list").stdout.splitlines()]
left = sorted(r for r in rules if r not in covered and not r.startswith("JH-EXS"))
check(not left and len(rules) > 120, "every rule has its fault", " ".join(left))
check(len(rules) == len(set(rules)), "codes are used once")

r = run("validate", "b0.cell", "b1.cell", "b2.cell")
check(r.returncode == 0 and r.stdout == "3 configurations: 0 errors, 0 warnings, 0 notes\n", "text of a clean set", r.stdout)
r = run("config", "validate", "b0.cell", "b1.cell", "b2.cell", applet="jailhouse")
check(r.returncode == 0, "jailhouse config validate", r.stdout + r.stderr)
r = run("check", "b0.cell", "b1.cell", "b1.cell")
check(r.returncode == 1 and "b1.cell: error JH-CPU-003: CPU" not in r.stdout and
      "b1.cell: error JH-MEM-030: mem_regions[5]: memory in two cells: 0x3a600000-0x3a6fffff is also in region 5 of cell \"one\"\n"
      "\tthe cell that is created later takes it\n" in r.stdout and "(refused with EBUSY)" in r.stdout, "text of findings", r.stdout)
for args in ((), ("nosuch.cell",), ("b1.cell",), ("b0.cell", "b0.cell"), ("--nosuch", "b0.cell"), ("-r", "nosuch", "b0.cell")):
    r = run("validate", *args)
    check(r.returncode == 2 and r.stderr, f"status 2 for {' '.join(args) or 'nothing'}", r.stdout)
done()
