#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# slow
"""scripts/qtestos/aml against acpiexec: operators, fields, our tables, QEMU's; then tables that mean harm."""
import os
import random
import shutil
import struct
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ["srctree"], "tests/qtest"))
sys.path.insert(0, os.path.join(os.environ["srctree"], "scripts"))
import acpiexec
from qtestos import harness
from qtestos.acpi import loader, resources, tables
from qtestos.aml import AmlError, Interpreter, Limits

harness.requires_config("CONFIG_VM")
HERE = os.path.dirname(os.path.abspath(__file__))
QEMU = shutil.which("qemu-system-x86_64")
METHOD = 8
UUID = bytes.fromhex("5b4ddb33f71f1c4096577441c03dd766")
# Methods that cannot be compared as they are: packages beyond acpiexec's buffer, which are compared element by element.
BIG = ("_PRT", "PRTP", "PRTA")
ELEMENTS = r"""DefinitionBlock ("", "SSDT", 1, "VMBOX", "ELEMENTS", 1)
{
    External (\_SB.PCI0._PRT, MethodObj)
    Method (\XLEN) { Local0 = \_SB.PCI0._PRT () Return (SizeOf (Local0)) }
    Method (\XELE, 1) { Local0 = \_SB.PCI0._PRT () Return (DerefOf (Local0[Arg0])) }
}"""


def fresh(limits=None):
    memory = acpiexec.Memory()
    return Interpreter(limits, {i: memory for i in range(10)})


def plain(v):
    """Both sides say only that there is a reference, not to what."""
    if isinstance(v, list):
        return [plain(x) for x in v]
    return "<reference>" if isinstance(v, str) and v.startswith("<") else v


def ours(aml, path, args):
    try:
        return plain(aml.evaluate(path, *args))
    except AmlError as e:
        return "error", e.code


def text_of(arg):
    return "(%s)" % " ".join("%02X" % c for c in arg) if isinstance(arg, bytes) else "0x%X" % arg


def compare(t, name, loaded, requests):
    """Evaluates [(path, arguments)] on both sides, in the same order: a case each."""
    aml = fresh()
    for table in loaded:
        aml.load(table)
    theirs = acpiexec.evaluate(loaded, [" ".join([path] + [text_of(a) for a in args]) for path, args in requests])
    for (path, args), want in zip(requests, theirs):
        t.eq(ours(aml, path, args), plain(want), "%s: %s%s" % (name, path, tuple(args) if args else ""))


def everything(*loaded):
    """Every object with a value, and every method with numbers for its arguments."""
    aml, out = fresh(), []
    for table in loaded:
        aml.load(table)
    for path, kind, node in aml.walk():
        if path.split(".")[-1] in BIG:
            continue
        if kind == METHOD:
            out.append((path, [1] * node.value.args))
        elif kind in (1, 2, 3, 4, 5):
            out.append((path, []))
    return out


def test_1_language(t):
    for name in ("types", "regions"):
        with open(os.path.join(HERE, "aml", name + ".asl"), encoding="ascii") as f:
            table = acpiexec.compile_asl(f.read())
        compare(t, name, [table], everything(table))


def fw_cfg(m):
    """A function that fetches files of fw_cfg through its DMA interface."""
    def dma(control, size):
        m.write(0x10000, struct.pack(">IIQ", control, size, 0x20000))
        m.outl(0x514, 0)
        m.outl(0x518, struct.unpack("<I", struct.pack(">I", 0x10000))[0])
        if m.read(0x10000, 4) != bytes(4):
            raise OSError("fw_cfg's DMA failed")
        return m.read(0x20000, size)

    count = struct.unpack(">I", dma(0x19 << 16 | 10, 4))[0]
    entries = [struct.unpack(">IHH56s", dma(2, 64)) for _ in range(count)]
    files = {name.rstrip(b"\0").decode(): (select, size) for size, select, _, name in entries}
    return lambda name: dma(files[name][0] << 16 | 10, files[name][1])


