# SPDX-License-Identifier: GPL-2.0-or-later
"""What firmware finds: fw_cfg, ACPI tables, boot order, geometry, memory, the q35 chipset's own functions."""
import struct

from qtestos import Machine, arguments, boards, eq, params
from qtestos.acpi import loader, resources, tables
from qtestos.aml import PCI_CONFIG, SYSTEM_IO, SYSTEM_MEMORY, Interpreter
from qtestos.drivers.fw_cfg import DMA_ERROR, DMA_READ, DMA_SELECT, DMA_SKIP, DMA_WRITE, FILE_DIR, ID, SIGNATURE, FwCfg
from qtestos.drivers.pci import Q35Host
from qtestos.drivers.timers import AcpiPm, Rtc


# ---- fw_cfg ----

def test_fw_cfg_signature(fw: FwCfg):
    eq(fw.item(SIGNATURE, 4), b"QEMU")


def test_fw_cfg_features(fw: FwCfg):
    """Bit 0: the traditional interface, bit 1: DMA."""
    eq(struct.unpack("<I", fw.item(ID, 4))[0], 3)


def test_fw_cfg_dma_signature(fw: FwCfg):
    """The DMA address register reads as "QEMU CFG"."""
    eq(struct.pack("<II", fw.m.inl(0x514), fw.m.inl(0x518)), b"QEMU CFG")


def test_fw_cfg_past_the_end(fw: FwCfg):
    """An item goes on with zeros."""
    eq(fw.item(SIGNATURE, 8), b"QEMU\0\0\0\0")


@params(key=(0x7fff, 0x3ffe, 0xbfff))
def test_fw_cfg_no_such_item(fw: FwCfg, key: int):
    eq(fw.item(key, 4), bytes(4))


@params(size=(1, 3, 4, 100))
def test_fw_cfg_dma_reads_as_ports(fw: FwCfg, size: int):
    eq(fw.dma_item(FILE_DIR, size), fw.item(FILE_DIR, size))


def test_fw_cfg_dma_skip(fw: FwCfg):
    whole = fw.item(FILE_DIR, 68)
    at = fw.m.alloc(64)
    eq(fw.dma(FILE_DIR << 16 | DMA_SELECT | DMA_SKIP, 4), 0)
    eq(fw.dma(DMA_READ, 64, at), 0)
    eq(fw.m.read(at, 64), whole[4:])
    fw.m.free(at)


def test_fw_cfg_dma_past_the_end(fw: FwCfg):
    """DMA too gives zeros behind an item."""
    at = fw.m.alloc(16, fill=0xff)
    eq(fw.dma(SIGNATURE << 16 | DMA_SELECT | DMA_READ, 16, at), 0)
    eq(fw.m.read(at, 16), b"QEMU" + bytes(12))
    fw.m.free(at)


def test_fw_cfg_dma_write_refused(fw: FwCfg):
    """Most items cannot be written."""
    at = fw.m.put(b"XXXX")
    eq(fw.dma(SIGNATURE << 16 | DMA_SELECT | DMA_WRITE, 4, at), DMA_ERROR)
    eq(fw.item(SIGNATURE, 4), b"QEMU")
    fw.m.free(at)


@params(addr=(0xfffffffffffff000, 0xfed00000000))
def test_fw_cfg_dma_to_nowhere(fw: FwCfg, addr: int):
    """A target outside of memory harms nothing."""
    fw.dma(SIGNATURE << 16 | DMA_SELECT | DMA_READ, 16, addr)
    eq(fw.item(SIGNATURE, 4), b"QEMU")


def test_fw_cfg_directory(fw: FwCfg):
    """Sorted by name, keys from 0x20 on, each once."""
    files = fw.files()
    assert {"etc/acpi/rsdp", "etc/acpi/tables", "etc/table-loader", "etc/e820"} <= set(files), files
    eq(list(files), sorted(files), "sorted")
    keys = [key for key, _ in files.values()]
    eq(len(set(keys)), len(keys), "keys are unique")
    assert min(keys) >= 0x20


