# SPDX-License-Identifier: GPL-2.0-or-later
"""From what a test names to machines that have it: every shortest path from a
board over drivers to each driver that satisfies a type hint, times the variants
that the test asked for; and for what cannot run, the edge that is missing."""
import inspect
import itertools
import typing

from .machine import Machine
from .model import BOARDS, DRIVERS, Board, Node


def concrete(interface):
    """The drivers that are this or produce it."""
    return [d for d in DRIVERS if d.gives(interface)]


def consumed(cls):
    return cls.consumes if isinstance(cls.consumes, tuple) else (cls.consumes,)


def paths(cls, board, _below=()):
    """Every acyclic path of drivers from the board to cls, as tuples that end in cls."""
    found = []
    for want in consumed(cls):
        if want is Board:
            if cls.matches in board.parts:
                found.append((cls,))
            continue
        for parent in DRIVERS:
            if want and parent is not cls and parent not in _below and parent.gives(want):
                found += [p + (cls,) for p in paths(parent, board, _below + (cls,))]
    return found


def shortest(cls, board, via=()):
    """The shortest of the paths that pass through one of via."""
    have = [p for p in paths(cls, board) if not via or any(issubclass(d, v) for d in p for v in via)]
    least = min(map(len, have), default=0)
    return [p for p in have if len(p) == least]


def host_of(board):
    """The driver of the board's PCI host bridge."""
    return next(d for d in DRIVERS if Board in consumed(d) and d.matches in board.parts and hasattr(d, "ecam_read"))


def why_no_path(interface, board):
    """What stops a search backwards from the interface, in words."""
    ends = concrete(interface)
    if not ends:
        return f"no driver is a {interface.__name__}"
    seen, queue, reasons = set(ends), list(ends), []
    while queue:
        cls = queue.pop(0)
        for want in consumed(cls):
            if want is Board:
                reasons.append(f"{board.name} -> {cls.name}: the board has no {cls.matches}")
                continue
            parents = [d for d in DRIVERS if d.gives(want)]
            if not parents:
                reasons.append(f"{want.__name__} -> {cls.name}: no driver produces it")
            queue += [d for d in parents if d not in seen]
            seen.update(parents)
    return "; ".join(reasons)


class Case:
    """One test on one path with one choice of variants."""

    def __init__(self, test, board, targets, variant, params):
        self.test, self.board, self.variant, self.params = test, board, variant, params
        self.targets = targets		# [(argument, path)]
        self.missing = []
        self.marks = test.marks

    @property
    def name(self):
        parts = []
        for _, path in self.targets:
            parts += [d.name for d in path if d.name not in parts]
        said = [f"{k}={v}" for k, v in self.variant.items()] + [f"{k}={_short(v)}" for k, v in self.params.items()]
        return "/".join([self.board.arch, self.board.name] + parts + [self.test.name]) + (f"[{','.join(said)}]" if said else "")

    def nodes(self):
        """The tree of nodes, parents first, and {argument: node}. Board parts, and devices that an earlier argument
        named, are shared; each argument's own end is new."""
        nodes, ends, shared = [], {}, {}
        for arg, path in self.targets:
            parent = None
            for i, cls in enumerate(path):
                last = i == len(path) - 1
                node = shared.get(cls)
                if node is None or last and cls.device:
                    chosen = {k: self.variant.get(k, values[0]) for k, values in cls.variants.items()}
                    chosen = {k: v if v in cls.variants[k] else cls.variants[k][0] for k, v in chosen.items()}
                    node = Node(cls, parent, f"n{len(nodes)}", chosen)
                    for want, values in self.marks.get("options", {}).items():
                        if issubclass(cls, want):
                            node.extra.update(values)
                    nodes.append(node)
                    shared.setdefault(cls, node)
                parent = node
            ends[arg] = parent
        return nodes, ends

    def probe(self, binary):
        """Fills missing: one entry for each edge that this binary has not."""
        self.missing = missing = []
        why = self.marks.get("skip_on", {}).get(binary.kind)
        if why:
            missing.append(f"{binary.kind}: {why}")
        if self.board.name not in binary.machines:
            missing.append(f"machine {self.board.name}: not in this binary")
        needs = set(self.marks.get("requires", ()))
        nodes, _ = self.nodes()
        for node in nodes:
            needs.update(node.cls.needs)
            missing += self._probe_node(binary, node)
        if needs & {"clock", "qtest"} and binary.accel != "qtest":
            missing.append("qtest accelerator: not in this binary, so time cannot be stepped")
        if "running" in needs and binary.accel != "qtest":
            missing.append("qtest accelerator: not in this binary, so the machine stands (-S) and its cards move no frames")
        if "vmbox" in needs and binary.kind != "vmbox":
            missing.append("vmbox: another emulator")
        if "qemu" in needs and binary.kind != "qemu":
            missing.append("qemu: another emulator")
        return not missing

    def _probe_node(self, binary, node):
        cls, edge = node.cls, f"{node.parent.cls.name if node.parent else self.board.name} -> {node.cls.name}"
        if cls.qom and cls.qom not in binary.types:
            yield f"{edge}: the binary has no {cls.qom}"
        if cls.device:
            if cls.device not in binary.devices:
                yield f"{edge}: the binary has no device {cls.device}"
                return
            want = set(cls.options(node.variant)) | set(node.extra)
            lacks = sorted(want - binary.properties(cls.device) - {"bus", "id", "drive", "addr", "chardev", "netdev"})
            if lacks:
                yield f"{edge}: {cls.device} has no option {', '.join(lacks)}"
        why = cls.missing(binary, node.variant)
        if why:
            yield f"{edge}: {why}"


