#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# slow
# timeout: 600
# virtio-vsock-pci with Debian's driver: echo both ways over streams and
# messages, hundreds of connections, refused ones, half-closed ones, a slow
# reader, unplugged and plugged again; connections end when the state is loaded.
import glob
import os
import resource
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from console import *

requires_config("VIRTIO_VSOCK")
vmlinuz, modules = kernel()
subprocess.run(["gcc", "-O2", "-static", "-pthread", "-o", "client", f"{srctree}/tests/guest/vsock-client.c"], check=True)
os.makedirs("root/bin")
os.makedirs("root/m")
shutil.copy("/usr/bin/busybox", "root/bin/")
shutil.copy("client", "root/bin/v")
ORDER = ("virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "vsock",
         "vmw_vsock_virtio_transport_common", "vmw_vsock_virtio_transport")
order = []
for name in ORDER:
    for path in glob.glob(f"{modules}/**/{name}.ko", recursive=True):
        shutil.copy(path, "root/m/")
        order.append(name)
with open("root/init", "w") as f:
    f.write("#!/bin/busybox sh\n/bin/busybox --install -s /bin; mkdir -p /proc /sys /dev /tmp\n"
            "mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev\n" +
            "".join(f"insmod /m/{m}.ko || echo FAIL {m}\n" for m in order) +
            "v serve stream 2000; v serve seqpacket 2001\necho ready\nexec setsid cttyhack sh\n")
os.chmod("root/init", 0o755)
subprocess.run("find . | cpio --quiet -o -H newc >../root.cpio", shell=True, cwd="root", check=True)
uds = os.path.join(work, "vs")
# A thousand connections, here and in the emulator.
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard != resource.RLIM_INFINITY and hard < 4096 else 4096, hard))


# ---- the host's side ----

def listen(port, kind):
    s = socket.socket(socket.AF_UNIX, kind)
    s.bind(f"{uds}_{port}")
    s.listen(1024)
    return s


def echo(c):
    with c:
        while data := c.recv(262144):
            c.sendall(data)


def serve(server, fn):
    def loop():
        while True:
            try:
                c, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=fn, args=(c,), daemon=True).start()
    threading.Thread(target=loop, daemon=True).start()


def dial(port, kind=socket.SOCK_STREAM):
    """A connection to the guest's port; None: refused."""
    c = socket.socket(socket.AF_UNIX, kind)
    c.settimeout(60)
    c.connect(uds + ("_seqpacket" if kind == socket.SOCK_SEQPACKET else ""))
    c.sendall(b"CONNECT %d\n" % port)
    answer = b""
    while not answer.endswith(b"\n"):
        data = c.recv(64 if kind == socket.SOCK_SEQPACKET else 1)
        if not data:
            c.close()
            return None
        answer += data
    return c if answer.startswith(b"OK ") and int(answer[3:]) >= 1 << 30 else None


def pump(c, data):
    threading.Thread(target=lambda: (c.sendall(data), c.shutdown(socket.SHUT_WR)), daemon=True).start()
    back = b""
    while got := c.recv(262144):
        back += got
    c.close()
    return back


serve(listen(1000, socket.SOCK_STREAM), echo)
serve(listen(1001, socket.SOCK_SEQPACKET), echo)
holding = listen(1003, socket.SOCK_STREAM)
slow = listen(1004, socket.SOCK_STREAM)

vm = [vmbox, "vm", "-m", "256", "-nographic", "-no-reboot", "-kernel", vmlinuz, "-initrd", "root.cpio",
      "-append", "console=ttyS0 quiet panic=-1", "-device", "pcie-root-port,id=port", "-serial", "mon:stdio"]