def test_fw_cfg_every_file(fw: FwCfg):
    """Every file is the same by both ways."""
    for name, (key, size) in fw.files().items():
        if 0 < size < 10000:
            eq(fw.item(key, size), fw.dma_item(key, size), name)


def test_fw_cfg_memory_map(fw: FwCfg):
    """e820: entries of 20 bytes; RAM is 64 MiB in all."""
    data = fw.file("etc/e820")
    eq(len(data) % 20, 0)
    ram = sum(struct.unpack_from("<QQI", data, i)[1] for i in range(0, len(data), 20) if struct.unpack_from("<QQI", data, i)[2] == 1)
    eq(ram, 64 << 20)


@arguments("-fw_cfg", "name=opt/test/string,string=hello", "-fw_cfg", "name=opt/test/other,string=x")
def test_fw_cfg_option(fw: FwCfg):
    """-fw_cfg adds files."""
    eq(fw.file("opt/test/string"), b"hello")
    assert "opt/test/other" in fw.files()


# ---- boot order, geometry ----

@arguments("-drive", "if=none,id=d0,driver=null-co,size=1M", "-device", "virtio-blk-pci,drive=d0,addr=4,bootindex=2",
           "-drive", "if=none,id=d1,driver=null-co,size=1M", "-device", "nvme,drive=d1,serial=x,addr=5,bootindex=1")
def test_boot_order(fw: FwCfg):
    """bootindex makes Open Firmware paths, in order."""
    lines = fw.file("bootorder").rstrip(b"\0").decode().split()
    eq(len(lines), 2, str(lines))
    assert "@5" in lines[0] and "@4" in lines[1], lines
    assert all(line.startswith("/pci@i0cf8/") for line in lines), lines


NULL = "if=none,driver=null-co,read-zeroes=on,"


@arguments("-drive", NULL + "id=d0,size=500M", "-device", "ide-hd,drive=d0,lcyls=100,lheads=5,lsecs=17,bus=ide.0")
def test_hd_geometry(fw: FwCfg):
    """A disk with a geometry of its own is in bios-geometry."""
    text = fw.file("bios-geometry").rstrip(b"\0").decode()
    assert "disk@0" in text and text.split("\n")[0].split()[1:] == ["100", "5", "17"], text


@boards("q35")
@arguments("-drive", NULL + "id=d0,size=500M", "-drive", NULL + "id=d1,size=30G", "-drive", NULL + "id=d2,size=1G",
           "-device", "virtio-scsi-pci,id=s,addr=5", "-device", "virtio-blk-pci,drive=d2,addr=4,lcyls=3,lheads=2,lsecs=1",
           "-device", "scsi-hd,drive=d1,bus=s.0,scsi-id=2,lun=1,lheads=7",
           "-device", "ide-hd,drive=d0,bus=ide.0,lcyls=9,lheads=8,lsecs=7")
def test_hd_geometry_list(fw: FwCfg):
    """The file as it stands: in the order of the devices, a NUL at the end."""
    eq(fw.file("bios-geometry"),
       b"/pci@i0cf8/scsi@4/disk@0,0 3 2 1\n/pci@i0cf8/scsi@5/channel@0/disk@2,1 0 7 0\n"
       b"/pci@i0cf8/pci8086,2922@1f,2/drive@0/disk@0 9 8 7\0")


def test_hd_geometry_none(fw: FwCfg):
    """Without disks the files are there and empty."""
    eq((fw.file("bios-geometry"), fw.file("bootorder")), (b"", b""))


@arguments("-boot", "strict=on", "-drive", NULL + "id=d0,size=1M", "-device", "virtio-blk-pci,drive=d0,addr=4,bootindex=2")
def test_boot_strict(fw: FwCfg):
    """With strict=on firmware stops behind the list."""
    eq(fw.file("bootorder"), b"/pci@i0cf8/scsi@4/disk@0,0\nHALT\0")


