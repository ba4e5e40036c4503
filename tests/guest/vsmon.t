#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# slow
# timeout: 900
# Our vsock monitor in Debian's kernel, beside the kernel's own: the same
# packets of loopback traffic whose connections are known, every filter, each
# packet accounted for, owners of sockets, the table of sockets, network
# namespaces, loading again and again under traffic (VSMON_CYCLES times; 20)
# with a listener. From 100 times on 100,000 packets are pumped, and the kernel checks each object of its memory
# and tells by whom it was made: none is left. VSMON_KERNEL=FOLDER: another kernel, as its packages linux-image,
# linux-headers and linux-kbuild unpack there.
import base64
import glob
import os
import re
import struct
import subprocess
import sys

cycles = int(os.environ.get("VSMON_CYCLES", "20"))
pumped = 50000 if cycles >= 100 else 10000  # by each processor
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from console import *
from monitor_guest import build, headers_of, initramfs

requires_config("VM")
vmlinuz, modules = kernel()
if other := os.environ.get("VSMON_KERNEL"):
    vmlinuz, modules = kernel_file(other), other
    release = os.path.basename(vmlinuz)[len("vmlinuz-"):]
    # Its Makefile names the folder where the package would be installed.
    headers = os.path.join(work, "headers")
    shutil.copytree(f"{other}/usr/src/linux-headers-{release}", headers, symlinks=True)
    for link in ("scripts", "tools"):
        if os.path.islink(f"{headers}/{link}"):
            target = os.path.realpath(f"{other}/usr/src/linux-headers-{release}/{link}")
            os.unlink(f"{headers}/{link}")
            os.symlink(target, f"{headers}/{link}")
    with open(f"{headers}/Makefile", "w") as f:
        f.write(f"include {glob.glob(os.path.abspath(other) + '/usr/src/linux-headers-*-common')[0]}/Makefile\n")
else:
    headers = headers_of(vmlinuz)
build(headers)

SETTINGS = ("cid 1", "cid 77", "port 1001", "ops 2", "types 4", "directions 1", "directions 2", "snaplen 10")
init = r"""$ip link set vsmon0 up; $ip link set vsockmon0 up
out() { echo "begin $2"; base64 /tmp/$1; echo "end $2"; }
left() { cat /sys/kernel/debug/slab/*/alloc_traces 2>/dev/null | grep -c vmbox_vsockmon; }

t session; t stats vsmon0 | sed 's/^stat/unheard/'
captures 65535 vsmon0 vsockmon0; t session; halt_captures; out vsmon0 ours; out vsockmon0 theirs
t stats vsmon0 | sed 's/^stat/both/'

# A device for each setting, all at once.
i=1; set --; while read what value; do
	$ip link add type vsmon; v=/sys/class/net/vsmon$i/vsmon/$what; echo "default $what $(cat $v)"
	echo $value >$v; echo "set $what $(cat $v)"; $ip link set vsmon$i up; set -- $@ vsmon$i; i=$((i + 1))
done <<END
SETTINGS
END
captures 120 $@; t session; halt_captures; for d; do out $d $d; t stats $d | sed "s/^stat/each/"; done
for d; do $ip link del $d; done
for s in cid port ops types directions snaplen sources; do
	for v in nonsense -1 0x1ffffffffffffffff ''; do echo $v >$f/$s && echo "taken: $s $v"; done
	echo any >$f/$s && echo "any: $s $(cat $f/$s)"
done 2>/dev/null
echo 4 >$f/sources && echo "taken: sources 4"

t idle & sleep 1; until grep -q rx_bytes=1000 /sys/kernel/debug/vsmon/sockets; do usleep 20000; done
sed 's/^/table /' /sys/kernel/debug/vsmon/sockets; kill %1; wait

echo 2 >$f/sources; captures 120 vsmon0; t session; halt_captures; out vsmon0 sockets
t stats vsmon0 | sed 's/^stat/sockets/'
echo 3 >$f/sources; cat $f/sources; captures 120 vsmon0; t session; halt_captures; out vsmon0 all
echo 1 >$f/sources

# Another network namespace has its own sockets, the first one all.
t capture vsmon0 /tmp/vsmon0 76 & listening 1
unshare -n sh -c 't flood 1; /usr/sbin/ip link add type vsmon; /usr/sbin/ip link set vsmon0 up
	t capture vsmon0 /tmp/inner 76 & until [ $(awk "\$5 > 0" /proc/net/packet | wc -l) = 2 ]; do usleep 20000; done
	echo >/tmp/ready; t session; until [ -e /tmp/go ]; do usleep 20000; done; sleep 1
	kill -TERM $!; wait; t stats vsmon0 | sed "s/^stat/inner/"' & inner=$!
until [ -e /tmp/ready ]; do usleep 20000; done; t flood 50; echo >/tmp/go; wait $inner
halt_captures; out inner inner; out vsmon0 outer

t stats vsmon0 | sed 's/^stat/before/'
captures 76 vsmon0; t flood 2000; halt_captures; t stats vsmon0 | sed 's/^stat/flood/'
t stats vsmon0 | sed 's/^stat/before2/'
captures 76 vsmon0; insmod /m/vsock-pump.ko packets=PUMPED; rmmod vsock-pump; halt_captures; t stats vsmon0 | sed 's/^stat/pump/'
$ip -s link show vsmon0; $ip link del vsmon0

$ip link add 'bad/name' type vsmon 2>/dev/null && echo FAIL bad name
$ip link add lo type vsmon 2>/dev/null && echo FAIL name twice
quiet; echo "left $(left)"
t traffic & t follow vsmon0 &
once() {
	rmmod vmbox_vsockmon && insmod /m/vmbox_vsockmon.ko && $ip link add type vsmon && $ip link set vsmon0 up || echo FAIL cycle
	listening 1
}
memory() { echo 3 >/proc/sys/vm/drop_caches; awk '/^(Percpu|SUnreclaim|VmallocUsed|MemFree)/ { printf "%s%s ", $1, $2 }' /proc/meminfo; }
i=0; while [ $i -lt 5 ]; do once; i=$((i + 1)); done; echo "memory before $(memory)"
i=0; while [ $i -lt CYCLES ]; do once; i=$((i + 1)); done; echo "memory after $(memory)"
i=0; while [ $i -lt 50 ]; do $ip link del vsmon0; $ip link add type vsmon; $ip link set vsmon0 up; i=$((i + 1)); done; listening 1
kill -TERM $(jobs -p); wait; $ip link del vsmon0; quiet; echo "cycled CYCLES left $(left)"
dmesg | grep -E 'BUG|WARN|Oops|stall|leak|Padding|Redzone|Poison' | sed 's/^/FAIL /'; dmesg | grep pump:
echo THE END; poweroff -f
""".replace("CYCLES", str(cycles)).replace("PUMPED", str(pumped)).replace("SETTINGS", "\n".join(SETTINGS))
initramfs(modules, init)
g = Console(vmbox, "vm", "-m", "512", "-smp", "2", "-nographic", "-no-reboot", "-kernel", vmlinuz, "-initrd", "root.cpio",
            "-append", "console=ttyS0 quiet panic=-1" + (" slub_debug=FZPU" if cycles >= 100 else ""))
