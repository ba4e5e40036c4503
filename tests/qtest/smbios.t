#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""-smbios: the tables and the messages are those of Debian's QEMU, byte by byte,
and dmidecode reads what was asked for."""
import os
import shutil
import struct
import subprocess
import sys
import tempfile
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ["srctree"], "scripts"))
from qtestos import harness

harness.requires_config("CONFIG_VM", "CONFIG_VIRTIO_NET")
VM = [harness.VMBOX, "vm"]
QEMU = shutil.which("qemu-system-x86_64")
DMIDECODE = shutil.which("dmidecode") or shutil.which("dmidecode", path="/usr/sbin:/sbin")

# What names ours apart from QEMU's unless it is said: versions, and the processor.
SAME = ["-smbios", "type=1,version=same", "-smbios", "type=3,version=same",
        "-smbios", "type=4,version=same,processor-id=0x1122334455667788"]
ALL = ["-smbios", "type=0,vendor=v,version=1.0,date=01/02/2026,release=3.4,uefi=on",
       "-smbios", "type=1,manufacturer=m,product=p,serial=s,sku=sk,family=a,,b,uuid=12345678-1234-5678-1234-56781234567f",
       "-smbios", "type=2,manufacturer=m2,product=p2,version=v2,serial=s2,asset=a2,location=l2",
       "-smbios", "type=3,manufacturer=m3,serial=s3,asset=a3,sku=k3",
       "-smbios", "type=4,sock_pfx=S,manufacturer=m4,serial=s4,asset=a4,part=p4,max-speed=3000,current-speed=2500,processor-id=0x1122334455667788",
       "-smbios", "type=11,value=one,value=two", "-smbios", "type=11,path=text",
       "-smbios", "type=17,loc_pfx=L,bank=b,manufacturer=m17,serial=s17,asset=a17,part=p17,speed=1600",
       "-smbios", "type=41,designation=net,kind=ethernet,instance=2,pcidev=n0",
       "-device", "virtio-net-pci,id=n0,addr=5.2,multifunction=on"]


def files():
    """In the current folder: structures as they lie in a table."""
    for name, data in (("oem", b"\x80\x06\x00\x80\x01\x02ab\0cd\0\0"), ("type11", b"\x0b\x05\x00\x01\x01hi\0\0"),
                       ("type1", b"\x01\x1b\x00\x01" + bytes(23) + b"\0\0"), ("type3", b"\x03\x16\x00\x03" + bytes(18) + b"\0\0"),
                       ("text", b"from a file"), ("cut", b"\x01\x1b\x00\x01\0\0"), ("tiny", b"\x01\x04")):
        with open(name, "wb") as f:
            f.write(data)


def tables(args, binary=None):
    """(anchor, structures)"""
    with harness.Machine(*args, binary=binary) as m:
        raw = lambda n: bytes(m.inb(0x511) for _ in range(n))
        m.outw(0x510, 0x19)
        found = {}
        for _ in range(struct.unpack(">I", raw(4))[0]):
            size, key, _, name = struct.unpack(">IHH56s", raw(64))
            found[name.split(b"\0")[0].decode()] = (size, key)
        out = []
        for name in ("etc/smbios/smbios-anchor", "etc/smbios/smbios-tables"):
            m.outw(0x510, found[name][1])
            out.append(raw(found[name][0]))
    return out


def dmidecode(anchor, data):
    a = bytearray(anchor)
    struct.pack_into("<I", a, 24, 32)       # behind it in the dump
    a[4] = a[21] = 0
    a[21] = -sum(a[16:31]) & 255
    a[4] = -sum(a) & 255
    with open("dump", "wb") as f:
        f.write(bytes(a) + b"\0" + data)
    return subprocess.run([DMIDECODE, "--from-dump", "dump"], capture_output=True, timeout=60).stdout.decode()


def same_as(t, ours, theirs, what):
    """QEMU leaves the sums to the firmware."""
    anchors = [a[:4] + a[5:21] + a[22:] for a in (ours[0], theirs[0])]
    t.eq((anchors[0], ours[1]), (anchors[1], theirs[1]), what)


def test_tables(t):
    for what, args in (
            ("defaults", []), ("every field", ALL), ("bare types", ["-smbios", "type=0", "-smbios", "type=2,version=x", "-smbios", "type=11"]),
            ("empty texts", ["-smbios", "type=1,manufacturer=,serial=", "-smbios", "type=0,vendor=,uefi"]),
            ("files", ["-smbios", "file=oem", "-smbios", "file=type11"]), ("one of ours replaced", ["-smbios", "file=type3"]),
            ("sockets", ["-smp", "8,sockets=2,dies=2,cores=2,threads=1"]), ("threads", ["-smp", "8,cores=2,threads=2"]),
            ("half a socket", ["-smp", "3,sockets=3"]), ("later wins", ["-smbios", "type=1,serial=a", "-smbios", "type=1,serial=b"]),
            ("onboard devices", ["-smbios", "type=41,designation=x", "-smbios", "type=41,designation=y,kind=sas,instance=7"])):
        same = SAME if what != "one of ours replaced" else SAME[:2] + SAME[4:]
        ours = tables(same + args)
        t.eq(sum(ours[0]) & 255, 0, what + ": sum")
        if QEMU:
            same_as(t, ours, tables(same + args, QEMU), what + ": as QEMU's")


def test_dmidecode(t):
    text = dmidecode(*tables(SAME + ALL))
    for line in ("Vendor: v", "UEFI is supported", "BIOS Revision: 3.4", "SKU Number: sk", "Family: a,b",
                 "UUID: 12345678-1234-5678-1234-56781234567f", "Location In Chassis: l2", "Asset Tag: a3",
                 "Socket Designation: S 0", "Max Speed: 3000 MHz", "Current Speed: 2500 MHz", "ID: 88 77 66 55 44 33 22 11",
                 "String 2: two", "String 3: from a file", "Locator: L 0", "Speed: 1600 MT/s", "Bus Address: 0000:00:05.2",
                 "Reference Designation: net"):
        t.ok(line + "\n" in text, "dmidecode: " + line)
    t.ok("structures occupying" in text and "Wrong" not in text and "broken" not in text.lower(), "and finds no fault")


def said(binary, args):
    r = subprocess.run(binary + ["-display", "none", "-nodefaults", "-S"] + args, stdin=subprocess.DEVNULL,
                       capture_output=True, timeout=60)
    return r.returncode, r.stderr.decode().strip().split(": ", 1)[-1]


def test_errors(t):
    for args in (["type=5"], ["foo=1"], ["type=x"], ["type=1,foo=bar"], ["file=/nonexistent"], ["type=0,release=1"],
                 ["type=0,uefi=maybe"], ["type=1,uuid=zzz"], ["type=4,max-speed=70000"], ["type=4,current-speed=x"],
                 ["type=11,path=/nonexistent"], [""], ["file=oem,type=11"], ["type=41,kind=x"], ["type=128"],
                 ["type=17,speed=x"], ["file=type11", "type=11,value=x"], ["type=11,value=x", "file=type11"],
                 ["type=1,serial=x", "file=type1"], ["file=tiny"]):
        line = [x for a in args for x in ("-smbios", a)]
        ours = said(VM, line)
        t.eq(ours[0], 1, "%s: status" % args)
        if QEMU:
            t.eq(ours, said([QEMU], line), "%s: as QEMU" % args)
    t.eq(said(VM, ["-smbios", "type=41,designation=a,pcidev=x"]),
         (1, "No PCI device x for SMBIOS type 41 entry a"), "no such device")
    # QEMU takes these as they are; the guest would read beyond them, or another number.
    t.eq(said(VM, ["-smbios", "file=cut"]),
         (1, "-smbios file=cut: SMBIOS file cut holds no whole structure with its strings"), "cut structure")
    t.eq(said(VM, ["-smbios", "type=0,release=1.300"]), (1, "-smbios type=0,release=1.300: Invalid release"), "release")
    t.eq(said(VM, ["-smbios", "type=17,speed=70000"])[0], 1, "speed")
    many = [x for i in range(65) for x in ("-smbios", "type=41,designation=d")]
    t.eq(said(VM, many)[0], 1, "too many onboard devices")


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    files()
    harness.run_all(sys.modules[__name__])
