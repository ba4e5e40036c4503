#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# System configurations from machines: Intel with two DMAR units, AMD with two
# IOMMUs and three kinds of IVHD, arm64 with a device tree or ACPI. iasl judges
# the tables; what create makes is clean, also against the machine; cells of it
# too; and every fault against the machine (JH-EXS) is found.
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "cellgen"))
from configs import *
import machines

requires_config("TOOL_CELLGEN")
requires("iasl", "tar")


def create(root, *options, rc=0):
    r = run("create", "-r", root, *options, "s.cell")
    check(r.returncode == rc, f"create from {root} {' '.join(options)}", r.stderr)
    return (load("s.cell") if not rc else None), r.stderr


def clean(name, root, *files, allow=()):
    """Nothing but notes, warnings that are allowed, and where the kernel still uses the memory."""
    r = run("validate", "--json", "-r", root, *files)
    bad = [f for f in json.loads(r.stdout)["findings"] if f["severity"] != "note" and f["code"] not in ("JH-EXS-004", "JH-EXS-005", *allow)]
    check(r.returncode == 0 and not bad, f"{name} is clean", json.dumps(bad, indent=1))


def tables_are_good(root):
    for name in sorted(os.listdir(f"{root}/{machines.ACPI}")):
        shutil.copy(f"{root}/{machines.ACPI}{name}", "t.aml")
        r = subprocess.run(["iasl", "-p", "t", "-d", "t.aml"], capture_output=True, text=True)
        text = open("t.dsl").read() if os.path.exists("t.dsl") else ""
        # Debian 12's iasl is older than this block of IVRS, and skips it
        for skipped in ("40 [Unknown Subtable Type]", "Unknown IVRS subtable type 0x40"):
            text, r.stderr = text.replace(skipped, ""), r.stderr.replace(skipped, "")
        check(r.returncode == 0 and "Invalid" not in text and "nknown" not in text + r.stderr and "ERROR" not in r.stderr,
              f"iasl reads {root}'s {name}", r.stderr + "\n".join(re.findall(".*(?:nvalid|nknown).*", text)))


def regions(config, flag=None):
    return [(int(m.get("phys_start", "0"), 0), int(m["size"], 0)) for m in config["root_cell"]["mem_regions"]
            if not flag or flag in m.get("flags", [])]


def device(config, bdf):
    return next((d for d in config["root_cell"]["pci_devices"] if int(d.get("bdf", "0"), 0) == bdf), None)


# ---- Intel ----
machines.intel("intel", regions=((0xb0000000, 0, 0, 255), (0xa0000000, 1, 0, 63), (0xb0000000, 0, 0, 127)))
tables_are_good("intel")
c, notes = create("intel")
p = c["platform_info"]
check(p["pci_mmconfig_base"] == "0xb0000000" and p["pci_mmconfig_end_bus"] == "0xff", "MMCONFIG of several regions", p)
check("1 more MMCONFIG regions are left out" in notes, "the other segment is said", notes)
check([(u["type"], u["base"]) for u in p["iommu_units"]] == [("INTEL", "0xfed90000"), ("INTEL", "0xfed91000")], "two DMAR units", p)
check(p["x86"] == {"pm_timer_address": "0x1808", "vtd_interrupt_limit": 512}, "PM timer, interrupt limit", p["x86"])
check([(d["bdf"], d.get("iommu", 0)) for d in c["root_cell"]["pci_devices"] if "bdf" in d] ==
      [("0x10", 0), ("0xe0", 1), ("0xfa", 1), ("0x100", 1)], "devices and their units", c["root_cell"]["pci_devices"])
check([(i["address"], i["id"]) for i in c["root_cell"]["irqchips"]] == [("0xfec00000", "0x1ff00"), ("0xfec10000", "0xf0f8")], "two IOAPICs",
      c["root_cell"]["irqchips"])
nic = device(c, 0x10)
check((nic["num_caps"], nic["num_msi_vectors"], nic["msi_64bits"], nic["num_msix_vectors"], nic["msix_address"], nic["msix_region_size"]) ==
      (6, 1, 1, 5, "0xfe020000", "0x1000"), "the NIC", nic)