def cmos_disk(rtc, at):
    raw = bytes(rtc.read(at + i) for i in range(9))
    return int.from_bytes(raw[:2], "little"), raw[2], raw[8]


@boards("q35")
@arguments("-drive", NULL + "id=d0,size=500M", "-device", "ide-hd,drive=d0,bus=ide.0",
           "-drive", NULL + "id=d1,size=30G", "-device", "ide-hd,drive=d1,bus=ide.1")
def test_hd_cmos(rtc: Rtc):
    """CMOS has the first disk as type 47 with its geometry, and the translations of both."""
    eq((rtc.read(0x12), rtc.read(0x19), cmos_disk(rtc, 0x1b)), (0xf0, 47, (1015, 16, 63)))
    eq(rtc.read(0x39), 0x10)


@boards("q35")
@arguments("-drive", NULL + "id=d0,size=500M",
           "-device", "ide-hd,drive=d0,bus=ide.0,cyls=300,heads=9,secs=33,bios-chs-trans=rechs")
def test_hd_cmos_given(rtc: Rtc):
    """And what the user says."""
    eq((rtc.read(0x12), rtc.read(0x19), cmos_disk(rtc, 0x1b)), (0xf0, 47, (300, 9, 33)))
    eq(rtc.read(0x39), 3)


@arguments("-boot", "order=dcn")
def test_boot_letters(rtc: Rtc):
    """-boot order: the CMOS has a code of four bits for each letter, the third in 0x38."""
    eq(rtc.read(0x3d), 0x23)
    eq(rtc.read(0x38) >> 4, 4)


# ---- ACPI ----

def image_of(fw):
    AcpiPm.start(FirmwareView(fw.m))
    if fw.m.desc.name == "q35":
        fw.m.pci_host().enable_ecam()
    return loader.load(fw.file)


class FirmwareView:
    """Just enough of a driver to set PMBASE, on which QEMU's tables depend."""
    BASE = AcpiPm.BASE

    def __init__(self, m):
        self.m = m


def test_acpi_checks(fw: FwCfg):
    """Every table is what its specification says."""
    eq(tables.check(tables.find(image_of(fw))), [])


@boards("q35")
def test_acpi_fadt_is_true(fw: FwCfg):
    """What the FADT says of registers is where they are."""
    fadt = tables.find(image_of(fw))["FACP"]
    m, timer = fw.m, fadt.u32(76)
    eq(timer, 0x608)
    assert m.inl(timer) < 1 << 24
    m.outb(fadt.u32(48), fadt.u8(52))
    eq(m.inw(fadt.u32(64)) & 1, 1, "ACPI is on")
    m.outb(fadt.u32(48), fadt.u8(53))
    eq(m.inw(fadt.u32(64)) & 1, 0, "and off")


def test_acpi_madt_is_true(fw: FwCfg):
    """The IOAPIC is where the MADT says."""
    madt = tables.find(image_of(fw))["APIC"]
    where = [struct.unpack_from("<I", e, 4)[0] for kind, e in madt.entries(44) if kind == 1]
    eq(where, [0xfec00000])
    fw.m.writel(where[0], 1)
    eq(fw.m.readl(where[0] + 16) >> 16 & 0xff, 23)


def test_acpi_hpet_is_true(fw: FwCfg):
    hpet = tables.find(image_of(fw))["HPET"]
    eq(fw.m.readl(hpet.gas(40)[4]), hpet.u32(36), "block ID and capabilities")


@boards("q35")
def test_acpi_mcfg_is_true(fw: FwCfg):
    """Configuration space by memory is that by ports."""
    base = tables.find(image_of(fw))["MCFG"].u64(44)
    host = fw.m.pci_host()
    for dev in (0, 31):
        eq(fw.m.readl(base + (dev << 15)), host.read((0, dev, 0), 0))


@arguments("-smp", "3")
def test_acpi_processors(fw: FwCfg):
    madt = tables.find(image_of(fw))["APIC"]
    eq(sorted(e[3] for kind, e in madt.entries(44) if kind == 0 and e[4] & 1), [0, 1, 2])


