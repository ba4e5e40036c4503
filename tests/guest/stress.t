#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# slow
# timeout: 3000
# VMBOX_LONG=1 only, for it fetches Debian's stress-ng and takes ten minutes: processors,
# memory, matrices, context switches and futexes, each checked by itself, all at once on 4
# processors of a guest; what the emulator needs beside the guest's memory stays below 100 MiB.
import os
import re
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from console import *

SECONDS = 600
MEMORY = 1024  # MiB
STRESSORS = ("cpu", "vm", "matrix", "switch", "context", "futex")

if not os.environ.get("VMBOX_LONG"):
    skip_all("VMBOX_LONG is not set")
requires_config("JIT")
if not shutil.which("busybox") or not shutil.which("cpio"):
    skip_all("busybox or cpio is missing")
run = lambda *c, **k: subprocess.run(c, check=True, **k)

# The package and those of its libraries that are not installed here.
os.makedirs("archives/partial"), os.makedirs("unpacked")
run("apt-get", "-qq", "-y", "--no-install-recommends", "--reinstall", "--download-only", "-o", "APT::Sandbox::User=root",
    "-o", "Dir::Cache::archives=" + os.getcwd() + "/archives", "install", "stress-ng", stdout=subprocess.DEVNULL)
for deb in os.listdir("archives"):
    if deb.endswith(".deb"):
        run("dpkg-deb", "-x", "archives/" + deb, "unpacked")
os.makedirs("ird/usr/bin"), os.makedirs("ird/lib64"), os.makedirs("ird/tmp")
shutil.copy("unpacked/usr/bin/stress-ng", "ird/usr/bin/")
needed = run("ldd", "unpacked/usr/bin/stress-ng", capture_output=True, text=True, env=dict(
    os.environ, LD_LIBRARY_PATH=os.getcwd() + "/unpacked/usr/lib/x86_64-linux-gnu:" + os.getcwd() + "/unpacked/lib/x86_64-linux-gnu")).stdout
for lib in re.findall(r"(/\S+) \(0x", needed):
    shutil.copy(lib, "ird/lib64/")
command = " ".join(f"--{s} 4" for s in STRESSORS)
run("sh", "-c", f'. "{srctree}/tests/guest/boot.sh"; make_initrd ird.gz "export LD_LIBRARY_PATH=/lib64 TMPDIR=/tmp; cd /tmp; '
    f'mkdir -p /dev/shm; mount -t tmpfs t /dev/shm; stress-ng {command} --vm-bytes 256M --verify --metrics-brief --temp-path /tmp -t {SECONDS}; echo init: status \\$?; poweroff -f"')

vmlinuz, _ = kernel()
m = Console(vmbox, "vm", "-accel", "jit", "-nodefaults", "-no-reboot", "-serial", "stdio", "-m", str(MEMORY), "-smp", "4", "-kernel", vmlinuz,
            "-initrd", "ird.gz", "-append", "console=ttyS0 panic=-1 quiet no_timer_check")
check(m.expect("dispatching hogs", 300), "stress-ng begins", m.tail())
over = threading.Event()
memory = []


def beside_ram(pid):
    """MiB that a process has in memory, but for the mapping that is as large as the guest's memory."""
    with open(f"/proc/{pid}/smaps") as f:
        sizes = re.findall(r"^Size: +(\d+) kB$.*?^Rss: +(\d+) kB$", f.read(), re.M | re.S)
    return sum(int(rss) for size, rss in sizes if int(size) < MEMORY * 1000) / 1024


def watch():
    while not over.wait(2):
        try:
            memory.append(beside_ram(m.proc.pid))
        except OSError:
            return


watcher = threading.Thread(target=watch)
watcher.start()
ended = m.expect("init: status ", SECONDS * 3 + 300)
over.set()
watcher.join()
check(ended and m.expect("\n", 30) and re.search(r"init: status 0\n", m.log), "every stressor found its results right", m.tail())
check(m.end() == 0, "clean power-off", m.tail())
did = dict(re.findall(r"\] (\w+) +(\d+) +[\d.]+ +[\d.]+ +[\d.]+ ", m.log))
check(all(int(did.get(s, 0)) > 0 for s in STRESSORS), "each of them did something", m.tail())
check(not re.search(r"Kernel panic|Oops|BUG:|segfault|rcu.*stall|Call Trace|fail:", m.log), "no complaint", m.tail())
check(memory and max(memory) < 100, "the emulator needs less than 100 MiB beside the guest's memory", str(memory[-30:]))
print(f"# {max(memory or [0]):.0f} MiB at most beside the guest's memory")
for line in re.findall(r"\] (\w+ +\d+ .*)", m.log):
    print("# " + line)
done()
