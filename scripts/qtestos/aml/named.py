# SPDX-License-Identifier: GPL-2.0-or-later
"""Declarations: names, scopes, methods, regions and fields (ACPI 6.4, 20.2.5.1 and .2)."""
from . import fields
from .interp import op
from .namespace import Path
from .stream import NAME_START
from .values import (AmlError, Buffer, Device, Event, Method, Mutex, NameRef, Package, PowerResource, Processor, Scope, ThermalZone,
                     describe, to_buffer)


def declare(aml, value, path=None):
    node = aml.ns.create(aml.frame.scope, path or aml.frame.stream.path(), value)
    if aml.frame.method:
        aml.frame.created.append(node)
    return node


def lookup(aml, path=None):
    path = path or aml.frame.stream.path()
    node = aml.ns.find(aml.frame.scope, path)
    if node is None:
        raise AmlError("AE_NOT_FOUND", "%s, seen from %s" % (path, aml.frame.scope.path()))
    return node


@op(0x06)
def alias(aml):
    s = aml.frame.stream
    source = lookup(aml)
    node = declare(aml, Scope(), s.path())
    node.parent.children[node.name] = source


@op(0x08)
def name(aml):
    path = aml.frame.stream.path()
    declare(aml, aml.copy(aml.argument()), path)


@op(0x10)
def scope(aml):
    end = aml.frame.stream.package_end()
    node = lookup(aml)
    if not isinstance(node.value, (Scope, Device, Processor, PowerResource, ThermalZone)):
        raise AmlError("AE_TYPE", "Scope(%s), a %s" % (node.path(), describe(node.value)))
    return aml.run_scope(node, end)


@op(0x14)
def method(aml):
    s = aml.frame.stream
    end = s.package_end()
    path, flags = s.path(), s.u8()
    declare(aml, Method(flags & 7, (s.data, s.pos, end), bool(flags & 8), flags >> 4), path)
    s.pos = end


@op(0x15)
def external(aml):
    s = aml.frame.stream
    s.path()
    s.take(2)


@op(0x5b82)
def device(aml):
    end = aml.frame.stream.package_end()
    return aml.run_scope(declare(aml, Device()), end)


@op(0x5b83)
def processor(aml):
    s = aml.frame.stream
    end = s.package_end()
    path = s.path()
    return aml.run_scope(declare(aml, Processor(s.u8(), s.number(4), s.u8()), path), end)


@op(0x5b84)
def power_resource(aml):
    s = aml.frame.stream
    end = s.package_end()
    path = s.path()
    return aml.run_scope(declare(aml, PowerResource(s.u8(), s.number(2)), path), end)


@op(0x5b85)
def thermal_zone(aml):
    end = aml.frame.stream.package_end()
    return aml.run_scope(declare(aml, ThermalZone()), end)


@op(0x5b01)
def mutex(aml):
    s = aml.frame.stream
    path = s.path()
    declare(aml, Mutex(s.u8() & 15), path)


@op(0x5b02)
def event(aml):
    declare(aml, Event())


@op(0x5b80)
def region(aml):
    s = aml.frame.stream
    path, space = s.path(), s.u8()
    offset, length = aml.integer(), aml.integer()
    node = declare(aml, None, path)
    node.value = fields.Region(node, space, offset, length)


@op(0x5b88)
def data_region(aml):
    """DataTableRegion(name, signature, OEM id, OEM table id): a loaded table's bytes."""
    path = aml.frame.stream.path()
    want = [bytes(aml.argument().data) for _ in range(3)]
    for t in aml.tables:
        have = t[:4], t[10:16].rstrip(b"\0 "), t[16:24].rstrip(b"\0 ")
        if all(not w or w.rstrip(b" ") == h for w, h in zip(want, have)):
            node = declare(aml, None, path)
            node.value = fields.Region(node, -1, 0, len(t))
            aml.spaces[-1] = lambda region, offset, size, value, t=t: int.from_bytes(t[offset:offset + size], "little")
            return
    raise AmlError("AE_NOT_FOUND", "no table %r is loaded" % (want,))