def as_firmware(m, older=False):
    """What QEMU's tables depend on: the registers that firmware sets first."""
    if older:
        m.set_cfg((0, 1, 3), 0x40, 0x601)
        m.set_cfg((0, 1, 3), 0x80, 1, 1)
        return
    m.set_cfg((0, 0x1f, 0), 0x40, 0x601)
    m.set_cfg((0, 0x1f, 0), 0x44, 0x80, 1)
    m.set_cfg((0, 0, 0), 0x64, 0)
    m.set_cfg((0, 0, 0), 0x60, 0xb0000001)


def check_machine(t, name, args, binary=None):
    with harness.Machine(*args, binary=binary) as m:
        as_firmware(m, "pc" in args)
        image = loader.load(fw_cfg(m))
    found = tables.find(image)
    t.eq(tables.check(found), [], name + ": tables")
    dsdt = [x.data for x in found.all if x.signature in ("DSDT", "SSDT")]
    compare(t, name, dsdt, everything(*dsdt))
    compare(t, name, dsdt + [acpiexec.compile_asl(ELEMENTS)], [("\\XLEN", [])] + [("\\XELE", [i]) for i in range(0, 128, 9)] +
            [("\\_PIC", [1])] + [("\\XELE", [i]) for i in range(0, 128, 9)] +
            [("\\_SB.PCI0._OSC", [UUID, 1, 3, struct.pack("<III", flags, 31, 31)]) for flags in (0, 1)] +
            [("\\_SB.PCI0._OSC", [UUID[::-1], 1, 3, bytes(12)]), ("\\_SB.PCI0._OSC", [UUID, 2, 3, bytes(12)])])
    aml = fresh()
    for x in dsdt:
        aml.load(x)
    for path, kind, node in list(aml.walk()):
        if path.endswith(("._CRS", "._PRS")):
            got = resources.parse(aml.evaluate(path, *[0] * (node.value.args if kind == METHOD else 0)))
            t.eq(got[-1].kind, "end", "%s: %s is a resource template" % (name, path))


def test_2_ours(t):
    check_machine(t, "ours", ("-smp", "2", "-serial", "null"))
    check_machine(t, "ours, no devices", ("-smp", "1"))
    check_machine(t, "ours, eight processors", ("-smp", "8", "-serial", "null", "-serial", "null", "-device", "VGA"))
    check_machine(t, "ours, bridges", ("-smp", "3", "-device", "pcie-root-port,id=r1,chassis=1,slot=1", "-device", "edu,bus=r1",
                                       "-device", "pcie-root-port,id=r2,chassis=2,slot=2,hotplug=off", "-device", "pvpanic"))
    check_machine(t, "ours, 4 GiB and more", ("-m", "6G", "-machine", "q35,hpet=off"))


def test_3_qemu(t):
    if not QEMU:
        return t.ok(True, "QEMU's tables # SKIP qemu-system-x86 is missing")
    check_machine(t, "QEMU", ("-smp", "2", "-serial", "null"), QEMU)
    check_machine(t, "QEMU, VT-d", ("-device", "intel-iommu", "-device", "pvpanic"), QEMU)
    check_machine(t, "QEMU, AMD IOMMU", ("-device", "amd-iommu", "-device", "pcie-root-port,id=r,slot=1", "-device", "edu"), QEMU)
    check_machine(t, "QEMU, nodes", ("-object", "memory-backend-ram,id=a,size=32M", "-object", "memory-backend-ram,id=b,size=32M", "-smp", "2",
                                     "-numa", "node,memdev=a,cpus=0", "-numa", "node,memdev=b,cpus=1"), QEMU)
    check_machine(t, "QEMU, processors and memory to plug", ("-smp", "2,maxcpus=12", "-m", "64,slots=3,maxmem=2G"), QEMU)
    check_machine(t, "QEMU, bridges", ("-device", "pcie-root-port,id=r1,chassis=1,slot=1", "-device", "pcie-pci-bridge,id=b1,bus=r1",
                                       "-device", "pci-bridge,id=b2,bus=b1,addr=2,chassis_nr=3", "-device", "edu,bus=b2,addr=3",
                                       "-device", "pxb-pcie,id=x,bus_nr=64", "-device", "pcie-root-port,bus=x,chassis=2,slot=2"), QEMU)
    check_machine(t, "QEMU, NVDIMM and generation id", ("-machine", "q35,nvdimm=on", "-m", "64,slots=2,maxmem=2G", "-device", "vmgenid"), QEMU)
    check_machine(t, "QEMU, the older board", ("-machine", "pc", "-smp", "2", "-device", "pci-bridge,id=b,addr=5,chassis_nr=1",
                                               "-device", "pvpanic", "-serial", "null", "-parallel", "null"), QEMU)
    check_machine(t, "QEMU, no HPET, no SMM", ("-machine", "q35,hpet=off,smm=off", "-smp", "1", "-device", "isa-debugcon,chardev=c",
                                               "-chardev", "null,id=c", "-device", "ipmi-bmc-sim,id=i", "-device", "isa-ipmi-kcs,bmc=i"), QEMU)


