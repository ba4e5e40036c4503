#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Forms of a configuration: binary, C (compiled by gcc against structures that
# the tests declare), JSON; of five revisions. All give the same bytes.
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "cellgen"))
from configs import *

requires_config("TOOL_CELLGEN")
requires("gcc", "objcopy")
headers = os.path.join(srctree, "tests/e2e/cellgen")


def read(name):
    with open(name, "rb") as f:
        return f.read()


def compile_c(source, revision):
    """The bytes of .data, as Jailhouse's build makes them."""
    r = subprocess.run(["gcc", "-c", "-Wall", "-Wextra", "-Werror", f"-DREV={revision}", "-I", headers, source, "-o", "c.o"],
                       capture_output=True, text=True)
    if r.returncode:
        return r.stderr
    subprocess.run(["objcopy", "-O", "binary", "--remove-section=.note.gnu.property", "c.o", "c.bin"], check=True)
    return read("c.bin")


def old(config, revision):
    """What a revision can say of a configuration."""
    for c in (config, config.get("root_cell")):
        if not c:
            continue
        if revision < 12 and "pci_devices" in c:
            c["pci_devices"] = [d for d in c["pci_devices"] if d["type"] != "IVSHMEM"]
        if revision < 12:
            c.pop("stream_ids", None)
    if revision < 12 and config["architecture"] != "x86":
        config.get("platform_info", {}).pop("iommu_units", None)
    return config


sets = {"x86": x86_set, "arm64": arm64_set, "arm": arm_set}
for arch, make in sets.items():
    for n, config in enumerate(make()):
        for rev in (10, 12, 13, 14, 15):
            config = old(make()[n], rev)
            name = save(config, "r14.cell")
            what = f"{arch} {config.get('name', 'system')}, revision {rev}"
            r = run("convert", "--revision", str(rev), name, "a.cell")
            if not check(r.returncode == 0, what, r.stderr):
                continue
            data = read("a.cell")
            check(struct.unpack_from("<H", data, 6)[0] == rev, f"{what}: says so")
            run("convert", "--arch", arch, "a.cell", "a.c")
            got = compile_c("a.c", rev)
            check(got == data, f"{what}: C compiles to the same bytes", got if isinstance(got, str) else "")
            run("convert", "--arch", arch, "a.cell", "a.json")
            run("convert", "a.json", "b.cell")
            check(read("b.cell") == data, f"{what}: the same by way of JSON")
            r = run("convert", "--arch", arch, "--revision", "14", "a.cell", "c.cell")
            check(r.returncode == 0 and read("c.cell") == read(name), f"{what}: and back to 14", r.stderr + run("diff", name, "c.cell").stdout)

# The layout of revision 14, byte by byte, as it is documented.
data = read(save(x86_set()[0], "s.cell"))
want = {0: b"JHSYS", 5: b"\0", 6: struct.pack("<H", 14), 8: struct.pack("<I", 1), 12: struct.pack("<Q", 0x3a000000),
        28: struct.pack("<Q", 0x600000), 44: struct.pack("<Q", 0x3f8), 76: struct.pack("<Q", 0xb0000000), 84: b"\xff",
        88: struct.pack("<IQI", 2, 0xfed90000, 0x1000), 312: struct.pack("<H", 0x608), 316: struct.pack("<I", 256),
        356 + 8: b"root\0", 356 + 48: struct.pack("<8I", 8, 11, 0, 1, 4, 4, 7, 0), 356 + 132: b"\x0f" + bytes(7)}
for at, b in want.items():
    check(data[at:at + len(b)] == b, f"bytes at {at}", data[at:at + len(b)].hex())
check(len(data) == 356 + 132 + 8 + 11 * 32 + 32 + 4 * 4 + 4 * 56 + 7 * 8, "the length is that of the records")

