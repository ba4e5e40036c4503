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
ip link set vsmon0 up; ip link set vsockmon0 up
for d in vsmon0 vsockmon0; do vmbox vsockdump -i $d -w /tmp/$d -B 65536 & done
until [ $(wc -l </proc/net/packet) = 3 ]; do sleep 0.1; done
v serve stream 2000
v echo stream 2 1000 100 3; v echo seqpacket 2 1001 5000 4; v refused stream 2 999; v echo stream 2 1000 65536 6
echo "the host's turn"; read line
was=; is=0; while [ "$was" != "$is" ]; do was=$is; sleep 2; is=$(cat /tmp/vs* | wc -c); done
kill -TERM $(pidof vmbox); sleep 1; while pidof vmbox >/dev/null; do sleep 0.1; done
for d in vsmon0 vsockmon0; do v put stream 2 1008 </tmp/$d; done
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
for name in ("ours", "theirs"):
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
done()
