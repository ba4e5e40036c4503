# SPDX-License-Identifier: GPL-2.0-or-later
"""For tests/e2e/cellgen-*.t: TAP, calls of cellgen, and sets of configurations
(a system and cells that may run together) as Python's form of cellgen's JSON."""
import atexit
import copy
import json
import os
import shutil
import subprocess
import sys
import tempfile

srctree = os.environ.get("srctree") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../..")
objtree = os.environ.get("objtree", srctree)
vmbox = os.path.abspath(os.environ.get("VMBOX", os.path.join(objtree, "vmbox")))
work = tempfile.mkdtemp()
os.chdir(work)
atexit.register(shutil.rmtree, work, ignore_errors=True)
count = 0
failed = False


def check(good, name, note=""):
    global count, failed
    count += 1
    failed |= not good
    print(f"{'ok' if good else 'not ok'} {count} - {name}", flush=True)
    if not good:
        for line in str(note).splitlines()[-30:]:
            print("# " + line)
    return good


def requires(*commands):
    for c in commands:
        if not shutil.which(c):
            print(f"1..0 # SKIP {c} is missing")
            sys.exit(0)


def requires_config(symbol):
    with open(os.path.join(objtree, ".config")) as f:
        if f"CONFIG_{symbol}=y\n" not in f.read():
            print(f"1..0 # SKIP CONFIG_{symbol} is off")
            sys.exit(0)


def done():
    print(f"1..{count}")
    sys.exit(failed)


def run(*args, applet="cellgen", text=True):
    return subprocess.run([vmbox, applet, *args], capture_output=True, text=text, timeout=120)


def save(config, name):
    """Writes a configuration as binary by way of cellgen; gives the name."""
    with open(name + ".json", "w") as f:
        json.dump(config, f)
    r = run("convert", name + ".json", name)
    if r.returncode:
        raise RuntimeError(r.stderr)
    return name


def load(name):
    return json.loads(run("show", "--json", name).stdout)


RW = ["READ", "WRITE"]
RAM = RW + ["EXECUTE", "DMA"]
LOAD = RAM + ["LOADABLE"]


def mem(phys, size, flags, virt=None):
    return {"phys_start": phys, "virt_start": phys if virt is None else virt, "size": size, "flags": flags}


def comm(virt):
    return {"virt_start": virt, "size": 0x1000, "flags": RW + ["COMM_REGION"]}


def shmem(start, peers, mine, shared):
    """State table, common section, an output section for each peer."""
    s = ["ROOTSHARED"] if shared else []
    return [mem(start, 0x1000, ["READ"] + s), mem(start + 0x1000, 0x3000, RW + s)] + \
        [mem(start + 0x4000 + 0x2000 * i, 0x2000, (RW if i == mine else ["READ"]) + s) for i in range(peers)]


def ivshmem(bdf, start, mine, peers, vectors, domain=0):
    return {"type": "IVSHMEM", "domain": domain, "bdf": bdf, "num_msix_vectors": vectors,
            "bar_mask": [0xfffff000, 0xfffff000 if vectors else 0], "shmem_regions_start": start,
            "shmem_dev_id": mine, "shmem_peers": peers, "shmem_protocol": 0x4000}


NIC_CAPS = [{"id": 1, "start": 0x50, "len": 8, "flags": ["WRITE"]}, {"id": 5, "start": 0x60, "len": 14, "flags": ["WRITE"]},
            {"id": 0x11, "start": 0x70, "len": 12, "flags": ["WRITE"]}, {"id": 0x10, "start": 0x80, "len": 60},
            {"id": 0x8001, "start": 0x100, "len": 64}]
DISK_CAPS = [{"id": 5, "start": 0x48, "len": 10, "flags": ["WRITE"]}, {"id": 0x12, "start": 0x70, "len": 8}]
NIC = {"type": "DEVICE", "bdf": 0x10, "bar_mask": [0xfffe0000, 0, 0xffffffe0, 0xffffc000], "caps_start": 0, "num_caps": 5,
       "num_msi_vectors": 1, "msi_64bits": 1, "num_msix_vectors": 5, "msix_region_size": 0x1000, "msix_address": 0xfe020000}