check(nic["bar_mask"] == ["0xfffe0000", "0x0", "0xffffffe0", "0xffffc000"], "its BARs", nic)
caps = c["root_cell"]["pci_caps"][nic["caps_start"] if "caps_start" in nic else 0:][:6]
check([(x["id"], x["start"], x["len"], x.get("flags", [])) for x in caps] ==
      [("0x1", "0x50", "0x8", ["WRITE"]), ("0x5", "0x60", "0xe", ["WRITE"]), ("0x10", "0x80", "0x3c", []), ("0x11", "0x70", "0xc", ["WRITE"]),
       ("0x8001", "0x100", "0x40", []), ("0x8003", "0x140", "0xc", [])], "its capabilities", caps)
check(device(c, 0xe0)["type"] == "BRIDGE" and device(c, 0xe0)["msi_maskable"] == 1, "the bridge", device(c, 0xe0))
check((0xfe021000, 0x3000) in regions(c) and not any(s < 0xfe021000 and s + n > 0xfe020000 for s, n in regions(c)), "a hole for the MSI-X table")
check((0xfe042000 - 0x2000, 0x2000) in regions(c) and (0xfe043000, 0x1000) in regions(c), "and one inside a BAR", regions(c))
check((0x90000000, 0x10000) in regions(c, "DMA") and (0x100000000, 0x80000000) in regions(c, "DMA"), "reserved memory of devices, RAM")
hv = int(c["hypervisor_memory"]["phys_start"], 0)
check(hv == 0x79e00000 and (hv + 0x600000, 76 << 20) in regions(c, "DMA"), "the hypervisor below the kernel, at the top of low RAM", hex(hv))
check("memmap=0x5200000$0x79e00000 intel_iommu=off" in notes, "what the kernel must be told", notes)
check([(r["base"], r["length"]) for r in c["root_cell"]["pio_regions"]] == [("0x40", "0x4"), ("0x60", "0x1"), ("0x70", "0x8"), ("0x2f8", "0x8"),
      ("0x3f8", "0x8"), ("0xd000", "0x20"), ("0xd040", "0x10")], "ports", c["root_cell"]["pio_regions"])
clean("the system", "intel", "s.cell")
shutil.copy("s.cell", "intel.cell")
r = run("kernel-args", "-r", "intel", "intel.cell")
check(r.returncode == 0 and "memmap=0x5200000$0x79e00000" in r.stdout, "kernel-args", r.stdout)
r = run("kernel-args", "--dt", "intel.cell")
check("reg = <0x0 0x79e00000 0x0 0x5200000>;" in r.stdout, "kernel-args --dt", r.stdout)
c, _ = create("intel", "--revision", "15", "-q")
check([x.get("phys_id", "0x0") for x in c["root_cell"]["cpus"]] == ["0x0", "0x2", "0x4", "0x6"], "APIC ids in revision 15", c["root_cell"]["cpus"])
r = run("convert", "--revision", "15", "-r", "intel", "intel.cell", "t.cell")
check(r.returncode == 0 and not run("diff", "s.cell", "t.cell").stdout, "convert --root gives the same", r.stderr)
c, _ = create("intel", "--console", "ttyS1", "-q")
check(c["debug_console"] == {"address": "0xfe030000", "size": "0x1000", "type": "8250", "flags": ["ACCESS_MMIO"]}, "--console ttyS1", c["debug_console"])
c, _ = create("intel", "--console", "none", "-q", "--mem-hv", "8m@0x10000000", "--mem-inmates", "0x400000", "-n", "box")
check("debug_console" not in c and c["hypervisor_memory"] == {"phys_start": "0x10000000", "size": "0x800000"} and
      (0x10800000, 0x400000) in regions(c) and c["root_cell"]["name"] == "box", "--console none --mem-hv --mem-inmates --name", c["hypervisor_memory"])
# memmap= of the command line: the first that is large enough
machines.intel("mapped", "quiet memmap=64k$0x50000000 memmap=0x6M$0x60000000,100m$0x40000000 memmap=1G@4G")
c, notes = create("mapped")
check(c["hypervisor_memory"]["phys_start"] == "0x40000000", "memmap=", c["hypervisor_memory"])
machines.intel("small", "memmap=8M$0x40000000")
_, notes = create("small", rc=2)
check("0x800000 bytes are reserved at 0x40000000, but 0x5200000 are needed" in notes, "too small a memmap=", notes)

