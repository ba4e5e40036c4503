#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# slow: Linux is saved while its processes compute and read a disk, the process
# ends, another one loads the state, and the jobs end with the right results;
# with 1 and 2 processors, the second time through a compressor.
import json
import os
import socket
import sys
import time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import console

console.requires_config("MIGRATION")
ROUNDS = 9000


def expected(start):
    s = start
    for i in range(1, ROUNDS + 1):
        s = (s * 31 + i) % 1000003
    return s


def qmp(path, *commands):
    """Runs the commands; the reply of the last one."""
    s = socket.socket(socket.AF_UNIX)
    for _ in range(400):
        try:
            s.connect(path)
            break
        except OSError:
            time.sleep(0.05)
    f = s.makefile("r")
    f.readline()
    for name, args in (("qmp_capabilities", {}),) + commands:
        s.sendall(json.dumps({"execute": name, "arguments": args}).encode() + b"\n")
        got = json.loads(f.readline())
        while "event" in got:
            got = json.loads(f.readline())
    return got


def machine(cpus, *args):
    return console.Console(console.vmbox, "vm", "-kernel", vmlinuz, "-initrd", "ird.img", "-append", "console=ttyS0", "-m", "256",
                           "-smp", str(cpus), "-nographic", "-monitor", "none", "-serial", "stdio", "-no-reboot",
                           "-drive", "file=disk.raw,format=raw,if=virtio", "-device", "virtio-rng-pci",
                           "-qmp", "unix:qmp.sock,server=on,wait=off", *args)


console.appliance("initramfs", "ird.img") or console.done()
vmlinuz, _ = console.kernel()
with open("disk.raw", "wb") as f:
    f.write(b"0123456789abcde\n" * (1 << 15))
LINES = 1 << 15

for cpus, to, back in ((1, "file:state", "file:state"), (2, "exec:gzip -1 >state.gz", "exec:gzip -dc state.gz")):
    vm = machine(cpus)
    console.check(vm.expect(console.PROMPT), f"{cpus} processors: boots", vm.tail())
    vm.type(f"j() {{ i=0; while [ $i -lt {ROUNDS} ]; do")
    vm.type("i=$((i+1)); s=$(((s*31+i)%1000003)); done; echo sum $s.; }")
    vm.type(f"r() {{ while [ $(wc -l </dev/vda) = {LINES} ]; do")
    vm.type("echo read; done; echo bad; }")
    vm.type("(s=1; j) & (s=2; j) & r &")
    vm.expect(") & r &")
    console.check(vm.expect("read\n") and vm.expect("read\n"), "jobs run", vm.tail())
    got = qmp("qmp.sock", ("migrate", {"uri": to}))
    for _ in range(600):
        got = qmp("qmp.sock", ("query-migrate", {}))
        if got["return"]["status"] != "active":
            break
        time.sleep(0.05)
    console.check(got["return"]["status"] == "completed", "saved while they run", got)
    before = vm.log
    console.check("\nsum " not in before and "\nbad" not in before, "nobody was ready yet", vm.tail())
    qmp("qmp.sock", ("quit", {}))
    console.check(vm.end(30) == 0, "the first process ends", vm.tail())
    vm = machine(cpus, "-incoming", back)
    good = vm.expect("sum ") and vm.expect("sum ") and vm.expect("\n") and vm.expect("read\n") and vm.expect("read\n")
    sums = sorted(int(l.split()[-1].rstrip(".")) for l in vm.log.splitlines() if "sum " in l)
    console.check(good and sums == sorted((expected(1), expected(2))), "the second one has the right sums", (sums, vm.tail()))
    console.check("\nbad" not in vm.log and "Linux version" not in vm.log, "and no boot in between, the disk is read on", vm.tail())
    vm.type("kill %3; dmesg | tail; poweroff")
    console.check(vm.end(60) == 0, "and powers off", vm.tail())
    console.check("BUG" not in vm.log and "stall" not in vm.log and "lockup" not in vm.log, "no complaint of the kernel", vm.tail())
console.done()
