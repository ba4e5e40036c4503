# SPDX-License-Identifier: GPL-2.0-or-later
"""Resource templates (_CRS, _PRS): bytes to descriptors (ACPI 6.4, 6.4)."""
import struct


class ResourceError(ValueError):
    pass


class Resource:
    """kind: "io", "irq", "dma", "memory", "bus", "end", or "0x.." of an unknown type.
    io, memory, bus: first, last (None when not fixed), length; irq, dma: numbers; flags as they are."""

    def __init__(self, kind, **kw):
        self.kind = kind
        self.__dict__.update(kw)

    def __repr__(self):
        show = lambda v: hex(v) if isinstance(v, int) else repr(v)
        return "%s(%s)" % (self.kind, ", ".join("%s=%s" % (k, show(v)) for k, v in self.__dict__.items() if k != "kind"))

    def __eq__(self, other):
        return isinstance(other, Resource) and self.__dict__ == other.__dict__


def _bits(mask):
    return tuple(i for i in range(mask.bit_length()) if mask >> i & 1)


def _small(kind, data):
    if kind == 0x04:
        if len(data) not in (2, 3):
            raise ResourceError("an IRQ descriptor of %d bytes" % len(data))
        return Resource("irq", numbers=_bits(data[0] | data[1] << 8), flags=data[2] if len(data) == 3 else 1)
    if kind == 0x05:
        return Resource("dma", numbers=_bits(data[0]), flags=data[1])
    if kind == 0x08:
        decode, low, high, align, length = struct.unpack("<BHHBB", data)
        return Resource("io", first=low, last=low + length - 1 if low == high else None, length=length, high=high, align=align, flags=decode)
    if kind == 0x09:
        low, length = struct.unpack("<HB", data)
        return Resource("io", first=low, last=low + length - 1, length=length, high=low, align=1, flags=0)
    if kind == 0x0f:
        return Resource("end", checksum=data[0])
    return Resource("small 0x%x" % kind, data=bytes(data))


def _address(form, data):
    size = struct.calcsize(form)
    kind, flags, specific = data[0], data[1], data[2]
    granularity, low, high, translation, length = struct.unpack_from("<5" + form, data, 3)
    if len(data) < 3 + 5 * size:
        raise ResourceError("an address descriptor of %d bytes" % len(data))
    name = {0: "memory", 1: "io", 2: "bus"}.get(kind, "space 0x%x" % kind)
    return Resource(name, first=low, last=high, length=length, granularity=granularity, translation=translation, flags=flags, specific=specific,
                    fixed=flags & 0xc == 0xc)


def _large(kind, data):
    if kind == 0x06:
        write, base, length = struct.unpack("<BII", data)
        return Resource("memory", first=base, last=base + length - 1, length=length, flags=write)
    if kind == 0x05:
        write, low, high, align, length = struct.unpack("<BIIII", data)
        return Resource("memory", first=low, last=low + length - 1 if low == high else None, length=length, high=high, align=align, flags=write)
    if kind == 0x07:
        return _address("I", data)
    if kind == 0x08:
        return _address("H", data)
    if kind == 0x0a:
        return _address("Q", data)
    if kind == 0x09:
        count = data[1]
        if len(data) < 2 + 4 * count:
            raise ResourceError("an extended interrupt descriptor of %d bytes" % len(data))
        return Resource("irq", numbers=struct.unpack_from("<%dI" % count, data, 2), flags=data[0])
    return Resource("large 0x%x" % kind, data=bytes(data))


def parse(data):
    """Every descriptor of a template, the end tag last. ResourceError when it is malformed."""
    out, at = [], 0
    while at < len(data):
        large = data[at] & 0x80
        head = 3 if large else 1
        if at + head > len(data):
            raise ResourceError("a descriptor is cut at 0x%x" % at)
        length = struct.unpack_from("<H", data, at + 1)[0] if large else data[at] & 7
        body = data[at + head:at + head + length]
        if len(body) < length:
            raise ResourceError("a descriptor of %d bytes at 0x%x, %d are left" % (length, at, len(body)))
        try:
            out.append(_large(data[at] & 0x7f, body) if large else _small(data[at] >> 3 & 15, body))
        except (struct.error, IndexError) as e:
            raise ResourceError("the descriptor at 0x%x: %s" % (at, e)) from None
        at += head + length
        if out[-1].kind == "end":
            if out[-1].checksum and sum(data[:at]) & 255:
                raise ResourceError("the end tag's checksum is wrong")
            return out
    raise ResourceError("no end tag")