def interpreter(fw):
    """The namespace, its regions served by the machine itself."""
    m, host = fw.m, fw.m.pci_host()

    def io(_region, port, size, value):
        if value is None:
            return {1: m.inb, 2: m.inw, 4: m.inl}[size](port)
        return {1: m.outb, 2: m.outw, 4: m.outl}[size](port, value)

    def memory(_region, addr, size, value):
        if value is None:
            return int.from_bytes(m.read(addr, size), "little")
        return m.write(addr, value.to_bytes(size, "little"))

    def config(region, reg, size, value):
        adr = region.node.parent
        while adr and "_ADR" not in adr.children:
            adr = adr.parent
        number = adr.children["_ADR"].value if adr else 0
        bdf = (0, number >> 16, number & 7)
        return host.read(bdf, reg, size) if value is None else host.write(bdf, reg, value, size)

    aml = Interpreter(spaces={SYSTEM_IO: io, SYSTEM_MEMORY: memory, PCI_CONFIG: config})
    found = tables.find(image_of(fw))
    for t in found.all:
        if t.signature in ("DSDT", "SSDT"):
            aml.load(t.data)
    return aml


def test_aml_sleep_state(fw: FwCfg):
    """_S5's first number is the one that turns the machine off."""
    eq(interpreter(fw).evaluate("\\_S5")[0], 0)


def test_aml_routing(fw: FwCfg):
    """_PRT with the IOAPIC: every slot and pin has a line of 16 to 23, as the chipset wires it."""
    aml = interpreter(fw)
    if aml.exists("\\_PIC"):
        aml.evaluate("\\_PIC", 1)
    host, seen = fw.m.pci_host(), {}
    for address, pin, source, index in aml.evaluate("\\_SB.PCI0._PRT"):
        eq(address & 0xffff, 0xffff)
        if isinstance(source, str):     # a link device: its _CRS has the line
            source = resources.parse(aml.evaluate(source[1:-1] + "._CRS"))[0].numbers[0]
        seen[address >> 16, pin] = source or index
    if fw.m.desc.name == "q35":
        for dev in range(25):
            for pin in range(4):
                eq(seen[dev, pin], host.intx_line(dev, pin + 1), f"slot {dev}, pin {pin}")
    assert all(line in range(5, 24) for line in seen.values())


def test_aml_windows(fw: FwCfg):
    """The root bridge's _CRS: busses, ports around 0xcf8, memory that is not RAM."""
    got = resources.parse(interpreter(fw).evaluate("\\_SB.PCI0._CRS"))
    bus = [r for r in got if r.kind == "bus"]
    eq((bus[0].first, len(bus)), (0, 1))
    ports = sorted((r.first, r.last) for r in got if r.kind == "io")
    assert (0xcf8, 0xcff) in ports, ports
    assert any(r.first <= 0xe0000000 and r.last >= 0xe1000000 for r in got if r.kind == "memory"), got
    assert not any(r.first < 64 << 20 and r.last >= 1 << 20 for r in got if r.kind == "memory"), "over RAM"


@params(name=("_HID", "_UID", "_CRS", "_STA", "_CID", "_ADR"))
def test_aml_objects(fw: FwCfg, name: str):
    """Every such object has a value of its type."""
    aml, n = interpreter(fw), 0
    for path, _, node in list(aml.walk()):
        if node.name.rstrip("_") != name.rstrip("_") or node.value is None or getattr(node.value, "args", 0):
            continue
        got = aml.evaluate(path)
        n += 1
        if name == "_CRS":
            resources.parse(got)
        elif name == "_STA" or name == "_ADR":
            assert isinstance(got, int), path
        else:
            assert isinstance(got, (int, str)), path
    assert n, name


