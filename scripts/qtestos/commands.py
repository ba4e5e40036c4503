# SPDX-License-Identifier: GPL-2.0-or-later
"""More of the command line: qtestos acpi, diff, fuzz."""
import sys

from . import diff, fuzz
from .machine import Machine
from .model import BOARDS, Board, Node
from .probe import Binary
from .proto import QtestError
from .regmap import MAPS


def chosen(names):
    wrong = [n for n in names if n not in MAPS]
    if wrong:
        raise QtestError(f"no register map of {', '.join(wrong)}; there are {' '.join(MAPS)}")
    return names or list(MAPS)


def cmd_diff(a):
    from .cli import find_binary
    return 1 if diff.report(find_binary(a.binary), find_binary(a.peer), chosen(a.device), sys.stdout) else 0


def present(binary, names):
    """Those maps whose devices the binary has."""
    return [n for n in names if all(o.split(",")[0] in binary.devices for o in diff.device_options(MAPS[n]))]


def cmd_fuzz(a):
    from .cli import find_binary
    binary = find_binary(a.binary)
    return 1 if fuzz.campaign(binary, present(binary, chosen(a.device)), a.seconds, a.seed, a.output, sys.stdout) else 0


def tables_of(m):
    """The tables of a running machine, after what firmware does to the chipset first."""
    from .acpi import loader, tables
    from .drivers.fw_cfg import FwCfg
    from .drivers.timers import AcpiPm
    fw = FwCfg(m, None, Node(FwCfg, None, "fw", {}))
    fw.start()
    try:
        AcpiPm(m, None, Node(AcpiPm, None, "pm", {})).start()
        if hasattr(m.pci_host(), "enable_ecam"):
            m.pci_host().enable_ecam()
        return tables.find(loader.load(fw.file))
    finally:
        fw.stop()


def cmd_acpi(a):
    from .acpi import tables
    from .aml import AmlError, Interpreter
    from .cli import find_binary
    binary: Binary = find_binary(a.binary)
    board: Board = BOARDS[a.machine]
    with Machine(binary, board, a.rest) as m:
        found = tables_of(m)
    for t in found.all:
        print(f"{t.signature} at {t.addr:#x}, {len(t.data)} bytes, revision {t.revision}")
    wrong = tables.check(found)
    for text in wrong:
        print("wrong:", text)
    aml = Interpreter()
    for t in found.all:
        if t.signature in ("DSDT", "SSDT"):
            aml.load(t.data)
    try:
        for path in a.evaluate:
            print(f"{path} = {aml.evaluate(path)!r}")
    except AmlError as e:
        raise QtestError(str(e)) from None
    if a.namespace:
        for path, _, node in aml.walk():
            print(path, type(node.value).__name__)
    return 1 if wrong else 0


def add(sub):
    """Adds the commands to the parser's subcommands."""
    d = sub.add_parser("diff", help="compare two emulators register by register")
    d.add_argument("device", nargs="*", help=f"of {' '.join(MAPS)} (default: all)")
    d.add_argument("--binary", help="emulator (default: $VMBOX)")
    d.add_argument("--peer", default="qemu-system-x86_64", help="the other (default: %(default)s)")
    d.set_defaults(fn=cmd_diff)
    f = sub.add_parser("fuzz", help="random accesses; what kills the emulator is shortened and kept")
    f.add_argument("device", nargs="*", help="register maps (default: all)")
    f.add_argument("--binary", help="emulator (default: $VMBOX)")
    f.add_argument("--seconds", type=float, default=0, help="how long (default: one round of each map)")
    f.add_argument("--seed", type=int, default=0)
    f.add_argument("--output", default="qtestos-findings", metavar="FOLDER")
    f.set_defaults(fn=cmd_fuzz)
    p = sub.add_parser("acpi", help="check a machine's ACPI tables, evaluate its AML; what follows -- is added to the command line")
    p.add_argument("machine", choices=sorted(BOARDS))
    p.add_argument("--binary", help="emulator (default: $VMBOX)")
    p.add_argument("--evaluate", "-e", action="append", default=[], metavar="PATH", help="print an object's value, as \\_S5")
    p.add_argument("--namespace", action="store_true", help="list every name")
    p.set_defaults(fn=cmd_acpi)
