# SPDX-License-Identifier: GPL-2.0-or-later
"""Register maps: where each device's registers are, for what looks at them without a driver (diff, fuzz).

A Map is data: options for the command line, plain qtest lines that bring the
registers to their places, and windows (how, base, size), how being "port" or "mem".
"""
import dataclasses

SLOT = 4
MMIO, PORTS = 0xe0000000, 0xc000


def config_line(dev, fn, reg, value, size=4):
    """Writes to configuration space by ports, as lines."""
    address = 0x80000000 | dev << 11 | fn << 8 | reg & 0xfc
    return (f"outl 0xcf8 {address:#x}", f"out{ {1: 'b', 2: 'w', 4: 'l'}[size] } {0xcfc + (reg & 3):#x} {value:#x}")


def config_reads(dev, fn, start=0, end=256):
    lines = []
    for reg in range(start, end, 4):
        lines += [f"outl 0xcf8 {0x80000000 | dev << 11 | fn << 8 | reg:#x}", "inl 0xcfc"]
    return lines


@dataclasses.dataclass(frozen=True)
class Map:
    name: str
    windows: tuple
    options: tuple = ()
    setup: tuple = ()
    function: tuple = None		# (device, function) whose configuration space belongs to it
    types: tuple = ()			# of the board's parts that are here
    quiet: bool = True			# diff may write there: nothing turns the machine off or moves other devices


MAPS = {}


def add(name, windows, **kw):
    MAPS[name] = Map(name, tuple(windows), **kw)


def pci(name, bars, options, **kw):
    """A device in slot 4: bars are (register, "port" or "mem", size, first and last offset to look at, more such pairs)."""
    setup, windows, port, mem = [], [], PORTS, MMIO
    for reg, how, size, *looks in bars:
        base = port if how == "port" else mem
        setup += config_line(SLOT, 0, reg, base)
        windows += [(how, base + first, last - first) for first, last in zip(looks[::2], looks[1::2])]
        port += size if how == "port" else 0
        mem += size if how == "mem" else 0
    setup += config_line(SLOT, 0, 4, 7, 2)
    add(name, windows, options=tuple(options), setup=tuple(setup), function=(SLOT, 0), **kw)


DISK = ("-drive", "driver=null-co,size=1M,if=none,id=d0,read-zeroes=on")
PM = config_line(31, 0, 0x40, 0x601) + config_line(31, 0, 0x44, 0x80, 1)

add("pic", [("port", 0x20, 2), ("port", 0xa0, 2), ("port", 0x4d0, 2)], types=("isa-i8259",))
add("pit", [("port", 0x40, 4), ("port", 0x61, 1)], types=("isa-pit",))
add("rtc", [("port", 0x70, 2)], types=("mc146818rtc",), options=("-rtc", "base=2026-01-02T03:04:05,clock=vm"))
add("i8042", [("port", 0x60, 1), ("port", 0x64, 1)], types=("i8042",))
add("port92", [("port", 0x92, 1)], types=("port92",), quiet=False)
add("isa-serial", [("port", 0x3f8, 8)], types=("isa-serial",), options=("-serial", "null"))
add("fw_cfg", [("port", 0x510, 12)], types=("fw_cfg_io",))
add("ioapic", [("mem", 0xfec00000, 0x44)], types=("ioapic",))
add("hpet", [("mem", 0xfed00000, 0x160)], types=("hpet",))
add("acpi-pm", [("port", 0x600, 0x80)], setup=PM, quiet=False)
add("pvpanic", [("port", 0x505, 1)], options=("-device", "pvpanic"), quiet=False)
add("q35-pcihost", [("port", 0xcf8, 8)], types=("q35-pcihost", "mch"), function=(0, 0), quiet=False)
add("ich9-lpc", [], types=("ICH9-LPC",), function=(31, 0), quiet=False)
add("ich9-ahci", [("mem", MMIO, 0x180)], function=(31, 2), options=("-drive", "driver=null-co,size=1M,read-zeroes=on,if=ide,index=0"),
    setup=config_line(31, 2, 0x24, MMIO) + config_line(31, 2, 4, 7, 2))
