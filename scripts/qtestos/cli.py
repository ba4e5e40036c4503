# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line: qtestos run, graph, shell, replay."""
import argparse
import os
import shutil
import sys

from . import drivers as _drivers		# noqa: F401 (they join the graph)
from . import commands, runner, solver
from .model import BOARDS, DRIVERS
from .probe import Binary
from .proto import QtestError

HERE = os.path.dirname(os.path.abspath(__file__))


def find_binary(name):
    name = name or os.environ.get("VMBOX") or "vmbox"
    path = shutil.which(name)
    if not path:
        raise QtestError(f"{name}: not found; name an emulator by --binary or $VMBOX")
    return Binary(os.path.abspath(path))


def default_tests():
    """The tests of the tree that this lies in."""
    path = os.path.normpath(os.path.join(HERE, "../../tests/qtestos"))
    if not os.path.isdir(path):
        raise QtestError("this qtestos is installed outside of a source tree: name the tests' files or folder")
    return [path]


def cmd_run(a):
    binary = find_binary(a.binary)
    tests = runner.load(a.tests or default_tests())
    can, cannot = runner.select(tests, binary, a.match, a.machine)
    if a.why or a.list:
        for case in can:
            print("can run   ", case.name)
        for name, why in cannot if a.why else ():
            print("cannot run", name + ":", why)
        print(f"# {len(can)} can run, {len(cannot)} cannot, on {binary.path} ({binary.kind}, -accel {binary.accel})")
        return 0
    if a.format == "unittest":
        import unittest
        return 0 if unittest.TextTestRunner(verbosity=2).run(runner.unittest_suite(can, binary)).wasSuccessful() else 1
    results = runner.run(can, binary, a.jobs, a.record)
    if a.format == "junit":
        with open(a.output, "w", encoding="utf-8") if a.output else sys.stdout as out:
            failed = runner.junit(results, cannot, out)
    else:
        failed = runner.tap(results, len(can))
        print(f"# {len(can)} cases, {failed} failed; {len(cannot)} cannot run on {binary.path} (--why tells)")
    if not can:
        print("qtestos: no case can run here; --why tells", file=sys.stderr)
    return 1 if failed or not can else 0


def cmd_graph(a):
    tests = runner.load(a.tests) if a.tests else []
    if a.dot:
        sys.stdout.write(solver.dot(tests))
        return 0
    for name, b in BOARDS.items():
        print(f"{b.arch}/{name}")
        for d in DRIVERS:
            for p in solver.shortest(d, b):
                print("   ", "/".join(x.name for x in p))
    return 0


def cmd_shell(a):
    """A machine with the devices asked for, and Python: m is the machine, d0, d1, … the drivers."""
    import code
    import tempfile
    by_name = {d.name: d for d in DRIVERS}
    unknown = [n for n in a.device if n not in by_name]
    if unknown or a.machine not in BOARDS:
        raise QtestError(f"unknown: {', '.join(unknown) or a.machine}; there are {', '.join(sorted(BOARDS))} and {', '.join(sorted(by_name))}")
    binary = find_binary(a.binary)
    targets = {f"d{i}": by_name[n] for i, n in enumerate(a.device)}

    def session():
        """The devices of the command line."""
    session.__annotations__ = targets
    test = solver.Test(session)
    test.wants = targets
    cases, lost = test.cases([a.machine])
    if not cases:
        raise QtestError("; ".join(why for _, why in lost) or "there is no such path")
    if not cases[0].probe(binary):
        raise QtestError("; ".join(cases[0].missing))
    with tempfile.TemporaryDirectory(prefix="qtestos-") as folder:
        m, nodes, ends = runner.build(cases[0], binary, folder)
        with m:
            runner.bring_up(m, nodes, ends)
            names = {"m": m, **{k: n.instance for k, n in ends.items()}}
            said = "".join(f"{k} = {type(v).__name__}\n" for k, v in names.items())
            code.interact(banner=f"{' '.join(m.argv())}\n{said}Try m.inl(0xcfc), m.clock_step(), d0.<TAB>.", local=names, exitmsg="")
    return 0