DISK = {"type": "DEVICE", "bdf": 0xfa, "bar_mask": [0, 0, 0, 0, 0xffffffe0, 0xfffff000], "caps_start": 5, "num_caps": 2,
        "num_msi_vectors": 1}
BRIDGE = {"type": "BRIDGE", "bdf": 0x18}


def x86_set():
    system = {
        "type": "system", "revision": 14, "architecture": "x86", "flags": ["VIRTUAL_DEBUG_CONSOLE"],
        "hypervisor_memory": {"phys_start": 0x3a000000, "size": 0x600000},
        "debug_console": {"address": 0x3f8, "type": "8250"},
        "platform_info": {
            "pci_mmconfig_base": 0xb0000000, "pci_mmconfig_end_bus": 0xff,
            "iommu_units": [{"type": "INTEL", "base": 0xfed90000, "size": 0x1000}, {"type": "INTEL", "base": 0xfed91000, "size": 0x1000}],
            "x86": {"pm_timer_address": 0x608, "vtd_interrupt_limit": 256}},
        "root_cell": {
            "name": "root", "cpus": [0, 1, 2, 3], "cpu_set_size": 8,
            "mem_regions": shmem(0x3e000000, 3, 0, False) + [
                mem(0, 0x3a000000, RAM), mem(0x3a600000, 0x3a00000, RAM), mem(0xfe000000, 0x20000, RW),
                mem(0xfe021000, 0x3000, RW), mem(0xfe030000, 0x1000, RW), mem(0xfed00000, 0x1000, RW)],
            "irqchips": [{"address": 0xfec00000, "id": 0xff00, "pin_bitmap": [0xffffff]}],
            "pio_regions": [{"base": 0x40, "length": 4}, {"base": 0x2f8, "length": 8}, {"base": 0x3f8, "length": 8},
                            {"base": 0xd000, "length": 0x100}],
            "pci_devices": [dict(NIC), dict(DISK, iommu=1), dict(BRIDGE), ivshmem(0x60, 0, 0, 3, 2)],
            "pci_caps": NIC_CAPS + DISK_CAPS}}
    one = {
        "type": "cell", "revision": 14, "architecture": "x86", "name": "one",
        "flags": ["PASSIVE_COMMREG", "VIRTUAL_CONSOLE_PERMITTED"], "cpus": [2], "cpu_set_size": 8,
        "console": {"address": 0x2f8, "type": "8250"},
        "mem_regions": shmem(0x3e000000, 3, 1, True) + [
            mem(0x3a600000, 0x100000, LOAD, 0), comm(0x100000), mem(0x3a700000, 0x900000, LOAD, 0x200000),
            mem(0xfe000000, 0x20000, RW), mem(0xfe021000, 0x3000, RW)],
        "cache_regions": [{"start": 0, "size": 2, "type": "L3"}],
        "irqchips": [{"address": 0xfec00000, "id": 0xff00, "pin_bitmap": [1 << 3]}],
        "pio_regions": [{"base": 0x2f8, "length": 8}],
        "pci_devices": [dict(NIC), ivshmem(0x60, 0, 1, 3, 2)], "pci_caps": copy.deepcopy(NIC_CAPS)}
    two = {
        "type": "cell", "revision": 14, "architecture": "x86", "name": "two", "cpus": [3], "cpu_set_size": 8,
        "mem_regions": shmem(0x3e000000, 3, 2, True) + [
            mem(0x3b000000, 0x100000, LOAD, 0), comm(0x100000),
            {"phys_start": 0xfe030800, "virt_start": 0xfe030800, "size": 0x100, "flags": RW + ["IO", "IO_32"]}],
        "cache_regions": [{"start": 2, "size": 2, "type": "L3"}],
        "irqchips": [{"address": 0xfec00000, "id": 0xff00, "pin_bitmap": [1 << 5]}],
        "pio_regions": [{"base": 0xd000, "length": 0x20}],
        "pci_devices": [dict(DISK, iommu=1, caps_start=0), ivshmem(0x60, 0, 2, 3, 2)], "pci_caps": copy.deepcopy(DISK_CAPS)}
    return copy.deepcopy([system, one, two])