g = Console(*vm, "-device", f"virtio-vsock-pci,guest-cid=42,uds={uds},id=vs,bus=port")
check(g.expect("ready"), "the guest is up", g.tail())
g.expect(PROMPT)
g.run("v echo stream 2 1000 65536 160", "echoed 10485760 of 10485760 right", "10 MiB to the host and back")
g.run("v echo stream 2 1000 7 500", "echoed 3500 of 3500 right", "small pieces")
g.run("v echo seqpacket 2 1001 5000 200", "echoed 1000000 of 1000000 right", "messages of 5000 bytes stay apart")
g.run("v echo seqpacket 2 1001 100000 20", "echoed 2000000 of 2000000 right", "messages of more than a packet")
g.run("v many stream 2 1000 1000", "many 1000 of 1000", "a thousand connections at once")
g.run("v many seqpacket 2 1001 100", "many 100 of 100", "100 for messages")
g.run("v refused stream 2 999", "refused: Connection reset by peer", "nobody listens")
g.run("v refused seqpacket 2 1000", "refused: Connection reset by peer", "the wrong kind of socket")
g.run("v refused stream 7 1000", "refused: Connection reset by peer", "another CID than the host's")

data = os.urandom(1 << 20) * 8
check(pump(dial(2000), data) == data, "8 MiB from the host and back")
c = dial(2001, socket.SOCK_SEQPACKET)
sizes = [1, 100, 4052, 4053, 70000, 120000]
for n in sizes:
    c.send(data[:n])
check([len(c.recv(262144)) for _ in sizes] == sizes, "messages of the host come back in one piece")
c.close()
clients = [dial(2000) for _ in range(200)]
for i, c in enumerate(clients):
    c.sendall(b"%d;" % i)
check(all(c.recv(64) == b"%d;" % i for i, c in enumerate(clients)), "200 clients of the guest")
for c in clients:
    c.close()
check(dial(1) is None and dial(2000, socket.SOCK_SEQPACKET) is None, "the guest refuses")
for bad in (b"HELLO\n", b"CONNECT x\n", b"CONNECT 99999999999\n", b"C" * 40):
    c = socket.socket(socket.AF_UNIX)
    c.settimeout(60)
    c.connect(uds)
    c.sendall(bad)
    try:
        end = c.recv(1)
    except ConnectionResetError:
        end = b""
    check(end == b"", f"a client that says {bad[:12]}... is sent away")

# A reader that is late gets all, though the sender has closed.
g.type("(head -c 100000 /dev/zero | v echo stream 2 1004 50000 2) & ")
c, _ = slow.accept()
c.settimeout(60)
got = 0
while got < 100000:
    got += len(c.recv(1000))
check(got == 100000 and c.recv(1) == b"", "a slow reader, and the end behind the data")
c.close()
check(g.expect("echoed 0 of 100000 right"), "the guest sees the end of a half-closed connection", g.tail())


def monitor(line, want):
    """Through the multiplexed console."""
    g.proc.stdin.write(b"\x01c")
    g.proc.stdin.flush()
    g.expect("(qemu)")
    g.type(line)
    good = g.expect(want)
    g.expect("(qemu)")
    g.proc.stdin.write(b"\x01c")
    g.proc.stdin.flush()
    return good


g.type("v hold stream 2 1003 &")
c, _ = holding.accept()
g.expect("holding")
monitor("device_del vs", "")
c.settimeout(60)
check(c.recv(1) == b"" and g.expect("held: "), "unplugged: both sides see the end", g.tail())
gone = lambda: not os.path.exists(uds)
for _ in range(100):
    if gone():
        break
    time.sleep(0.2)
check(gone(), "and the socket is gone")
monitor(f"device_add virtio-vsock-pci,guest-cid=43,uds={uds},id=vs,bus=port", "")
for _ in range(100):
    c = dial(2000) if os.path.exists(uds) else None
    if c:
        break
    time.sleep(0.3)
check(c and pump(c, b"again") == b"again", "plugged again", g.tail())

# Saved with a connection, loaded by another process: that connection is reset, new ones work.
g.type("v hold stream 2 1003 &")
c, _ = holding.accept()
g.expect("holding")
monitor(f"migrate file:{work}/state", "")
check(os.path.exists("state") and os.path.getsize("state") > 1 << 20, "saved")
g.proc.kill()
g.proc.wait()
g = Console(*vm, "-device", f"virtio-vsock-pci,guest-cid=43,uds={uds},id=vs,bus=port", "-incoming", f"file:{work}/state")
check(g.expect("held: "), "loaded: the old connection has ended", g.tail())
c = dial(2000)
check(c and pump(c, b"loaded") == b"loaded", "new ones work")
g.type("\npoweroff -f")
check(g.end() is not None, "powered off")
done()
