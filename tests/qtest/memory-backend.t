#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""-machine memory-backend=: memory in a file, shared or private, allocated in
advance; what does not fit is told in one line."""
import os
import subprocess
import sys
import tempfile
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ["srctree"], "scripts"))
from qtestos import harness

harness.requires_config("CONFIG_VM")
BOARD = ("-machine", "q35,memory-backend=ram0")


def test_file(t):
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "ram")
        obj = "memory-backend-file,id=ram0,size=64M,mem-path=" + path
        with harness.Machine(*BOARD, "-object", obj + ",share=on") as m:
            m.writeq(0x3fffff8, 0x1122334455667788)
            m.writeq(0x4000000, 1)
            t.eq((m.readq(0x3fffff8), m.readq(0x4000000)), (0x1122334455667788, 2**64 - 1), "as large as the backend")
        with open(path, "rb") as f:
            f.seek(0x3fffff8)
            t.eq(f.read(), (0x1122334455667788).to_bytes(8, "little"), "shared: the file has it")
        with harness.Machine(*BOARD, "-object", obj + ",share=off,prealloc=on") as m:
            t.eq(m.readq(0x3fffff8), 0x1122334455667788, "private: the file's bytes")
            m.writeq(0x3fffff8, 5)
        with open(path, "rb") as f:
            f.seek(0x3fffff8)
            t.eq(f.read(1), b"\x88", "but it gets nothing")
        with harness.Machine(*BOARD, "-object", "memory-backend-file,id=ram0,size=64M,mem-path=" + d) as m:
            m.writeq(0, 7)
            t.eq((m.readq(0), os.listdir(d)), (7, ["ram"]), "a folder: a file without a name")


def test_others(t):
    for kind in ("ram", "memfd"):
        with harness.Machine(*BOARD, "-object", f"memory-backend-{kind},id=ram0,size=64M,prealloc=on") as m:
            m.writel(0x100000, 9)
            t.eq(m.readl(0x100000), 9, kind)
            t.ok("in use" in m.qmp.hmp("object_del ram0"), "it cannot be deleted")


def test_refused(t):
    ram = "memory-backend-ram,id=ram0,size=64M"
    for args, want in (((), "not found"), (("-object", ram, "-m", "32"), "does not match"), (("-object", "iothread,id=ram0"), "no memory backend"),
                       (("-object", "memory-backend-ram,id=ram0"), "size"), (("-object", ram + "1"), "size"), (("-object", ram + ",foo=1"), "foo"),
                       (("-object", "memory-backend-file,id=ram0,size=64M"), "mem-path"), (("-object", ram + ",mem-path=x"), "mem-path"),
                       (("-object", "memory-backend-file,id=ram0,size=64M,mem-path=/nonexistent/x"), "/nonexistent/x")):
        r = subprocess.run([harness.VMBOX, "vm", "-accel", "qtest", "-display", "none", *BOARD, *args], capture_output=True, text=True,
                           stdin=subprocess.DEVNULL, timeout=60)
        t.ok(r.returncode == 1 and want in r.stderr and len(r.stderr.splitlines()) == 1, "%s: %s" % (" ".join(args), r.stderr.strip()))


harness.run_all(sys.modules[__name__])
