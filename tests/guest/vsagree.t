#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# slow
# timeout: 600
# The same packets seen three times: by our module and by the kernel's own
# monitor, captured in the guest with vsockdump, and by the emulator's
# filter-vsock-dump. All three agree byte by byte, the number of CONNECT
# records is known, and tshark decodes them with our plugin.
import collections
import glob
import os
import re
import socket
import struct
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from console import *

for symbol in ("VIRTIO_VSOCK", "TOOL_VSOCKDUMP"):
    requires_config(symbol)
vmlinuz, modules = kernel()
release = os.path.basename(vmlinuz)[len("vmlinuz-"):]
headers = f"/usr/src/linux-headers-{release}"
if not os.path.isdir(headers):
    skip_all(f"no kernel headers of {release}")
make = subprocess.run(["make", "-s", "-C", srctree, "O=" + work, f"KDIR={headers}", "kmod", "dissector"], capture_output=True, text=True)
if not check(make.returncode == 0, "make kmod dissector", make.stdout + make.stderr):
    done()
subprocess.run(["gcc", "-O2", "-static", "-pthread", "-o", "client", f"{srctree}/tests/guest/vsock-client.c"], check=True)
os.makedirs("root/bin")
os.makedirs("root/m")
shutil.copy("/usr/bin/busybox", "root/bin/")
shutil.copy("client", "root/bin/v")
shutil.copy(vmbox, "root/bin/vmbox")
order = []
for name in ("virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "vsock",
             "vmw_vsock_virtio_transport_common", "vmw_vsock_virtio_transport", "vsockmon"):
    for path in glob.glob(f"{modules}/**/{name}.ko", recursive=True):
        shutil.copy(path, "root/m/")
        order.append(name)
subprocess.run(["strip", "-g", "-o", "root/m/vmbox_vsockmon.ko", "kernel-module/vmbox_vsockmon.ko"], check=True)
insmod = "".join(f"insmod /m/{m}.ko || echo FAIL {m}\n" for m in order + ["vmbox_vsockmon"])
with open("root/init", "w") as f:
    f.write(r"""#!/bin/busybox sh
/bin/busybox --install -s /bin; mkdir -p /proc /sys /dev /tmp
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
""" + insmod + r"""
ip link add vsmon0 type vsmon && ip link add vsockmon0 type vsockmon
ip link add vsmon1 type vsmon && echo 2 >/sys/class/net/vsmon1/vsmon/directions
for d in vsmon0 vsockmon0 vsmon1; do ip link set $d up; vmbox vsockdump -i $d -w /tmp/$d -B 65536 & done
until [ $(wc -l </proc/net/packet) = 4 ]; do sleep 0.1; done
v serve stream 2000
v echo stream 2 1000 100 3; v echo seqpacket 2 1001 5000 4; v refused stream 2 999; v echo stream 2 1000 65536 6
echo "the host's turn"; read line
was=; is=0; while [ "$was" != "$is" ]; do was=$is; sleep 2; is=$(cat /tmp/vs* | wc -c); done
kill -TERM $(pidof vmbox); sleep 1; while pidof vmbox >/dev/null; do sleep 0.1; done
for d in vsmon0 vsockmon0 vsmon1; do v put stream 2 1008 </tmp/$d; done
dmesg | grep -E 'BUG|WARN|Oops|stall|leak' | sed 's/^/FAIL /'
echo THE END; poweroff -f
""")
os.chmod("root/init", 0o755)
subprocess.run("find . | cpio --quiet -o -H newc >../root.cpio", shell=True, cwd="root", check=True)
uds = os.path.join(work, "vs")
CID = 42


def listen(port, kind):
    s = socket.socket(socket.AF_UNIX, kind)
    s.bind(f"{uds}_{port}")
    s.listen(8)
    s.settimeout(240)
    return s


def echo(server):
    while True:
        try:
            c, _ = server.accept()
        except OSError:
            return
        with c:
            while data := c.recv(262144):
                c.sendall(data)


for port, kind in ((1000, socket.SOCK_STREAM), (1001, socket.SOCK_SEQPACKET)):
    threading.Thread(target=echo, args=(listen(port, kind),), daemon=True).start()
upload = listen(1008, socket.SOCK_STREAM)
g = Console(vmbox, "vm", "-m", "256", "-nographic", "-no-reboot", "-kernel", vmlinuz, "-initrd", "root.cpio", "-append",
            "console=ttyS0 quiet panic=-1", "-device", f"virtio-vsock-pci,guest-cid={CID},uds={uds},id=vs",
            "-object", "filter-vsock-dump,id=cap,dev=vs,file=vmm.pcapng")