# ---- cells of it ----
def cell(*options, rc=0, system="intel.cell"):
    r = run("config", "cell", system, "c.cell", *options, applet="jailhouse")
    check(r.returncode == rc, f"jailhouse config cell {' '.join(options)}", r.stderr)
    return load("c.cell") if not rc else r.stderr


c = cell("-c", "2-3", "-m", "32M", "-p", "00:02.0")
check(c["cpus"] == [2, 3] and [m.get("virt_start", "0x0") for m in c["mem_regions"]] == ["0x0", "0x100000", "0x200000", "0xfe000000", "0xfe021000"],
      "RAM, communication region, BARs without the MSI-X table", c["mem_regions"])
check(c["pio_regions"] == [{"base": "0xd000", "length": "0x20"}] and c["pci_devices"][0]["num_caps"] == 6 and len(c["pci_caps"]) == 6,
      "ports and capabilities", c["pio_regions"])
clean("the cell", "intel", "intel.cell", "c.cell")
os.rename("c.cell", "one.cell")
cell("-c", "2-3", "-m", "32M", "-p", "00:02.0", "-r", "intel")
check(not run("diff", "one.cell", "c.cell").stdout, "the same with --root")
c = cell("-c", "+1", "-m", "16M", "-w", "one.cell", "--linux", "--uart", "-n", "two", "--mmio", "0xfed00000+0x400", "--pio", "0x70+2",
         "--irq", "0xfec10000:7", "--irq", "0:9", "-p", "00:1f.2,nomsi", "-r", "intel", "--ivshmem", "1:2:64k:veth", "--ivshmem", "1:3:8k:virtio-net",
         "--amend-system", "intel2.cell")
check(c["cpus"] == [1] and c["name"] == "two" and "PASSIVE_COMMREG" in c["flags"], "+1, --linux, --name", c["cpus"])
check([i["pin_bitmap"] for i in c["irqchips"]] == [["0x00000080"], ["0x00000208"]] or
      [int(i["pin_bitmap"][0], 0) for i in c["irqchips"]] == [0x80, 0x208], "--irq and the UART's", c["irqchips"])
check(c["console"] == {"address": "0x2f8", "type": "8250"} and {"base": "0x70", "length": "0x2"} in c["pio_regions"], "--uart, --pio")
check(any(m.get("phys_start") == "0xfed00000" and "IO_32" in m["flags"] for m in c["mem_regions"]), "--mmio")
os.rename("c.cell", "two.cell")
clean("the amended system with both cells", "intel", "intel2.cell", "one.cell", "two.cell", allow=("JH-PCI-016",))
s = load("intel2.cell")
check([d["shmem_protocol"] for d in s["root_cell"]["pci_devices"] if d["type"] == "IVSHMEM"] == ["0x1", "0xc001"], "links of the root cell")
c = cell("-c", "0x1", "-m", "1M@0x7a400000", "-w", "one.cell", "--bare", "--ivshmem", "2:3:8k:virtio-net", "-n", "three", system="intel2.cell", rc=1)
check("taken" in c, "RAM of another cell is refused", c)
cell("-c", "+2", "-m", "1M", "-w", "one.cell", "-w", "two.cell", rc=1, system="intel2.cell")
run("cell", "intel2.cell", "c.cell", "-c", "1", "-m", "4M", "-w", "one.cell", "--ivshmem", "2:3:8k:virtio-net", "-n", "three")
check(sum(d["type"] == "IVSHMEM" for d in load("c.cell")["pci_devices"]) == 1, "a link is joined")
clean("three cells' link", "intel", "intel2.cell", "one.cell", "c.cell")
for options, why in ((("-c", "2", "-m", "1M", "-w", "one.cell"), "belongs to another cell"), (("-c", "0", "-m", "1M"), "CPU 0 stays"),
                     (("-c", "7", "-m", "1M"), "none of the system's"), (("-c", "1", "-m", "2G"), "no 0x80000000 bytes"),
                     (("-c", "1", "-m", "1M@0xd0000000"), "no RAM of the root cell"), (("-c", "1", "-m", "1M@0x79e00000"), "no RAM of the root cell"),
                     (("-c", "1", "-m", "1M", "-p", "00:05.0"), "no device"), (("-c", "1", "-m", "1M", "-p", "00:02.0", "-w", "one.cell"), "belongs to cell"),
                     (("-c", "1", "-m", "1M", "--pio", "0xd000+4", "-w", "one.cell"), "belong to cell"),
                     (("-c", "3", "-m", "1M", "--irq", "0:3", "-w", "two.cell"), "belongs to cell"),
                     (("-c", "1", "-m", "1M", "--irq", "0:128"), "no interrupt chip"), (("-c", "1", "-m", "1M", "--ivshmem", "1:2:4k"), "--amend-system"),
                     (("-c", "1", "-m", "1M", "--ivshmem", "2:2:4k"), "ID:PEERS:SIZE"), (("-c", "x", "-m", "1M"), "list of CPUs"),
                     (("-c", "1", "-m", "12345"), "multiples of 4096"), (("-c", "1", "-m", "1M", "--mmio", "0xfec00000+0x1000"), "would have errors"),
                     (("-c", "1", "-m", "1M", "--mmio", "7"), "ADDRESS+LENGTH"), (("-c", "1", "-m", "1M", "-p", "zz"), "no device, such as"),
                     (("-m", "1M"), "must be given"), (("-c", "1", "-m", "1M", "--linux", "--bare"), "exclude")):
    r = run("cell", "intel.cell", "never.cell", *options)
    check(r.returncode in (1, 2) and why in r.stderr and not os.path.exists("never.cell"), f"refused: {' '.join(options)}", r.stderr)

