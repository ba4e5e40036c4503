#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine's NBD server: the same orders to ours and to Debian's QEMU give
the same replies, events and data to Debian's NBD clients."""
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ["srctree"], "scripts"))
from qtestos import harness

harness.requires_config("CONFIG_VM", "CONFIG_BLOCK_NBD", "CONFIG_VIRTIO_BLK")
QEMU = shutil.which("qemu-system-x86_64")


class Vm:
    def __init__(self, cmd, *args):
        self.dir = tempfile.TemporaryDirectory()
        path = self.dir.name + "/q"
        self.proc = subprocess.Popen([*cmd, "-nodefaults", "-display", "none", "-M", "q35", "-m", "64", "-S", *args,
                                      "-qmp", f"unix:{path},server=on,wait=off"], stdin=subprocess.DEVNULL)
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        for _ in range(1000):
            try:
                self.sock.connect(path)
                break
            except OSError:
                time.sleep(0.02)
        self.file = self.sock.makefile("r")
        self.file.readline()
        self.events = []
        self.cmd("qmp_capabilities")

    def cmd(self, name, /, **args):
        self.sock.sendall(json.dumps({"execute": name, "arguments": args}).encode() + b"\n")
        while True:
            got = json.loads(self.file.readline())
            if "event" not in got:
                return got
            self.events.append((got["event"], got.get("data")))

    def end(self):
        self.cmd("quit")
        return self.proc.wait(20)


def run(*cmd):
    r = subprocess.run(cmd, capture_output=True, text=True, timeout=60)
    return r.returncode, r.stdout


def session(cmd, a, b, sock):
    """All replies in order, in a form in which both can be compared; events."""
    v = Vm(cmd, "-blockdev", f"driver=raw,node-name=n0,read-only=on,file.driver=file,file.filename={a}",
           "-drive", f"file={b},format=raw,if=none,id=d0", "-device", "virtio-blk-pci,drive=d0",
           "-blockdev", f"driver=raw,node-name=n1,file.driver=file,file.filename={b}1")
    try:
        return orders(v, a, b, sock)
    finally:
        v.proc.kill()
        v.proc.wait()


