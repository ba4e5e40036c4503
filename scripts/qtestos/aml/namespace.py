# SPDX-License-Identifier: GPL-2.0-or-later
"""Names: the tree of ACPI 6.4 chapter 5.3, and the paths that AML and people write."""
from .values import AmlError, Device, Mutex, Scope, String


class Path:
    """A NameString: from the root, from `ups` parents above, or searched for upward."""
    __slots__ = ("absolute", "ups", "segs")

    def __init__(self, absolute, ups, segs):
        self.absolute, self.ups, self.segs = absolute, ups, segs

    def __str__(self):
        return ("\\" if self.absolute else "^" * self.ups) + ".".join(s.rstrip("_") or "_" for s in self.segs)

    @classmethod
    def parse(cls, text):
        """From text, as a person writes it: names shorter than four are padded with "_"."""
        rest = text.lstrip("\\")
        absolute = rest != text
        ups = len(rest) - len(rest.lstrip("^"))
        segs = tuple(s.ljust(4, "_") for s in rest[ups:].split(".") if s)
        if any(len(s) != 4 for s in segs):
            raise AmlError("AE_BAD_PATHNAME", text)
        return cls(absolute, ups, segs)


class Node:
    """A name: its value is one of values.py, of fields.py, or an int."""
    __slots__ = ("name", "parent", "children", "value")

    def __init__(self, name, parent, value):
        self.name, self.parent, self.children, self.value = name, parent, {}, value

    def path(self):
        names, n = [], self
        while n.parent:
            names.append(n.name.rstrip("_") or "_")
            n = n.parent
        return "\\" + ".".join(reversed(names))


class Namespace:
    def __init__(self, limit):
        self.limit, self.count = limit, 0
        self.root = Node("\\", None, Scope())
        for name in ("_GPE", "_PR_", "_SI_"):
            self.add(self.root, name, Scope())
        self.add(self.root, "_SB_", Device())
        self.add(self.root, "_TZ_", Device())
        self.add(self.root, "_REV", 2)
        self.add(self.root, "_OS_", String(b"Microsoft Windows NT"))
        self.add(self.root, "_GL_", Mutex(0))

    def add(self, parent, name, value):
        if name in parent.children:
            raise AmlError("AE_ALREADY_EXISTS", parent.children[name].path())
        self.count += 1
        if self.count > self.limit:
            raise AmlError("AE_LIMIT", "more than %d names" % self.limit)
        node = parent.children[name] = Node(name, parent, value)
        return node

    def remove(self, node):
        if node.parent and node.parent.children.get(node.name) is node:
            del node.parent.children[node.name]
            self.count -= 1

    def _start(self, scope, path):
        if path.absolute:
            return self.root
        for _ in range(path.ups):
            scope = scope.parent
            if scope is None:
                raise AmlError("AE_NOT_FOUND", "%s is above the root" % path)
        return scope

    def find(self, scope, path):
        """The node of a path seen from scope, or None."""
        node = self._start(scope, path)
        if len(path.segs) == 1 and not path.absolute and not path.ups:
            while node:
                if path.segs[0] in node.children:
                    return node.children[path.segs[0]]
                node = node.parent
            return None
        for seg in path.segs:
            node = node.children.get(seg)
            if node is None:
                return None
        return node

    def create(self, scope, path, value):
        """A new name: all but the last segment must exist (no search upward)."""
        if not path.segs:
            raise AmlError("AE_ALREADY_EXISTS", str(path) or "an empty name")
        node = self._start(scope, path)
        for seg in path.segs[:-1]:
            node = node.children.get(seg)
            if node is None:
                raise AmlError("AE_NOT_FOUND", str(path))
        return self.add(node, path.segs[-1], value)

    def walk(self, node=None):
        """Every node below, parents first, without those that aliases reach again."""
        stack, seen = [node or self.root], set()
        while stack:
            n = stack.pop()
            if id(n) in seen:
                continue
            seen.add(id(n))
            if n.parent:
                yield n
            stack.extend(reversed(n.children.values()))