# ---- AMD ----
machines.amd("amd")
tables_are_good("amd")
c, notes = create("amd")
p = c["platform_info"]
check(p["iommu_units"] == [
    {"type": "AMD", "base": "0xfeb80000", "size": "0x80000", "amd": {"bdf": "0x2", "base_cap": "0x40", "msi_cap": "0x64"}},
    {"type": "AMD", "base": "0xf0100000", "size": "0x4000", "amd": {"bdf": "0x2002", "base_cap": "0x40", "msi_cap": "0x60", "features": "0x1"}}],
    "two AMD IOMMUs, each once", p["iommu_units"])
check([(d.get("bdf", "0x0"), d.get("iommu", 0)) for d in c["root_cell"]["pci_devices"]] ==
      [("0x0", 0), ("0x10", 1), ("0xe0", 0), ("0xfa", 1), ("0x100", 0), ("0x2008", 1)], "devices, aliases, and not the IOMMUs", c["root_cell"]["pci_devices"])
check([i["id"] for i in c["root_cell"]["irqchips"]] == ["0xa0", "0x12001"], "IOAPICs", c["root_cell"]["irqchips"])
check(p["x86"] == {"pm_timer_address": "0x808"} and (0x9a000000, 0x10000) in regions(c, "DMA"), "PM timer of FADT, memory of IVMD", p["x86"])
check("amd_iommu=off" in notes, "what the kernel must be told", notes)
clean("the system", "amd", "s.cell")
shutil.copy("s.cell", "amd.cell")
cell("-c", "1", "-m", "2M", "-p", "01:00.0", system="amd.cell")
clean("a cell", "amd", "amd.cell", "c.cell")

