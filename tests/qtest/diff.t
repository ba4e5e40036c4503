#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# slow
"""qtestos diff against Debian's QEMU, every difference explained; qtestos fuzz, and that it shortens what it finds."""
import io
import os
import shutil
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ["srctree"], "scripts"))
from qtestos import harness
from qtestos import diff, fuzz, regmap
from qtestos.commands import present
from qtestos.probe import Binary

harness.requires_config("CONFIG_VM", "CONFIG_EDU", "CONFIG_VIRTIO_BLK", "CONFIG_VIRTIO_RNG", "CONFIG_AHCI", "CONFIG_NVME", "CONFIG_VIRTIO_SCSI",
                   "CONFIG_VIRTIO_SERIAL", "CONFIG_VIRTIO_BALLOON", "CONFIG_ISA_SERIAL", "CONFIG_I8042", "CONFIG_ISA_DEBUG_EXIT", "CONFIG_VIRTIO_NET", "CONFIG_VGA", "CONFIG_TESTDEVS", "CONFIG_ISA_DEBUGCON",
                   "CONFIG_PFLASH")
ASAN = os.environ.get("FUZZ_VMBOX") or os.path.join(os.environ.get("objtree", "."), "check/asan/vmbox")
# A device whose write ends the emulator: what the fuzzer must find.
DEADLY = regmap.Map("deadly", (("port", 0xf0, 8),), options=("-device", "isa-debug-exit,iobase=0xf4,iosize=1"))


def test_diff(t):
    qemu = shutil.which("qemu-system-x86_64")
    if not qemu:
        return t.ok(True, "QEMU's replies # SKIP qemu-system-x86 is missing")
    ours, theirs = Binary(os.environ["VMBOX"]), Binary(qemu)
    known = diff.reasons()
    for name in present(theirs, present(ours, list(regmap.MAPS))):
        count, differ = diff.compare(ours, theirs, name, known)
        t.eq([d[:3] for d in differ if d[3] is None], [], "%s: %d replies, each difference has its reason" % (name, count))
    t.eq([r.device + " | " + r.command.pattern for r in known if not r.used], [], "every reason is still needed")
    t.eq(diff.unmapped(ours, theirs), [], "every device that both have is in the report")
    t.eq([d for d in regmap.ELSEWHERE if d not in theirs.devices], [], "and what is looked at elsewhere exists")


def test_fuzz(t):
    binary = Binary(ASAN if os.access(ASAN, os.X_OK) else os.environ["VMBOX"])
    for name in present(binary, [n for n, m in regmap.MAPS.items() if m.windows]):
        for seed in range(int(os.environ.get("FUZZ_ROUNDS", "2"))):
            lines = fuzz.sequence(seed, regmap.MAPS[name], binary.has_clock)
            t.eq(fuzz.kills(binary, regmap.MAPS[name], lines, 100), None, "%s, seed %d: lives" % (name, seed))


def test_shrink(t):
    tries = []
    got = fuzz.shrink(list(range(400)), lambda some: tries.append(1) or {17, 301} <= set(some))
    t.eq(sorted(got), [17, 301], "two of 400 are left, after %d tries" % len(tries))
    t.eq(fuzz.shrink([1], lambda some: True), [1], "one stays")
    binary = Binary(os.environ["VMBOX"])
    lines = fuzz.sequence(1, DEADLY, binary.has_clock)
    why = fuzz.kills(binary, DEADLY, lines)
    t.ok(why, "a random sequence ends the emulator")
    lines = fuzz.shrink(lines, lambda some: fuzz.kills(binary, DEADLY, some) is not None)
    t.eq(len(lines), 1, "one access is left: %s" % lines)
    path = fuzz.save("found", "deadly-1", binary, DEADLY, lines, why or "")
    with open(path, encoding="ascii") as f:
        again = f.read().split("\n")[:-1]
    t.ok(fuzz.kills(binary, DEADLY, again), "and the file with it ends it again")
    t.eq(fuzz.sequence(5, DEADLY, True), fuzz.sequence(5, DEADLY, True), "a seed gives the same sequence each time")
    out = io.StringIO()
    t.ok(diff.report(binary, binary, ["pic", "ioapic"], out) == 0 and "24 the same" in out.getvalue(), "ours is as ours")


harness.run_all(sys.modules[__name__])
