# SPDX-License-Identifier: GPL-2.0-or-later
"""fw_cfg's "etc/table-loader", executed as firmware would (QEMU's bios-linker-loader format).

The result is an Image: every file at an address, pointers relocated, checksums
filled in, and what firmware would have written back to fw_cfg.
"""
import struct

ENTRY = 128
ALLOCATE, ADD_POINTER, ADD_CHECKSUM, WRITE_POINTER = 1, 2, 3, 4
ZONE_HIGH, ZONE_FSEG = 1, 2
HIGH_BASE, FSEG_BASE, FSEG_END = 0x7f000000, 0xf0000, 0x100000
MAX_FILE = 16 << 20


class LoaderError(ValueError):
    """The script, or a file it names, is not what the format allows."""


def _name(raw):
    if b"\0" not in raw:
        raise LoaderError("a file name without an end: %r" % raw)
    return raw.split(b"\0", 1)[0].decode("ascii", "replace")


class Blob:
    """One file in memory."""

    def __init__(self, name, addr, data):
        self.name, self.addr, self.data = name, addr, bytearray(data)


class Image:
    """Memory as the script leaves it: blobs by file name, in no other memory."""

    def __init__(self):
        self.blobs, self.commands, self.writes = {}, [], []

    def blob(self, name):
        if name not in self.blobs:
            raise LoaderError("%s is used but not allocated" % name)
        return self.blobs[name]

    def read(self, addr, size):
        """The bytes at a physical address; KeyError where the script put nothing."""
        for b in self.blobs.values():
            if b.addr <= addr and addr + size <= b.addr + len(b.data):
                return bytes(b.data[addr - b.addr:addr - b.addr + size])
        raise KeyError("nothing at 0x%x, 0x%x bytes" % (addr, size))

    def rsdp(self):
        """Address of the RSDP, looked for where an operating system looks (ACPI 6.4, 5.2.5.1)."""
        for b in self.blobs.values():
            for at in range(-b.addr % 16, len(b.data) - 19, 16):
                if b.data[at:at + 8] == b"RSD PTR " and FSEG_BASE <= b.addr + at < FSEG_END and not sum(b.data[at:at + 20]) & 255:
                    return b.addr + at
        raise LoaderError("no RSDP with a good checksum below 1 MiB")


class Loader:
    """Executes a script; fetch(name) gives a file of fw_cfg as bytes."""

    def __init__(self, fetch):
        self.fetch, self.image = fetch, Image()
        self.next = {ZONE_HIGH: HIGH_BASE, ZONE_FSEG: FSEG_BASE}

    def allocate(self, e):
        raw, align, zone = struct.unpack_from("<56sIB", e, 4)
        name = _name(raw)
        if zone not in self.next:
            raise LoaderError("%s: zone %d" % (name, zone))
        if not align or align & align - 1:
            raise LoaderError("%s: alignment %d" % (name, align))
        if name in self.image.blobs:
            raise LoaderError("%s is allocated twice" % name)
        data = self.fetch(name)
        addr = -(-self.next[zone] // align) * align
        if len(data) > MAX_FILE or zone == ZONE_FSEG and addr + len(data) > FSEG_END:
            raise LoaderError("%s: %d bytes do not fit zone %d" % (name, len(data), zone))
        self.next[zone] = addr + len(data)
        self.image.blobs[name] = Blob(name, addr, data)
        return "allocate", name, align, zone

    def _field(self, name, offset, size):
        b = self.image.blob(name)
        if size not in (1, 2, 4, 8) or offset + size > len(b.data):
            raise LoaderError("%s: a pointer of %d bytes at 0x%x of 0x%x" % (name, size, offset, len(b.data)))
        return b

    def add_pointer(self, e):
        dst, src, offset, size = struct.unpack_from("<56s56sIB", e, 4)
        b, target = self._field(_name(dst), offset, size), self.image.blob(_name(src))
        old = int.from_bytes(b.data[offset:offset + size], "little")
        if old >= len(target.data):
            raise LoaderError("%s+0x%x points to 0x%x, past the end of %s" % (b.name, offset, old, target.name))
        if (old + target.addr) >> 8 * size:
            raise LoaderError("%s+0x%x: the address takes more than %d bytes" % (b.name, offset, size))
        b.data[offset:offset + size] = (old + target.addr).to_bytes(size, "little")
        return "pointer", b.name, offset, size, target.name, old

    def add_checksum(self, e):
        raw, offset, start, length = struct.unpack_from("<56sIII", e, 4)
        b = self.image.blob(_name(raw))
        if offset >= len(b.data) or start + length > len(b.data):
            raise LoaderError("%s: checksum at 0x%x of 0x%x+0x%x, in 0x%x bytes" % (b.name, offset, start, length, len(b.data)))
        b.data[offset] = (b.data[offset] - sum(b.data[start:start + length])) & 255
        return "checksum", b.name, offset, start, length

    def write_pointer(self, e):
        dst, src, dst_off, src_off, size = struct.unpack_from("<56s56sIIB", e, 4)
        target = self.image.blob(_name(src))
        if size not in (1, 2, 4, 8) or src_off >= len(target.data):
            raise LoaderError("write pointer: %d bytes, 0x%x of %s" % (size, src_off, target.name))
        self.image.writes.append((_name(dst), dst_off, (target.addr + src_off).to_bytes(size, "little")))
        return "write", _name(dst), dst_off, size, target.name, src_off

    def run(self, script):
        if len(script) % ENTRY:
            raise LoaderError("a script of %d bytes is no multiple of %d" % (len(script), ENTRY))
        does = {ALLOCATE: self.allocate, ADD_POINTER: self.add_pointer, ADD_CHECKSUM: self.add_checksum, WRITE_POINTER: self.write_pointer}
        for at in range(0, len(script), ENTRY):
            entry = script[at:at + ENTRY]
            command = struct.unpack_from("<I", entry)[0]
            if command == 0:        # QEMU pads its script with empty entries
                continue
            if command not in does:
                raise LoaderError("entry %d: unknown command 0x%x" % (at // ENTRY, command))
            self.image.commands.append(does[command](entry))
        return self.image


def load(fetch):
    """Executes the script that fetch("etc/table-loader") gives."""
    return Loader(fetch).run(fetch("etc/table-loader"))
