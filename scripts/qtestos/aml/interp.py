# SPDX-License-Identifier: GPL-2.0-or-later
"""The interpreter: tables are executed from their bytes, term by term.

Every term costs a step and every nesting a level, so hostile tables end with
an AmlError("AE_LIMIT"). Opcodes are functions in OPS (expressions in ops.py,
declarations in named.py, control flow in control.py); each gets the
interpreter and leaves the stream behind its operands.
"""
import struct
import sys
from . import fields
from .namespace import Namespace, Path
from .stream import NAME_START, Stream
from .values import (AmlError, Buffer, Debug, IndexRef, Limits, Method, NameRef, NodeRef, Package, REFERENCES, SlotRef, String,
                     describe, from_python, to_buffer, to_int, to_python, to_string, type_of, wrong)

OPS = {}
RECURSION = 12000       # Python frames: more than the nesting limit can need
FIELDS = (fields.Field, fields.BufferField)
# What an operating system of today answers to _OSI.
OSI = {"Windows 2000", "Windows 2001", "Windows 2001 SP1", "Windows 2001.1", "Windows 2006", "Windows 2009", "Windows 2012", "Windows 2013",
       "Windows 2015", "Module Device", "Processor Device", "3.0 _SCP Extensions", "Extended Address Space Descriptor"}


def op(code):
    def register(fn):
        OPS[code] = fn
        return fn
    return register


class Signal:
    """What a statement did to the flow of control."""

    def __init__(self, name):
        self.name = name


BREAK, CONTINUE, RETURN = Signal("Break"), Signal("Continue"), Signal("Return")


class Frame:
    """A running method, or a table being loaded."""

    def __init__(self, stream, scope, args=(), method=None):
        self.stream, self.scope, self.method = stream, scope, method
        self.args = list(args) + [None] * (7 - len(args))
        self.locals, self.created, self.result = [None] * 8, [], None