def affinity(args, binary=None):
    """What SRAT and SLIT say: {(kind, enabled, the rest)}, and the table of distances."""
    with harness.Machine(*args, binary=binary) as m:
        as_firmware(m)
        found = tables.find(loader.load(fw_cfg(m)))
    by_name = {x.signature: x for x in found.all}
    out = {kind: [] for kind in (0, 1)}
    for kind, e in by_name["SRAT"].entries(48):
        if kind == 0 and e[4] & 1:
            out[0].append((e[3], e[2]))
        elif kind == 1 and e[28] & 1:
            out[1].append(struct.unpack_from("<IHQQ", e, 2)[::2] + struct.unpack_from("<Q", e, 16))
    return out[0], sorted(out[1]), by_name["SLIT"].data[36:] if "SLIT" in by_name else None, tables.check(found)


def test_2_nodes(t):
    def nodes(*sizes):
        return [y for i, size in enumerate(sizes) for y in ("-object", f"memory-backend-ram,id=m{i},size={size}M")] + ["-m", str(sum(sizes))]
    cases = [("cpus=", nodes(32, 96) + ["-smp", "4", "-numa", "node,memdev=m0,cpus=0,cpus=2-3", "-numa", "node,memdev=m1,cpus=1"]),
             ("sockets, distances", nodes(64, 64, 64) + ["-smp", "6,sockets=3", *(y for i in range(3) for y in ("-numa", f"node,nodeid={i},memdev=m{i}")),
              "-numa", "dist,src=0,dst=1,val=15", "-numa", "dist,src=0,dst=2,val=25", "-numa", "dist,src=1,dst=2,val=30"]),
             ("cpu, a node without memory", nodes(64) + ["-smp", "4,sockets=2,cores=2", "-numa", "node,memdev=m0", "-numa", "node",
              "-numa", "cpu,node-id=1,socket-id=0", "-numa", "cpu,node-id=0,socket-id=1"]),
             ("beyond 4 GiB", nodes(1024, 2048, 1024) + ["-smp", "3", "-numa", "node,memdev=m0,cpus=0", "-numa", "node,memdev=m1,cpus=1",
              "-numa", "node,memdev=m2,cpus=2"])]
    for name, args in cases:
        got = affinity(args)
        t.eq(got[3], [], "nodes, %s: tables are well" % name)
        if QEMU:
            t.eq(got[:3], affinity(args, QEMU)[:3], "nodes, %s: as QEMU says it" % name)
    t.eq(affinity(["-m", "64", "-smp", "2", "-numa", "node,mem=16,cpus=0", "-numa", "node,mem=48M,cpus=1"])[:3],
         ([(0, 0), (1, 1)], [(0, 0, 0xa0000), (0, 0x100000, 0xf00000), (1, 0x1000000, 0x3000000)], None), "nodes, mem=")


def table_of(body, revision=2):
    return b"DSDT" + struct.pack("<IBB6s8sI4sI", 36 + len(body), revision, 0, b"HARM  ", b"HARMHARM", 1, b"HARM", 1) + body


def refused(t, name, body, code, limits=None, call=None):
    try:
        aml = fresh(limits)
        aml.load(table_of(body))
        if call:
            aml.evaluate(call)
        t.ok(False, name + ": it was taken")
    except AmlError as e:
        t.eq(e.code, code, name)