# Odd things survive: bytes behind the end, an unterminated name, unknown flags.
odd = bytearray(data + b"\1\2\3")
odd[356 + 8:356 + 40] = b"n" * 32
struct.pack_into("<Q", odd, 356 + 132 + 8 + 24, 1 << 40 | 1)
with open("odd.cell", "wb") as f:
    f.write(odd)
run("convert", "odd.cell", "odd.c")
got = compile_c("odd.c", 14)
check(got == bytes(odd), "odd things in C", got if isinstance(got, str) else "")
run("convert", "odd.cell", "odd.json")
run("convert", "odd.json", "odd2.cell")
check(read("odd2.cell") == bytes(odd), "odd things in JSON")

# What another revision cannot say is refused, and nothing is written.
for config, rev, why in ((x86_set()[0], 10, "shared memory"), (arm64_set()[1], 10, "shared memory"), (arm64_set()[2], 10, "stream ids")):
    r = run("convert", "--revision", str(rev), save(config, "x.cell"), "never.cell")
    check(r.returncode == 2 and why in r.stderr and not os.path.exists("never.cell"), f"{why} in revision {rev}", r.stderr)
r = run("convert", "--revision", "11", "x.cell", "never.cell")
check(r.returncode == 2 and "not known" in r.stderr, "revision 11", r.stderr)

# JSON that is wrong says where.
for key, value, why in (("nmae", "x", "unknown key"), ("name", "n" * 33, "too long"), ("cpus", ["x"], "expected a number"),
                        ("mem_regions", [{"flags": ["REED"]}], "names"), ("mem_regions", [{"flags": 1, "sise": 2}], "unknown key"),
                        ("pci_devices", [{"bdf": 65536}], "does not fit"), ("revision", 9, "revision")):
    bad = dict(x86_set()[1], **{key: value})
    with open("bad.json", "w") as f:
        json.dump(bad, f)
    r = run("show", "bad.json")
    check(r.returncode == 2 and why in r.stderr, f"JSON: {why} ({key})", r.stderr)

# diff
a, b = x86_set()[1], x86_set()[1]
b["mem_regions"][5]["size"] += 0x1000
b["pio_regions"].reverse()
r = run("diff", save(a, "a.cell"), save(a, "b.cell"))
check(r.returncode == 0 and not r.stdout, "diff of the same", r.stdout)
r = run("diff", "a.cell", save(b, "b.cell"))
check(r.returncode == 1 and sorted(r.stdout.splitlines()) == ["+ mem_regions[0x3a600000].size = 0x101000",
      "- mem_regions[0x3a600000].size = 0x100000"], "diff", r.stdout)

# show and matrix
system, one, two = (save(c, n) for c, n in zip(x86_set(), ("s.cell", "one.cell", "two.cell")))
text = run("show", system).stdout
check("0000:00:02.0  device   caps 0-4  MSI 1  MSI-X 5 at fe020000" in text and "IOMMU 1:" in text, "show", text)
text = run("matrix", system, one, two).stdout
rows = {line.split("  ")[0].strip(): line.split() for line in text.splitlines()}
check(rows["2"] == ["2", "(x)", "x", "-"] and rows["1"] == ["1", "x", "-", "-", "free"], "matrix: CPUs", text)
check(rows["00003a600000-00003a6fffff RAM"][2:] == ["()", "rwxd", "-"], "matrix: memory of a cell", text)
check(rows["00003b100000-00003dffffff RAM"][-1] == "free", "matrix: free memory", text)
check(rows["0000:00:02.0 device"][2:] == ["(x)", "x", "-"] and rows["0000:00:0c.0 ivshmem"][2:] == ["0/3", "1/3", "2/3"], "matrix: PCI", text)
check(rows["02f8-02ff"][1:] == ["(x)", "x", "-"] and rows["5-5"][1:] == ["(x)", "-", "x"], "matrix: ports and interrupts", text)
r = run("--help", applet="jailhouse")
check("config" in r.stdout, "called as jailhouse")
r = run("config", "show", system, applet="jailhouse")
check(r.returncode == 0 and "root" in r.stdout, "jailhouse config show")
done()
