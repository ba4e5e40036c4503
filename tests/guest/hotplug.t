#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# slow: a disk comes and goes while Linux runs: blockdev-add, object-add,
# device_add on a root port by QMP, the kernel's own hot plug driver sees it,
# the disk is read through an iothread, device_del ends in DEVICE_DELETED.
import json
import os
import socket
import sys
import time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import console

console.requires_config("VIRTIO_BLK")


class Qmp:
    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(path)
        self.file = self.sock.makefile("r")
        self.events = []
        self.file.readline()
        self.cmd("qmp_capabilities")

    def cmd(self, name, **args):
        self.sock.sendall(json.dumps({"execute": name, "arguments": args}).encode() + b"\n")
        while True:
            got = json.loads(self.file.readline())
            if "event" not in got:
                return got
            self.events.append(got)

    def event(self, name, seconds=60):
        end = time.time() + seconds
        while time.time() < end:
            for e in self.events:
                if e["event"] == name:
                    self.events.remove(e)
                    return e
            self.cmd("query-status")
            time.sleep(0.1)
        return None


console.appliance("initramfs", "ird.img") or console.done()
vmlinuz, _ = console.kernel()
with open("disk.raw", "wb") as f:
    f.write(b"0123456789abcde\n" * 65536)
vm = console.Console(console.vmbox, "vm", "-kernel", vmlinuz, "-initrd", "ird.img", "-append", "console=ttyS0", "-m", "256",
                     "-smp", "2", "-nographic", "-monitor", "none", "-serial", "stdio", "-no-reboot",
                     "-device", "pcie-root-port,id=rp0,slot=1", "-device", "pcie-root-port,id=rp1,slot=2",
                     "-qmp", "unix:qmp.sock,server=on,wait=off")
console.check(vm.expect(console.PROMPT), "boots", vm.tail())
q = Qmp("qmp.sock")
console.check(q.cmd("object-add", **{"qom-type": "iothread", "id": "io0"}) == {"return": {}}, "object-add iothread")
got = q.cmd("blockdev-add", **{"driver": "raw", "node-name": "n0", "file": {"driver": "file", "filename": "disk.raw"}})
console.check(got == {"return": {}}, "blockdev-add", got)
got = q.cmd("device_add", driver="virtio-blk-pci", id="d0", drive="n0", bus="rp0", iothread="io0")
console.check(got == {"return": {}}, "device_add", got)
console.check(vm.expect("vda", 60), "the kernel finds the disk", vm.tail())
vm.type("")
vm.run("echo lines $(wc -l </dev/vda)", "lines 65536", "and reads it through the iothread")
console.check("error" in q.cmd("blockdev-del", **{"node-name": "n0"}), "the node is in use")
console.check("error" in q.cmd("object-del", id="io0"), "so is the iothread")
console.check("error" in q.cmd("device_add", driver="virtio-blk-pci", id="d1", drive="n0", bus="rp1"), "and the drive")
got = q.cmd("device_add", driver="edu", bus="pcie.0")
console.check("does not support hotplugging" in got["error"]["desc"], "the root bus takes nothing", got)
console.check(q.cmd("device_add", driver="virtio-rng-pci", id="r0", bus="rp1") == {"return": {}}, "a second device")
console.check(q.cmd("device_del", id="d0") == {"return": {}}, "device_del")
e = q.event("DEVICE_DELETED")
console.check(e and e["data"] == {"device": "d0", "path": "/machine/peripheral/d0"}, "DEVICE_DELETED", (e, vm.tail()))
vm.type("")
vm.run("[ -e /dev/vda ] || echo disk is g''one", "disk is gone", "the kernel has forgotten it")
console.check(q.cmd("blockdev-del", **{"node-name": "n0"}) == {"return": {}}, "blockdev-del")
console.check(q.cmd("object-del", id="io0") == {"return": {}}, "object-del")
console.check(q.cmd("device_del", id="d0")["error"]["class"] == "DeviceNotFound", "the device is unknown now")
console.check(q.cmd("device_add", driver="edu", id="e0", bus="rp0") == {"return": {}}, "the slot takes another one")
vm.type("")
vm.run("sleep 1; cat /sys/bus/pci/devices/*/device", "0x11e8", "which the kernel sees")
vm.type("poweroff")
console.check(vm.end(60) == 0, "powers off", vm.tail())
console.done()
