#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""-machine unpack-kernel=on: a bzImage in each packing whose kernel says by its
exit status that it runs, in 64-bit mode with boot_params in RSI; damaged ones."""
import gzip
import lzma
import os
import shutil
import struct
import subprocess
import sys
import tempfile
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ["srctree"], "scripts"))
from qtestos import harness

harness.requires_config("CONFIG_VM", "CONFIG_BOOT_UNPACK", "CONFIG_ISA_DEBUG_EXIT")
os.chdir(tempfile.mkdtemp())
t = harness.Tap()
ADDR = 0x1000000
# cmpl $0x53726448, 0x202(%rsi); setne %al; add $0x20, %al; out %al, $0xf4; hlt; jmp .
CODE = bytes.fromhex("81be020200004864725 30f95c0 0420 e6f4 f4ebfe".replace(" ", ""))
RAN = 0x20 << 1 | 1


def elf(padding):
    body = CODE + bytes(padding) + os.urandom(64)
    head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 62, 1, ADDR, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    return head + struct.pack("<IIQQQQQQ", 1, 5, 120, ADDR, ADDR, len(body), len(body) + 4096, 4096) + body


def bzimage(payload):
    code = bytes(0x400) + payload
    code += bytes(-len(code) % 16)
    setup = bytearray(1024)
    setup[0x1f1] = 1
    struct.pack_into("<I", setup, 0x1f4, len(code) // 16)
    setup[0x200:0x202] = b"\xeb\x66"
    struct.pack_into("<4sH", setup, 0x202, b"HdrS", 0x20f)
    setup[0x211] = 1
    struct.pack_into("<I", setup, 0x22c, 0x7fffffff)
    struct.pack_into("<H", setup, 0x236, 1)
    struct.pack_into("<II", setup, 0x248, 0x400, len(payload))
    struct.pack_into("<QI", setup, 0x258, ADDR, 0x100000)
    return bytes(setup) + code


def run(image, *machine):
    with open("k", "wb") as f:
        f.write(image)
    r = subprocess.run([harness.VMBOX, "vm", "-m", "64", "-display", "none", "-nodefaults", "-machine", "q35,unpack-kernel=on",
                        "-device", "isa-debug-exit,iobase=0xf4", "-kernel", "k"], capture_output=True, text=True, timeout=60,
                       stdin=subprocess.DEVNULL)
    return r.returncode, r.stderr


def tool(*cmd):
    return lambda d: subprocess.run(cmd, input=d, capture_output=True, check=True).stdout


kernel = elf(300000)
size = struct.pack("<I", len(kernel))
xz = lambda d: lzma.compress(d, check=lzma.CHECK_CRC32, filters=[{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2, "preset": 6}])
packers = {"gzip": (gzip.compress, b""), "xz": (xz, size)}
if shutil.which("zstd"):
    packers["Zstandard"] = (tool("zstd", "-19", "-c"), size)
if shutil.which("lz4"):
    packers["LZ4"] = (tool("lz4", "-l", "-9", "-c"), size)
for name, (pack, tail) in packers.items():
    packed = pack(kernel) + tail
    t.eq(run(bzimage(packed))[0], RAN, name + " runs")
    for what, bad in (("cut", packed[:len(packed) // 2] + tail), ("bytes changed", packed[:60] + b"\xff" * 32 + packed[92:]),
                      ("wrong size", packed[:-4] + b"\x00\x00\x10\x00")):
        code, err = run(bzimage(bad))
        t.ok(code == 1 and err.count("\n") == 1, "%s, %s: one line and status 1" % (name, what))
        if code != 1 or err.count("\n") != 1:
            print("# %d %r" % (code, err))
code, err = run(bzimage(b"\x00" * 64))
t.ok(code == 1 and "format" in err, "an unknown packing")
code, err = run(bzimage(gzip.compress(b"no kernel" * 100)))
t.ok(code == 1 and "no 64-bit kernel" in err, "something else packed")
t.done()