def test_aml_osc(fw: FwCfg):
    """_OSC grants something and keeps the buffer's size."""
    aml, uuid = interpreter(fw), bytes.fromhex("5b4ddb33f71f1c4096577441c03dd766")
    if not aml.exists("\\_SB.PCI0._OSC"):
        return eq(fw.m.desc.name, "pc")
    got = aml.evaluate("\\_SB.PCI0._OSC", uuid, 1, 3, struct.pack("<III", 0, 0x1f, 0x1f))
    eq(len(got), 12)
    assert struct.unpack("<III", got)[2] & ~0x1f == 0
    bad = aml.evaluate("\\_SB.PCI0._OSC", uuid[::-1], 1, 3, bytes(12))
    eq(bad[0] & 4, 4, "an unknown UUID")


# ---- q35 ----

@params(fn=(0, 2, 3))
def test_q35_chipset_functions(host: Q35Host, fn: int):
    """LPC bridge, SATA, SMBus: vendor Intel, class as ICH9's."""
    got = host.function(31, fn)
    if got.vendor == 0xffff:
        return eq(fn, 3)
    eq((got.vendor, got.class_code >> 8), (0x8086, {0: 0x0601, 2: 0x0106, 3: 0x0c05}[fn]))


@params(base=(0x80000000, 0xa0000000, 0xb0000000))
def test_q35_pciexbar(host: Q35Host, base: int):
    """The window moves with PCIEXBAR."""
    want = host.read((0, 0, 0), 0)
    host.write((0, 0, 0), 0x64, 0)
    host.write((0, 0, 0), 0x60, base | 1)
    eq(host.m.readl(base), want)
    host.write((0, 0, 0), 0x60, base)
    assert host.m.readl(base) != want or base == 0, "off again"


@params(pirq=(0x60, 0x61, 0x62, 0x63, 0x68, 0x69, 0x6a, 0x6b))
def test_q35_pirq_registers(host: Q35Host, pirq: int):
    """Off after reset; the line and bit 7 are kept."""
    eq(host.read((0, 31, 0), pirq, 1), 0x80)
    host.write((0, 31, 0), pirq, 0x0b, 1)
    eq(host.read((0, 31, 0), pirq, 1), 0x0b)


@params(reg=(0x90, 0x91, 0x92, 0x93, 0x94, 0x95, 0x96))
def test_q35_pam(host: Q35Host, reg: int):
    """PAM registers keep two bits a half, and RAM shows where they say."""
    value = 0x30 if reg == 0x90 else 0x33
    host.write((0, 0, 0), reg, value, 1)
    eq(host.read((0, 0, 0), reg, 1), value)
    where = 0xf0000 if reg == 0x90 else 0xc0000 + (reg - 0x91) * 0x8000
    host.m.writel(where, 0x12345678)
    eq(host.m.readl(where), 0x12345678, "writes and reads go to RAM")


@params(bdf=((0, 0, 0), (0, 31, 0), (0, 31, 2)))
def test_config_space_by_ports(host: Q35Host, bdf: tuple):
    """Bytes, words and longs of the header agree."""
    for reg in range(0, 64, 4):
        whole = host.read(bdf, reg)
        eq(sum(host.read(bdf, reg + i, 1) << 8 * i for i in range(4)), whole, f"bytes at {reg:#x}")
        eq(host.read(bdf, reg, 2) | host.read(bdf, reg + 2, 2) << 16, whole, f"words at {reg:#x}")


@params(dev=(1, 7, 25, 30))
def test_config_space_of_nothing(host: Q35Host, dev: int):
    eq(host.read((0, dev, 7), 0), 0xffffffff)
    host.write((0, dev, 7), 4, 7, 2)
    eq(host.read((0, dev, 7), 4, 2), 0xffff)


@boards("q35")
def test_config_address_register(m: Machine):
    """0xcf8 takes longs only, and is no latch while bit 31 is clear."""
    m.outl(0xcf8, 0x8000f800)
    eq(m.inl(0xcf8), 0x8000f800)
    want = m.inl(0xcfc)
    m.outb(0xcf8, 0)
    eq(m.inl(0xcf8), 0x8000f800, "a byte does not change it")
    m.outl(0xcf8, 0x0000f800)
    assert m.inl(0xcfc) != want, "disabled"
