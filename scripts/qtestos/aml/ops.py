# SPDX-License-Identifier: GPL-2.0-or-later
"""Expressions (ACPI 6.4, 20.2.5.4): constants, arithmetic, comparisons, references, conversions."""
from . import fields
from .interp import op
from .values import (AmlError, Buffer, Debug, IndexRef, NodeRef, Package, REFERENCES, SlotRef, String, describe, to_buffer, to_int,
                     to_string, type_of, wrong)

# ---- constants and places ----

op(0x00)(lambda aml: 0)
op(0x01)(lambda aml: 1)
op(0xff)(lambda aml: aml.mask)
op(0x5b30)(lambda aml: 0x20200925)      # Revision: ACPICA's of Debian 12
op(0x5b31)(lambda aml: Debug())
for code, size in ((0x0a, 1), (0x0b, 2), (0x0c, 4), (0x0e, 8)):
    op(code)(lambda aml, size=size: aml.frame.stream.number(size) & aml.mask)


@op(0x0d)
def string(aml):
    text = aml.frame.stream.cstring()
    aml.sized(len(text))
    return String(text)


def slot(slots, i, what):
    v = slots[i]
    if v is None:
        raise AmlError("AE_AML_UNINITIALIZED_%s" % what.upper(), "%s%d has no value" % (what, i))
    return v


for n in range(8):
    op(0x60 + n)(lambda aml, n=n: slot(aml.frame.locals, n, "Local"))
for n in range(7):
    op(0x68 + n)(lambda aml, n=n: slot(aml.frame.args, n, "Arg"))


@op(0x5b33)
def timer(aml):
    return aml.slept_us * 10 + aml.steps & aml.mask


# ---- arithmetic: operands, then where to store ----

def store_result(aml, value):
    aml.store(value, aml.target())
    return value


def shift(a, n, mask):
    return a << n & mask if n < 64 else 0


def left_bit(v):
    return v.bit_length()


def right_bit(v):
    return (v & -v).bit_length()


BINARY = {0x72: lambda a, b, m: a + b & m, 0x74: lambda a, b, m: a - b & m, 0x77: lambda a, b, m: a * b & m, 0x79: shift,
          0x7a: lambda a, b, m: a >> b, 0x7b: lambda a, b, m: a & b, 0x7c: lambda a, b, m: ~(a & b) & m,
          0x7d: lambda a, b, m: a | b, 0x7e: lambda a, b, m: ~(a | b) & m, 0x7f: lambda a, b, m: a ^ b}
UNARY = {0x80: lambda a, m: ~a & m, 0x81: lambda a, m: left_bit(a), 0x82: lambda a, m: right_bit(a)}
for code, fn in BINARY.items():
    op(code)(lambda aml, fn=fn: store_result(aml, fn(aml.integer(), aml.integer(), aml.mask)))
for code, fn in UNARY.items():
    op(code)(lambda aml, fn=fn: store_result(aml, fn(aml.integer(), aml.mask)))


def divisor(v):
    if not v:
        raise AmlError("AE_AML_DIVIDE_BY_ZERO", "a division by zero")
    return v


