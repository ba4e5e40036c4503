# SPDX-License-Identifier: GPL-2.0-or-later
"""Operation regions and the fields in them, and fields of buffers (ACPI 6.4, 19.6.46, .99, 5.5.2.4).

A region's accesses go to the handler of its address space:
handler(region, offset, size, value) writes, with value None it reads.
"""
from .values import AmlError, Buffer, String, to_buffer, to_int

PRESERVE, ONES, ZEROS = 0, 1, 2
WIDTH = {0: 1, 1: 1, 2: 2, 3: 4, 4: 8, 5: 1}    # AccessType -> bytes; "any" is by bytes
MAX_FIELD_BITS = 1 << 20


class Region:
    type = 10

    def __init__(self, node, space, offset, length):
        self.node, self.space, self.offset, self.length = node, space, offset, length


class Field:
    """One unit: get(offset, width) and put(offset, width, value) reach the register behind it."""
    type = 5

    def __init__(self, bit, bits, flags):
        if bits > MAX_FIELD_BITS:
            raise AmlError("AE_LIMIT", "a field of %d bits" % bits)
        self.bit, self.bits = bit, bits
        self.width, self.update = WIDTH.get(flags & 15, 1), flags >> 5 & 3
        self.buffer_access = flags & 15 == 5

    def bind(self, aml):
        """A function (byte offset, value or None) that accesses one unit of self.width bytes."""
        raise NotImplementedError


class RegionField(Field):
    def __init__(self, region, bit, bits, flags):
        super().__init__(bit, bits, flags)
        self.region = region

    def bind(self, aml):
        return lambda offset, value: aml.access(self.region, offset, self.width, value)


class BankField(RegionField):
    """A region field behind a bank register."""

    def __init__(self, region, bank, number, bit, bits, flags):
        super().__init__(region, bit, bits, flags)
        self.bank, self.number = bank, number

    def bind(self, aml):
        write(aml, self.bank, self.number)
        return super().bind(aml)


class IndexField(Field):
    """Reached through an index register and a data register, both fields."""

    def __init__(self, index, data, bit, bits, flags):
        super().__init__(bit, bits, flags)
        self.index, self.data = index, data

    def bind(self, aml):
        def access(offset, value):
            write(aml, self.index, offset)
            if value is None:
                return to_int(read(aml, self.data))
            return write(aml, self.data, value)
        return access


class BufferField:
    """Bits of a buffer; always_buffer: CreateField's result is never a number."""
    type = 14

    def __init__(self, buffer, bit, bits, always_buffer=False):
        if not bits or bit + bits > 8 * len(buffer.data):
            raise AmlError("AE_AML_BUFFER_LIMIT", "bits %d to %d of a buffer of %d bytes" % (bit, bit + bits - 1, len(buffer.data)))
        self.buffer, self.bit, self.bits, self.always_buffer = buffer, bit, bits, always_buffer

    def get(self):
        if self.bit + self.bits > 8 * len(self.buffer.data):
            raise AmlError("AE_AML_BUFFER_LIMIT", "the buffer has become shorter than its field")
        first, last = self.bit // 8, (self.bit + self.bits + 7) // 8
        return int.from_bytes(self.buffer.data[first:last], "little") >> self.bit % 8 & (1 << self.bits) - 1

    def put(self, value):
        self.get()
        first, last = self.bit // 8, (self.bit + self.bits + 7) // 8
        old = int.from_bytes(self.buffer.data[first:last], "little")
        mask = (1 << self.bits) - 1 << self.bit % 8
        new = old & ~mask | value << self.bit % 8 & mask
        self.buffer.data[first:last] = new.to_bytes(last - first, "little")


def _units(f):
    unit = 8 * f.width
    return f.bit // unit, (f.bit + f.bits + unit - 1) // unit


def _get(aml, f):
    if f.buffer_access:
        raise AmlError("AE_SUPPORT", "BufferAcc fields (SMBus, GPIO, serial busses)")
    access, value = f.bind(aml), 0
    first, last = _units(f)
    for i in range(first, last):
        aml.charge(1)
        value |= access(i * f.width, None) << (i - first) * 8 * f.width
    return value >> f.bit - first * 8 * f.width & (1 << f.bits) - 1


def _put(aml, f, value):
    if f.buffer_access:
        raise AmlError("AE_SUPPORT", "BufferAcc fields (SMBus, GPIO, serial busses)")
    access, unit = f.bind(aml), 8 * f.width
    first, last = _units(f)
    shift = f.bit - first * unit
    value, mask = value << shift, (1 << f.bits) - 1 << shift
    for i in range(first, last):
        aml.charge(1)
        part = mask >> (i - first) * unit & (1 << unit) - 1
        new = value >> (i - first) * unit & part
        if part != (1 << unit) - 1:
            if f.update == PRESERVE:
                new |= access(i * f.width, None) & ~part
            elif f.update == ONES:
                new |= (1 << unit) - 1 & ~part
        access(i * f.width, new)


def read(aml, f):
    """The value of a field: a number when it fits one, else a buffer."""
    value = f.get() if isinstance(f, BufferField) else _get(aml, f)
    if f.bits > 8 * aml.width or getattr(f, "always_buffer", False):
        return Buffer(value.to_bytes((f.bits + 7) // 8, "little"))
    return value


def write(aml, f, v):
    """Stores a number, string or buffer; what is longer than the field is cut, what is shorter padded with zeros."""
    if isinstance(v, String):
        value = int.from_bytes(v.data, "little")
    else:
        value = v if isinstance(v, int) else int.from_bytes(to_buffer(v).data, "little")
    value &= (1 << f.bits) - 1
    if isinstance(f, BufferField):
        f.put(value)
    else:
        _put(aml, f, value)
