#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# slow
# timeout: 600
"""The cases of test_*.py on our machine, in parallel. What cannot run there must be missing on purpose: EXPECTED."""
import itertools
import os
import re
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ["srctree"], "scripts"))
from qtestos import drivers, runner		# noqa: E402, F401 (the drivers join the graph)
from qtestos.probe import Binary		# noqa: E402

# Edges that our binary does not have, and why that is well.
EXPECTED = (
    r"machine pc: ",					# QEMU's older board is for QEMU
    r"pc -> [^ ]+: the board has no ",			# and lacks parts of the newer one
    r"^pc -> [^ ]+: none of the shortest paths ",	# no AHCI on board
    r"the binary has no device (e1000e|amd-iommu)$",	# ours has none yet; QEMU's are driven (qemu.t)
    r"-> piix3-ide(-onboard)?:",			# the older IDE channels
    r"^qemu: another emulator",
)

with open(os.path.join(os.environ.get("objtree", "."), ".config"), encoding="ascii") as f:
    if "CONFIG_VM=y" not in f.read():
        print("1..0 # SKIP CONFIG_VM is off")
        sys.exit(0)
binary = Binary(os.environ["VMBOX"])
tests = runner.load([os.path.join(os.environ["srctree"], "tests/qtestos")])
can, cannot = runner.select(tests, binary)
strange = [(n, w) for n, w in cannot if not any(re.search(e, w) for e in EXPECTED)]
if not os.environ.get("VMBOX_PARTIAL"):
    results = [runner.Result(n, f"cannot run, against expectation: {w}") for n, w in strange]
else:
    results = []
failed = runner.tap(itertools.chain(results, runner.run(can, binary)), len(results) + len(can))
sys.exit(1 if failed else 0)
