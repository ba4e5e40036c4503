#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 600
# The Wireshark plugin in Debian's tshark, on captures made here and on one of a
# guest's kernel: fields, streams, credit, messages, tables, packets that are
# broken. dissector/*.golden is what tshark says of them (GOLDEN=write makes
# them anew). Another Wireshark: PATH, PKG_CONFIG_PATH, PKG_CONFIG_SYSROOT_DIR.
import difflib
import json
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile

srctree = os.environ["srctree"]
work = tempfile.mkdtemp()
for d in (work, os.path.dirname(work)):
    if os.stat(d).st_uid == os.getuid() and d != "/tmp":
        os.chmod(d, os.stat(d).st_mode | 0o755)
os.chdir(work)
count = failed = 0


def check(good, name, note=""):
    global count, failed
    count += 1
    failed |= not good
    print(f"{'ok' if good else 'not ok'} {count} - {name}", flush=True)
    if not good:
        for line in str(note).splitlines()[-30:]:
            print("# " + line)
    return good


REQ, RESP, RST, SHUT, RW, CU, CR = range(1, 8)
OPS = {REQ: 1, RESP: 1, RST: 2, SHUT: 2, RW: 4, CU: 3, CR: 3}


def packet(src, dst, vop, data=b"", flags=0, buf=65536, fwd=0, kind=1, **change):
    f = dict(src=src, dst=dst, op=OPS.get(vop, 0), transport=2, tlen=44, res=b"\0\0", vsrc=src, vdst=dst, vlen=len(data))
    f.update(change)
    head = struct.pack("<QQIIHHH2s", f["src"][0], f["dst"][0], f["src"][1], f["dst"][1], f["op"], f["transport"], f["tlen"], f["res"])
    virtio = struct.pack("<QQIIIHHIII", f["vsrc"][0], f["vdst"][0], f["vsrc"][1], f["vdst"][1], f["vlen"], kind, vop, flags, buf, fwd)
    return head + virtio[:f["tlen"]] + data


def pcap(name, packets, cut=None):
    with open(name, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 271))
        for i, p in enumerate(packets):
            kept = p if cut is None else p[:cut]
            f.write(struct.pack("<IIII", 1700000000, i * 1000, len(kept), len(p)) + kept)
    os.chmod(name, 0o644)


def as_user():
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)


def tshark(*args):
    r = subprocess.run(["tshark", *args], capture_output=True, text=True, preexec_fn=as_user,
                       env=dict(os.environ, HOME=work + "/home"), timeout=120)
    return r.stdout if r.returncode == 0 else f"exit {r.returncode}: {r.stderr}"


def fields(name, *names, filter=None, more=()):
    out = tshark("-r", name, "-T", "fields", *(["-Y", filter] if filter else []), *more, *[x for n in names for x in ("-e", n)])
    # Truths were numbers before 4.4, text was text.
    words = {"True": "1", "False": "0", "68656c6c6f": "hello"}
    return [[words.get(x, x) for x in line.split("\t")] for line in out.splitlines()]


def golden(name, frames):
    """All that tshark says of a capture's first frames, its tables and its first stream, against NAME.golden."""
    lines = ["fields"] + ["\t".join(r).rstrip() for r in fields(
        name, "frame.number", "vsockx.stream", "vsockx.src", "vsockx.dst", "vsockx.virtio.op", "vsockx.virtio.type", "vsockx.virtio.flags",
        "vsockx.virtio.len", "vsockx.from_server", "vsockx.seq", "vsockx.in_flight", "vsockx.window", "vsockx.message",
        "vsockx.reset_reason", "vsockx.request_in", "vsockx.shutdown_in", "_ws.expert.message")]
    for p in json.loads(tshark("-r", name, "-Y", f"frame.number <= {frames}", "-T", "json", "-J", "vsockx")):
        lines.append("JSON " + json.dumps(p["_source"]["layers"]["vsockx"]).replace('"True"', '"1"').replace('"False"', '"0"'))
    for what in ("conv,vsockx", "endpoints,vsockx", "follow,vsockx,ascii,0", "follow,vsockx,raw,0", "follow,vsockx,hex,1"):
        lines += [what] + [" ".join(x.split()) for x in tshark("-r", name, "-q", "-z", what).splitlines()]
    path = f"{srctree}/tests/e2e/dissector/{name.split('.')[0]}.golden"
    if os.environ.get("GOLDEN") == "write":
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join(lines) + "\n")
    with open(path, encoding="utf-8") as f:
        want = f.read().splitlines()
    check(lines == want, f"{name}: golden", "\n".join(difflib.unified_diff(want, lines, "golden", "tshark", lineterm="", n=0)))


# The plugin, built for this; as root Wireshark would not look into a user's folder.
make = subprocess.run(["make", "-s", "-C", srctree, "O=" + work, "dissector"], capture_output=True, text=True)
check(make.returncode == 0, "make dissector", make.stdout + make.stderr)
version = re.search(r"[0-9]+\.[0-9]+", tshark("--version"))[0]
plugins = f"{work}/home/.local/lib/wireshark/plugins/{version}/epan"
os.makedirs(plugins)
shutil.copy("dissector/vsockx.so", plugins)
for d, _, files in os.walk(work + "/home"):
    os.chmod(d, 0o777)