def pkg(op, body):
    return op + bytes((0x40 | (len(body) + 2) & 15, (len(body) + 2) >> 4)) + body


def test_4_harm(t):
    method = lambda name, body, flags=0: pkg(b"\x14", name + bytes((flags,)) + body)
    refused(t, "an endless loop", pkg(b"\xa2", b"\x01"), "AE_LIMIT", Limits(steps=10000))
    refused(t, "endless recursion", method(b"LOOP", b"LOOP") + b"LOOP", "AE_LIMIT")
    refused(t, "terms that nest too deep", b"\x92" * 20000 + b"\x01", "AE_LIMIT")
    refused(t, "a buffer of 2 GiB", b"\x08BIG_\x11\x07\x0c\0\0\0\x80\0", "AE_LIMIT")
    refused(t, "a package of 2^32 elements", b"\x08BIG_\x13\x06\x0c\xff\xff\xff\xff", "AE_LIMIT")
    refused(t, "a string that doubles", b"\x08STR_\x0d0123456789\0" + pkg(b"\xa2", b"\x01\x73STR_STR_STR_"), "AE_LIMIT")
    refused(t, "a package within itself", b"\x08PKG_\x12\x04\x02\x00\x00" + pkg(b"\xa2", b"\x01\x70PKG_\x88PKG_\x00\x00"), "AE_LIMIT")
    refused(t, "a package longer than the table", b"\x10\x3f\\_SB", "AE_AML_PACKAGE_LIMIT")
    refused(t, "a string without an end", b"\x08STR_\x0dabc", "AE_AML_TRUNCATED")
    refused(t, "an unknown opcode", b"\xfe", "AE_AML_BAD_OPCODE")
    refused(t, "a name with a blank", b"\x08A  A\x01", "AE_BAD_CHARACTER")
    refused(t, "a name twice", b"\x08AAAA\x01\x08AAAA\x01", "AE_ALREADY_EXISTS")
    refused(t, "a name that is not there", b"\x70BBBB\x60", "AE_NOT_FOUND")
    refused(t, "more parents than there are", b"\x08^^AAA_\x01", "AE_NOT_FOUND")
    refused(t, "a division by zero", b"\x78\x01\x00\x00\x00", "AE_AML_DIVIDE_BY_ZERO")
    refused(t, "an index past the end", b"\x08PKG_\x12\x04\x01\x01\x70\x88PKG_\x0a\x05\x00\x60", "AE_AML_PACKAGE_LIMIT")
    refused(t, "a field past its buffer", b"\x08BUF_\x11\x03\x01\x00\x8aBUF_\x00FLD_", "AE_AML_BUFFER_LIMIT")
    refused(t, "a local without a value", method(b"LOCL", b"\xa4\x60"), "AE_AML_UNINITIALIZED_LOCAL", call="\\LOCL")
    refused(t, "a release without an acquire", b"\x5b\x01MTX_\x00" + b"\x5b\x27MTX_", "AE_AML_MUTEX_NOT_ACQUIRED")
    refused(t, "Fatal", b"\x5b\x32\x01\x02\0\0\0\x0a\x03", "AE_AML_FATAL")
    refused(t, "Break outside of a loop", b"\xa5", "AE_AML_NO_WHILE")
    refused(t, "a store to a device", b"\x5b\x82\x05DEV_\x70\x01DEV_", "AE_AML_OPERAND_TYPE")
    refused(t, "more names than allowed", b"".join(b"\x08%04d\x01".replace(b"%04d", b"N%03d" % i) for i in range(200)), "AE_LIMIT", Limits(nodes=100))
    for body in (b"", b"\0" * 35):
        try:
            fresh().load(body)
            t.ok(False, "a table of %d bytes" % len(body))
        except AmlError as e:
            t.eq(e.code, "AE_BAD_HEADER", "a table of %d bytes" % len(body))


def mutate(r, table):
    table = bytearray(table)
    for _ in range(r.choice((1, 1, 2, 5, 20))):
        i, how = r.randrange(36, len(table)), r.randrange(4)
        if how == 0:
            table[i] = r.getrandbits(8)
        elif how == 1:
            table[i] ^= 1 << r.randrange(8)
        elif how == 2:
            j, size = r.randrange(36, len(table)), r.randrange(1, 30)
            table[i:i + size] = table[j:j + size][:len(table) - i]
        else:
            del table[i:i + r.randrange(1, 4)]
    table[4:8] = struct.pack("<I", len(table))
    return table