for want in ("echoed 300 of 300 right", "echoed 20000 of 20000 right", "refused: Connection reset by peer", "echoed 393216 of 393216 right"):
    check(g.expect(want), want, g.tail())
if not check(g.expect("the host's turn"), "the host's turn", g.tail()):
    g.kill()
    done()
c = socket.socket(socket.AF_UNIX)
c.settimeout(120)
c.connect(uds)
c.sendall(b"CONNECT 2000\nfrom the host")
said = b""
while not said.endswith(b"from the host") and (data := c.recv(4096)):
    said += data
check(said.startswith(b"OK ") and said.endswith(b"\nfrom the host"), "a connection of the host", said)
c.close()
g.type("")
for name in ("ours", "theirs", "sent"):
    c, _ = upload.accept()
    with c, open(f"{name}.pcapng", "wb") as f:
        while data := c.recv(262144):
            f.write(data)
check(g.expect("THE END") and g.end() is not None and "FAIL" not in g.log, "the guest comes to its end", g.tail())


def records(name):
    """([(direction, record)], all that was received, all that was lost) of a pcapng file; no uploads."""
    with open(f"{name}.pcapng", "rb") as f:
        data = f.read()
    at, found, stats = 0, [], {}
    while at + 12 <= len(data):
        kind, n = struct.unpack_from("<II", data, at)
        b = data[at + 8:at + n - 4]
        if kind == 6:
            have, real = struct.unpack_from("<II", b, 12)
            opts = b[20 + (have + 3 & ~3):]
            r = b[20:20 + have]
            if 1008 not in struct.unpack_from("<II", r, 16):
                check(have == real, "a record is whole") if have != real else None
                found.append((opts[4] & 3 if opts[:4] == b"\2\0\4\0" else 0, r))
        elif kind == 5:
            o = 12
            while o + 4 <= len(b):
                code, size = struct.unpack_from("<HH", b, o)
                stats[code] = b[o + 4:o + 4 + size]
                o += 4 + (size + 3 & ~3)
        at += n
    number = lambda code: struct.unpack("<Q", stats[code])[0] if code in stats else None
    return found, number(4), number(5)


captures = {name: records(name) for name in ("ours", "theirs", "vmm")}
for name, (found, received, lost) in captures.items():
    note = f"{len(found)} records, {received} received, {lost} lost"
    check(lost == 0 and received >= len(found) > 40, f"{name}: nothing was lost", note)
    # Three echoes and the host's connection are answered, one request is refused.
    ops = collections.Counter((struct.unpack_from("<H", r, 24)[0], struct.unpack_from("<H", r, 62)[0]) for _, r in found)
    check(ops[1, 1] == 5 and ops[1, 2] == 4 and sum(n for (op, _), n in ops.items() if op == 1) == 9,
          f"{name}: nine CONNECT records", ops)
    sent = lambda cid: sum(len(r) - 76 for _, r in found if struct.unpack_from("<Q", r)[0] == cid)
    total = 300 + 20000 + 393216 + len("from the host")
    check((sent(CID), sent(2)) == (total, total), f"{name}: all bytes of both ways", (sent(CID), sent(2), total))
for sender, way in ((CID, "of the guest"), (2, "of the host")):
    one = {name: [r for _, r in found if struct.unpack_from("<Q", r)[0] == sender] for name, (found, _, _) in captures.items()}
    differ = next((i for i, (a, b) in enumerate(zip(one["ours"], one["vmm"])) if a != b), None)
    check(one["ours"] == one["theirs"], f"our module and the kernel's agree on all packets {way}", {k: len(v) for k, v in one.items()})
    check(one["ours"] == one["vmm"], f"the emulator too, packets {way}",
          "" if differ is None else one["ours"][differ][:76].hex() + "\n" + one["vmm"][differ][:76].hex())
    check({d for d, r in captures["ours"][0] if struct.unpack_from("<Q", r)[0] == sender} == {2 if sender == CID else 1} and
          {d for d, r in captures["vmm"][0] if struct.unpack_from("<Q", r)[0] == sender} == {1 if sender == CID else 2},
          f"directions of packets {way}, each from its own side")

found, received, lost = records("sent")
check(lost == 0 and received >= len(found) > 20 and
      found == [(d, r) for d, r in captures["ours"][0] if struct.unpack_from("<Q", r)[0] == CID], "a device for what is sent has just that",
      (len(found), received, lost))

