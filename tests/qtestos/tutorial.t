#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 600
"""The package as pip installs it without a network; with it every example of Documentation/qtestos.md as it stands there;
transcripts of ours on QEMU, of QEMU on ours, and as plain text on QEMU's standard input."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
sys.dont_write_bytecode = True
SRC, VMBOX = os.environ["srctree"], os.path.abspath(os.environ["VMBOX"])
QEMU = shutil.which("qemu-system-x86_64")
STEM = "rec/x86_64_q35_q35-pcihost_my-edu_test_live"
count = failed = 0


def ok(good, name, *why):
    global count, failed
    count, failed = count + 1, failed + (not good)
    print(f"{'' if good else 'not '}ok {count} - {name}", flush=True)
    if not good:
        print("".join(f"# {line}\n" for text in why for line in str(text).splitlines()), end="", flush=True)


def sh(command):
    """(status, output) of a shell's line."""
    r = subprocess.run(command, shell=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       text=True, timeout=300, check=False)
    return r.returncode, r.stdout


def blocks(text):
    """The indented blocks, without their indentation."""
    for found in re.finditer(r"(?:^\t.*\n|^\n(?=\t))+", text, re.M):
        yield re.sub(r"^\t", "", found.group(), flags=re.M).strip("\n") + "\n"


def like(want, got):
    """Whether the output is what stands there; "..." is anything."""
    return re.fullmatch(re.escape(want).replace(re.escape("..."), ".*"), got, re.S)


def walk(text):
    for block in blocks(text):
        name = re.match(r"# (\w+\.py)\n", block)
        parts = re.split(r"^\$ ", block, flags=re.M)
        if name:
            with open(name.group(1), "w", encoding="utf-8") as f:
                f.write(parts[0])
        for part in parts[1:]:
            command, _, want = part.partition("\n")
            status, got = sh(command)
            ok(status == 0 and like(want.strip("\n"), got.strip("\n")), f"$ {command}", f"status {status}, it says:", got, "want:", want)


def install():
    venv.create("venv", with_pip=True)
    os.environ["PATH"] = os.path.abspath("venv/bin") + ":" + os.environ["PATH"]
    pip = "pip install --no-index --no-cache-dir --disable-pip-version-check -q "
    status, said = sh(f"{pip} -e {SRC}/scripts/qtestos")
    ok(status == 0, "pip install -e", said)
    _, where = sh("python3 -c 'import qtestos; print(qtestos.__file__)'")
    ok(os.path.samefile(os.path.dirname(where.strip()), os.path.join(SRC, "scripts/qtestos")), "is the source's folder", where)
    status, said = sh(f"{pip} --force-reinstall {SRC}/scripts/qtestos")
    ok(status == 0, "pip install", said)
    _, where = sh("python3 -c 'import qtestos; print(qtestos.__file__)'")
    ok(where.startswith(os.path.realpath("venv")) or where.startswith(os.path.abspath("venv")), "is a copy of its own", where)
    have = sh("cd venv/lib/python3*/site-packages/qtestos && find . -name '*.py' -o -name '*.txt' | sort")[1].split()
    want = sh(f"cd {SRC}/scripts/qtestos && find . -name '*.py' -o -name '*.txt' | sort")[1].split()
    ok([n for n in want if n not in have] == ["./build_backend.py"], "with every file", set(want) ^ set(have))


def by_standard_input(argv, count):
    """The replies of QEMU to the recorded text; it does not end by itself where its input does."""
    command = [QEMU, "-machine", "q35", "-accel", "tcg", "-S", "-nodefaults", "-display", "none", "-m", "64", "-qtest-log", "/dev/null",
               "-qtest", "stdio", *argv]
    with open(STEM + ".qtest", encoding="ascii") as f:
        p = subprocess.Popen(command, stdin=f, stdout=subprocess.PIPE, text=True)
    try:
        return [p.stdout.readline().rstrip("\n") for _ in range(count)]
    finally:
        p.kill()
        p.wait()
        p.stdout.close()


def transcripts():
    """STEM was recorded on ours by the walk, and replayed on QEMU."""
    with open(STEM + ".argv", encoding="utf-8") as f:
        argv = f.read().splitlines()
    with open(STEM + ".replies", encoding="ascii") as f:
        want = f.read().splitlines()
    got = by_standard_input(argv[argv.index("-qmp") + 2:], len(want))
    numbers = [[int(x.split()[1], 0) if " " in x else x for x in some] for some in (want, got)]
    ok(want and numbers[0] == numbers[1], "QEMU answers the plain text as ours did", *numbers)
    status, said = sh(f"qtestos run --binary {QEMU} --machine q35 --record theirs test_live.py")
    ok(status == 0, "recorded on QEMU", said)
    status, said = sh(f"qtestos replay {STEM.replace('rec', 'theirs', 1)}.qtest")
    ok(status == 0 and " 0 answered otherwise" in said, "replayed on ours", said)
    tests = os.path.join(SRC, "tests/qtestos/test_block.py")
    status, said = sh(f"qtestos run --record disks -k q35-pcihost/virtio-blk-pci/test_write {tests}")
    found = sorted(n for n in os.listdir("disks") if n.endswith(".qtest"))
    ok(status == 0 and found, "recorded with a disk", said)
    for name in found:
        for again in (1, 2):
            status, said = sh(f"qtestos replay 'disks/{name}'")
            ok(status == 0, f"{name}: replayed with its disk, time {again}", said)


with open(os.path.join(os.environ.get("objtree", "."), ".config"), encoding="ascii") as f:
    config = f.read().splitlines()
for symbol in ("VM", "EDU", "VIRTIO_SCSI", "VIRTIO_BLK", "VIRTIO_RNG"):
    if f"CONFIG_{symbol}=y" not in config:
        print(f"1..0 # SKIP CONFIG_{symbol} is off")
        sys.exit(0)
with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    os.environ.update(HOME=folder, VMBOX=VMBOX, PYTHONDONTWRITEBYTECODE="1")
    os.environ.pop("PYTHONPATH", None)
    install()
    with open(os.path.join(SRC, "Documentation/qtestos.md"), encoding="utf-8") as f:
        walk(f.read())
    transcripts()
    os.chdir("/")
print(f"1..{count}")
sys.exit(1 if failed else 0)
