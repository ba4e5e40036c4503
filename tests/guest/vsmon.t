#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# slow
# timeout: 900
# Our vsock monitor in Debian's kernel, beside the kernel's own: the same
# packets of loopback traffic whose connections are known, filters, snapshot
# length, counters that add up, owners of sockets, loading again and again
# (VSMON_CYCLES times; 20).
import base64
import glob
import os
import re
import struct
import subprocess
import sys

cycles = int(os.environ.get("VSMON_CYCLES", "20"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from console import *

requires_config("VM")
vmlinuz, modules = kernel()
release = os.path.basename(vmlinuz)[len("vmlinuz-"):]
headers = f"/usr/src/linux-headers-{release}"
if not os.path.isdir(headers):
    skip_all(f"no kernel headers of {release}")
make = subprocess.run(["make", "-s", "-C", srctree, "O=" + work, f"KDIR={headers}", "W=1", "kmod"], capture_output=True, text=True)
check(make.returncode == 0 and "warning" not in make.stdout + make.stderr, "make kmod", make.stdout + make.stderr)
if not os.path.exists("kernel-module/vmbox_vsockmon.ko"):
    done()
subprocess.run(["gcc", "-O2", "-static", "-o", "traffic", f"{srctree}/tests/guest/vsock-traffic.c", "-pthread"], check=True)

os.makedirs("root/bin")
os.makedirs("root/m")
shutil.copy("/usr/bin/busybox", "root/bin/")
shutil.copy("traffic", "root/bin/t")
subprocess.run(["strip", "-g", "-o", "root/m/vmbox_vsockmon.ko", "kernel-module/vmbox_vsockmon.ko"], check=True)
for name in ("vsock", "vmw_vsock_virtio_transport_common", "vsock_loopback", "vsockmon"):
    shutil.copy(glob.glob(f"{modules}/**/{name}.ko", recursive=True)[0], "root/m/")
with open("root/init", "w") as f:
    f.write(r"""#!/bin/busybox sh
/bin/busybox --install -s /bin; mkdir -p /proc /sys /dev /tmp
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev; mount -t debugfs debug /sys/kernel/debug
for m in vsock vmw_vsock_virtio_transport_common vsock_loopback vsockmon vmbox_vsockmon; do insmod /m/$m.ko || echo FAIL insmod $m; done
f=/sys/class/net/vsmon0/vsmon
ip link add vsmon0 type vsmon && ip link add vsockmon0 type vsockmon
ip link set vsmon0 up; ip link set vsockmon0 up
captures() { # DEVICE... : starts them
	for d; do t capture $d /tmp/$d & done; sleep 1
}
halt_captures() { sleep 1; kill -TERM $(jobs -p); wait; }
out() { echo "begin $2"; base64 /tmp/$1; echo "end $2"; }

t session; t stats vsmon0 | sed 's/^stat/unheard/'
captures vsmon0 vsockmon0; t session; cat /sys/kernel/debug/vsmon/sockets; halt_captures; out vsmon0 ours; out vsockmon0 theirs
t stats vsmon0 | sed 's/^stat/both/'

echo 1001 >$f/port; echo 32 >$f/snaplen
captures vsmon0; t session; halt_captures; out vsmon0 filtered; t stats vsmon0 | sed 's/^stat/filtered/'
echo any >$f/port; echo any >$f/snaplen; echo nonsense >$f/port; echo "nonsense: $?"
echo 2 >$f/sources; captures vsmon0; t session; halt_captures; out vsmon0 sockets
echo 1 >$f/sources; t stats vsmon0 | sed 's/^stat/before/'
captures vsmon0; t flood 10000; sleep 1; halt_captures; t stats vsmon0 | sed 's/^stat/flood/'
ip link del vsmon0
t flood 100000000 & pid=$!
i=0; while [ $i -lt CYCLES ]; do
	rmmod vmbox_vsockmon && insmod /m/vmbox_vsockmon.ko && ip link add vsmon0 type vsmon && ip link set vsmon0 up || echo FAIL cycle
	i=$((i + 1)); [ $i = CYCLES ] || ip link del vsmon0
done
kill $pid; wait $pid 2>/dev/null; echo "cycles $i"
dmesg | grep -E 'BUG|WARN|Oops|stall|leak' | sed 's/^/FAIL /'
echo THE END; poweroff -f
""".replace("CYCLES", str(cycles)))
os.chmod("root/init", 0o755)
subprocess.run("find . | cpio --quiet -o -H newc >../root.cpio", shell=True, cwd="root", check=True)
r = subprocess.run([vmbox, "vm", "-m", "512", "-nographic", "-no-reboot", "-kernel", vmlinuz, "-initrd", "root.cpio",
                    "-append", "console=ttyS0 quiet panic=-1"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                   errors="replace", timeout=800)
log = r.stdout.replace("\r", "")
short = re.sub(r"(begin \w+)\n.*?\n(end \w+)", r"\1 ... \2", log, flags=re.S)
if "DEBUG" in os.environ:
    print(short)
check("THE END" in log and "FAIL" not in log, "the guest comes to its end", short[-3000:])


def records(name):
    m = re.search(f"begin {name}\n(.*?)\nend {name}", log, re.S)
    data = base64.b64decode(m[1]) if m else b""
    at, found = 24, []
    while at + 16 <= len(data):
        have, real = struct.unpack_from("<8xII", data, at)
        found.append(data[at + 16:at + 16 + have])
        at += 16 + have
    return found


def stats(name):
    return {m[1]: int(m[2]) for m in re.finditer(rf"^{name} vsmon0 (\w+) (\d+)$", log, re.M)}


ops = lambda packets: [struct.unpack_from("<H", p, 24)[0] for p in packets]
ours, theirs = records("ours"), records("theirs")
s = stats("unheard")
check(s.get("seen", 0) > 7 and s["unheard"] == s["seen"] and s["delivered"] == 0, "without a listener nothing is copied", s)
check(ops(ours).count(1) == 7, "seven connection packets: four requests, three responses", ops(ours))
check(len(ours) > 20 and sorted(ours) == sorted(theirs), "the same packets as the kernel's own monitor", f"{len(ours)} and {len(theirs)}")
m = re.search(r"captured vsmon0 (\d+)", log)
check(m and int(m[1]) == len(ours), "all that was captured came out", m)
for n in ("both", "filtered", "flood"):
    s = stats(n)
    parts = sum(s.get(k, 0) for k in ("delivered", "filtered", "unheard", "other_namespace", "lost_no_memory", "lost_queue_full"))
    check(s and parts == s["seen"] == sum(v for k, v in s.items() if k.startswith("op_")), f"{n}: the counters add up", s)
filtered = records("filtered")
ports = {struct.unpack_from("<II", p, 16) for p in filtered}
check(filtered and all(1001 in p for p in ports) and max(map(len, filtered)) == 32 + 44 + 32, "filter by port, snapshot length", ports)
check("nonsense: 0" not in log, "a wrong setting is refused")
sockets = records("sockets")
owners = [struct.unpack_from("<IBBHIIII16s", p, 32) for p in sockets if len(p) >= 72]
listeners = [o for o in owners if o[2] == 0]  # that are closed: they never had a transport
check(len(owners) == len(sockets) > 40 and len(listeners) == 3 and
      all(o[0] == 0x4e575356 and o[2] in (0, 2) and o[8].rstrip(b"\0") == b"t" and o[4] > 1 for o in owners),
      "sockets: every record has its process, over loopback", [o for o in owners if o[2] != 2 or o[4] <= 1][:5])
sent = sum(o[6] for o in (owners[i] for i, p in enumerate(sockets) if struct.unpack_from("<H", p, 24)[0] == 4 and
                          struct.unpack_from("<I", p, 20)[0] in (1000, 1001, 1002)) if o[5] == 0)
total = 3 * 100 + 4 * 5000 + 20 * 60000
check(sent == 2 * total, "sockets: bytes sent and received", f"{sent}, {total} each way")
s = stats("flood")
check(s["op_payload"] - stats("before")["op_payload"] == 10000, "a flood is seen whole", s)
check(f"cycles {cycles}" in log, f"{cycles} times loaded and unloaded under traffic")
done()
