#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# slow
# timeout: 1200
# Debian's memtest86+ on a small memory, by its Linux boot protocol, on the
# serial line: all tests that compute, without an error. VMBOX_LONG=1: the
# whole pass, whose last test waits for minutes.
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from console import *

requires_config("VM")
image = "/boot/memtest86+x64.bin"
if not os.path.exists(image):
    skip_all("memtest86+ is missing")
accels = subprocess.run([vmbox, "vm", "-accel", "help"], capture_output=True, text=True, check=True).stdout.split()
m = Console(vmbox, "vm", "-accel", "jit" if "jit" in accels else "interp", "-m", "6", "-display", "none", "-monitor", "none",
            "-serial", "stdio", "-kernel", image, "-append", "console=ttyS0,115200 nobench nosm")
check(m.expect("Memtest86+", 60), "it starts", m.tail())
# The line shows a moment every two seconds: not each of the ten tests is seen.
check(m.expect("#10 ", 400), "ten tests, up to the one that waits", m.tail())
if os.environ.get("VMBOX_LONG"):
    check(m.expect("Pass:  1", 900), "the pass is complete", m.tail())
errors = re.findall(r"Errors: (\d+)", m.log)
check(errors and set(errors) == {"0"}, "no error", m.tail())
check(not re.search(r"Pass +Test +Failing|Unexpected Interrupt", m.log), "none shown", m.tail())
m.kill()
done()
