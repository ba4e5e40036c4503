#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""SeaBIOS of Debian's package boots from every kind of disk: a boot sector that
reads one more sector by INT 13h and reports its first byte as exit status."""
import os
import struct
import subprocess
import sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import console as c

for symbol in ("VM", "AHCI", "NVME", "VIRTIO_SCSI", "ISA_DEBUG_EXIT"):
    c.requires_config(symbol)
if not os.path.exists("/usr/share/seabios/bios-256k.bin"):
    c.skip_all("seabios is missing")


def boot_sector(block):
    """At 7c00: INT 13h, AH 42h reads block `block` to 8000h; out 0xf4, [8000h]."""
    code = bytes.fromhex("31c08ed8" "bee07d" "b442" "cd13" "7205" "a00080" "eb02" "b07f" "e6f4" "f4" "ebfd")
    sector = bytearray(512)
    sector[:len(code)] = code
    sector[0x1e0:0x1f0] = struct.pack("<BBHHHQ", 16, 0, 1, 0x8000, 0, block)
    sector[510:] = b"\x55\xaa"
    return bytes(sector)


def disk(path, mark):
    with open(path, "wb") as f:
        f.write(boot_sector(3) + bytes(1024) + bytes([mark]) * 512 + bytes(1 << 20))


def cd(path, mark):
    """A CD with an El Torito catalogue in block 19 and its boot sector, not emulated, in block 20."""
    blocks = [bytearray(2048) for _ in range(64)]
    blocks[16][0:7] = b"\1CD001\1"
    blocks[17][0:7] = b"\0CD001\1"
    blocks[17][7:30] = b"EL TORITO SPECIFICATION"
    blocks[17][0x47:0x4b] = struct.pack("<I", 19)
    blocks[18][0:7] = b"\xffCD001\1"
    entry = bytearray(b"\1" + bytes(29) + b"\x55\xaa")
    entry[28:30] = struct.pack("<H", -sum(struct.unpack("<16H", entry)) & 0xffff)
    blocks[19][0:32] = entry
    blocks[19][32:44] = struct.pack("<BBHBBHI", 0x88, 0, 0, 0, 0, 4, 20)
    blocks[20][0:512] = boot_sector(30)
    blocks[30][:] = bytes([mark]) * 2048
    with open(path, "wb") as f:
        f.write(b"".join(blocks))


def boots(name, mark, *args):
    run = subprocess.run([c.vmbox, "vm", "-m", "64", "-display", "none", "-serial", "null", "-monitor", "none", "-no-reboot",
                          "-debugcon", "file:log", "-global", "isa-debugcon.iobase=0x402",
                          "-device", "isa-debug-exit,iobase=0xf4", *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    with open("log", errors="replace") as f:
        c.check(run.returncode == mark * 2 + 1, f"boots from {name}", f"status {run.returncode} {run.stderr}\n{f.read()}")


disk("d.img", 0x21)
cd("c.iso", 0x22)
boots("a SATA disk", 0x21, "-drive", "file=d.img,format=raw")
boots("the second port", 0x21, "-hdb", "d.img")
boots("a SATA CD", 0x22, "-cdrom", "c.iso")
boots("NVMe", 0x21, "-drive", "file=d.img,format=raw,if=none,id=d", "-device", "nvme,drive=d,serial=1")
boots("virtio-blk", 0x21, "-drive", "file=d.img,format=raw,if=virtio")
boots("virtio-scsi", 0x21, "-drive", "file=d.img,format=raw,if=none,id=d", "-device", "virtio-scsi-pci", "-device", "scsi-hd,drive=d")
boots("a SCSI CD", 0x22, "-drive", "file=c.iso,if=none,id=d,media=cdrom", "-device", "virtio-scsi-pci", "-device", "scsi-cd,drive=d")
disk("e.img", 0x23)
both = ("-drive", "file=d.img,format=raw,if=none,id=d", "-drive", "file=e.img,format=raw,if=none,id=e")
boots("the SATA disk that bootindex names", 0x23, *both, "-device", "ide-hd,drive=d,bus=ide.0", "-device", "ide-hd,drive=e,bus=ide.1,bootindex=1")
boots("the SCSI disk with the lower bootindex", 0x23, *both, "-device", "virtio-scsi-pci", "-device", "scsi-hd,drive=d,bootindex=2",
      "-device", "scsi-hd,drive=e,bootindex=1")
boots("a SATA disk before a virtio one", 0x23, *both, "-device", "virtio-blk-pci,drive=d,bootindex=3", "-device", "ide-hd,drive=e,bus=ide.2,bootindex=0")
c.done()