def _short(v):
    return f"{v:#x}" if isinstance(v, int) and not isinstance(v, bool) and v > 9 else getattr(v, "__name__", str(v)).replace(" ", "_")


class Test:
    """A function that wants machines."""

    def __init__(self, fn, file=""):
        self.fn, self.name, self.file = fn, fn.__name__, file
        self.marks = fn.__dict__.get("qtestos", {})
        self.doc = (fn.__doc__ or "").strip().split("\n")[0]
        hints = typing.get_type_hints(fn)
        given = set(self.marks.get("params", {}))
        self.wants = {}
        for arg in inspect.signature(fn).parameters:
            if arg in given:
                continue
            if arg not in hints:
                raise TypeError(f"{self.name}: argument {arg} has no type")
            self.wants[arg] = hints[arg]

    def _choices(self, hint, board):
        if hint is Machine:
            return [()]
        chosen = self.marks.get("only", ())
        found = [p for cls in concrete(hint) if not chosen or any(issubclass(cls, c) for c in chosen)
                 for p in shortest(cls, board, self.marks.get("via", ()))]
        on = self.marks.get("on")
        return [p for p in found if any(issubclass(d, on) for d in p)] if on else found

    def cases(self, only_boards=None):
        """[Case] over all boards; and [(board, reason)] of those without a path."""
        found, lost = [], []
        names = self.marks.get("boards") or tuple(BOARDS)
        for board in (BOARDS[n] for n in names if only_boards is None or n in only_boards):
            choices = {a: self._choices(h, board) for a, h in self.wants.items()}
            empty = [a for a, c in choices.items() if not c]
            if empty and self.marks.get("on"):
                names_ = " or ".join(d.__name__ for d in self.marks["on"])
                lost.append((board, f"{board.name} -> {names_}: none of the shortest paths goes there"))
                continue
            if empty:
                lost.append((board, "; ".join(f"{a}: {why_no_path(self.wants[a], board)}" for a in empty)))
                continue
            for paths_ in itertools.product(*choices.values()):
                found += self._expand(board, list(zip(choices, paths_)))
        return found, lost

    def _expand(self, board, targets):
        own = {}
        for k, values in self.marks.get("variants", {}).items():
            have = [v for _, path in targets for d in path for v in d.variants.get(k, ())]
            chosen = [v for v in values if v in have]
            if chosen:
                own[k] = chosen
        params = self.marks.get("params", {})
        for vs in itertools.product(*own.values()):
            for ps in itertools.product(*params.values()):
                case = Case(self, board, targets, dict(zip(own, vs)), dict(zip(params, ps)))
                if all(n.cls.sensible(n.variant) for n in case.nodes()[0]):
                    yield case


def edges():
    """[(from, to, label)] of the whole graph, by name: for drawing."""
    out = []
    for b in BOARDS.values():
        out += [(b.name, d.name, d.matches) for d in DRIVERS if Board in consumed(d) and d.matches in b.parts]
    for child in DRIVERS:
        for want in consumed(child):
            if want is Board or not want:
                continue
            out += [(p.name, child.name, want.__name__) for p in DRIVERS if p is not child and p.gives(want)]
    return out


def dot(tests=()):
    """The graph for Graphviz; tests as leaves."""
    lines = ["digraph qtestos {", "\trankdir=LR;", "\tnode [shape=box, fontname=sans];"]
    lines += [f'\t"{b}" [shape=house];' for b in BOARDS]
    lines += [f'\t"{a}" -> "{b}" [label="{label}"];' for a, b, label in edges()]
    for t in tests:
        for hint in t.wants.values():
            if hint is not Machine:
                lines += [f'\t"{t.name}" [shape=ellipse];'] + [f'\t"{d.name}" -> "{t.name}" [style=dashed];' for d in concrete(hint)]
    return "\n".join(dict.fromkeys(lines)) + "\n}\n"
