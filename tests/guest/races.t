#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# slow: code and mappings that change on one processor while the others use them, sums
# under storms of timers, IPIs and NMIs, in Debian's kernel on 2 and 4 processors by
# translated code. VMBOX_LONG=1: a minute for each part instead of a second.
import json
import os
import re
import socket
import subprocess
import sys
import time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import console as c

c.requires_config("JIT")
SECONDS = 60 if os.environ.get("VMBOX_LONG") else 1
PARTS = ("operand", "function", "remap", "replace", "protect", "alarms", "ipis", "nmis")
vmlinuz, _ = c.kernel()
os.makedirs("ird/bin")
built = subprocess.run(["musl-gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-pthread", "-o", "ird/bin/races",
                        c.srctree + "/tests/guest/races.c"], capture_output=True, text=True)
c.check(built.returncode == 0, "the program is built", built.stderr)
subprocess.run(["sh", "-c", f'. "{c.srctree}/tests/guest/boot.sh"; make_initrd ird.gz "races {SECONDS}; grep NMI: /proc/interrupts; poweroff -f"'],
               check=True, env=dict(os.environ, srctree=c.srctree))


def nmis(count):
    """Sends NMIs to all processors while the last part runs; how many were accepted before it was over."""
    good = 0
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.connect("qmp.sock")
            f = s.makefile("r")
            f.readline()
            for name in ["qmp_capabilities"] + ["inject-nmi"] * count:
                s.sendall(json.dumps({"execute": name}).encode() + b"\n")
                reply = json.loads(f.readline())
                while "event" in reply:
                    reply = json.loads(f.readline())
                good += name == "inject-nmi" and "return" in reply
                time.sleep(0.01)
    except (OSError, ValueError):
        pass  # it has powered off
    return good


for cpus in (2, 4):
    m = c.Console(c.vmbox, "vm", "-accel", "jit", "-nodefaults", "-no-reboot", "-serial", "stdio", "-m", "256", "-smp", str(cpus), "-kernel", vmlinuz,
                  "-initrd", "ird.gz", "-append", "console=ttyS0 panic=-1 quiet", "-qmp", "unix:qmp.sock,server=on,wait=off")
    c.check(m.expect("races: nmis begins", 120 + 20 * SECONDS), f"{cpus} processors: all parts begin", m.tail())
    c.check(nmis(50) > 0, f"{cpus} processors: NMIs are sent", m.tail())
    c.check(m.expect("races: done on %d processors, 0 bad" % cpus, 120 + 20 * SECONDS), f"{cpus} processors: nothing that no processor may show", m.tail())
    c.check(m.end() == 0, f"{cpus} processors: clean power-off", m.tail())
    done = dict(re.findall(r"races: (\w+): \d+ changes, (\d+) looks", m.log))
    c.check(sorted(done) == sorted(PARTS) and all(int(n) > 0 for n in done.values()), f"{cpus} processors: every part ran", m.tail())
    got = re.search(r"NMI:((?:\s+\d+)+)", m.log)
    c.check(got and all(int(n) > 0 for n in got[1].split()), f"{cpus} processors: each of them took NMIs", m.tail())
    c.check(not re.search("Kernel panic|Oops|BUG:|segfault|rcu.*stall", m.log), f"{cpus} processors: the kernel has no complaint", m.tail())
    for line in re.findall("races: .*looks", m.log):
        print("# " + line)
c.done()