def recorded(stem, folder):
    """The machine's name and the arguments of NAME.argv, without what a Machine adds itself; the disks of NAME.files
    are copied to the folder, so that they can be used again."""
    kept = stem + ".files"
    try:
        if os.path.isdir(kept):
            shutil.copytree(kept, folder, dirs_exist_ok=True)
        with open(stem + ".argv", encoding="utf-8") as f:
            argv = [a.replace(os.path.join(os.path.basename(kept), ""), os.path.join(folder, "")) for a in f.read().splitlines()]
        name = argv[argv.index("-machine") + 1].split(",")[0]
        return name, argv[argv.index("-qmp") + 2:]
    except FileNotFoundError:
        return None, []
    except (ValueError, IndexError):
        raise QtestError(f"{stem}.argv: no command line of a recorded machine") from None


def cmd_replay(a):
    """Sends a transcript to a new machine and compares, if the replies are beside it."""
    import tempfile
    from .machine import Machine
    from .proto import replay
    stem = a.transcript.removesuffix(".qtest")
    try:
        with open(stem + ".qtest", encoding="ascii") as f:
            commands = f.read().splitlines()
        replies = None
        if os.path.exists(stem + ".replies"):
            with open(stem + ".replies", encoding="ascii") as f:
                replies = f.read().splitlines()
    except OSError as e:
        raise QtestError(str(e)) from None
    if replies is not None and len(replies) != len(commands):
        raise QtestError(f"{stem}: {len(commands)} commands, but {len(replies)} replies")
    with tempfile.TemporaryDirectory(prefix="qtestos-") as folder:
        name, arguments = recorded(stem, folder)
        name = a.machine or name or "q35"
        if name not in BOARDS:
            raise QtestError(f"unknown: {name}; there are {', '.join(sorted(BOARDS))}")
        with Machine(find_binary(a.binary), BOARDS[name], a.rest or arguments) as m:
            differ = replay(commands, m.q, replies)
    for line, text, want, got in differ:
        print(f"{stem}.qtest:{line}: {text[:100]}: {got[:100]}, recorded: {want[:100]}")
    print(f"{len(commands)} commands, {len(differ)} answered otherwise" if replies is not None else
          f"{len(commands)} commands; there are no replies to compare with")
    return 1 if differ else 0


def parser():
    p = argparse.ArgumentParser(prog="qtestos", description="Tests devices of an emulator with drivers of its own.")
    sub = p.add_subparsers(dest="command", required=True)
    r = sub.add_parser("run", help="run tests")
    r.add_argument("tests", nargs="*", help="files or folders (default: those of this tree)")
    r.add_argument("--binary", help="emulator (default: $VMBOX)")
    r.add_argument("--match", "-k", action="append", default=[], help="only cases with this in their name")
    r.add_argument("--machine", action="append", help="only on this machine type")
    r.add_argument("--jobs", "-j", type=int, help="cases at a time (default: as many as processors)")
    r.add_argument("--why", action="store_true", help="run nothing; tell which cases can run, and why the others cannot")
    r.add_argument("--list", action="store_true", help="run nothing; tell which cases can run")
    r.add_argument("--record", metavar="FOLDER", help="write a transcript of each case there")
    r.add_argument("--format", choices=("tap", "junit", "unittest"), default="tap")
    r.add_argument("--output", help="where the JUnit report goes")
    r.set_defaults(fn=cmd_run)
    g = sub.add_parser("graph", help="show the graph of boards and drivers")
    g.add_argument("tests", nargs="*", help="tests to show with it")
    g.add_argument("--dot", action="store_true", help="for Graphviz")
    g.set_defaults(fn=cmd_graph)
    s = sub.add_parser("shell", help="a machine, its drivers, and Python")
    s.add_argument("machine")
    s.add_argument("--device", "-d", action="append", default=[], help="driver's name, as in graph")
    s.add_argument("--binary")
    s.set_defaults(fn=cmd_shell)
    y = sub.add_parser("replay", help="send a transcript's commands, compare the replies; a command line after -- is used in place of the recorded one")
    y.add_argument("transcript", help="NAME.qtest")
    y.add_argument("--machine", help="default: as recorded, or q35")
    y.add_argument("--binary")
    y.set_defaults(fn=cmd_replay)
    commands.add(sub)
    return p


def main(argv=None):
    argv = list(sys.argv[1:] if argv is None else argv)
    # What follows -- is for the emulator; argparse would mix it with arguments of ours that may be left out.
    end = argv.index("--") if "--" in argv else len(argv)
    a = parser().parse_args(argv[:end])
    a.rest = argv[end + 1:]
    try:
        if a.rest and a.fn not in (cmd_replay, commands.cmd_acpi):
            raise QtestError(f"{a.command} takes no command line after --")
        return a.fn(a)
    except QtestError as e:
        print(f"qtestos: {e}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 1