def arm64_set():
    gic = 0x08000000
    io = RW + ["IO"]
    console = {"address": 0x09000000, "size": 0x1000, "type": "PL011", "flags": ["ACCESS_MMIO", "REGDIST_4"]}
    system = {
        "type": "system", "revision": 14, "architecture": "arm64", "flags": ["VIRTUAL_DEBUG_CONSOLE"],
        "hypervisor_memory": {"phys_start": 0x7fc00000, "size": 0x400000}, "debug_console": dict(console),
        "platform_info": {
            "pci_mmconfig_base": 0x08e00000, "pci_mmconfig_end_bus": 0, "pci_is_virtual": 1, "pci_domain": 1,
            "iommu_units": [{"type": "SMMUV3", "base": 0x09050000, "size": 0x20000}, {"type": "PVU", "base": 0x30f80000, "size": 0x1000,
                            "tipvu": {"tlb_base": 0x36000000, "tlb_size": 0x40000}}],
            "arm": {"gic_version": 3, "gicd_base": gic, "gicr_base": 0x080a0000, "maintenance_irq": 25}},
        "root_cell": {
            "name": "root", "cpus": [0, 1, 2, 3], "cpu_set_size": 8, "vpci_irq_base": 96,
            "mem_regions": shmem(0x7fa00000, 2, 0, False) + [
                mem(0x09000000, 0x50000, io), mem(0x0a000000, 0x1000000, io), mem(0x40000000, 0x3fa00000, RAM)],
            "irqchips": [{"address": gic, "pin_base": 32, "pin_bitmap": [0xffffffff] * 4}],
            "pci_devices": [ivshmem(0, 0, 0, 2, 0, 1)]}}
    one = {
        "type": "cell", "revision": 14, "architecture": "arm64", "name": "one", "flags": ["PASSIVE_COMMREG"], "cpus": [2, 3],
        "cpu_set_size": 8, "vpci_irq_base": 108, "console": dict(console, size=0),
        "mem_regions": shmem(0x7fa00000, 2, 1, True) + [
            mem(0x09000000, 0x1000, io + ["ROOTSHARED"]), mem(0x70000000, 0x10000, LOAD, 0),
            mem(0x70010000, 0x7ff0000, LOAD), comm(0x80000000)],
        "irqchips": [{"address": gic, "pin_base": 32, "pin_bitmap": [2, 0, 0, 1 << 12]}],
        "pci_devices": [ivshmem(0, 0, 1, 2, 0, 1)], "stream_ids": [{"id": 0x100}, {"id": 0x101}]}
    two = {
        "type": "cell", "revision": 14, "architecture": "arm64", "name": "two", "cpus": [1], "cpu_set_size": 8,
        "mem_regions": [mem(0x78000000, 0x100000, LOAD, 0), comm(0x80000000)],
        "irqchips": [{"address": gic, "pin_base": 32, "pin_bitmap": [4]}], "stream_ids": [{"id": 0x200}]}
    return copy.deepcopy([system, one, two])


def arm_set():
    """GICv2; a system and one cell without shared memory."""
    system, _, two = arm64_set()
    system["architecture"] = two["architecture"] = "arm"
    p = system["platform_info"]
    del p["iommu_units"], two["stream_ids"]
    p["arm"] = {"gic_version": 2, "gicd_base": 0x01c81000, "gicc_base": 0x01c82000, "gich_base": 0x01c84000, "gicv_base": 0x01c86000,
                "maintenance_irq": 25}
    for c in (system["root_cell"], two):
        c["irqchips"][0]["address"] = 0x01c81000
    return [system, two]