class Interpreter:
    """spaces: address space number -> handler(region, offset, size, value or None)."""

    def __init__(self, limits=None, spaces=None):
        self.limits = limits or Limits()
        self.spaces = dict(spaces or {})
        self.ns = Namespace(self.limits.nodes)
        self.ns.add(self.ns.root, "_OSI", Method(1, self._osi))
        self.width, self.tables, self.frame, self.depth = 8, [], None, 0
        self.steps, self.calls = 0, 0
        self.notifications, self.debug, self.fatal, self.slept_us = [], [], None, 0

    # ---- for the user ----

    def load(self, table):
        """Loads a DSDT or SSDT, header included. Its declarations are executed."""
        if len(table) < 36 or struct.unpack_from("<I", table, 4)[0] > len(table):
            raise AmlError("AE_BAD_HEADER", "a table of %d bytes" % len(table))
        size = struct.unpack_from("<I", table, 4)[0]
        if not self.tables:
            self.width = 8 if table[8] >= 2 else 4
        self.tables.append(bytes(table[:size]))
        self.steps = 0
        self._guarded(self._load, bytes(table[:size]))

    def evaluate(self, path, *args):
        """The value of an object, or what a method returns, as Python values (to_python)."""
        return to_python(self.value(path, *args))

    def value(self, path, *args):
        """As evaluate, but the AML object itself."""
        node = self.node(path)
        self.steps = 0
        return self._guarded(self._evaluate, node, [from_python(a) for a in args])

    def node(self, path):
        node = self.ns.find(self.ns.root, Path.parse(path))
        if node is None:
            raise AmlError("AE_NOT_FOUND", path)
        return node

    def exists(self, path):
        return self.ns.find(self.ns.root, Path.parse(path)) is not None

    def walk(self):
        """(path, type number, node) of every name."""
        for node in self.ns.walk():
            yield node.path(), type_of(node.value), node

    # ---- running ----

    def _guarded(self, fn, *args):
        old = sys.getrecursionlimit()
        sys.setrecursionlimit(max(old, RECURSION))
        try:
            return fn(*args)
        except RecursionError:
            raise AmlError("AE_LIMIT", "terms nest too deep") from None
        finally:
            self.frame, self.depth, self.calls = None, 0, 0
            sys.setrecursionlimit(old)

    def _load(self, table):
        self.frame = Frame(Stream(table, 36, len(table)), self.ns.root)
        if self.run_block(self.frame.stream.end) in (BREAK, CONTINUE):
            raise AmlError("AE_AML_NO_WHILE", "Break or Continue outside of a loop")

    def _evaluate(self, node, args):
        if isinstance(node.value, Method):
            if len(args) != node.value.args:
                raise AmlError("AE_AML_PARAMETER", "%s takes %d arguments, got %d" % (node.path(), node.value.args, len(args)))
            return self.call(node, args)
        if args:
            raise AmlError("AE_AML_PARAMETER", "%s is no method" % node.path())
        got = self.load_node(node)
        if isinstance(got, NodeRef):
            raise AmlError("AE_TYPE", "%s is a %s, which has no value" % (node.path(), describe(node.value)))
        return got

    def charge(self, steps):
        self.steps += steps
        if self.steps > self.limits.steps:
            raise AmlError("AE_LIMIT", "more than %d steps" % self.limits.steps)

    def sized(self, size):
        """Checks and pays for an object of that many bytes or elements."""
        if size > self.limits.object_size:
            raise AmlError("AE_LIMIT", "an object of 0x%x bytes or elements" % size)
        self.charge(1 + size // 16)
        return size

    def call(self, node, args):
        """Runs a method; what it returns, or None."""
        m = node.value
        if callable(m.code):
            return m.code(args)
        if self.calls >= self.limits.calls:
            raise AmlError("AE_LIMIT", "methods call each other more than %d deep" % self.limits.calls)
        caller, self.calls = self.frame, self.calls + 1
        self.frame = frame = Frame(Stream(*m.code), node, args, node)
        try:
            if self.run_block(frame.stream.end) in (BREAK, CONTINUE):
                raise AmlError("AE_AML_NO_WHILE", "Break or Continue outside of a loop")
            return frame.result
        finally:
            for n in reversed(frame.created):
                self.ns.remove(n)
            self.frame, self.calls = caller, self.calls - 1

    def run_block(self, end):
        """Statements up to end; the Signal that stopped them, or None."""
        s, outer = self.frame.stream, self.frame.stream.end
        s.end = end
        while s.pos < end:
            got = self.term(True)
            if isinstance(got, Signal):
                s.pos, s.end = end, outer
                return got
        s.end = outer
        return None

    def run_scope(self, node, end):
        """The body of a Scope or Device."""
        outer, self.frame.scope = self.frame.scope, node
        try:
            return self.run_block(end)
        finally:
            self.frame.scope = outer

    def opcode(self):
        s = self.frame.stream
        code = s.u8()
        if code == 0x5b:
            code = 0x5b00 | s.u8()
        elif code == 0x92 and s.peek() in (0x93, 0x94, 0x95):
            pass        # LNotEqual and the like are LNot of a comparison
        return code

    def term(self, statement=False):
        """One TermArg or statement: its value."""
        s = self.frame.stream
        self.charge(1)
        self.depth += 1
        if self.depth > self.limits.nesting:
            raise AmlError("AE_LIMIT", "terms nest more than %d deep" % self.limits.nesting)
        if s.peek() in NAME_START:
            got = self.name_term()
        else:
            at, code = s.pos, self.opcode()
            if code not in OPS:
                raise AmlError("AE_AML_BAD_OPCODE", "0x%x at 0x%x" % (code, at))
            got = OPS[code](self)
        self.depth -= 1
        if isinstance(got, Signal) and not statement:
            raise AmlError("AE_AML_BAD_OPCODE", "%s within an expression" % got.name)
        return got

    def name_term(self):
        path = self.frame.stream.path()
        node = self.ns.find(self.frame.scope, path)
        if node is None:
            raise AmlError("AE_NOT_FOUND", "%s, seen from %s" % (path, self.frame.scope.path()))
        if isinstance(node.value, Method):
            return self.call(node, [self.argument() for _ in range(node.value.args)])
        return self.load_node(node)

    def argument(self):
        v = self.term()
        if v is None:
            raise AmlError("AE_AML_NO_RETURN_VALUE", "an operand has no value")
        return v

    # ---- values ----

    def integer(self, v=None):
        """The next term, or a value, as a number."""
        v = self.argument() if v is None else v
        return to_int(v, self.width) & self.mask

    @property
    def mask(self):
        return (1 << 8 * self.width) - 1

    def load_node(self, node):
        v = node.value
        if isinstance(v, FIELDS):
            return fields.read(self, v)
        if isinstance(v, (int, String, Buffer)) or isinstance(v, REFERENCES):
            return v
        if isinstance(v, Package):
            return self.resolve(v)
        return NodeRef(node)

    def resolve(self, package):
        """Names in a package become values, or references where there is no value."""
        stack, seen = [package], set()
        while stack:
            p = stack.pop()
            if id(p) in seen:
                continue
            seen.add(id(p))
            self.charge(1 + len(p.items) // 16)
            for i, v in enumerate(p.items):
                if isinstance(v, NameRef):
                    p.items[i] = self.resolve_name(v)
                elif isinstance(v, Package):
                    stack.append(v)
        return package

    def resolve_name(self, ref):
        node = self.ns.find(ref.scope, ref.path)
        if node is None:
            return ref
        v = self.load_node(node)
        return self.copy(v)

    def copy(self, v, depth=0):
        """A copy that shares nothing; references stay what they are."""
        if isinstance(v, (String, Buffer)):
            self.sized(len(v.data))
            return type(v)(v.data)
        if isinstance(v, Package):
            if depth > 64:
                raise AmlError("AE_LIMIT", "a package nests more than 64 deep")
            self.charge(len(v.items))
            return Package([self.copy(x, depth + 1) for x in v.items])
        return v

    def convert(self, v, like):
        """Implicit conversion of a stored value to the type of what it replaces."""
        if isinstance(like, int):
            return self.integer(v)
        if isinstance(like, String):
            return String(to_string(v, self.width).data)
        if isinstance(like, Buffer):
            return self.into_buffer(to_buffer(v, self.width).data, like)
        if isinstance(like, Package) and not isinstance(v, Package):
            raise wrong(v, "a package")
        return self.copy(v)

    @staticmethod
    def into_buffer(data, like):
        """A buffer keeps its size, unless it has none."""
        size = len(like.data)
        return Buffer(data[:size].ljust(size, b"\0") if size else data)

    def store_node(self, v, node, copying=False):
        if isinstance(node.value, FIELDS):
            fields.write(self, node.value, v)
        elif copying or type_of(node.value) == 0 or isinstance(node.value, REFERENCES):
            node.value = self.copy(v)
        elif isinstance(node.value, (int, String, Buffer, Package)):
            node.value = self.convert(v, node.value)
        else:
            raise AmlError("AE_AML_OPERAND_TYPE", "a store to %s, a %s" % (node.path(), describe(node.value)))

    def store_index(self, v, ref):
        c = ref.container
        if isinstance(c, Package):
            self.check_index(c.items, ref.index)
            c.items[ref.index] = self.copy(v)
            return
        self.check_index(c.data, ref.index)
        if isinstance(v, (String, Buffer)):
            c.data[ref.index] = v.data[0] if v.data else 0
        else:
            c.data[ref.index] = self.integer(v) & 255

    @staticmethod
    def check_index(items, i):
        if i >= len(items):
            raise AmlError("AE_AML_PACKAGE_LIMIT", "element %d of %d" % (i, len(items)))

    def store(self, v, target, copying=False):
        """Store(v, target); a target of None is the null name."""
        if v is None:
            raise AmlError("AE_AML_NO_RETURN_VALUE", "nothing to store")
        if target is None:
            return
        if isinstance(target, NodeRef):
            self.store_node(v, target.node, copying)
        elif isinstance(target, IndexRef):
            self.store_index(v, target)
        elif isinstance(target, SlotRef):
            old = target.slots[target.index]
            if target.is_arg and not copying and isinstance(old, (NodeRef, SlotRef)) and getattr(old, "by_refof", False):
                self.store(v, old)
            else:
                target.slots[target.index] = self.copy(v)
        elif isinstance(target, Debug):
            if len(self.debug) < self.limits.notes:
                self.debug.append(to_python(v))
        else:
            raise AmlError("AE_AML_OPERAND_TYPE", "a store to %s" % describe(target))

    def target(self):
        """SuperName or Target: where to store, None for the null name."""
        s = self.frame.stream
        if s.peek() == 0:
            s.pos += 1
            return None
        return self.super_name()

    def super_name(self, missing_ok=False):
        """A reference to what is named; with missing_ok None where there is no such name."""
        s = self.frame.stream
        if s.peek() in NAME_START:
            path = s.path()
            node = self.ns.find(self.frame.scope, path)
            if node is None and not missing_ok:
                raise AmlError("AE_NOT_FOUND", "%s, seen from %s" % (path, self.frame.scope.path()))
            return NodeRef(node) if node else None
        code = s.peek()
        if 0x60 <= code <= 0x67 or 0x68 <= code <= 0x6e:
            s.pos += 1
            return SlotRef(self.frame.args, code - 0x68, True) if code >= 0x68 else SlotRef(self.frame.locals, code - 0x60, False)
        if code == 0x83:                        # DerefOf(reference) = value
            s.pos += 1
            return self.as_reference(self.argument())
        got = self.term()                       # Debug, RefOf, Index
        if not isinstance(got, REFERENCES + (Debug,)):
            raise AmlError("AE_AML_OPERAND_TYPE", "%s where a place is needed" % describe(got))
        return got

    def as_reference(self, v):
        if isinstance(v, String):
            node = self.ns.find(self.frame.scope, Path.parse(v.data.decode("latin-1")))
            if node is None:
                raise AmlError("AE_NOT_FOUND", v.data.decode("latin-1"))
            return NodeRef(node)
        if not isinstance(v, REFERENCES):
            raise wrong(v, "a reference")
        return v

    def dereference(self, ref):
        """What a reference refers to."""
        if isinstance(ref, NodeRef):
            return self.load_node(ref.node)
        if isinstance(ref, SlotRef):
            v = ref.slots[ref.index]
        elif isinstance(ref, IndexRef):
            items = ref.container.items if isinstance(ref.container, Package) else ref.container.data
            self.check_index(items, ref.index)
            v = items[ref.index]
        else:
            raise AmlError("AE_NOT_FOUND", str(ref.path))
        if v is None:
            raise AmlError("AE_AML_UNINITIALIZED_ELEMENT", "nothing was stored there yet")
        return v

    # ---- the world ----

    def access(self, region, offset, size, value):
        """One access to a region, checked against its bounds."""
        if offset + size > region.length:
            raise AmlError("AE_AML_REGION_LIMIT", "%s: 0x%x bytes at 0x%x of 0x%x" % (region.node.path(), size, offset, region.length))
        if region.space not in self.spaces:
            raise AmlError("AE_NOT_EXIST", "%s: nobody serves address space 0x%x" % (region.node.path(), region.space))
        got = self.spaces[region.space](region, region.offset + offset, size, value)
        return got if value is None else None

    def notify(self, node, value):
        if len(self.notifications) < self.limits.notes:
            self.notifications.append((node.path(), value))

    def _osi(self, args):
        if not isinstance(args[0], String):
            raise AmlError("AE_TYPE", "_OSI of %s" % describe(args[0]))
        return self.mask if args[0].data.decode("latin-1") in OSI else 0


from . import control, named, ops  # noqa: E402,F401  registers the opcodes
