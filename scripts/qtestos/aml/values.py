# SPDX-License-Identifier: GPL-2.0-or-later
"""AML's data objects, references to them, and the conversions between their types (ACPI 6.4, 19.3.5).

Integers are Python's int; the other types are the classes below, mutable and
compared by identity, as CreateField and Index need it.
"""


class AmlError(Exception):
    """AML that cannot be executed: a short code as ACPICA's (AE_...), and what was wrong."""

    def __init__(self, code, text):
        super().__init__("%s: %s" % (code, text))
        self.code = code


class Limits:
    """How much a table may take before it is stopped."""

    def __init__(self, steps=2_000_000, nesting=400, calls=64, nodes=65536, object_size=1 << 20, notes=4096):
        self.steps, self.nesting, self.calls, self.nodes = steps, nesting, calls, nodes
        self.object_size, self.notes = object_size, notes


class String:
    """Bytes without the closing NUL."""
    type = 2

    def __init__(self, data=b""):
        self.data = bytearray(data)


class Buffer:
    type = 3

    def __init__(self, data=b""):
        self.data = bytearray(data)


class Package:
    """items: values; None where nothing was stored yet."""
    type = 4

    def __init__(self, items=()):
        self.items = list(items)


class Device:
    type = 6


class Event:
    type = 7

    def __init__(self):
        self.signals = 0


class Method:
    """code: (bytes, start, end) of its body, or a Python function of (args)."""
    type = 8

    def __init__(self, args, code, serialized=False, sync=0):
        self.args, self.code, self.serialized, self.sync = args, code, serialized, sync


class Mutex:
    type = 9

    def __init__(self, level):
        self.level, self.held = level, 0


class PowerResource:
    type = 11

    def __init__(self, level, order):
        self.level, self.order = level, order


class Processor:
    type = 12

    def __init__(self, number, pblk, length):
        self.number, self.pblk, self.length = number, pblk, length


class ThermalZone:
    type = 13


class Scope:
    """A name that holds only other names."""
    type = 0


class Debug:
    type = 16


class NodeRef:
    """A named object, not its value: RefOf, or a name of something without a value."""

    def __init__(self, node):
        self.node = node


class SlotRef:
    """LocalN or ArgN of a running method."""

    def __init__(self, slots, index, is_arg):
        self.slots, self.index, self.is_arg = slots, index, is_arg


class IndexRef:
    """An element of a package, buffer or string."""

    def __init__(self, container, index):
        self.container, self.index = container, index


class NameRef:
    """A name in a package whose object does not exist yet."""

    def __init__(self, path, scope):
        self.path, self.scope = path, scope


REFERENCES = (NodeRef, SlotRef, IndexRef, NameRef)
NAMES = {1: "Integer", 2: "String", 3: "Buffer", 4: "Package", 5: "Field", 6: "Device", 7: "Event", 8: "Method", 9: "Mutex", 10: "Region",
         11: "Power", 12: "Processor", 13: "Thermal", 14: "Buffer Field", 15: "DDB", 16: "Debug", 0: "Uninitialized"}


def type_of(v):
    """The number that ObjectType gives."""
    if isinstance(v, int):
        return 1
    if v is None:
        return 0
    return getattr(v, "type", 0)


def describe(v):
    return "a reference" if isinstance(v, REFERENCES) else NAMES.get(type_of(v), "?")


def wrong(v, what):
    return AmlError("AE_AML_OPERAND_TYPE", "%s where %s is needed" % (describe(v), what))


def parse_hex(data):
    """Implicit conversion of a string: hexadecimal digits up to the first other character, a 0x before them is allowed."""
    out, n = 0, 0
    text = bytes(data).lstrip(b" \t")
    for c in text[2 if text[:2].lower() == b"0x" else 0:]:
        d = b"0123456789abcdef".find(bytes((c,)).lower())
        if d < 0 or n == 16:
            break
        out, n = out << 4 | d, n + 1
    return out


def to_int(v, width=8):
    if isinstance(v, int):
        return v
    if isinstance(v, String):
        return parse_hex(v.data) & (1 << 8 * width) - 1
    if isinstance(v, Buffer):
        return int.from_bytes(v.data[:width], "little")
    raise wrong(v, "a number")


def to_buffer(v, width=8):
    if isinstance(v, int):
        return Buffer(v.to_bytes(width, "little"))
    if isinstance(v, String):
        return Buffer(v.data + b"\0")
    if isinstance(v, Buffer):
        return v
    raise wrong(v, "a buffer")


def to_string(v, width=8):
    """Implicit conversion: hexadecimal."""
    if isinstance(v, int):
        return String(b"%0*X" % (2 * width, v))
    if isinstance(v, Buffer):
        return String(b" ".join(b"0x%02X" % c for c in v.data))
    if isinstance(v, String):
        return v
    raise wrong(v, "a string")


def to_python(v):
    """int, str, bytes and lists; references as strings that begin with '<'."""
    if isinstance(v, String):
        return v.data.decode("latin-1")
    if isinstance(v, Buffer):
        return bytes(v.data)
    if isinstance(v, Package):
        return [to_python(x) for x in v.items]
    if isinstance(v, NodeRef):
        return "<%s>" % v.node.path()
    if isinstance(v, NameRef):
        return "<%s?>" % v.path
    if isinstance(v, REFERENCES):
        return "<reference>"
    return v


def from_python(v):
    if isinstance(v, str):
        return String(v.encode("latin-1"))
    if isinstance(v, (bytes, bytearray)):
        return Buffer(v)
    if isinstance(v, (list, tuple)):
        return Package([from_python(x) for x in v])
    return v