pci("edu", [(0x10, "mem", 1 << 20, 0, 0x100)], ("-device", "edu,addr=4"))
pci("nvme", [(0x10, "mem", 0x4000, 0, 0x40)], DISK + ("-device", "nvme,serial=1,drive=d0,addr=4"))
for _name, _options in (("virtio-blk-pci", DISK + ("-device", "virtio-blk-pci,drive=d0,addr=4,disable-legacy=off")),
                        ("virtio-rng-pci", ("-device", "virtio-rng-pci,addr=4,disable-legacy=off")),
                        ("virtio-scsi-pci", ("-device", "virtio-scsi-pci,addr=4,disable-legacy=off")),
                        ("virtio-balloon-pci", ("-device", "virtio-balloon-pci,addr=4,disable-legacy=off")),
                        ("virtio-serial-pci", ("-device", "virtio-serial-pci,addr=4,disable-legacy=off"))):
    pci(_name, [(0x10, "port", 0x80, 0, 0x20), (0x14, "mem", 0x1000, 0, 0x20), (0x20, "mem", 0x4000, 0, 0x40)], _options)
pci("virtio-net-pci", [(0x10, "port", 0x80, 0, 0x20), (0x14, "mem", 0x1000, 0, 0x20), (0x20, "mem", 0x4000, 0, 0x40)],
    ("-device", "virtio-net-pci,addr=4,disable-legacy=off,romfile=,mac=52:54:00:12:34:56"))
pci("VGA", [(0x10, "mem", 16 << 20, 0, 0x40), (0x18, "mem", 4096, 0, 0x10, 0x400, 0x420, 0x500, 0x518, 0x600, 0x608)], ("-device", "VGA,addr=4,romfile="))
pci("ich9-ahci-plugged", [(0x24, "mem", 4096, 0, 0x180)], ("-device", "ich9-ahci,id=a0,addr=4"))
pci("pci-testdev", [(0x10, "mem", 4096, 0, 0x20), (0x14, "port", 256, 0, 0x20)], ("-device", "pci-testdev,addr=4"))
pci("pcie-root-port", [], ("-device", "pcie-root-port,addr=4,chassis=1"))
add("vga-ports", [("port", 0x3b0, 0x30)], options=("-device", "VGA,addr=4,romfile="))
add("isa-debugcon", [("port", 0xe9, 1)], options=("-chardev", "null,id=c0", "-device", "isa-debugcon,chardev=c0"))
add("pc-testdev", [("port", 0xe0, 8), ("mem", 0xff000000, 0x20)], options=("-device", "pc-testdev"))
add("pflash", [("mem", 0xfff00000, 0x40)], types=("cfi.pflash01",), options=("-drive", "if=pflash,driver=null-co,size=1M,read-zeroes=on"))

# Device types without registers of their own, or with none that may be touched: where they are looked at instead.
ELSEWHERE = {
    "ide-hd": "tests/qtestos/test_ata.py", "ide-cd": "tests/qtest/ahci.t",
    "scsi-hd": "tests/qtestos/test_scsi.py", "scsi-cd": "tests/qtestos/test_scsi.py",
    "nvme-ns": "tests/qtestos/test_nvme.py",
    "virtconsole": "tests/qtestos/test_virtio.py", "virtserialport": "tests/qtestos/test_virtio.py",
    **{f"virtio-{d}-device": "tests/qtest/microvm.t" for d in ("balloon", "blk", "net", "rng", "scsi", "serial")},
    "virtio-mmio": "tests/qtest/microvm.t", "isabus-bridge": "tests/qtest/microvm.t",
    "isa-debug-exit": "a write ends the emulator: tests/qtest/diff.t",
    "vhost-vsock-device": "the host's kernel is the device",
    "vhost-vsock-pci": "the host's kernel is the device; ours has virtio-vsock-pci: tests/qtestos/test_vsock.py",
}
