#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# slow
# timeout: 900
# make run: our own emulator boots Debian's kernel with the appliance to a
# shell, and poweroff returns to the caller; without a terminal, and with one.
import os
import pty
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from console import *

requires_config("APPLIANCE")
requires_config("VM")
# What make run does once all is built; the configuration's images, in a folder of ours.
os.symlink(vmbox, "vmbox")
with open(os.path.join(objtree, ".config")) as f, open(".config", "w") as g:
    g.write(f.read())
run = [f"{srctree}/scripts/run"]
environment = dict(os.environ, srctree=srctree)

os.environ["srctree"] = srctree
c = Console(*run)
check(c.expect(PROMPT), "a script without a terminal: the prompt", c.tail())
c.run("echo 6 x 7 is $((6 * 7))", "\n6 x 7 is 42\n", "its output")
c.type("poweroff")
check(c.expect("init: powering off"), "poweroff", c.tail())
check(c.end() == 0, "exit status", c.tail())

r = subprocess.run(run, input="echo 5 x 9 is $((5 * 9))", capture_output=True, text=True, timeout=200, env=environment)
out = r.stdout.replace("\r", "")
# All is typed ahead: the terminal's echo may stand on the line of the output.
check(r.returncode == 0 and "5 x 9 is 45" in out, "without poweroff at its end", out + r.stderr)

pid, fd = pty.fork()
if pid == 0:
    os.execve(run[0], run, environment)
seen = ""
typed = False
end = time.time() + 200
while time.time() < end:
    try:
        data = os.read(fd, 4096)
    except OSError:
        break
    if not data:
        break
    seen += data.decode(errors="replace").replace("\r", "")
    if not typed and seen.rstrip(" ").endswith("#") and ":/root" in seen:
        os.write(fd, b"echo from a ter''minal; dmesg | grep -c -E 'traps:|segfault|Oops'; poweroff\n")
        typed = True
check("\nfrom a terminal\n0\n" in seen, "at a terminal", seen[-2000:])
check(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, "exit status", seen[-2000:])
done()
