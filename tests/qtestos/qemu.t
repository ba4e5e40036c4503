#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# slow
# timeout: 900
"""The same cases on Debian's QEMU, which is not ours: a driver that only suits our devices fails there. One case of each
test (of its boards and variants another each time in the list); QTESTOS_ALL=1 runs them all. What cannot run must have a
reason that is known here; and a difference that a test claims of QEMU (skip_on) must be one still."""
import os
import re
import shutil
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ["srctree"], "scripts"))
from qtestos import drivers, runner		# noqa: E402, F401 (the drivers join the graph)
from qtestos.probe import Binary		# noqa: E402

# What Debian's QEMU, or one of its boards, does not have.
EXPECTED = (
    r"qtest accelerator: not in this binary",
    r"the binary has no device virtio-vsock-pci$",	# the guest's side of it is the host's kernel
    r"virtio-balloon-pci: its balloon has no MSI-X$",
    r": the board has no ",
    r": none of the shortest paths goes there$",
    r"^vmbox: another emulator$",
    r"^qemu: ",						# a known difference, which is tried below
)


def one_of_each(cases):
    """A case of each test; the n-th test's is its n-th, counted around."""
    by_test = {}
    for case in cases:
        by_test.setdefault(case.test, []).append(case)
    return [some[n % len(some)] for n, some in enumerate(by_test.values())]


def claimed(tests, binary):
    """A case of each test that is left out for a difference of QEMU's, and for nothing else."""
    found = {}
    for test in tests:
        for case in test.cases()[0]:
            if not case.probe(binary) and len(case.missing) == 1 and case.missing[0].startswith("qemu: "):
                found.setdefault(test, case)
    return list(found.values())


with open(os.path.join(os.environ.get("objtree", "."), ".config"), encoding="ascii") as f:
    if "CONFIG_VM=y" not in f.read():
        print("1..0 # SKIP CONFIG_VM is off")
        sys.exit(0)
path = shutil.which("qemu-system-x86_64")
if not path:
    print("1..0 # SKIP qemu-system-x86 is missing")
    sys.exit(0)
binary = Binary(path)
tests = runner.load([os.path.join(os.environ["srctree"], "tests/qtestos")])
can, cannot = runner.select(tests, binary)
strange = [(n, w) for n, w in cannot if not all(any(re.search(e, part) for e in EXPECTED) for part in w.split("; "))]
results = [runner.Result(n, f"cannot run, and nobody knows why: {w}") for n, w in strange]
chosen = can if os.environ.get("QTESTOS_ALL") else one_of_each(can)
results += list(runner.run(chosen, binary))
for case, got in zip(differ := claimed(tests, binary), list(runner.run(differ, binary))):
    stale = None if got.error else f"it passes: skip_on says {case.missing[0]}"
    results.append(runner.Result(f"{case.name}: differs still", stale))
failed = runner.tap(results, len(results))
print(f"# {len(chosen)} of {len(can)} cases; {len(cannot)} cannot run, each for a known reason but {len(strange)}")
sys.exit(1 if failed else 0)