def test_5_mutations(t):
    """Damaged tables end in a value or an AmlError, never in another exception or without end."""
    whole = []
    for name in ("types", "regions"):
        with open(os.path.join(HERE, "aml", name + ".asl"), encoding="ascii") as f:
            whole.append(acpiexec.compile_asl(f.read()))
    for seed in range(int(os.environ.get("AML_MUTATIONS", "150"))):
        r = random.Random(seed)
        aml = fresh(Limits(steps=20000))
        wrong = None
        try:
            aml.load(mutate(r, r.choice(whole)))
        except AmlError:
            pass
        for path, kind, node in list(aml.walk()):
            try:
                aml.evaluate(path, *[1] * (node.value.args if kind == METHOD else 0))
            except AmlError:
                pass
            except Exception as e:      # the point of the test
                wrong = "%s: %s: %s" % (path, type(e).__name__, e)
        if wrong or seed % 50 == 49:
            t.eq(wrong, None, "mutations up to seed %d" % seed)


def script(*entries):
    return b"".join(e.ljust(loader.ENTRY, b"\0") for e in entries)


def test_6_loader(t):
    alloc = lambda name, align=16, zone=1: struct.pack("<I56sIB", 1, name, align, zone)
    files = {"a": bytes(8), "b": bytes(range(16)), "big": bytes(0x20000)}
    def run(*entries):
        try:
            return loader.Loader(files.__getitem__).run(script(*entries))
        except loader.LoaderError as e:
            return str(e)
    image = run(alloc(b"a", 64), alloc(b"b", 4096, 2), struct.pack("<I56s56sIB", 2, b"a", b"b", 4, 4), struct.pack("<I56sIII", 3, b"b", 0, 0, 16))
    t.eq(image.blob("b").addr, 0xf0000, "the low zone is below 1 MiB")
    t.eq(struct.unpack("<I", image.read(image.blob("a").addr + 4, 4))[0], 0xf0000, "a pointer is moved")
    t.eq(sum(image.read(0xf0000, 16)) & 255, 0, "a checksum is made")
    for name, entries in (("not allocated", [struct.pack("<I56sIII", 3, b"b", 0, 0, 16)]), ("allocated twice", [alloc(b"a"), alloc(b"a")]),
                          ("alignment", [alloc(b"a", 3)]), ("zone", [alloc(b"a", 16, 9)]), ("do not fit", [alloc(b"big", 16, 2)]),
                          ("unknown command", [struct.pack("<I", 99)]), ("checksum at", [alloc(b"a"), struct.pack("<I56sIII", 3, b"a", 9, 0, 1)]),
                          ("a pointer of", [alloc(b"a"), struct.pack("<I56s56sIB", 2, b"a", b"a", 6, 4)])):
        t.ok(name in run(*entries), "the loader refuses: " + name)
    t.ok("no multiple" in str(_raises(lambda: loader.Loader(files.__getitem__).run(b"x"))), "the loader refuses: half an entry")


def _raises(fn):
    try:
        fn()
    except loader.LoaderError as e:
        return e
    return None


def test_7_resources(t):
    for name, data in (("cut", b"\x8a"), ("no end tag", b"\x22\x01\x00"), ("is left", b"\x47\x01"), ("the descriptor", b"\x40\x79\0"),
                       ("checksum", b"\x22\x01\x00\x79\x01")):
        try:
            resources.parse(data)
            t.ok(False, "resources: %s was taken" % name)
        except resources.ResourceError as e:
            t.ok(True, "resources: %s" % e)
    got = resources.parse(b"\x22\x20\x00\x47\x01\x78\x03\x78\x03\x08\x08\x79\x00")
    t.eq((got[0].numbers, got[1].first, got[1].last), ((5,), 0x378, 0x37f), "resources: IRQ 5, ports 0x378 to 0x37f")


harness.run_all(sys.modules[__name__])
