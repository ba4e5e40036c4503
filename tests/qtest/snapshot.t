#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Snapshots of the whole machine in its qcow2 disks, by monitor and by QMP's
jobs, judged by qemu-img; disks of another size; statistics."""
import json
import os
import struct
import subprocess
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ["srctree"], "tests/qtest"))
sys.path.insert(0, os.path.join(os.environ["srctree"], "scripts"))
from qtestos import QmpError, harness
from virtio import Device

harness.requires_config("CONFIG_VM", "CONFIG_MIGRATION", "CONFIG_VIRTIO_BLK", "CONFIG_EDU", "CONFIG_BLOCK")
OUT, IN = 0x200000, 0x210000


class Vm(harness.Machine):
    def ask(self, name, **args):
        """What QMP answers, an error too."""
        try:
            return {"return": self.qmp.execute(name, args)}
        except QmpError as e:
            return {"error": {"class": e.kind, "desc": e.desc}}

    def job(self, name, **args):
        """Runs it to its end: its states, its error."""
        self.qmp.events.clear()
        got = self.ask(name, **{"job-id": "j", **args})
        if "error" in got:
            return got["error"]["desc"]
        states = []
        while states[-1:] != ["concluded"]:
            states.append(self.qmp.wait_event("JOB_STATUS_CHANGE")["data"]["status"])
        jobs = self.ask("query-jobs")["return"]
        self.ask("job-dismiss", id="j")
        return jobs[0].get("error") or states

    def hmp(self, line):
        return self.qmp.hmp(line).replace("\r", "")


def img(*args):
    return subprocess.run(["qemu-img", *args], capture_output=True, text=True, check=True).stdout


def sector(d, m, kind, n, data=b""):
    """Reads or writes sector n; the status and what was read."""
    m.write(OUT, struct.pack("<IIQ", kind, 0, n) + data)
    m.write(IN, b"\xff" * 513)
    d.run(0, [(OUT, 16 + len(data), False), (IN, 1 if data else 513, True)], 60)
    return m.readb(IN) if data else m.read(IN, 512)


def disks():
    for name in ("a.qcow2", "b.qcow2"):
        img("create", "-q", "-f", "qcow2", name, "4M")
    return ("-device", "edu,addr=3", "-drive", "file=a.qcow2,if=none,id=a", "-device", "virtio-blk-pci,drive=a,addr=4,id=da",
            "-drive", "file=b.qcow2,if=none,id=b", "-device", "virtio-blk-pci,drive=b,addr=5")


def test_monitor(t):
    args = disks()
    with Vm(*args) as m:
        d = Device(m, (0, 4, 0))
        d.start(1 << 9, (0,))
        m.writeq(0x300000, 0x1111)
        t.eq(sector(d, m, 1, 7, b"1" * 512), 0, "a sector is written")
        t.eq(m.hmp("savevm one"), "", "savevm")
        m.writeq(0x300000, 0x2222)
        sector(d, m, 1, 7, b"2" * 512)
        t.eq(m.hmp("savevm two"), "", "and another")
        m.writeq(0x300000, 0x3333)
        sector(d, m, 1, 7, b"3" * 512)
        listed = m.hmp("info snapshots")
        t.ok("present on all disks" in listed and " one " in listed and " two " in listed, "info snapshots")
        keep = dict(d.queues[0])
        for name, number, byte in (("one", 0x1111, b"1"), ("two", 0x2222, b"2"), ("one", 0x1111, b"1")):
            t.eq(m.hmp("loadvm " + name), "", "loadvm " + name)
            t.eq(m.readq(0x300000), number, "memory of then")
            avail, used = struct.unpack("<H", m.read(d.base + 0x1002, 2))[0], struct.unpack("<H", m.read(d.base + 0x2002, 2))[0]
            d.queues[0] = {**keep, "avail": avail, "used": used, "free": avail * 2 % keep["size"]}
            t.eq(sector(d, m, 0, 7), byte * 512, "and disk of then, by the rings of then")
        t.ok("does not exist" in m.hmp("loadvm three"), "one that is not there")
        t.eq(m.hmp("delvm two"), "", "delvm")
        t.ok(" two " not in m.hmp("info snapshots"), "is gone")
        t.eq(m.hmp("savevm one"), "", "savevm over one of that name")
    for name, state in (("a.qcow2", True), ("b.qcow2", False)):
        got = json.loads(img("info", "--output=json", name))["snapshots"]
        t.eq([(s["name"], s["vm-state-size"] > 0) for s in got], [("one", state)], name + ": what qemu-img sees")
        t.ok("No errors" in img("check", name), "and finds well")
    with Vm(*args, "-loadvm", "one") as m:
        t.eq(m.readq(0x300000), 0x1111, "-loadvm in another process")
    bad = subprocess.run([harness.VMBOX, "vm", "-M", "q35", "-accel", "qtest", "-display", "none", *args, "-loadvm", "no"],
                         capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    t.ok(bad.returncode == 1 and "'no' does not exist" in bad.stderr and len(bad.stderr.splitlines()) == 1, "-loadvm of nothing: one line")


def test_jobs(t):
    end = ["created", "running", "waiting", "pending", "concluded"]
    with Vm(*disks()) as m:
        m.writeq(0x300000, 0xaaaa)
        t.eq(m.job("snapshot-save", tag="s", vmstate="b", devices=["a", "b"]), end, "snapshot-save")
        t.ok("already exists" in m.job("snapshot-save", tag="s", vmstate="a", devices=["a"]), "a second of that name")
        t.ok("'nobody'" in m.job("snapshot-save", tag="t", vmstate="a", devices=["a", "nobody"]), "of a disk that is not there")
        m.writeq(0x300000, 0xbbbb)
        t.ok("disk-only" in m.job("snapshot-load", tag="s", vmstate="a", devices=["a", "b"]), "the state lies in the other disk")
        t.eq(m.job("snapshot-load", tag="s", vmstate="b", devices=["a", "b"]), end, "snapshot-load")
        t.eq(m.readq(0x300000), 0xaaaa, "memory of then")
        t.eq(m.job("snapshot-delete", tag="s", devices=["a", "b"]), end, "snapshot-delete")
        t.eq(m.ask("query-jobs")["return"], [], "no job is left")
        t.eq(m.ask("job-dismiss", id="j")["error"]["desc"], "Job not found", "nor one to dismiss")
        t.eq(m.job("snapshot-save", tag=None, vmstate="a", devices=[]).split(",")[0], "Invalid parameter type for 'tag'", "a wrong type")
    with Vm("-drive", "driver=null-co,size=1M,if=none,id=n", "-device", "virtio-blk-pci,drive=n") as m:
        t.ok("does not support snapshots" in m.hmp("savevm"), "a disk that cannot")
    with Vm() as m:
        t.ok("no block device can store vmstate" in m.hmp("savevm x"), "no disk at all")
    with Vm("-blockdev", "driver=file,filename=a.qcow2,node-name=f", "-blockdev", "driver=qcow2,file=f,node-name=q",
            "-device", "virtio-blk-pci,drive=q") as m:
        t.eq(m.hmp("savevm of-nodes"), "", "a file's node below a disk's is no disk")
        t.ok("of-nodes" in m.hmp("info snapshots"), "it is listed")


def test_resize_and_statistics(t):
    with Vm(*disks()) as m:
        d = Device(m, (0, 4, 0))
        d.start(1 << 9, (0,))
        t.eq(m.ask("block_resize", device="a", size=8 << 20), {"return": {}}, "block_resize")
        t.eq(struct.unpack("<Q", d.config(0, 8))[0], (8 << 20) // 512, "the device knows")
        t.eq(m.readb(d.bar + 0x1000) & 2, 2, "and has told so")
        t.eq(sector(d, m, 1, 16383, b"e" * 512), 0, "its end can be written")
        t.eq(sector(d, m, 0, 16383), b"e" * 512, "and read")
        sector(d, m, 0, 16384)
        got = {s["device"]: s["stats"] for s in m.ask("query-blockstats")["return"]}
        t.eq((got["a"]["wr_bytes"], got["a"]["rd_operations"], got["a"]["wr_highest_offset"]), (512, 1, 8 << 20), "statistics")
        t.eq(got["b"]["rd_operations"], 0, "of each disk")
        t.ok("error" in m.ask("block_resize", device="nobody", size=512), "no such disk")
        t.ok("error" in m.ask("block_resize", size=512), "no name")


harness.run_all(sys.modules[__name__])
