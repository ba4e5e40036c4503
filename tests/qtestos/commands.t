#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 300
"""The command qtestos as one installed file: reports in each format, the graph, recording and replaying, errors."""
import os
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree
sys.dont_write_bytecode = True

SRC = os.environ["srctree"]
TESTS = '''
from qtestos import Machine, eq, on
from qtestos.drivers.ata import Ahci, AtaDisk
from qtestos.drivers.edu import Edu

def test_good(edu: Edu):
    eq(edu.regs.readl(0), 0x010000ed)

def test_bad(m: Machine):
    eq(m.inl(0xcf8), 1, "<of no use>")

@on(Ahci)
def test_disk(disk: AtaDisk):
    assert isinstance(disk.parent, Ahci)
'''
GOOD = "x86_64/q35/q35-pcihost/edu/test_good"


class Commands(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.TemporaryDirectory()
        os.chdir(cls.dir.name)
        cls.app = os.path.join(cls.dir.name, "qtestos")
        subprocess.run([sys.executable, os.path.join(SRC, "scripts/qtestos/zip"), cls.app], check=True)
        with open("test_it.py", "w", encoding="ascii") as f:
            f.write(TESTS)

    @classmethod
    def tearDownClass(cls):
        os.chdir("/")
        cls.dir.cleanup()

    def run_it(self, *args, status=0):
        r = subprocess.run([self.app, *args], capture_output=True, text=True, timeout=200, check=False)
        self.assertEqual(r.returncode, status, r.stdout + r.stderr)
        return r

    def test_tap(self):
        lines = self.run_it("run", "test_it.py", status=1).stdout.splitlines()
        self.assertEqual(lines[0], "1..3")
        self.assertEqual(lines[1], f"ok 1 - {GOOD}")
        self.assertIn("not ok 2 - x86_64/q35/test_bad", lines)
        self.assertIn("# Mismatch: <of no use>: got 0x0, want 0x1", lines)

    def test_junit(self):
        self.run_it("run", "--format", "junit", "--output", "r.xml", "test_it.py", status=1)
        suite = xml.etree.ElementTree.parse("r.xml").getroot()
        counts = [suite.get(k) for k in ("tests", "failures", "skipped")]
        rows = suite.findall("testcase")
        self.assertEqual(counts, [str(len(rows)), "1", str(len(rows) - 3)])
        bad = next(r for r in rows if r.find("failure") is not None)
        self.assertEqual(bad.get("name"), "test_bad")
        self.assertIn("<of no use>", bad.find("failure").text)
        why = {r.find("skipped").get("message") for r in rows if r.find("skipped") is not None}
        self.assertIn("machine pc: not in this binary", why)

    def test_unittest(self):
        r = self.run_it("run", "--format", "unittest", "test_it.py", status=1)
        self.assertRegex(r.stderr, re.escape(GOOD) + r".* ok\n")
        self.assertIn("Ran 3 tests", r.stderr)
        self.assertIn("FAILED (failures=1)", r.stderr)

    def test_why(self):
        """A test for AHCI disks alone says so where the only disks are on the older channels."""
        lines = self.run_it("run", "--why", "test_it.py").stdout.splitlines()
        self.assertIn("can run    x86_64/q35/ich9-ahci-onboard/ide-hd/test_disk", lines)
        self.assertTrue(any(x.startswith("cannot run x86_64/pc/") and "test_disk: pc -> Ahci: none" in x for x in lines), lines)

    def test_graph(self):
        """Every line of the drawing is an attribute, a box or an edge; the test hangs at the end of its path."""
        text = self.run_it("graph", "--dot", "test_it.py").stdout
        name = r'"[\w-]+"'
        inner = re.fullmatch(r"digraph qtestos \{\n(.*)\}\n", text, re.S).group(1)
        for line in inner.splitlines():
            self.assertRegex(line, rf"^\t(rankdir=LR|node \[[^\]]*\]|{name} \[shape=\w+\]|{name} -> {name} \[\w+=(\"[\w-]+\"|\w+)\]);$")
        for edge in ('"q35" -> "q35-pcihost"', '"q35-pcihost" -> "edu"', '"edu" -> "test_good"'):
            self.assertIn(edge, text)

    def test_replay(self):
        self.run_it("run", "-k", "test_good", "--record", "rec", "test_it.py")
        stem = os.path.join("rec", GOOD.replace("/", "_"))
        out = self.run_it("replay", stem + ".qtest").stdout
        self.assertRegex(out, r"^\d+ commands, 0 answered otherwise\n$")
        with open(stem + ".replies", encoding="ascii") as f:
            text = f.read()
        self.assertIn("010000ed", text)
        with open(stem + ".replies", "w", encoding="ascii") as f:
            f.write(text.replace("010000ed", "010000ee", 1))
        out = self.run_it("replay", stem + ".qtest", status=1).stdout
        self.assertIn("1 answered otherwise", out)
        self.assertIn("0x00000000010000ed, recorded: OK 0x00000000010000ee", out)
        os.remove(stem + ".replies")
        self.assertIn("no replies to compare", self.run_it("replay", stem).stdout)
        self.assertIn("nothing.qtest", self.run_it("replay", "nothing", status=2).stderr)

    def test_errors(self):
        self.assertIn("outside of a source tree", self.run_it("run", status=2).stderr)
        self.assertIn("no-such-emulator: not found", self.run_it("run", "--binary", "no-such-emulator", "test_it.py", status=2).stderr)
        self.assertIn("no case can run", self.run_it("run", "-k", "no-such-case", "test_it.py", status=1).stderr)


with open(os.path.join(os.environ.get("objtree", "."), ".config"), encoding="ascii") as config:
    have = config.read()
for symbol in ("CONFIG_VM", "CONFIG_EDU", "CONFIG_AHCI"):
    if symbol + "=y" not in have.splitlines():
        print(f"1..0 # SKIP {symbol} is off")
        sys.exit(0)
suite = unittest.defaultTestLoader.loadTestsFromTestCase(Commands)
print(f"1..{suite.countTestCases()}")
result = unittest.TestResult()
suite.run(result)
bad = {t.id().split(".")[-1]: text for t, text in result.failures + result.errors}
for n, test in enumerate(unittest.defaultTestLoader.getTestCaseNames(Commands), 1):
    print(f"{'not ' if test in bad else ''}ok {n} - {test}")
for name, text in bad.items():
    print("".join(f"# {line}\n" for line in [name, *text.splitlines()]), end="")
sys.exit(1 if bad else 0)