# As a normal user: as root Wireshark would not look into a user's folder.
for d in (work, os.path.dirname(work)):
    if os.stat(d).st_uid == os.getuid() and d != "/tmp":
        os.chmod(d, os.stat(d).st_mode | 0o755)
plugins = work + "/home/.local/lib/wireshark/plugins/4.0/epan"
os.makedirs(plugins)
shutil.copy("dissector/vsockx.so", plugins)
for d, _, _ in os.walk(work + "/home"):
    os.chmod(d, 0o777)
user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.getuid() == 0 else []
said = {}
for name in captures:
    os.chmod(f"{name}.pcapng", 0o644)
    r = subprocess.run([*user, "tshark", "-r", f"{name}.pcapng", "-Y", "not vsockx.port == 1008", "-T", "fields"] +
                       [x for n in ("vsockx.stream", "vsockx.virtio.op", "vsockx.src_port", "vsockx.dst_port", "vsockx.virtio.len",
                                    "_ws.malformed") for x in ("-e", n)],
                       capture_output=True, text=True, env=dict(os.environ, HOME=work + "/home"), timeout=120)
    said[name] = sorted(r.stdout.splitlines())
    check(r.returncode == 0 and len(said[name]) == len(captures[name][0]) and all(x.endswith("\t") for x in said[name]),
          f"{name}: tshark decodes all", r.stderr + "\n".join(said[name][:5]))
check(said["ours"] == said["theirs"] == said["vmm"], "tshark finds the same in all three")


def tshark(*args):
    return subprocess.run([*user, "tshark", "-r", "ours.pcapng", *args], capture_output=True, text=True,
                          env=dict(os.environ, HOME=work + "/home"), timeout=120).stdout


# Its tables and streams, against what we read in the file ourselves.
table, streams, order = {}, {}, []
for _, r in captures["ours"][0]:
    (src, dst), (sport, dport) = struct.unpack_from("<QQ", r), struct.unpack_from("<II", r, 16)
    ends = frozenset(((src, sport), (dst, dport)))
    t = table.setdefault(ends, {})
    n, size = t.get((src, sport), (0, 0))
    t[src, sport] = n + 1, size + len(r)
    streams.setdefault(ends, []).append(((src, sport), r[76:]))
conv = re.findall(r"^(\d+):(\d+)\s+<-> (\d+):(\d+)\s+(\d+) .*?\s{2,}(\d+) [\d,]+ \w+\s+(\d+) ", tshark("-q", "-z", "conv,vsockx"), re.M)
got = {}
for row in conv:
    a, b, to_a, to_b, total = (*map(int, row[:2]),), (*map(int, row[2:4]),), *map(int, row[4:])
    if 1008 not in (a[1], b[1]):
        got[frozenset((a, b))] = {a: to_b, b: to_a}
want = {ends: {e: t[e][0] for e in ends} for ends, t in table.items() if all(e in t for e in ends)}
check(len(want) == 5 and got == want, "-z conv has the same streams and packets as the file", f"{got}\n{want}")
ends = dict((lambda p: ((int(p[0]), int(p[1])), (int(p[2]), int(p[3]))))(x) for x in
            re.findall(r"^(\d+):(\d+)\s+(\d+)\s+(\d+) ", tshark("-q", "-z", "endpoints,vsockx"), re.M))
check(all(ends[e] == (sum(n for n, _ in t.values()), sum(size for _, size in t.values())) for pair, t in table.items() for e in pair
          if e[0] == CID), "-z endpoints too", ends)
numbers = {int(a): frozenset(((int(b), int(c)), (int(d), int(e)))) for a, b, c, d, e in (
    x.split("\t") for x in tshark("-T", "fields", *(x for n in ("stream", "src_cid", "src_port", "dst_cid", "dst_port")
                                                     for x in ("-e", "vsockx." + n))).splitlines())}
for number, pair in numbers.items():
    if pair not in streams:
        continue
    text = tshark("-q", "-z", f"follow,vsockx,raw,{number}")
    m = re.search(r"^Node 0: (\d+):(\d+)$", text, re.M)  # the refused one has no bytes, and no ends then
    first = tuple(map(int, m.groups())) if m else None
    said = {True: b"", False: b""}
    for line in re.findall(r"^(\t?[0-9a-f]+)$", text, re.M):
        said[line[0] != "\t"] += bytes.fromhex(line.strip())
    check(said == {side: b"".join(data for e, data in streams[pair] if (e == first) == side) for side in (True, False)},
          f"-z follow, stream {number}: every byte of both ways", text[:500])
done()
