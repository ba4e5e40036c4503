#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# slow: Linux's own drivers with virtconsole, virtserialport and virtio-balloon:
# text both ways by name, memory given back and taken again, statistics.
import json
import os
import socket
import subprocess
import sys
import time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import console as c

for symbol in ("VM", "VIRTIO_SERIAL", "VIRTIO_BALLOON"):
    c.requires_config(symbol)
vmlinuz, folder = c.kernel()
SCRIPT = r'''
mkdir -p /dev/virtio-ports
for p in /sys/class/virtio-ports/*; do [ -e $p/name ] && ln -s /dev/${p##*/} /dev/virtio-ports/$(cat $p/name); done
echo "init: names $(ls /dev/virtio-ports)"
echo "from the guest" >/dev/hvc0
exec 3<>/dev/virtio-ports/org.test.echo
read line <&3
echo "init: got $line"
echo "back: $line" >&3
seq 1 20000 >&3
while read line <&3; do
	case $line in
	stop) break;;
	mem) echo "mem $(awk "/MemFree/ {print \$2}" /proc/meminfo)" >&3;;
	esac
done
poweroff -f'''
subprocess.run(["sh", "-c", f'. "{c.srctree}/tests/guest/boot.sh"; add_modules "{vmlinuz}" virtio virtio_ring virtio_pci '
                'virtio_pci_legacy_dev virtio_pci_modern_dev virtio_console virtio_balloon; make_initrd ird.gz "$load_modules $SCRIPT"'],
               check=True, env=dict(os.environ, srctree=c.srctree, SCRIPT=SCRIPT))


def server(path):
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    s.listen(1)
    s.settimeout(200)
    return s


class Qmp:
    def __init__(self, sock):
        self.f = sock.makefile("rw")
        self.events = []
        json.loads(self.f.readline())
        self.run("qmp_capabilities")

    def run(self, name, **args):
        self.f.write(json.dumps({"execute": name, "arguments": args}) + "\n")
        self.f.flush()
        while True:
            got = json.loads(self.f.readline())
            if "event" in got:
                self.events.append(got)
            else:
                return got.get("return", got)


listen_echo, listen_qmp = server("echo.sock"), server("qmp.sock")
m = c.Console(c.vmbox, "vm", "-nodefaults", "-no-reboot", "-serial", "stdio", "-m", "256", "-kernel", vmlinuz, "-initrd", "ird.gz",
              "-append", "console=ttyS0 panic=-1 quiet", "-device", "virtio-serial-pci,id=vs",
              "-chardev", "file,id=con,path=con.txt", "-device", "virtconsole,chardev=con",
              "-chardev", "socket,id=e,path=echo.sock", "-device", "virtserialport,chardev=e,name=org.test.echo,id=echo",
              "-device", "virtio-balloon-pci,id=b,free-page-reporting=on,guest-stats-polling-interval=1", "-qmp", "unix:qmp.sock")
echo = listen_echo.accept()[0]
echo.settimeout(120)
qmp = Qmp(listen_qmp.accept()[0])
try:
    c.check(m.expect("init: names org.test.echo"), "the port is known by its name", m.tail())
    echo.sendall(b"hello, port\n")
    c.check(m.expect("init: got hello, port"), "the host's text arrives", m.tail())
    want = b"back: hello, port\n" + b"".join(b"%d\n" % i for i in range(1, 20001))
    got = b""
    while len(got) < len(want):
        got += echo.recv(65536)
    c.check(got == want, "the guest's 109 KB come in order, behind its answer", got[:100])
    c.check(open("con.txt").read().rstrip() == "from the guest", "the console's text is in the file")

    def guest_free():
        echo.sendall(b"mem\n")
        text = b""
        while not text.endswith(b"\n"):
            text += echo.recv(100)
        return int(text.split()[1])

    def resize(mib):
        qmp.run("balloon", value=mib << 20)
        end = time.time() + 60
        while qmp.run("query-balloon")["actual"] != mib << 20 and time.time() < end:
            time.sleep(0.2)
        return qmp.run("query-balloon")["actual"]

    before = guest_free()
    c.check(resize(128) == 128 << 20, "the guest gives 128 MiB back", qmp.events)
    low = guest_free()
    c.check(low < before - 100000, "and has less free memory", f"{before} -> {low}")
    c.check(resize(256) == 256 << 20, "and takes them again")
    # "actual" is told before the pages are back with the guest's allocator.
    end = time.time() + 60
    while (free := guest_free()) <= before - 30000 and time.time() < end:
        time.sleep(0.2)
    c.check(free > before - 30000, "and has them", f"{before} -> {free}")
    # The first ones may be of the time when the balloon was large.
    end = time.time() + 60
    while time.time() < end:
        stats = qmp.run("qom-get", path="/machine/peripheral/b", property="guest-stats")
        if stats["stats"]["stat-total-memory"] > 100 << 20:
            break
        time.sleep(0.5)
    c.check(100 << 20 < stats["stats"]["stat-total-memory"] < 256 << 20 and stats["last-update"] > 0, "statistics", stats)
    kinds = {e["event"] for e in qmp.events}
    c.check({"BALLOON_CHANGE", "VSERPORT_CHANGE"} <= kinds, "events", kinds)
    echo.sendall(b"stop\n")
    c.check(m.end() == 0, "powers off", m.tail())
except (OSError, ValueError, KeyError) as e:
    status = m.end(5)
    c.check(False, f"{type(e).__name__}: {e}; the emulator's status: {status}", m.tail())
finally:
    if m.proc.poll() is None:
        m.kill()
c.done()
