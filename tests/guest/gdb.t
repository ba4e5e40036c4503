#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# slow: Debian's gdb debugs Debian's kernel in our machine: breakpoints by symbol
# of both kinds, steps, watchpoints, registers, memory, threads, monitor
# commands, interrupt, detach; then kill.
import os
import re
import subprocess
import sys
import time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import console

console.requires_config("GDBSTUB")
if subprocess.run(["gdb", "--version"], capture_output=True).returncode:
    console.skip_all("gdb is missing")


def gdb(*commands, seconds=240):
    args = ["gdb", "-nx", "-q", "-batch", "-ex", "set pagination off", "-ex", "set tcp auto-retry off",
            "-ex", "target remote gdb.sock"]
    for c in commands:
        args += ["-ex", c]
    try:
        return subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds,
                              stdin=subprocess.DEVNULL).stdout
    except subprocess.TimeoutExpired as e:
        return "timed out: " + str(e.stdout)


console.appliance("initramfs", "ird.img") or console.done()
vmlinuz, _ = console.kernel()
vm = console.Console(console.vmbox, "vm", "-kernel", vmlinuz, "-initrd", "ird.img", "-append", "console=ttyS0 nokaslr",
                     "-m", "256", "-smp", "2", "-nographic", "-monitor", "none", "-serial", "stdio", "-gdb", "unix:gdb.sock")
console.check(vm.expect(console.PROMPT), "Linux boots beside a gdb server", vm.tail())
vm.type("cd /proc; for s in __x64_sys_newuname init_uts_ns; do grep \" $s\" kallsyms; done; echo e''nd")
vm.expect("end\n")
vm.expect(console.PROMPT)
syms = dict((m[1], int(m[0], 16)) for m in re.findall(r"^([0-9a-f]{16}) \w (\w+)$", vm.log, re.M))
console.check(len(syms) >= 2 and all(syms.values()), "addresses of symbols", vm.tail())
uname, uts = syms["__x64_sys_newuname"], syms["init_uts_ns"]

vm.type("sleep 1; uname -r")
out = gdb("info threads", "break *%#x" % uname, "continue", "p/x $rip", "p $cs & 3", "x/i $rip", "stepi", "p/x $rip", "info threads",
          "p/x $cr0", "p/x $cr4", "p/x $efer", "p/x $gs_base", "p $eflags", "p/x $mxcsr", "p $st0", "p/x $fctrl", "info registers ymm1",
          "x/s %#x" % uts, "p/x $rsp", "watch -l *(unsigned long *)($rsp - 8)", "continue", "p/x $rsp",
          "set *(int *)($rsp - 256) = 0x5ee6", "p/x *(int *)($rsp - 256)", "set $xmm1.uint128 = 0x1122", "p/x $xmm1.uint128",
          "set $r15 = $r15 + 0", "x/x 0x123456789", "monitor info status", "maint print raw-registers", "delete", "detach")
nums = [int(x, 16) for x in re.findall(r"^\$\d+ = (0x[0-9a-f]+)$", out, re.M)]
console.check(re.search(r"Thread 1.*\(CPU#0", out) and re.search(r"Thread 2.*\(CPU#1", out), "processors are threads", out)
console.check("Breakpoint 1, 0x%016x" % uname in out and nums[:1] == [uname], "stops at the breakpoint", out)
console.check("$2 = 0" in out, "in ring 0", out)
console.check(len(nums) > 1 and uname < nums[1] <= uname + 15, "a step of one instruction", out)
console.check(len(nums) > 5 and nums[2] & 0x80000001 == 0x80000001 and nums[3] & 0x20 and nums[4] & 0xd00 == 0xd00 and nums[5] >> 63,
              "control registers of long mode", out)
console.check(re.search(r"= \[ .*IF.*\]", out) and "= 0x1f80" in out and "v4_int64" in out or "v2_int128" in out, "flags, MXCSR, YMM", out)
console.check('"Linux"' in out, "memory by virtual address", out)
console.check("Hardware watchpoint 2" in out and "Old value" in out, "a watchpoint", out)
console.check("= 0x5ee6" in out and "= 0x1122" in out, "memory and registers are written", out)
console.check("Cannot access memory at address 0x123456789" in out, "unmapped memory is an error", out)
console.check("VM status: paused (debug)" in out, "monitor command", out)
for name in ("k_gs_base", "cr3", "fs_base", "ymm15h", "st7", "fop"):
    console.check(re.search(r"^ %s +\d+ " % name, out, re.M), "register %s" % name)
console.check("detached" in out and vm.expect("6.1") and vm.expect(console.PROMPT), "goes on after detach", vm.tail())

# With the breakpoint left to hit twice, on whichever processor it comes; conditions and commands are gdb's own.
vm.type("sleep 1; uname -r; uname -m; uname -s")
out = gdb("hbreak *%#x" % uname, "continue", "bt 1", "continue", "continue", "delete", "detach")
console.check(out.count("Breakpoint 1, 0x") == 3, "a hardware breakpoint, three times in a row", out)
console.check(vm.expect("Linux\n") and vm.expect(console.PROMPT), "and on", vm.tail())

# Interrupted while it runs; steps of one thread while the other stands.
start = time.time()
p = subprocess.Popen(["gdb", "-nx", "-q"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                     start_new_session=True)
p.stdin.write("set pagination off\nset confirm off\ntarget remote gdb.sock\npython import threading, os, signal; "
              "threading.Timer(1.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()\ncontinue\n"
              "info threads\nset scheduler-locking on\nthread 2\nstepi\nstepi\nset scheduler-locking off\nthread 1\nstepi\nkill\nquit\n")
p.stdin.flush()
try:
    out, _ = p.communicate(timeout=120)
except subprocess.TimeoutExpired:
    p.kill()
    out = "timed out " + str(p.communicate()[0])
console.check("SIGINT" in out, "C-c interrupts", out)
console.check(out.count("0x") >= 5 and "Switching to thread 2" in out, "threads are stepped apart", out)
console.check(vm.end(30) == 0, "kill ends the machine", vm.tail())
console.done()
