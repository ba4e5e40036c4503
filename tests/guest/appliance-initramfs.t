#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# slow
# timeout: 900
# The initramfs appliance in Debian's QEMU: init, modules, the applets, the
# power button, and a command that runs in place of a shell.
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from console import *

requires_config("APPLIANCE")
vmlinuz, modules = kernel()
with open("rc", "w") as f:
    f.write("echo rc says $((6 * 7)) >/run/rc\n")
if not appliance("initramfs", "a.cpio", "--add", "rc:etc/rc", "--load", "tun"):
    done()
with open("disk", "wb") as f:
    f.truncate(64 << 20)
base = ("-kernel", vmlinuz, "-initrd", "a.cpio")

c = Console(*qemu(*base, "-append", "console=ttyS0 quiet vmbox.hostname=box",
                  "-drive", "file=disk,format=raw,if=virtio", "-netdev", "user,id=n",
                  "-device", "virtio-net-pci,netdev=n", "-device", "virtio-rng-pci"))
check(c.expect("box:/root# "), "a prompt with the name from the command line", c.tail())
c.run("cat /run/rc", "rc says 42\n", "/etc/rc was run")
c.run("uname -r", os.path.basename(vmlinuz)[8:] + "\n", "the kernel")
c.run("mount | grep -c -E ' on (/proc|/sys|/dev|/dev/pts|/dev/shm|/run|/tmp) '", "\n7\n", "all is mounted")
c.run("ls /dev/vda /dev/net/tun /dev/input/event0", "/dev/vda\n", "device nodes")
c.run("lsmod | grep -c -E '^(virtio_blk|virtio_net|virtio_rng|button|evdev|tun) '", "\n6\n",
      "modules for what is there, and the one asked for")
c.run("lsmod | grep -c -E '^(nvme|vsock|loop) '", "\n0\n", "and no others")
c.run("ip link; ip addr add 10.0.2.15/24 dev eth0 && ip link set eth0 up && ip route add default via 10.0.2.2; ip route",
      "default via 10.0.2.2 dev eth0\n", "network")
c.run("ip | grep 127", "lo: inet 127.0.0.1/8\n", "loopback is up")
c.run("modprobe vsock && ls /dev/vsock", "\n/dev/vsock\n", "modprobe")
c.run("cp -r /etc /tmp/e && ls /tmp/e/passwd && rm -r /tmp/e && ls /tmp", "/tmp/e/passwd\n", "files")
# The kernel asks for loop by itself when /dev/loop-control is opened, by our modprobe.
c.run("mkdir /mnt/m; mount -t tmpfs none /mnt/m && df /mnt/m | wc -l; umount /mnt/m && echo un''mounted",
      "unmounted\n", "mount and umount")
c.run("modprobe nosuch; echo status $?", "status 1\n", "modprobe of nothing")
c.run("tty=$(ls -l /proc/self/fd/0); echo ${tty##* }", "/dev/ttyS0\n", "the shell has a real terminal")
c.run("sleep 100 &", "[1] ", "a job")
c.run("ps | grep -c 'sleep 100'", "\n", "is seen by ps")
c.run("kill %1; wait; sh -c 'sleep 0.2 & exit'; sleep 1; ps | grep -c ' Z '", "\n0\n", "orphans are taken in")
c.type("exit")
check(c.expect("box:/root# ", 120), "the shell comes again", c.tail())
c.run("echo again", "\nagain\n")
c.run("dmesg | grep -c -E 'Oops|BUG|traps:|segfault'", "\n0\n", "the kernel saw no fault")
c.type("sleep 1000 & mkdir /mnt/d; mount -t tmpfs none /mnt/d; cd /mnt/d; poweroff")
check(c.expect("init: powering off", 120), "poweroff", c.tail())
check(c.end() == 0, "the machine is off", c.tail())

c = Console(*qemu(*base, "-append", "console=ttyS0 quiet",
                  "-chardev", "stdio,id=s,mux=on", "-serial", "chardev:s", "-mon", "s"))
check(c.expect("# "), "a prompt", c.tail())
c.proc.stdin.write(b"\x01c")
c.proc.stdin.flush()
c.expect("(qemu)", 120)
c.type("system_powerdown")
check(c.expect("init: power button", 120), "the power button", c.tail())
check(c.end() == 0, "switches it off", c.tail())

c = Console(*qemu(*base, "-append", 'console=ttyS0 quiet vmbox.run="echo ran $$; uname -m; exit 5"'))
check(c.expect("\nx86_64\n"), "vmbox.run", c.tail())
check(c.expect("ended with status 5"), "its exit status", c.tail())
check(c.end() == 0, "and off", c.tail())

c = Console(*qemu(*base, "-append", "console=ttyS0 quiet"))
check(c.expect("# "), "a prompt", c.tail())
c.type("reboot")
check(c.expect("init: rebooting", 120), "reboot", c.tail())
check(c.end() == 0, "ends qemu with -no-reboot", c.tail())
done()
