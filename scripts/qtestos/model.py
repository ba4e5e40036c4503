# SPDX-License-Identifier: GPL-2.0-or-later
"""Boards, drivers, and what a test says of itself.

A Board is data: what a machine has when nothing is plugged. A Driver is a class
that says what it needs and what it gives:

    class VirtioScsi(VirtioDevice, ScsiBus):        # it is a ScsiBus: it produces one
        name = "virtio-scsi-pci"                    # its name in graphs and cases
        consumes = PciBus                           # sits on anything that produces this
        device = "virtio-scsi-pci"                  # what -device calls it
        matches = PciId(0x1af4, (0x1004, 0x1048))   # how the driver knows it
        variants = {"ring": ("split", "packed")}    # the first is what a test gets that does not care
        def options(cls, variant): ...              # properties for -device

A driver of a part that the board has consumes = Board, and matches is the
part's name. A class without a name of its own is an interface: a test that
names it gets a case for each driver that is a subclass.
"""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Board:
    """A machine type as -machine names it."""
    name: str
    arch: str
    parts: tuple		# names of what is on it; drivers match these
    default_bus: dict = dataclasses.field(default_factory=dict)	# interface's name: name for bus=
    ram_end: int = 0x80000000	# where RAM below 4 GiB ends at the latest
    properties: tuple = ()	# what is added to -machine

    def __hash__(self): return hash(self.name)


BOARDS = {}


def board(**kw):
    """Declares a board."""
    b = Board(**kw)
    BOARDS[b.name] = b
    return b


@dataclasses.dataclass(frozen=True)
class PciId:
    """Matches a PCI function by vendor and device (a number or several), or by class code."""
    vendor: int = None
    device: object = None
    class_code: int = None	# 24 bits; the low 8 may be left out as None by prog_if=False
    prog_if: bool = True

    def __call__(self, function):
        if self.vendor is not None and function.vendor != self.vendor:
            return False
        if self.device is not None:
            devices = self.device if isinstance(self.device, tuple) else (self.device,)
            if function.device_id not in devices:
                return False
        if self.class_code is not None:
            mask = 0xffffff if self.prog_if else 0xffff00
            return function.class_code & mask == self.class_code & mask
        return True


DRIVERS = []


class Driver:
    """One device, driven. Subclasses with a name of their own are what the solver chooses from."""
    name = None
    consumes = None		# an interface or a tuple of them; Board for what the board has
    produces = ()		# interfaces it gives beyond its base classes: get(interface) returns them
    matches = None		# the part's name; or a PciId; or what the bus's driver understands
    device = None		# for -device; None: the board has it
    qom = None			# a QOM type without which the board has no such part
    variants = {}		# name: values, the default first
    needs = ()			# "clock": works only where time can be stepped

    def __init_subclass__(cls, **kw):
        super().__init_subclass__(**kw)
        if cls.__dict__.get("name"):
            DRIVERS.append(cls)

    # ---- before the machine runs: class methods ----

    @classmethod
    def options(cls, variant):
        """Properties for -device, by the variant ({name: value})."""
        return {}

    @classmethod
    def sensible(cls, variant):
        """Whether these values go together at all: cases where they do not are not made."""
        return True

    @classmethod
    def command(cls, node, line):
        """Adds to the command line (a machine.CommandLine). A driver that needs a disk says
        line.device(node, drive=line.drive("1M"))."""
        if cls.device:
            line.device(node)

    @classmethod
    def missing(cls, binary, variant):
        """What the binary (a probe.Binary) lacks for this, beyond device and options; None: nothing."""
        return None

    @classmethod
    def gives(cls, interface):
        return issubclass(cls, interface) or any(issubclass(p, interface) for p in cls.produces)

    # ---- when it runs ----

    def __init__(self, m, parent, node):
        self.m, self.parent, self.node, self.variant = m, parent, node, node.variant
        self.attach()

    def attach(self):
        """Finds the device; touches nothing that a test of its reset state would look at."""

    def start(self):
        """Makes it ready for work; not called on what a test marked @raw."""

    def stop(self):
        """Gives back the memory, in reverse order of start."""

    def get(self, interface):
        """The object that stands for an interface that is produced."""
        return self


class Node:
    """A driver at its place in a case: before the machine runs."""

    def __init__(self, cls, parent, ident, variant):
        self.cls, self.parent, self.id, self.variant = cls, parent, ident, variant
        self.children = 0	# devices plugged into it so far
        self.data = {}		# what command() leaves for the driver
        self.extra = {}		# options that the test asked for
        self.instance = None

    def bus(self):
        """What bus= says for a child."""
        return self.id if self.cls.device else None


# ---- what a test says ----

def _mark(**marks):
    def mark(fn):
        have = fn.__dict__.setdefault("qtestos", {})
        for k, v in marks.items():
            if isinstance(v, dict):
                have.setdefault(k, {}).update(v)
            elif isinstance(v, tuple):
                have[k] = have.get(k, ()) + v
            else:
                have[k] = v
        return fn
    return mark


def variants(**kw):
    """@variants(ring=("split", "packed")): a case for each value, of drivers that have such a variant."""
    return _mark(variants=kw)


def params(**kw):
    """@params(size=(1, 512)): a case for each value, which the test gets as an argument."""
    return _mark(params=kw)


def requires(*what):
    """@requires("clock"): only where time can be stepped. "qtest": only with the qtest accelerator."""
    return _mark(requires=what)


def via(*drivers):
    """@via(RootPort): only paths through this; longer than the shortest if need be."""
    return _mark(via=drivers)


def on(*drivers):
    """@on(Ahci): of the shortest paths only those through this."""
    return _mark(on=drivers)


def boards(*names):
    """@boards("q35"): only on these."""
    return _mark(boards=names)


def arguments(*args):
    """@arguments("-smp", "3"): more for the command line."""
    return _mark(arguments=args)


def options(cls, values):
    """@options(VirtioBlk, {"num-queues": 4}): more options for that device."""
    return _mark(options={cls: values})


def only(*classes):
    """@only(VirtioBlk): of those that satisfy the type hint only these."""
    return _mark(only=classes)


def raw(fn):
    """The devices that the test names are attached, not started."""
    return _mark(raw=True)(fn)


def skip_on(kind, why):
    """@skip_on("qemu", why): a known difference of that kind of binary ("qemu" or "vmbox")."""
    return _mark(skip_on={kind: why})


class Mismatch(AssertionError):
    """Two values differ."""


def _show(v):
    if isinstance(v, int) and not isinstance(v, bool):
        return hex(v)
    if isinstance(v, (tuple, list)):
        return "(" + ", ".join(_show(x) for x in v) + ")"
    text = repr(v)
    return text if len(text) < 400 else text[:400] + "…"


def eq(got, want, what=""):
    """Fails with both values if they differ."""
    if got != want:
        raise Mismatch(f"{what + ': ' if what else ''}got {_show(got)}, want {_show(want)}")
