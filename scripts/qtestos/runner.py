# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds tests, runs their cases in several processes, and tells how it went as TAP, JUnit or unittest."""
import importlib.util
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from xml.sax.saxutils import escape, quoteattr

from .machine import CommandLine, Machine
from .proto import QtestError
from .solver import Test

CASE_SECONDS = 120


def load(paths):
    """[Test] of the test_* functions of these files, or of the test_*.py of folders."""
    tests = []
    for path in paths:
        names = [path]
        if os.path.isdir(path):
            names = sorted(os.path.join(path, n) for n in os.listdir(path) if n.startswith("test_") and n.endswith(".py"))
        for name in names:
            spec = importlib.util.spec_from_file_location("qtestos_" + os.path.basename(name)[:-3], name)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            tests += [Test(fn, name) for n, fn in vars(module).items()
                      if n.startswith("test_") and callable(fn) and fn.__module__ == spec.name]
    return tests


class Result:
    """How a case ended: error is None, or what went wrong in full."""

    def __init__(self, name, error=None, seconds=0.0, skipped=None, doc=""):
        self.name, self.error, self.seconds, self.skipped, self.doc = name, error, seconds, skipped, doc


def build(case, binary, folder, record=None):
    """The machine for a case, not started; its nodes and {argument: node}."""
    nodes, ends = case.nodes()
    line = CommandLine(folder, binary)
    for node in nodes:
        node.cls.command(node, line)
    args = line.args + list(case.marks.get("arguments", ()))
    return Machine(binary, case.board, args, folder, record), nodes, ends


def bring_up(m, nodes, ends, raw=False):
    """Attaches and starts the drivers of a running machine, parents first."""
    last = {id(n) for n in ends.values()}
    for node in nodes:
        node.instance = node.cls(m, node.parent.instance if node.parent else None, node)
        m.by_name[node.cls.name] = node.instance
        if not (raw and id(node) in last):
            node.instance.start()
            node.data["started"] = True


def run_case(case, binary, record=None):
    """Runs one; a Result. The machine, its memory and its folder are checked and gone afterwards."""
    began, stem = time.monotonic(), None
    folder = tempfile.mkdtemp(prefix="qtestos-")
    if record:
        os.makedirs(record, exist_ok=True)
        stem = os.path.join(record, case.name.replace("/", "_"))
    m = None
    try:
        m, nodes, ends = build(case, binary, folder, stem)
        m.start()
        bring_up(m, nodes, ends, case.marks.get("raw"))
        given = {a: m if n is None else n.instance for a, n in ends.items()}
        case.test.fn(**given, **case.params)
        m.alloc_state.check()
        for node in reversed(nodes):
            if node.data.get("started"):
                node.instance.stop()
        leaks = m.alloc_state.leaks()
        if leaks:
            raise QtestError("not freed: " + ", ".join(f"{what} ({size} bytes at {a:#x})" for a, size, what in leaks))
        m.close()
        error = None
    except Exception as e:
        error = _explain(e, m)
        _abandon(m)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Result(case.name, error, time.monotonic() - began, doc=case.test.doc)


def _explain(e, m):
    """The error, where in the test, what the emulator said, how it was started."""
    here = [f for f in traceback.extract_tb(e.__traceback__) if not f.filename.endswith(("runner.py", "proto.py"))]
    lines = [f"{type(e).__name__}: {e}"] + [f"at {os.path.basename(f.filename)}:{f.lineno}: {f.line}" for f in here[-3:]]
    if m:
        lines.append("command: " + " ".join(m.argv()))
        said = m.stderr().strip() if m.proc else ""
        if said and said not in str(e):
            lines.append("the emulator said: " + said[-2000:])
    return "\n".join(lines)


def _abandon(m):
    if m and m.proc:
        m.proc.kill()
        try:
            m.close()
        except QtestError:
            pass


# ---- several at once ----

_jobs = {}


def _alarm(*_):
    raise QtestError(f"the case runs for over {CASE_SECONDS} s")


def _worker(index):
    case, binary, record = _jobs["cases"][index], _jobs["binary"], _jobs["record"]
    signal.signal(signal.SIGALRM, _alarm)
    signal.alarm(CASE_SECONDS)
    try:
        return run_case(case, binary, record)
    except Exception as e:
        return Result(case.name, f"{type(e).__name__}: {e}")
    finally:
        signal.alarm(0)


def run(cases, binary, jobs=None, record=None):
    """Gives the Results of the cases in their order as they come."""
    _jobs.update(cases=cases, binary=binary, record=record)
    jobs = min(jobs or os.cpu_count() or 1, max(1, len(cases)))
    if jobs == 1:
        for i in range(len(cases)):
            yield _worker(i)
        return
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        yield from pool.imap(_worker, range(len(cases)))


def select(tests, binary, patterns=(), boards=None):
    """(cases that can run, [(name, reason)] of the others)."""
    can, cannot = [], []
    everything = []
    for test in tests:
        cases, lost = test.cases(boards)
        everything += cases
        cannot += [(f"{b.arch}/{b.name}/…/{test.name}", why) for b, why in lost]
    if patterns:
        everything = [c for c in everything if any(p in c.name for p in patterns)]
        cannot = [c for c in cannot if any(p in c[0] for p in patterns)]
    binary.ask_properties(sorted({n.cls.device for c in everything for n in c.nodes()[0] if n.cls.device}))
    for case in everything:
        if case.probe(binary):
            can.append(case)
        else:
            cannot.append((case.name, "; ".join(case.missing)))
    return can, cannot


# ---- reports ----

def tap(results, count, out=sys.stdout):
    """Writes TAP; gives the number of failures."""
    failed = 0
    print(f"1..{count}", file=out, flush=True)
    for n, r in enumerate(results, 1):
        print(f"{'not ' if r.error else ''}ok {n} - {r.name}", file=out)
        if r.error:
            failed += 1
            print("".join(f"# {line}\n" for line in r.error.split("\n")), end="", file=out)
        out.flush()
    return failed


def junit(results, cannot, out):
    """Writes a JUnit report; gives the number of failures."""
    rows = list(results)
    failed = sum(1 for r in rows if r.error)
    out.write(f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuite name="qtestos" tests="{len(rows) + len(cannot)}" '
              f'failures="{failed}" skipped="{len(cannot)}" time="{sum(r.seconds for r in rows):.3f}">\n')
    for r in rows:
        group, _, name = r.name.rpartition("/")
        out.write(f"<testcase classname={quoteattr(group.replace('/', '.'))} name={quoteattr(name)} time=\"{r.seconds:.3f}\"")
        out.write(f"><failure message={quoteattr(r.error.splitlines()[0])}>{escape(r.error)}</failure></testcase>\n" if r.error else "/>\n")
    for name, why in cannot:
        group, _, name = name.rpartition("/")
        out.write(f"<testcase classname={quoteattr(group.replace('/', '.'))} name={quoteattr(name)}>"
                  f"<skipped message={quoteattr(why)}/></testcase>\n")
    out.write("</testsuite>\n")
    return failed


def unittest_suite(cases, binary):
    """A unittest.TestSuite of the cases, one test method each."""
    import unittest
    suite = unittest.TestSuite()
    for case in cases:
        def method(self, case=case):
            result = run_case(case, binary)
            if result.error:
                self.fail(result.error)
        cls = type("Qtestos", (unittest.TestCase,), {case.name: method})
        suite.addTest(cls(case.name))
    return suite
