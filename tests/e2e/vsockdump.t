#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""vsockdump: lines, JSON, filters; files to and from tcpdump, tshark and editcap; broken files."""
import json
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile

vmbox = os.path.abspath(os.environ.get("VMBOX", os.path.join(os.environ.get("objtree", "."), "vmbox")))
with open(os.path.join(os.environ.get("objtree", "."), ".config")) as config:
    if "CONFIG_TOOL_VSOCKDUMP=y" not in config.read():
        print("1..0 # SKIP CONFIG_TOOL_VSOCKDUMP is off")
        sys.exit(0)
work = tempfile.TemporaryDirectory()
os.chdir(work.name)
os.chmod(work.name, 0o755)
os.environ["TZ"] = "UTC"
count = failed = 0


def eq(got, want, name):
    global count, failed
    count += 1
    failed += got != want
    print(f"{'ok' if got == want else 'not ok'} {count} - {name}", flush=True)
    if got != want:
        print(f"# got  {got!r}\n# want {want!r}")


def run(*args, data=None):
    return subprocess.run([vmbox, "vsockdump", *args], input=data, capture_output=True, timeout=60)


def lines(*args, data=None): return run("-q", *args, data=data).stdout.decode().splitlines()


VIRTIO = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 3, 7: 3}


def record(src, sport, dst, dport, vop, kind=1, flags=0, payload=b"", fwd=0, length=None):
    return (struct.pack("<QQIIHHHH", src, dst, sport, dport, VIRTIO.get(vop, 0), 2, 44, 0) +
            struct.pack("<QQIIIHHIII", src, dst, sport, dport, len(payload) if length is None else length, kind, vop, flags, 262144, fwd) + payload)


owner = struct.pack("<QQIIHHHH", 2, 3, 5, 6, 4, 1, 40, 0) + struct.pack("<IBBHIIiI16s", 0x4e575356, 1, 5, 1, 77, 1000, 5, 5, b"tel\x1bnet") + b"hello"
records = [
    record(3, 1024, 2, 22, 1), record(2, 22, 3, 1024, 2), record(3, 1024, 2, 22, 5, payload=b"SSH-2.0\n"),
    record(2, 22, 3, 1024, 6, fwd=8), record(3, 1025, 1, 7, 1, 2), record(1, 7, 3, 1025, 3, 2), record(3, 1026, 2, 8, 5, 2, 1, b"msg"),
    record(3, 1024, 2, 22, 4, flags=3), record(3, 1, 2, 2, 9, 4), struct.pack("<QQIIHHHH", 2, 3, 5, 6, 1, 0, 0, 0), owner,
    record(3, 1024, 2, 22, 5, payload=bytes(100))[:90],
]
orig = [len(r) for r in records[:-1]] + [176]


def pcap(order="<", magic=0xa1b2c3d4):
    out = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, 271)
    for i, r in enumerate(records):
        out += struct.pack(order + "IIII", 1700000000 + i, 123456 * (1000 if magic == 0xa1b23c4d else 1), len(r), orig[i]) + r
    return out


def block(order, kind, body): return struct.pack(order + "II", kind, len(body) + 12) + body + struct.pack(order + "I", len(body) + 12)


def pcapng(order="<", resolution=b"", scale=10**6):
    out = block(order, 0x0a0d0d0a, struct.pack(order + "IHHq", 0x1a2b3c4d, 1, 0, -1))
    out += block(order, 1, struct.pack(order + "HHI", 1, 0, 0))
    out += block(order, 1, struct.pack(order + "HHI", 271, 0, 0) + resolution)
    out += block(order, 0x0bad, b"what nobody knows...")
    for i, r in enumerate(records):
        t = (1700000000 * 10**6 + i * 10**6 + 123456) * scale // 10**6
        out += block(order, 6, struct.pack(order + "IIIII", 1, t >> 32, t & 0xffffffff, len(r), orig[i]) + r + bytes(-len(r) % 4))
    return out


def write(name, data):
    with open(name, "wb") as f:
        f.write(data)
    return name


