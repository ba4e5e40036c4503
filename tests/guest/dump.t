#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# slow: dump-guest-memory of a running Debian kernel, read by Debian's gdb (its
# own text by virtual addresses, a thread a processor) and readelf.
import json
import os
import re
import shutil
import socket
import subprocess
import sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import console

console.requires_config("APPLIANCE")
for tool in ("gdb", "readelf"):
    if not shutil.which(tool):
        console.skip_all(tool + " is missing")
console.appliance("initramfs", "ird.img") or console.done()
vmlinuz, _ = console.kernel()
vm = console.Console(console.vmbox, "vm", "-kernel", vmlinuz, "-initrd", "ird.img", "-append", "console=ttyS0", "-m", "256", "-smp", "2",
                     "-nographic", "-monitor", "none", "-serial", "stdio", "-qmp", "unix:qmp.sock,server=on,wait=off")
console.check(vm.expect(console.PROMPT), "Linux boots", vm.tail())
vm.type("grep ' linux_banner$' /proc/kallsyms; echo e''nd")
vm.expect("end")
banner = re.search(r"([0-9a-f]{16}) . linux_banner", vm.log)[1]
vm.expect(console.PROMPT)
s = socket.socket(socket.AF_UNIX)
s.connect("qmp.sock")
f = s.makefile("r")
f.readline()
events = []


def qmp(name, **args):
    s.sendall(json.dumps({"execute": name, "arguments": args}).encode() + b"\n")
    while True:
        got = json.loads(f.readline())
        if "event" not in got:
            return got
        events.append(got)


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=240, stdin=subprocess.DEVNULL).stdout


qmp("qmp_capabilities")
for paging in (False, True):
    got = qmp("dump-guest-memory", paging=paging, protocol="file:core%d" % paging)
    console.check(got == {"return": {}}, f"dumped, paging={paging}", got)
console.check(qmp("query-status")["return"]["running"] and len([e for e in events if e["event"] == "DUMP_COMPLETED"]) == 2, "the machine runs on", events)
head = run("readelf", "-W", "-l", "-n", "core0")
loads = re.findall(r"LOAD +\S+ (\S+) (\S+) (\S+)", head)
console.check([int(x, 16) for x in loads[0]] == [0, 0, 256 << 20] and len(loads) == 1, "one piece of memory", head)
console.check(head.count("NT_PRSTATUS") == 2 and head.count("QEMU") == 2, "two notes for each processor", head)
console.check(not re.search("[Ww]arning|[Ee]rror", head), "readelf has no complaint", head)
said = run("gdb", "-nx", "-q", "-batch", "-ex", "set pagination off", "-ex", "core-file core1", "-ex", "info threads", "-ex", f"x/s 0x{banner}",
           "-ex", "p/x $rip >> 63", "-ex", "p $cs")
console.check("Linux version 6." in said, "gdb reads the kernel's own text", said)
console.check(len(re.findall(r"(LWP|Thread|process) *[12]\b", said)) >= 2 and "= 16" in said, "and a thread for each processor, in the kernel", said)
for args in ({"paging": False, "protocol": "x:y"}, {"paging": False, "protocol": "file:/nowhere/x"}, {"protocol": "file:x"},
             {"paging": False, "protocol": "file:x", "format": "kdump-zlib"}, {"paging": False, "protocol": "fd:nine"}):
    console.check("error" in qmp("dump-guest-memory", **args), f"refused: {args}")
vm.type("poweroff")
console.check(vm.end() == 0, "power off", vm.tail())
console.done()