@op(0x78)
def divide(aml):
    a, b = aml.integer(), divisor(aml.integer())
    remainder, quotient = aml.target(), aml.target()
    aml.store(a % b, remainder)
    aml.store(a // b, quotient)
    return a // b


@op(0x85)
def modulo(aml):
    a, b = aml.integer(), divisor(aml.integer())
    return store_result(aml, a % b)


def count(aml, by):
    ref = aml.super_name()
    v = aml.dereference(ref) if not isinstance(ref, Debug) else None
    if isinstance(ref, SlotRef) and isinstance(v, REFERENCES):
        ref, v = v, aml.dereference(v)
    value = aml.integer(v) + by & aml.mask
    aml.store(value, ref)
    return value


op(0x75)(lambda aml: count(aml, 1))
op(0x76)(lambda aml: count(aml, -1))


@op(0x5b28)
def from_bcd(aml):
    digits = "%x" % aml.integer()
    if not digits.isdigit():
        raise AmlError("AE_AML_NUMERIC_OVERFLOW", "0x%s is not BCD" % digits)
    return store_result(aml, int(digits))


@op(0x5b29)
def to_bcd(aml):
    v = int(str(aml.integer()), 16)
    if v > aml.mask:
        raise AmlError("AE_AML_NUMERIC_OVERFLOW", "a number that BCD cannot hold")
    return store_result(aml, v)


# ---- logic ----

def truth(aml, v):
    return aml.mask if v else 0


def compare_operands(aml):
    """Both operands, the second converted to the first one's type."""
    a, b = aml.argument(), aml.argument()
    if isinstance(a, int):
        return a & aml.mask, aml.integer(b)
    if isinstance(a, String):
        return bytes(a.data), bytes(to_string(b, aml.width).data)
    if isinstance(a, Buffer):
        return bytes(a.data), bytes(to_buffer(b, aml.width).data)
    raise wrong(a, "a number, a string or a buffer")


def comparison(code, fn):
    op(code)(lambda aml: truth(aml, fn(*compare_operands(aml))))


comparison(0x93, lambda a, b: a == b)
comparison(0x94, lambda a, b: a > b)
comparison(0x95, lambda a, b: a < b)


@op(0x90)
def logical_and(aml):
    a, b = aml.integer(), aml.integer()
    return truth(aml, a and b)


@op(0x91)
def logical_or(aml):
    a, b = aml.integer(), aml.integer()
    return truth(aml, a or b)


op(0x92)(lambda aml: truth(aml, not aml.integer()))


# ---- references and stores ----

@op(0x70)
def store(aml):
    v = aml.argument()
    aml.store(v, aml.super_name())
    return v


@op(0x9d)
def copy_object(aml):
    v = aml.argument()
    aml.store(v, aml.super_name(), copying=True)
    return v


def refof(ref):
    ref.by_refof = True
    return ref


@op(0x71)
def ref_of(aml):
    ref = aml.super_name()
    if isinstance(ref, Debug):
        raise wrong(ref, "a name")
    return refof(ref)


@op(0x5b12)
def cond_ref_of(aml):
    ref = aml.super_name(missing_ok=True)
    target = aml.target()
    if ref is None or isinstance(ref, SlotRef) and ref.slots[ref.index] is None:
        return 0
    aml.store(refof(ref), target)
    return aml.mask


@op(0x83)
def deref_of(aml):
    v = aml.dereference(aml.as_reference(aml.argument()))
    return v


@op(0x88)
def index(aml):
    v, i = aml.argument(), aml.integer()
    if not isinstance(v, (String, Buffer, Package)):
        raise wrong(v, "a package, a buffer or a string")
    aml.check_index(v.items if isinstance(v, Package) else v.data, i)
    return store_result(aml, IndexRef(v, i))


def behind(aml, ref):
    """The object that SizeOf and ObjectType are about, through references."""
    for _ in range(16):
        if isinstance(ref, NodeRef):
            v = ref.node.value
            return aml.resolve(v) if isinstance(v, Package) else v
        if not isinstance(ref, REFERENCES):
            return ref
        if isinstance(ref, IndexRef) and not isinstance(ref.container, Package):
            return fields.BufferField(Buffer(b"\0"), 0, 8)
        ref = ref.slots[ref.index] if isinstance(ref, SlotRef) else ref.container.items[ref.index] if isinstance(ref, IndexRef) else None
    raise AmlError("AE_LIMIT", "a chain of references")


@op(0x8e)
def object_type(aml):
    v = behind(aml, aml.super_name())
    if v is None or not isinstance(v, (int,)) and not hasattr(v, "type"):
        return 0
    return type_of(v)


@op(0x87)
def size_of(aml):
    v = behind(aml, aml.super_name())
    if isinstance(v, Package):
        return len(v.items)
    if isinstance(v, (String, Buffer)):
        return len(v.data)
    if isinstance(v, int):		# beyond the specification, but tables rely on it: QEMU's for NVDIMMs
        return aml.width
    raise AmlError("AE_AML_OPERAND_TYPE", "SizeOf %s" % describe(v))


MATCH = {0: lambda a, b: True, 1: lambda a, b: a == b, 2: lambda a, b: a <= b, 3: lambda a, b: a < b, 4: lambda a, b: a >= b, 5: lambda a, b: a > b}


def match_one(aml, operation, item, want):
    """MTR, MEQ, ... of one element; elements of another type never match."""
    if not operation:
        return True
    if isinstance(want, int):
        if not isinstance(item, (int, String, Buffer)):
            return False
        item = to_int(item, aml.width)
    elif isinstance(want, String):
        if not isinstance(item, (int, String, Buffer)):
            return False
        item, want = bytes(to_string(item, aml.width).data), bytes(want.data)
    else:
        if not isinstance(item, (int, String, Buffer)):
            return False
        item, want = bytes(to_buffer(item, aml.width).data), bytes(want.data)
    return MATCH[operation](item, want)


@op(0x89)
def match(aml):
    p, s = aml.argument(), aml.frame.stream
    op1, want1 = s.u8(), aml.argument()
    op2, want2 = s.u8(), aml.argument()
    start = aml.integer()
    if not isinstance(p, Package):
        raise wrong(p, "a package")
    if op1 > 5 or op2 > 5:
        raise AmlError("AE_AML_OPERAND_VALUE", "match operation %d, %d" % (op1, op2))
    if start >= len(p.items):
        raise AmlError("AE_AML_PACKAGE_LIMIT", "Match from %d of %d" % (start, len(p.items)))
    for i in range(start, len(p.items)):
        aml.charge(1)
        if p.items[i] is not None and match_one(aml, op1, p.items[i], want1) and match_one(aml, op2, p.items[i], want2):
            return i
    return aml.mask


# ---- strings and buffers ----

def name_string(v):
    """What Concatenate makes of an object that has no value."""
    return String(b"[%s Object]" % describe(v.node.value if isinstance(v, NodeRef) else v).encode())


@op(0x73)
def concatenate(aml):
    a, b = aml.argument(), aml.argument()
    plain = int, String, Buffer
    a = a if isinstance(a, plain) else name_string(a)
    b = b if isinstance(b, plain) else name_string(b)
    if isinstance(a, int):
        got = Buffer(to_buffer(a, aml.width).data + aml.integer(b).to_bytes(aml.width, "little"))
    elif isinstance(a, String):
        got = String(a.data + to_string(b, aml.width).data)
    else:
        got = Buffer(a.data + to_buffer(b, aml.width).data)
    aml.sized(len(got.data))
    return store_result(aml, got)


def without_end_tag(v):
    if not isinstance(v, Buffer):
        raise wrong(v, "a resource template")
    at, data = 0, bytes(v.data)
    while at < len(data):
        if data[at] >> 3 == 0x0f:
            return data[:at]
        at += (3 + int.from_bytes(data[at + 1:at + 3], "little")) if data[at] & 0x80 else 1 + (data[at] & 7)
    raise AmlError("AE_AML_NO_RESOURCE_END_TAG", "a resource template without an end tag")


@op(0x84)
def concatenate_resources(aml):
    a, b = aml.argument(), aml.argument()
    got = Buffer(without_end_tag(a) + without_end_tag(b) + b"\x79\0")
    aml.sized(len(got.data))
    return store_result(aml, got)


@op(0x9e)
def mid(aml):
    v, start, size = aml.argument(), aml.integer(), aml.integer()
    v = to_buffer(v, aml.width) if isinstance(v, int) else v
    if not isinstance(v, (String, Buffer)):
        raise wrong(v, "a string or a buffer")
    return store_result(aml, type(v)(v.data[start:start + size]))


@op(0x96)
def to_buffer_op(aml):
    return store_result(aml, Buffer(to_buffer(aml.argument(), aml.width).data))


def digits_of(aml, form, separator, byte_form=b"%d"):
    v = aml.argument()
    if isinstance(v, int):
        return String(form % v)
    if isinstance(v, Buffer):
        aml.sized(len(v.data) * 5)
        return String(separator.join(byte_form % c for c in v.data))
    if isinstance(v, String):
        return String(v.data)
    raise wrong(v, "a number, a string or a buffer")


op(0x97)(lambda aml: store_result(aml, digits_of(aml, b"%d", b",")))
op(0x98)(lambda aml: store_result(aml, digits_of(aml, b"%%0%dX" % (2 * aml.width), b",", b"0x%02X")))


def parse_number(aml, text):
    """ToInteger of a string: decimal, or hexadecimal after 0x; up to the first other character."""
    text = text.lstrip(b" \t")
    base, digits = (16, b"0123456789abcdef") if text[:2].lower() == b"0x" else (10, b"0123456789")
    value = 0
    for c in text[2 if base == 16 else 0:]:
        d = digits.find(bytes((c,)).lower())
        if d < 0:
            break
        if value * base + d > aml.mask:
            break
        value = value * base + d
    return value


@op(0x99)
def to_integer(aml):
    v = aml.argument()
    return store_result(aml, parse_number(aml, bytes(v.data)) if isinstance(v, String) else aml.integer(v))


@op(0x9c)
def to_string_op(aml):
    v, size = aml.argument(), aml.integer()
    data = bytes(to_buffer(v, aml.width).data).split(b"\0", 1)[0]
    return store_result(aml, String(data[:size]))