write("a.pcap", pcap())
golden = """\
22:13:20.123456 VIRTIO 3.1024 > host.22: request stream, length 0
22:13:21.123456 VIRTIO host.22 > 3.1024: response stream, length 0
22:13:22.123456 VIRTIO 3.1024 > host.22: rw stream, length 8
22:13:23.123456 VIRTIO host.22 > 3.1024: credit-update stream, length 0
22:13:24.123456 VIRTIO 3.1025 > local.7: request seqpacket, length 0
22:13:25.123456 VIRTIO local.7 > 3.1025: rst seqpacket, length 0
22:13:26.123456 VIRTIO 3.1026 > host.8: rw seqpacket, flags eom, length 3
22:13:27.123456 VIRTIO 3.1024 > host.22: shutdown stream, flags rcv|send, length 0
22:13:28.123456 VIRTIO 3.1 > host.2: op 9 unknown type 4, length 0
22:13:29.123456 UNKNOWN host.5 > 3.6: connect, length 0
22:13:30.123456 HYPERV host.5 > 3.6: payload stream, pid 77, uid 1000, comm tel?net, result 5, length 5
22:13:31.123456 VIRTIO 3.1024 > host.22: rw stream, length 100""".splitlines()
eq(lines("-r", "a.pcap"), golden, "lines")
for order, name in (("<", "little"), (">", "big")):
    eq(lines("-r", write("x", pcap(order))), golden, f"pcap, {name} endian")
    eq(lines("-r", write("x", pcap(order, 0xa1b23c4d))), golden, f"pcap with nanoseconds, {name} endian")
    eq(lines("-r", write("x", pcapng(order))), golden, f"pcapng, {name} endian")
    for res, scale in ((b"\x09", 10**9), (b"\xa0", 1 << 32)):
        opt = struct.pack(order + "HH", 9, 1) + res + b"\0\0\0" + bytes(4)
        eq(lines("-r", write("x", pcapng(order, opt, scale)), "-c", "3", "-t"), [g[16:] for g in golden[:3]], f"pcapng, resolution {res.hex()}")
eq(lines("-r", "-", data=pcap()), golden, "standard input")
eq(lines("-r", "-", data=pcapng() + pcapng(">")), golden * 2, "two sections of different byte order")
eq(lines("-tnvxr", "a.pcap", "-c", "3")[2:], ["VIRTIO 3.1024 > 2.22: rw stream, buf_alloc 262144, fwd_cnt 0, length 8",
   "\t0x0000:  5353 482d 322e 300a" + " " * 22 + "SSH-2.0."], "-n -v -x")
eq(lines("-ter", "a.pcap", "-c1"), ["VIRTIO 3.1024 > host.22: connect (record 76 of 76 bytes, transport 2) request stream, length 0"], "-e")
eq(lines("-tr", "a.pcap", "-s", "50", "-c", "1")[0].endswith("[|vsock], length 0"), True, "-s cuts")

for text, want in (("port 22", [0, 1, 2, 3, 7, 11]), ("src port 22", [1, 3]), ("dst port 7-8", [4, 6]), ("cid local", [4, 5]),
                   ("src cid 1 or 2", [1, 3, 5, 9, 10]), ("op connect and not type seqpacket", [0, 1, 9]), ("op rst or op shutdown", [5, 7]),
                   ("type seqpacket", [4, 5, 6]), ("not (port 22 || type seqpacket)", [8, 9, 10]), ("! ! port 7", [4, 5]),
                   ("greater 8", [2, 11]), ("less 0 and op control", [3]), ("transport virtio and eom", [6]), ("pid 77", [10]),
                   ("uid 1000 && type stream", [10]), ("port 1 or port 7 and op request", [4, 8]), ("in", []), ("port 1024 and op rw", [2, 11])):
    eq([golden.index(g) for g in lines("-r", "a.pcap", text)], want, f"filter: {text}")
for text, says in (("prt 5", "no primitive"), ("port", "should stand"), ("port x", "should stand"), ("(port 1", "')' is missing"),
                   ("port 1 port 2", "after the end"), ("op requst", "did you mean 'request'"), ("port 9-5", "should stand"),
                   ("(" * 100 + "port 1" + ")" * 100, "levels"), ("port 1 or " * 300 + "port 1", "more than"), ("and", "no primitive")):
    r = run("-r", "a.pcap", text)
    eq((r.returncode, says in r.stderr.decode(), r.stdout), (1, True, b""), f"wrong filter: {text[:20]}")