def orders(v, a, b, sock):
    out = []

    def order(name, /, **args):
        got = v.cmd(name, **args)
        out.append((name, args.get("name", args.get("id")), got.get("return"), got.get("error")))

    unix = {"type": "unix", "data": {"path": sock}}
    order("nbd-server-stop")
    order("nbd-server-add", device="n0")
    order("nbd-server-start", addr={"type": "unix", "data": {"path": os.path.dirname(sock) + "/none/there"}})
    out[-1] = (out[-1][0], out[-1][2], out[-1][3] is None)	# the words are the C library's
    order("nbd-server-start", addr=unix, **{"max-connections": 2})
    order("nbd-server-start", addr=unix)
    order("nbd-server-add", device="n0")
    order("nbd-server-add", device="n0")
    order("nbd-server-add", device="nobody")
    order("nbd-server-add", device="n0", name="as-it-is", writable=True)
    order("block-export-add", type="nbd", id="x", **{"node-name": "n0"}, writable=True, name="w")
    order("nbd-server-add", device="d0", name="used", writable=True)
    out[-1] = (out[-1][0], out[-1][3]["desc"][:21])	# "Permission conflict"
    order("nbd-server-add", device="d0", name="seen")
    order("nbd-server-add", device="n1", name="disk", writable=True, description="of nobody")
    order("query-block-exports")
    out[-1] = sorted((x["id"], x["type"], x["shutting-down"]) for x in out[-1][2])
    uri = f"nbd+unix:///%s?socket={sock}"
    out.append(run("qemu-img", "compare", "-f", "raw", "-F", "raw", uri % "n0", a))
    out.append(run("qemu-io", "-f", "raw", "-c", "write -P 0x5a 4096 65536", "-c", "flush", uri % "disk")[0])
    out.append(run("qemu-io", "-f", "raw", "-c", "write -P 0x5a 0 512", uri % "n0")[0])
    info = run("nbdinfo", uri % "disk")[1]
    out.append([line.strip() for line in info.splitlines() if line.strip().split(":")[0] in
                ("export-size", "is_read_only", "can_flush", "can_zero", "can_trim", "can_multi_conn", "can_fua", "export")])
    out.append(open(b + "1", "rb").read()[4096:4096 + 65536] == b"\x5a" * 65536)
    # A client that stays: safe removal is refused, hard removal throws it out.
    stay = subprocess.Popen(["qemu-io", "-f", "raw", "-c", "read 0 512", uri % "disk"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    out.append(stay.wait(60))
    stay = subprocess.Popen(["nbdsh", "-u", uri % "disk", "-c", "import time; print(h.get_size(), flush=True); time.sleep(60)"],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) if shutil.which("nbdsh") else None
    order("nbd-server-remove", name="nobody")
    order("nbd-server-remove", name="as-it-is", mode="safe")
    order("nbd-server-remove", name="disk", mode="hard")
    if stay:
        stay.kill()
        stay.wait()
    out.append(run("nbdinfo", "--size", uri % "disk")[0])
    order("block-export-del", id="n0")
    order("nbd-server-add", device="n0", name="again")
    v.sock.settimeout(30)
    order("nbd-server-stop")
    out.append(os.path.exists(sock))
    v.cmd("query-status")
    events = sorted(d["id"] for e, d in v.events if e == "BLOCK_EXPORT_DELETED")
    inet = {"type": "inet", "data": {"host": "127.0.0.1", "port": "0"}}
    order("nbd-server-start", addr=inet)
    out.append(v.end())
    return out, events


def test_both(t):
    with tempfile.TemporaryDirectory() as tmp:
        results = []
        for who, cmd in (("ours", [harness.VMBOX, "vm", "-accel", "qtest"]), ("QEMU", [QEMU, "-accel", "tcg"])):
            a, b = f"{tmp}/{who}.a", f"{tmp}/{who}.b"
            with open(a, "wb") as f:
                f.write(bytes(range(256)) * 8192)
            shutil.copy(a, b)
            shutil.copy(a, b + "1")
            results.append(session(cmd, a, b, f"{tmp}/{who}.sock"))
        (ours, our_events), (theirs, their_events) = results
        for o, q in zip(ours, theirs):
            t.eq(o, q, f"{o[0] if isinstance(o, tuple) else o}"[:60])
        t.eq(len(ours), len(theirs), "as many replies")
        t.eq(our_events, their_events, "BLOCK_EXPORT_DELETED")


def test_limit(t):
    with tempfile.TemporaryDirectory() as tmp:
        sock = f"{tmp}/s"
        v = Vm([harness.VMBOX, "vm", "-accel", "qtest"], "-blockdev", "driver=null-co,node-name=n,size=1048576")
        v.cmd("nbd-server-start", addr={"type": "unix", "data": {"path": sock}}, **{"max-connections": 1})
        v.cmd("nbd-server-add", device="n")
        first, second = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        for s in (first, second):
            s.settimeout(0.5)
            s.connect(sock)
        t.eq(first.recv(8), b"NBDMAGIC", "the first client is served")
        try:
            second.recv(8)
            waits = False
        except TimeoutError:
            waits = True
        t.ok(waits, "the second waits")
        first.close()
        second.settimeout(30)
        t.eq(second.recv(8), b"NBDMAGIC", "until the first has gone")
        t.eq(v.end(), 0, "the machine ends with a client connected")
        t.ok(not os.path.exists(sock), "and takes its socket along")
        v = Vm([harness.VMBOX, "vm", "-accel", "qtest"])
        v.cmd("nbd-server-start", addr={"type": "unix", "data": {"path": sock}})
        os.unlink(sock)
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(sock)
            t.eq(v.cmd("nbd-server-stop")["return"], {}, "a server ends whose path is another's now")
            t.ok(os.path.exists(sock), "which stays")
        t.eq(v.end(), 0, "so does the machine")


if not QEMU or not shutil.which("nbdinfo"):
    print("1..0 # SKIP qemu-system-x86_64 or nbdinfo is missing")
    sys.exit(0)
harness.run_all(sys.modules[__name__])