g.expect("THE END", 600 + 10 * cycles)
g.end(20)
log = g.log
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


def stats(name, device="vsmon0"):
    return {m[1]: int(m[2]) for m in re.finditer(rf"^{name} {device} (\w+) (\d+)$", log, re.M)}


def adds_up(s, name):
    parts = sum(s.get(k, 0) for k in ("delivered", "filtered", "unheard", "other_namespace", "lost_no_memory", "lost_queue_full"))
    check(s and parts == s["seen"] == sum(v for k, v in s.items() if k.startswith("op_")) and s["missed_by_probes"] == 0,
          f"{name}: the counters add up", s)


op = lambda p: struct.unpack_from("<H", p, 24)[0]
ports = lambda p: struct.unpack_from("<II", p, 16)
kind = lambda p: struct.unpack_from("<H", p, 60)[0]
ops = lambda packets: [op(p) for p in packets]
ours, theirs = records("ours"), records("theirs")
s = stats("unheard")
check(s.get("seen", 0) > 7 and s["unheard"] == s["seen"] and s["delivered"] == 0, "without a listener nothing is copied", s)
check(ops(ours).count(1) == 7, "seven connection packets: four requests, three responses", ops(ours))
check(len(ours) > 20 and sorted(ours) == sorted(theirs), "the same packets as the kernel's own monitor", f"{len(ours)} and {len(theirs)}")
m = re.search(r"captured vsmon0 (\d+)", log)
check(m and int(m[1]) == len(ours), "all that was captured came out", m)
for n in ("both", "sockets", "flood", "pump", "inner"):
    adds_up(stats(n), n)

# One device each: cid 1, cid 77, port 1001, ops 2, types 4, directions 1 and 2, snaplen 10.
RULES = (lambda p: True, lambda p: False, lambda p: 1001 in ports(p), lambda p: op(p) == 1, lambda p: kind(p) == 2, lambda p: True,
         lambda p: False, lambda p: True)