check("vsockx.so" in tshark("-G", "plugins"), "tshark loads it")

G, H = (3, 1024), (2, 5000)
session = [
    packet(G, H, REQ, buf=4096), packet(H, G, RESP, buf=8192),
    packet(G, H, RW, b"GET / HTTP/1.1\r\nHost: a\r\n", buf=4096), packet(G, H, RW, b"\r\n", buf=4096),
    packet(H, G, CU, buf=8192, fwd=27),
    packet(H, G, RW, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", buf=8192, fwd=27), packet(H, G, RW, b"llo", buf=8192, fwd=27),
    packet(G, H, SHUT, flags=3, buf=4096, fwd=43), packet(H, G, RST),
]
pcap("http.pcap", session)
rows = fields("http.pcap", "vsockx.stream", "vsockx.virtio.op", "vsockx.seq", "vsockx.in_flight", "vsockx.window", "vsockx.from_server")
check(rows == [["0", "1", "0", "0", "", "0"], ["0", "2", "0", "0", "4096", "1"], ["0", "5", "0", "25", "8167", "0"],
               ["0", "5", "25", "27", "8165", "0"], ["0", "6", "0", "0", "4096", "1"], ["0", "5", "0", "40", "4056", "1"],
               ["0", "5", "40", "43", "4053", "1"], ["0", "4", "27", "0", "8192", "0"], ["0", "3", "43", "0", "4096", "1"]],
      "stream, sequence, bytes in flight, room", rows)
check(fields("http.pcap", "frame.number", "http.request.uri", "http.response.code", "http.file_data", filter="http.request or http.response") ==
      [["4", "/", "", ""], ["7", "", "200", "hello"]], "HTTP over two packets each way, found by its first bytes",
      tshark("-r", "http.pcap", "-V"))
check(fields("http.pcap", "vsockx.handshake_time", "vsockx.request_in", filter="vsockx.virtio.op == 2") == [["0.001000000", "1"]], "handshake")
check(fields("http.pcap", "vsockx.reset_reason", "vsockx.shutdown_in", filter="vsockx.virtio.op == 3") == [["closed", "8"]], "end")
text = tshark("-r", "http.pcap", "-q", "-z", "follow,vsockx,ascii,0")
check("GET / HTTP/1.1" in text and "hello" not in text.split("GET")[0] and "200 OK" in text, "follow", text)
text = tshark("-r", "http.pcap", "-q", "-z", "conv,vsockx")
check("3:1024" in text and "2:5000" in text and " 9 " in text, "conversations", text)
text = tshark("-r", "http.pcap", "-q", "-z", "endpoints,vsockx")
check("5000" in text and "1024" in text, "endpoints", text)
text = tshark("-r", "http.pcap", "-q", "-z", "vsockx,tree")
check("Credit update" in text and "from servers" in text, "statistics", text)
golden("http.pcap", 9)

S = (4, 2000)
pcap("seq.pcap", [
    packet(S, H, REQ, kind=2), packet(H, S, RESP, kind=2),
    packet(S, H, RW, b'{"execute": ', kind=2), packet(S, H, RW, b'"guest-ping"}', kind=2, flags=1),
    packet(S, H, RW, b'{"execute": "guest-sync"}', kind=2, flags=3),
])
rows = fields("seq.pcap", "vsockx.message", "vsockx.segment", "vsockx.reassembled.before", "json.value.string", filter="vsockx.payload")
check(rows == [["1", "1", "", ""], ["1", "", "12", "guest-ping"], ["2", "", "", "guest-sync"]], "messages of a seqpacket socket", rows)
golden("seq.pcap", 5)
# Of a guest's kernel, by our module: streams whole, a socket of messages cut to 120 bytes a packet.
for name in ("real.pcapng", "messages.pcapng"):
    shutil.copy(f"{srctree}/tests/e2e/dissector/{name}", ".")
    os.chmod(name, 0o644)
    golden(name, 8)
check(fields("seq.pcap", "vsockx.virtio.type", "vsockx.virtio.flags.eor", filter="vsockx.virtio.flags.eor == 1") == [["2", "1"]], "end of record")

call = b"\x0a\x07example\x12\x04Ping"
frame = struct.pack(">IIBB", len(call), 1, 1, 0) + call
answer = struct.pack(">IIBB", 2, 1, 2, 0) + b"\x0a\0"
pcap("ttrpc.pcap", [packet(G, H, REQ), packet(H, G, RESP), packet(G, H, RW, frame[:14]), packet(G, H, RW, frame[14:] + frame[:4]),
                    packet(G, H, RW, frame[4:]), packet(H, G, RW, answer)])
rows = fields("ttrpc.pcap", "frame.number", "ttrpc.stream", "ttrpc.type", filter="ttrpc")
check(rows == [["4", "1", "1"], ["5", "1", "1"], ["6", "1", "2"]], "ttrpc, cut anywhere", rows)

pcap("credit.pcap", [
    packet(G, H, REQ, buf=10), packet(H, G, RESP, buf=10), packet(G, H, RW, b"x" * 10, buf=10), packet(H, G, CU, buf=10, fwd=0),
    packet(G, H, RW, b"y", buf=10), packet(H, G, CU, buf=10, fwd=99), packet(G, H, SHUT, flags=2, buf=10), packet(G, H, RW, b"z", buf=10),
    packet(H, G, CU, buf=5, fwd=99), packet(H, G, RST), packet(G, H, REQ), packet(H, G, RST, buf=0),
    packet(G, (2, 77), RW, b"late"),
])
def marks(n):
    return {r[0] for r in fields("credit.pcap", "frame.number", filter=f"vsockx.expert.{n}") if r}
want = {"zero_window": {"4"}, "overrun": {"5", "8"}, "useless_credit": {"4"}, "fwd_cnt": {"6", "9"}, "after_shutdown": {"8"},
        "buf_alloc": {"9"}, "aborted": {"10"}, "reopened": {"11"}, "refused": {"12"}, "no_request": {"13"}}
for n, frames in want.items():
    got = marks(n)
    check(frames <= got, f"expert: {n}", f"{got}, wanted {frames}")
# A capture that begins in the midst: how much was sent before is not known.
pcap("midst.pcap", [packet(G, H, RW, b"x" * 10, fwd=70000), packet(H, G, CU, fwd=90000), packet(G, H, RW, b"y" * 10, fwd=70000)])
rows = fields("midst.pcap", "vsockx.in_flight", "vsockx.window", filter="vsockx.expert.zero_window or vsockx.in_flight or vsockx.window")
check(not [r for r in rows if any(r)], "no credit is made up without the start", rows)

pcap("broken.pcap", [
    b"", b"short", packet(G, H, RW, b"data")[:40], packet(G, H, RW, b"data", tlen=0), packet(G, H, RW, b"data", vlen=9),
    packet(G, H, RW, b"", tlen=60000), packet(G, H, RW, b"d", vsrc=(9, 9)), packet(G, H, 99, b"d"), packet(G, H, RW, b"d", kind=7),
    packet(G, H, RW, b"d", op=9), packet(G, H, RW, b"d", transport=1, tlen=12), packet(G, H, RW, b"d", res=b"\1\2"),
])
rows = fields("broken.pcap", "_ws.malformed", "vsockx.expert.short", "vsockx.expert.length", "vsockx.expert.address", "vsockx.expert.unknown",
              "vsockx.expert.op", "vsockx.expert.reserved")
check(len(rows) == 12 and [bool(r[1]) for r in rows[:4]] == [True] * 4 and rows[4][2] and rows[5][1] and rows[6][3] and rows[7][4] and rows[8][4]
      and rows[9][5] and rows[11][6], "what is broken is marked", rows)
pcap("cut.pcap", session, 60)
check(len(fields("cut.pcap", "vsockx.stream")) == 9, "a short snapshot length")

rows = fields("http.pcap", "vsockx.cid.name", more=("-o", "vsockx.cid_names:2=host,3=web"), filter="frame.number == 1")
check(rows == [["web,host"]], "names of CIDs", rows)
pcap("port.pcap", [packet(G, (2, 9), RW, b'[1, "two"]')])
rows = fields("port.pcap", "json.value.string", more=("-o", "vsockx.port_protocols:9=json"))
check(rows == [["two"]], "protocols of ports", rows)
owner = struct.pack("<IBBHIIII16s", 0x4e575356, 1, 5, 1, 77, 1000, 4, 4, b"curl")
pcap("owner.pcap", [struct.pack("<QQIIHHH2s", 3, 2, 1024, 5000, 4, 1, len(owner), b"\0\0") + owner + b"data"])
rows = fields("owner.pcap", "vsockx.owner.pid", "vsockx.owner.comm", "vsockx.owner.transport", "vsockx.payload")
check(rows == [["77", "curl", "5", "64617461"]], "owner of a socket, Hyper-V", rows)

# Whatever comes: no crash, and each packet has its line.
rng = random.Random(271)
seeds = session + [packet(S, H, RW, b"q" * 40, kind=2, flags=1), packet(G, H, RW, frame)]
wild = []
for _ in range(4000):
    p = bytearray(rng.choice(seeds))
    for _ in range(rng.randint(1, 12)):
        p[rng.randrange(len(p))] = rng.choice((0, 1, 2, 5, 7, 255, rng.randrange(256)))
    wild.append(bytes(p[:rng.randint(0, len(p))] if rng.random() < .3 else p))
pcap("wild.pcap", wild)
out = tshark("-2", "-r", "wild.pcap", "-V")
check(out.count("Frame ") >= 4000 and "issector bug" not in out, "4000 wild packets", out[-2000:])
if "KEEP" not in os.environ:
    shutil.rmtree(work, ignore_errors=True)
os.chdir("/")
print(f"1..{count}")
sys.exit(failed)
