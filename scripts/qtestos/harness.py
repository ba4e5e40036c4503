# SPDX-License-Identifier: GPL-2.0-or-later
"""For test scripts that stand alone: a machine by its command line, TAP, and what a configuration must have."""
import atexit
import functools
import os
import re
import sys
import traceback

from . import machine
from .model import BOARDS
from .probe import Binary

VMBOX = os.environ.get("VMBOX", "vmbox")


@functools.lru_cache(None)
def binary_of(path):
    return Binary(os.path.abspath(path) if os.sep in path else path)


def _end(proc):
    """No machine outlives the script, however that ends."""
    if proc.poll() is None:
        proc.kill()
        proc.wait()


class Machine(machine.Machine):
    """A q35, or what -M says, with these arguments, ours or another binary's, started at once. Its memory is its own: tests of
    saved state and of memory backends want it as users have it."""

    def __init__(self, *args, binary=None):
        super().__init__(binary_of(binary or VMBOX), BOARDS["q35"], args, shared=False)
        self.start()
        self.qmp			# its answer tells that the machine is up, with whatever it listens to
        atexit.register(_end, self.proc)

    def argv(self, window=None):
        command = super().argv(window)
        at = command.index("-machine")
        return command[:at] + command[at + 2:] if {"-M", "-machine"} & set(self.args) else command


class Tap:
    def __init__(self):
        self.n = self.failed = 0

    def ok(self, cond, name):
        self.n += 1
        self.failed += not cond
        print(f"{'' if cond else 'not '}ok {self.n} - {name}", flush=True)
        return cond

    def eq(self, got, want, name):
        if not self.ok(got == want, name):
            got, want = (hex(v) if isinstance(v, int) else repr(v) for v in (got, want))
            print(f"# got {got}, want {want}")

    def done(self):
        print(f"1..{self.n}")
        sys.exit(1 if self.failed else 0)


def requires_config(*symbols):
    """Skips the whole script where one of them is off."""
    with open(os.path.join(os.environ.get("objtree", "."), ".config"), encoding="ascii") as f:
        have = f.read()
    for s in symbols:
        if not re.search(f"^{s}=y", have, re.M):
            print(f"1..0 # SKIP {s} is off")
            sys.exit(0)


def run_all(module):
    """Runs every test_* function of the module with the same Tap; ends the program."""
    t = Tap()
    for name, fn in sorted(vars(module).items()):
        if name.startswith("test_"):
            try:
                fn(t)
            except Exception as e:  # a broken case must not hide the others
                t.ok(False, f"{name}: {type(e).__name__}: {str(e).splitlines()[0] if str(e) else ''}")
                print("".join(f"# {line}\n" for line in traceback.format_exc().splitlines()), end="", flush=True)
    t.done()