found = [json.loads(x) for x in lines("-xr", "a.pcap", "--output=json")]
eq(found[2], {"time_ns": 1700000002123456000, "direction": None, "src_cid": 3, "src_port": 1024, "dst_cid": 2, "dst_port": 22, "op": 4,
              "op_name": "payload", "transport": "virtio", "type": "stream", "virtio": {"op": 5, "op_name": "rw", "type": 1, "len": 8,
              "flags": 0, "buf_alloc": 262144, "fwd_cnt": 0}, "truncated": False, "length": 8, "payload": b"SSH-2.0\n".hex()}, "JSON")
eq(found[10]["owner"], {"pid": 77, "uid": 1000, "comm": "tel\x1bnet", "result": 5}, "JSON of an owner")

# Files to others and back.
sh = lambda *a: subprocess.run(a, capture_output=True, timeout=60)
theirs = sh("tcpdump", "-nr", "a.pcap").stdout
for name in ("b.pcap", "b.pcapng"):
    r = run("-r", "a.pcap", "-w", name)
    eq((r.returncode, lines("-r", name)), (0, golden), f"{name}: written and read")
    eq(sh("tcpdump", "-nr", name).stdout, theirs, f"{name}: tcpdump sees the same")
    fields = ["-T", "fields", "-e", "vsock.src_cid", "-e", "vsock.dst_port", "-e", "vsock.op", "-e", "frame.len", "-e", "frame.time_epoch"]
    want = "".join(f"{struct.unpack_from('<Q', r)[0]}\t{struct.unpack_from('<I', r, 20)[0]}\t{struct.unpack_from('<H', r, 24)[0]}\t{orig[i]}\t"
                   f"{1700000000 + i}.123456000\n" for i, r in enumerate(records))
    eq(sh("tshark", "-r", name, *fields).stdout.decode(), want, f"{name}: tshark sees the same")
eq(lines("-tr", "b.pcapng", "port 7"), [g[16:] for g in golden[4:6]], "filters on files")
sh("tcpdump", "-r", "a.pcap", "-w", "t.pcap")
eq(lines("-r", "t.pcap"), golden, "what tcpdump wrote")
sh("editcap", "-F", "pcapng", "a.pcap", "e.pcapng")
eq(lines("-r", "e.pcapng"), golden, "what editcap wrote")
eq(run("-r", "a.pcap", "-w", "-", "op", "rst").stdout[:4], b"\x0a\x0d\x0d\x0a", "-w to standard output")

eq((run().returncode, run("-i", "lo", "-r", "x").returncode, run("-i", "lo").returncode), (2, 2, 1), "wrong command lines")
r = run("-i", "/nonexistent/socket")
eq((r.returncode, b"No such file" in r.stderr), (1, True), "no socket")
eq(run("-r", write("x", b"")).returncode, 1, "an empty file")
eq(run("-r", write("x", pcap()[:-3])).returncode, 1, "a file that is cut")
eq(len(lines("-r", "x")), 11, "what stands before the cut is shown")

rnd = random.Random(3)
bad = []
for i in range(150):
    data = bytearray(rnd.choice((pcap, pcapng))(rnd.choice("<>")))
    for _ in range(rnd.randrange(1, 6)):
        at = rnd.randrange(len(data))
        data[at:at + rnd.choice((1, 4))] = rnd.choice((b"\0", b"\xff", b"\xff\xff\xff\xff", b"\x7f\0\0\0", rnd.randbytes(4)))
    r = run("-xver", "-", *rnd.choice(((), ("--output=json",))), data=bytes(data[:rnd.randrange(1, len(data) + 1)]))
    if r.returncode not in (0, 1) or b"Sanitizer" in r.stderr:
        bad.append((i, r.returncode))
eq(bad, [], "150 broken files")
print(f"1..{count}")
sys.exit(failed != 0)