for i, (setting, rule) in enumerate(zip(SETTINGS, RULES), 1):
    got, s, (what, value) = records(f"vsmon{i}"), stats("each", f"vsmon{i}"), setting.split()
    adds_up(s, setting)
    check(f"\ndefault {what} any\nset {what} {value}\n" in log and all(map(rule, got)) and s["delivered"] == len(got) and
          len(got) + s["filtered"] == s["seen"] > 50 and (rule is RULES[1] or rule is RULES[6] or len(got) > 0) and
          (what != "snaplen" or (max(map(len, got)) == 86 and s["truncated"] > 20)) and
          sum(op(p) == 1 for p in got) == {"port": 2, "types": 2}.get(what, 7 if rule(ours[0]) else 0), f"filter: {setting}", (s, ops(got)))
check("taken: " not in log and re.findall(r"^any: (.*)$", log, re.M) == [f"{x} any" for x in "cid port ops types directions snaplen".split()],
      "wrong settings are refused", re.findall(r"^(?:taken|any):.*$", log, re.M))

table = re.findall(r"^table (.*)$", log, re.M)
full = [t for t in table if "rx_bytes=1000" in t]
check(len(table) == 2 and len(full) == 1 and full[0].startswith("1:3000 1:") and "transport=vsock_loopback" in full[0] and
      any(re.search(r" 1:3000 type=1 .* tx=1000 peer_fwd=0 peer_buf=262144 .*rx_bytes=0", t) for t in table),
      "debugfs: both ends of a connection, and its credit", table)

sockets = records("sockets")
owners = [struct.unpack_from("<IBBHIIII16s", p, 32) for p in sockets if len(p) >= 72]
listeners = [o for o in owners if o[2] == 0]  # that are closed: they never had a transport
check(len(owners) == len(sockets) > 40 and len(listeners) == 3 and
      all(o[0] == 0x4e575356 and o[2] in (0, 2) and o[8].rstrip(b"\0") == b"t" and o[4] > 1 and o[5] == 0 for o in owners),
      "sockets: every record has its process, over loopback", [o for o in owners if o[2] != 2 or o[4] <= 1][:5])
sent = sum(o[6] for o in (owners[i] for i, p in enumerate(sockets) if struct.unpack_from("<H", p, 24)[0] == 4 and
                          struct.unpack_from("<I", p, 20)[0] in (1000, 1001, 1002)) if o[5] == 0)
total = 3 * 100 + 4 * 5000 + 20 * 60000
check(sent == 2 * total, "sockets: bytes sent and received", f"{sent}, {total} each way")
both = records("all")
check({struct.unpack_from("<H", p, 26)[0] for p in both} == {1, 2} and sum(op(p) == 1 for p in both) == 7 + 4,
      "both sources: packets, and calls of connect()", ops(both))

inner, outer = records("inner"), records("outer")
check(ops(inner).count(1) == 7 and all(2000 not in ports(p) for p in inner), "a namespace sees its own sockets, the refused one too", ops(inner))
check(stats("inner").get("other_namespace", 0) >= 100, "and counts what is others'", stats("inner"))
check(all(p in outer for p in inner) and sum(2000 in ports(p) for p in outer) >= 100, "the first namespace sees all", len(outer))

s = stats("flood")
check(s["op_payload"] - stats("before")["op_payload"] == 2000, "a flood is seen whole", s)
s, was = stats("pump"), stats("before2")
new = {k: s[k] - was[k] for k in s}
m = re.findall(r"captured vsmon0 (\d+) outgoing 0 came (\d+) dropped (\d+)", log)[-1]
# A connection of before may be reset meanwhile.
check(new["op_payload"] == 2 * pumped == new["seen"] - new["op_disconnect"] and
      new["seen"] == new["delivered"] + new["lost_queue_full"] + new["lost_no_memory"] and
      new["delivered"] == int(m[1]) == int(m[0]) + int(m[2]),
      f"{2 * pumped} packets of two processors: each is delivered or counted", (new, m))
check(s["delivered_bytes"] > 0 and re.search(rf"RX:.*\n\s+{s['delivered_bytes']}\s+{s['delivered']}\s", log), "ip -s link has them too", s)
print("#", re.findall(r"pump: .*", log), {k: v for k, v in new.items() if v})

m = re.search(r"^left (\d+)$", log, re.M), re.search(rf"^cycled {cycles} left (\d+)$", log, re.M)
check(all(m), f"{cycles} times loaded and unloaded under traffic, with a listener", short[-2000:])
check(all(m) and int(m[1][1]) <= int(m[0][1]), "no object of the module's is left", m)
memory = [{k: int(v) for k, v in re.findall(r"(\w+):(\d+)", x)} for x in re.findall(r"^memory \w+ (.*)$", log, re.M)]
print("#", memory, re.findall(r"followed.*|a connection ended.*", log)[-3:])
check(len(memory) == 2 and memory[1]["Percpu"] - memory[0]["Percpu"] <= 128 and
      memory[1]["SUnreclaim"] - memory[0]["SUnreclaim"] <= 2048 + cycles, "the kernel's memory does not grow", memory)
done()
