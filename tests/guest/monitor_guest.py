# SPDX-License-Identifier: GPL-2.0-or-later
# For vsmon.t and scripts/bench/vsmon: Debian's kernel with our vsock monitor,
# the kernel's own, traffic for them and Debian's iproute2.
import glob
import os
import re
import shutil
import subprocess

from console import check, done, skip_all, srctree, work


def headers_of(vmlinuz):
    release = os.path.basename(vmlinuz)[len("vmlinuz-"):]
    folder = f"/usr/src/linux-headers-{release}"
    if not os.path.isdir(folder):
        skip_all(f"no kernel headers of {release}")
    return folder


def build(headers):
    """Makes the modules and the traffic, here. Ends the test when ours cannot be made."""
    make = subprocess.run(["make", "-s", "-C", srctree, "O=" + work, f"KDIR={headers}", "W=1", "C=2", "kmod"], capture_output=True, text=True)
    check(make.returncode == 0 and "warning" not in make.stdout + make.stderr, "make kmod, without a word of the compiler or sparse",
          make.stdout + make.stderr)
    if not os.path.exists("kernel-module/vmbox_vsockmon.ko"):
        done()
    os.makedirs("pump")
    shutil.copy(f"{srctree}/tests/guest/vsock-pump.c", "pump")
    with open("pump/Kbuild", "w") as f:
        f.write("obj-m := vsock-pump.o\n")
    subprocess.run(["make", "-s", "-C", headers, f"M={work}/pump", "CONFIG_DEBUG_INFO_BTF_MODULES=", "modules"], check=True, stdout=subprocess.DEVNULL,
                   env={k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS")})
    subprocess.run(["gcc", "-O2", "-static", "-o", "traffic", f"{srctree}/tests/guest/vsock-traffic.c", "-pthread"], check=True)


def initramfs(modules, init):
    """root.cpio: what build() made, the kernel's own modules of vsock, busybox, ip, and that script as /init."""
    for d in ("root/bin", "root/m", "root/usr/sbin"):
        os.makedirs(d)
    shutil.copy("/usr/bin/busybox", "root/bin/")
    shutil.copy("traffic", "root/bin/t")
    for name in ("kernel-module/vmbox_vsockmon", "pump/vsock-pump"):
        subprocess.run(["strip", "-g", "-o", f"root/m/{os.path.basename(name)}.ko", f"{name}.ko"], check=True)
    for name in ("vsock", "vmw_vsock_virtio_transport_common", "vsock_loopback", "vsockmon"):
        path = glob.glob(f"{modules}/**/{name}.ko*", recursive=True)[0]
        shutil.copy(path, "root/m/")
        if path.endswith(".xz"):
            subprocess.run(["xz", "-d", f"root/m/{name}.ko.xz"], check=True)
    # Debian's iproute2, which knows nothing of us.
    ip = shutil.which("ip")
    shutil.copy(ip, "root/usr/sbin/ip")
    for path in re.findall(r"(/\S+)", subprocess.run(["ldd", ip], capture_output=True, text=True).stdout):
        os.makedirs("root" + os.path.dirname(path), exist_ok=True)
        shutil.copy(path, "root" + path)
    with open("root/init", "w") as f:
        f.write(PREAMBLE + init)
    os.chmod("root/init", 0o755)
    subprocess.run("find . | cpio --quiet -o -H newc >../root.cpio", shell=True, cwd="root", check=True)


PREAMBLE = r"""#!/bin/busybox sh
/bin/busybox --install -s /bin; mkdir -p /proc /sys /dev /tmp
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev; mount -t debugfs debug /sys/kernel/debug
ip=/usr/sbin/ip
for m in vsock vmw_vsock_virtio_transport_common vsock_loopback vsockmon vmbox_vsockmon; do insmod /m/$m.ko || echo FAIL insmod $m; done
f=/sys/class/net/vsmon0/vsmon
$ip link add type vsmon && $ip link add type vsockmon || echo FAIL ip link add
listening() { # N: so many sockets are bound
	until [ $(awk '$5 > 0' /proc/net/packet | wc -l) = $(($1 + 1)) ]; do usleep 20000; done
}
captures() { # KEEP DEVICE... : starts them
	keep=$1; shift; for d; do t capture $d /tmp/$d $keep & done; listening $#
}
quiet() { # no packet is on its way
	was=; while is=$(cat /proc/net/dev); [ "$was" != "$is" ]; do was=$is; usleep 300000; done
}
halt_captures() { quiet; kill -TERM $(jobs -p); wait; }
"""