def field_list(aml, end, flags, make):
    """FieldList of 20.2.5.2: make(bit, bits, flags) gives the value of each name."""
    s, bit = aml.frame.stream, 0
    while s.pos < end:
        aml.charge(1)
        lead = s.peek()
        if lead == 0x00:                    # Offset
            s.pos += 1
            bit += s.field_length()
        elif lead == 0x01 or lead == 0x03:  # AccessAs, with a length for 3
            s.pos += 1
            flags = flags & ~15 | s.u8() & 15
            s.take(1 if lead == 1 else 2)
        elif lead == 0x02:                  # Connection: a name or a buffer
            s.pos += 1
            if s.peek() in NAME_START:
                s.path()
            else:
                aml.argument()
        else:
            path = Path(False, 0, (s.seg(),))
            bits = s.field_length()
            declare(aml, make(bit, bits, flags), path)
            bit += bits
    s.pos = end


def the_region(aml):
    node = lookup(aml)
    if not isinstance(node.value, fields.Region):
        raise AmlError("AE_AML_OPERAND_TYPE", "%s is a %s, no region" % (node.path(), describe(node.value)))
    return node.value


def the_field(aml):
    node = lookup(aml)
    if not isinstance(node.value, (fields.Field, fields.BufferField)):
        raise AmlError("AE_AML_OPERAND_TYPE", "%s is a %s, no field" % (node.path(), describe(node.value)))
    return node.value


@op(0x5b81)
def field(aml):
    s = aml.frame.stream
    end = s.package_end()
    r = the_region(aml)
    field_list(aml, end, s.u8(), lambda *a: fields.RegionField(r, *a))


@op(0x5b86)
def index_field(aml):
    s = aml.frame.stream
    end = s.package_end()
    index, data = the_field(aml), the_field(aml)
    field_list(aml, end, s.u8(), lambda *a: fields.IndexField(index, data, *a))


@op(0x5b87)
def bank_field(aml):
    s = aml.frame.stream
    end = s.package_end()
    r, bank, number = the_region(aml), the_field(aml), aml.integer()
    field_list(aml, end, s.u8(), lambda *a: fields.BankField(r, bank, number, *a))


def create_field(aml, bits, scale):
    source, index = aml.argument(), aml.integer()
    count = aml.integer() if bits is None else bits
    declare(aml, fields.BufferField(to_buffer(source, aml.width), index * scale, count, bits is None))


for code, size, unit in ((0x8a, 32, 8), (0x8b, 16, 8), (0x8c, 8, 8), (0x8d, 1, 1), (0x8f, 64, 8), (0x5b13, None, 1)):
    op(code)(lambda aml, size=size, unit=unit: create_field(aml, size, unit))


def package_items(aml, end, count):
    s, items = aml.frame.stream, []
    while s.pos < end and len(items) < count:
        if s.peek() in NAME_START:
            aml.charge(1)
            items.append(NameRef(s.path(), aml.frame.scope))
        else:
            items.append(aml.copy(aml.argument()))
    s.pos = end
    return Package(items + [None] * (count - len(items)))


@op(0x12)
def package(aml):
    s = aml.frame.stream
    end = s.package_end()
    p = package_items(aml, end, s.u8())
    return aml.resolve(p) if aml.frame.method else p


@op(0x13)
def var_package(aml):
    end = aml.frame.stream.package_end()
    p = package_items(aml, end, aml.sized(aml.integer()))
    return aml.resolve(p) if aml.frame.method else p


@op(0x11)
def buffer(aml):
    s = aml.frame.stream
    end = s.package_end()
    size = aml.sized(aml.integer())
    if s.pos > end:
        raise AmlError("AE_AML_PACKAGE_LIMIT", "a buffer's size runs over its end")
    data = s.data[s.pos:end]
    aml.sized(len(data))
    s.pos = end
    return Buffer(data.ljust(size, b"\0"))


def unsupported(aml):
    raise AmlError("AE_SUPPORT", "Load, LoadTable and Unload: a table brings no other tables here")


for code in (0x5b20, 0x5b1f, 0x5b2a):
    op(code)(unsupported)