# ---- arm64 ----
for kind, options in (("dt", {}), ("dt2", {"gic": 2}), ("acpi", {"acpi": True})):
    root = f"arm64-{kind}"
    machines.arm64(root, **options)
    if kind == "acpi":
        tables_are_good(root)
    c, notes = create(root)
    p = c["platform_info"]
    want = {"maintenance_irq": 25, "gic_version": 3, "gicd_base": "0x8000000", "gicr_base": "0x80a0000"}
    if kind == "dt2":
        want = {"maintenance_irq": 25, "gic_version": 2, "gicd_base": "0x8000000", "gicc_base": "0x8010000", "gich_base": "0x8020000",
                "gicv_base": "0x8030000"}
    check(p["arm"] == want, f"{root}: GIC", p["arm"])
    console = "0x9000000" if kind == "acpi" else "0xa000000"
    check(c["debug_console"] == {"address": console, "size": "0x1000", "type": "PL011", "flags": ["ACCESS_MMIO", "REGDIST_4"]}, f"{root}: console",
          c["debug_console"])
    check([(u["type"], u["base"]) for u in p["iommu_units"]] == [("SMMUV3", "0xc000000")], f"{root}: SMMU", p["iommu_units"])
    check(p["pci_is_virtual"] == 1 and c["hypervisor_memory"]["phys_start"] == "0x78e00000", f"{root}: virtual PCI, hypervisor", c["hypervisor_memory"])
    if kind != "acpi":
        check((0xb000000, 0x2000) in regions(c, "IO") or {(0xb000000, 0x1000), (0xb001000, 0x1000)} <= set(regions(c, "IO")), f"{root}: registers",
              regions(c, "IO"))
        irq = 32 + c["root_cell"]["vpci_irq_base"]
        check(not {33, 182, 183} & set(range(irq, irq + 4)), f"{root}: interrupts of virtual PCI are free", irq)
        check(not any(s < 0x7e200000 and s + n > 0x7e000000 for s, n in regions(c)), f"{root}: reserved memory is left out")
    clean("the system", root, "s.cell")
    shutil.copy("s.cell", "arm64.cell")
    c = cell("-c", "3", "-m", "16M", "--linux", "--uart", "--ivshmem", "1:2:64k:veth", "--amend-system", "arm64b.cell", "--stream", "7", system="arm64.cell")
    clean("a cell", root, "arm64b.cell", "c.cell")
    check("mem=" in notes or "reserved-memory" in notes, f"{root}: what the kernel must be told", notes)
c, _ = create("arm64-dt", "--revision", "15", "-q")
check([x.get("phys_id", "0x0") for x in c["root_cell"]["cpus"]] == ["0x0", "0x1", "0x100", "0x101"], "MPIDRs in revision 15", c["root_cell"]["cpus"])

# ---- tar archives ----
r = run("collect", "-r", "intel", "intel.tar")
check(r.returncode == 0, "collect", r.stderr)
names = subprocess.run(["tar", "tf", "intel.tar"], capture_output=True, text=True).stdout.splitlines()
check("proc/iomem" in names and "sys/bus/pci/devices/0000:00:02.0/config" in names and names[-1] == "MANIFEST", "tar reads it", names)
os.mkdir("x")
subprocess.run(["tar", "xf", "intel.tar", "-C", "x"], check=True)
r = subprocess.run("sha256sum --quiet -c MANIFEST", shell=True, cwd="x", capture_output=True, text=True)
check(r.returncode == 0, "MANIFEST holds", r.stdout + r.stderr)
for name, command in (("ours", None), ("GNU", "tar -C intel -cf t.tar ."), ("pax", "tar -C intel --format=pax -cf t.tar ."),
                      ("v7", "tar -C intel --format=v7 -cf t.tar proc sys")):
    if command:
        subprocess.run(command, shell=True, check=True)
    r = run("create", "-q", "-r", "t.tar" if command else "intel.tar", "t.cell")
    check(r.returncode == 0 and not run("diff", "intel.cell", "t.cell").stdout, f"an archive of {name} gives the same system", r.stderr)
with open("intel.tar", "rb") as f:
    tar = f.read()
for n, data in enumerate((b"", tar[:700], tar[:512 * 9 + 100], b"\x1f\x8b" + bytes(600), tar[:124] + b"77777777777\0" + tar[136:])):
    with open("bad.tar", "wb") as f:
        f.write(data)
    r = run("create", "-r", "bad.tar", "never.cell")
    check(r.returncode == 2 and not os.path.exists("never.cell"), f"damaged archive {n}", r.stderr)

# ---- damaged tables: nothing but notes or an error ----
for name in ("DMAR", "APIC", "MCFG"):
    with open(f"intel/{machines.ACPI}{name}", "rb") as f:
        good = f.read()
    for n in range(0, len(good) + 1, 5):
        for data in (good[:n], good[:n] + b"\xff" * min(4, len(good) - n) + good[n + 4:], good[:n] + b"\0" * min(4, len(good) - n) + good[n + 4:]):
            with open(f"intel/{machines.ACPI}{name}", "wb") as f:
                f.write(data)
            r = run("create", "-r", "intel", "t.cell")
            if r.returncode not in (0, 2):
                check(False, f"{name} damaged at {n}", r.stderr)
    with open(f"intel/{machines.ACPI}{name}", "wb") as f:
        f.write(good)
for what in ("amd/" + machines.ACPI + "IVRS", "arm64-dt/sys/firmware/fdt"):
    with open(what, "rb") as f:
        good = f.read()
    for n in range(0, len(good), 9):
        with open(what, "wb") as f:
            f.write(good[:n] + b"\xff" * 4 + good[n + 4:])
        r = run("create", "-r", what.split("/")[0], "t.cell")
        if r.returncode not in (0, 2):
            check(False, f"{what} damaged at {n}", r.stderr)
    with open(what, "wb") as f:
        f.write(good)
check(True, "damaged tables are survived")

# ---- every fault against the machine ----
covered = set()


def fault(code, name, change, root="intel", base="intel.cell", cells=("one.cell",)):
    c, a = load(base), load(cells[0]) if cells else None
    change(c, a)
    files = [save(c, "m0.cell")] + ([save(a, "m1.cell")] if a else [])
    r = run("validate", "--json", "-r", root, *files)
    codes = {f["code"] for f in json.loads(r.stdout)["findings"]}
    covered.add(code)
    check(code in codes, f"{code}: {name}", codes)


rootcell = lambda c: c["root_cell"]
more = lambda c, m: c["mem_regions"].append(m)
fault("JH-EXS-001", "a system for x86 on arm64", lambda c, a: None, "arm64-dt")
fault("JH-EXS-002", "RAM at 64 GiB", lambda c, a: more(rootcell(c), mem(64 << 30, 0x1000, RAM)))
fault("JH-EXS-003", "registers at 0xd0000000 of no machine", lambda c, a: more(rootcell(c), mem(0x200000000, 0x1000, RW)))
fault("JH-EXS-004", "RAM that the kernel uses", lambda c, a: None)
fault("JH-EXS-005", "hypervisor memory that the kernel uses", lambda c, a: None)
fault("JH-EXS-006", "hypervisor memory nowhere", lambda c, a: c["hypervisor_memory"].update(phys_start=0x200000000))
fault("JH-EXS-007", "ports of nothing", lambda c, a: rootcell(c)["pio_regions"].append({"base": 0xe000, "length": 8}))
fault("JH-EXS-008", "CPU 9", lambda c, a: rootcell(c)["cpus"].append(9))
fault("JH-EXS-009", "a CPU left out", lambda c, a: rootcell(c)["cpus"].remove(0))
fault("JH-EXS-010", "a device that is not there", lambda c, a: device(c, 0xfa).update(bdf=0x28))
fault("JH-EXS-011", "a device with other vectors", lambda c, a: device(c, 0x10).update(num_msix_vectors=9))
fault("JH-EXS-011", "a device with another BAR", lambda c, a: a["pci_devices"][0].update(bar_mask=[0xfffff000]))
fault("JH-EXS-012", "a capability that is not there", lambda c, a: a["pci_caps"][0].update(start=0xc0))
fault("JH-EXS-013", "a device left out", lambda c, a: rootcell(c)["pci_devices"].pop(3))
fault("JH-EXS-014", "MMCONFIG elsewhere", lambda c, a: c["platform_info"].update(pci_mmconfig_base=0xa0000000))
fault("JH-EXS-015", "an IOMMU that is not there", lambda c, a: c["platform_info"]["iommu_units"][0].update(base=0xfed80000))
fault("JH-EXS-016", "an IOMMU left out", lambda c, a: c["platform_info"]["iommu_units"].pop())
fault("JH-EXS-017", "an IOAPIC that is not there", lambda c, a: rootcell(c)["irqchips"][0].update(address=0xfec20000))
fault("JH-EXS-018", "the PM timer elsewhere", lambda c, a: c["platform_info"]["x86"].update(pm_timer_address=0x608))
fault("JH-EXS-019", "the GIC elsewhere", lambda c, a: c["platform_info"]["arm"].update(gicd_base=0x7000000), "arm64-dt", "arm64.cell", ())
left = [line.split()[0] for line in run("validate", "--list").stdout.splitlines() if line.startswith("JH-EXS") and line.split()[0] not in covered]
check(not left, "every rule has its fault", left)
done()
