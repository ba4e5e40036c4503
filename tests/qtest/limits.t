#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""I/O limits of drives: how many requests are done when the clock, which stands
otherwise, has been moved; groups, bursts, both directions; what lets them go."""
import os
import struct
import sys
import time
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ["srctree"], "tests/qtest"))
sys.path.insert(0, os.path.join(os.environ["srctree"], "scripts"))
from qtestos import QmpError, harness
from virtio import Device

harness.requires_config("CONFIG_VM", "CONFIG_VIRTIO_BLK", "CONFIG_BLOCK_THROTTLE")
READ, WRITE = 0, 1
SECOND = 10**9
NULL = "driver=null-co,size=64M,read-zeroes=on"


class Disk:
    """A virtio disk at an address; requests of some sectors, of which it counts those that are done."""

    def __init__(self, m, slot):
        self.m, at = m, 0x100000 * slot
        self.buf = at + 0x80000
        self.d = Device(m, (0, slot, 0), at, 0xe4000000 + 0x100000 * slot)
        self.d.start(0, (0,), 256)

    def send(self, kind, n, sectors=1):
        for head, k in ((self.buf, READ), (self.buf + 16, WRITE)):
            self.m.write(head, struct.pack("<IIQ", k, 0, 0))
        for _ in range(n):
            bufs = [(self.buf + 16 * kind, 16, False), (self.buf + 0x1000, 512 * sectors, kind == READ), (self.buf + 0x800, 1, True)]
            self.d.add(0, bufs)
        self.d.kick(0)

    def used(self):
        return struct.unpack("<H", self.m.read(self.d.queues[0]["at"] + 0x2002, 2))[0]

    def done(self, want):
        """Waits for that many, and whether there are more; the clock does not move meanwhile."""
        end = time.time() + 60
        while self.used() < want and time.time() < end:
            pass
        return max(self.used() for _ in range(20))


class Vm(harness.Machine):
    def __init__(self, *args, drives=1):
        super().__init__(*args, *(a for i in range(drives) for a in ("-device", f"virtio-blk-pci,drive=d{i},addr={i + 4},id=v{i}")))
        self.disks = [Disk(self, i + 4) for i in range(drives)]

    def step(self, seconds): self.command("clock_step %d" % (seconds * SECOND))

    def tenths(self, n, disk, have):
        """Moves the clock by tenths of a second, in each of which one request ends; those that follow are with threads, which
        wait for their turn before the next step, or find it come."""
        for i in range(n):
            self.step(.1)
            disk.done(have + i + 1)
        return disk.done(have + n)

    def ask(self, name, **args):
        try:
            return self.qmp.execute(name, args)
        except QmpError as e:
            return e.desc

    def limit(self, **args):
        return self.ask("block_set_io_throttle", **{**dict.fromkeys(("bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr"), 0), **args})


def drive(i, limits=""): return ("-drive", f"if=none,id=d{i},{NULL}{limits}")


def test_rate(t):
    # A tenth of a second's worth may gather, and the last of those in the bucket may be the one that fills it.
    with Vm(*drive(0, ",throttling.iops-total=10")) as m:
        d, = m.disks
        d.send(READ, 40)
        t.eq(d.done(2), 2, "ten a second: two at once")
        for seconds, want in ((.05, 2), (.05, 3), (.9, 12), (1, 22), (1.5, 37)):
            m.step(seconds)
            t.eq(d.done(want), want, "%g seconds later: %d" % (seconds, want))
        m.step(10)
        t.eq(d.done(40), 40, "all of them")
    with Vm(*drive(0, ",bps=51200")) as m:
        d, = m.disks
        d.send(WRITE, 40, 8)
        t.eq(d.done(2), 2, "bytes, by the old name: the bucket holds 5120, two requests of 4096 begin in it")
        m.step(2)
        t.eq(d.done(27), 27, "25 in two seconds")
    with Vm(*drive(0, ",iops=10,throttling.iops-size=2048")) as m:
        d, = m.disks
        d.send(WRITE, 40, 8)
        t.eq(d.done(1), 1, "iops-size: a request of 4096 counts twice")
        m.step(2)
        t.eq(d.done(11), 11, "hence ten in two seconds")


def test_directions(t):
    for name, args in (("drive", drive(0, ",throttling.iops-read=10")),
                       ("filter", ("-object", "throttle-group,id=g,limits.iops-read=10", "-blockdev",
                                   f"driver=throttle,throttle-group=g,node-name=d0,file.driver=null-co,file.size=64M,file.read-zeroes=on"))):
        with Vm(*args) as m:
            d, = m.disks
            d.send(READ, 30)
            n = 1 if name == "filter" else 2  # which the machine has read through already, to guess its geometry
            t.eq(d.done(n), n, "%s: reads wait" % name)
            d.send(WRITE, 40)
            t.eq(d.done(n + 40), n + 40, "writes do not")
            t.eq(m.tenths(10, d, n + 40), n + 50, "and reads go on")


def test_burst(t):
    with Vm(*drive(0, ",throttling.iops-total=10,throttling.iops-total-max=20,throttling.iops-total-max-length=2")) as m:
        d, = m.disks
        d.send(READ, 80)
        t.eq(d.done(3), 3, "a tenth of a second of the burst at once")
        m.step(1)
        t.eq(d.done(23), 23, "twenty a second")
        m.step(60)
        t.eq(d.done(80), 80, "in the end all")
    with Vm(*drive(0, ",iops=10,iops_max=30")) as m:
        d, = m.disks
        d.send(READ, 80)
        t.eq(d.done(31), 31, "a burst without length is a bucket")
        m.step(1)
        t.eq(d.done(41), 41, "then ten a second")


def test_group(t):
    with Vm(*drive(0, ",throttling.iops-total=10,throttling.group=g"), *drive(1, ",throttling.iops-total=10,group=g"), *drive(2), drives=3) as m:
        a, b, c = m.disks
        a.send(READ, 40)
        b.send(READ, 40)
        c.send(READ, 40)
        t.eq(c.done(40), 40, "a drive that is in no group")
        t.eq((a.done(2), b.done(0)), (2, 0), "members share the rate")
        m.step(2)
        t.eq((a.done(12), b.done(10)), (12, 10), "and take turns")
        groups = {o["device"]: o["inserted"].get("group") for o in m.ask("query-block")}
        t.eq(groups, {"d0": "g", "d1": "g", "d2": None}, "query-block")
        t.eq(m.limit(device="d2", iops=10, group="g"), {}, "a third joins, which begins anew")
        m.step(.2)
        c.send(READ, 20)
        n = a.done(13), b.done(11)
        m.step(3)
        t.eq((a.done(n[0] + 10), b.done(n[1] + 10), c.done(50)), (n[0] + 10, n[1] + 10, 50), "and takes turns too")
        t.eq(m.limit(device="d0"), {}, "one without limits leaves")
        t.eq(a.done(40), 40, "all of its requests are done")
        b.send(READ, 40)
        c.send(READ, 40)
        m.step(4)  # for those that were let go
        b.done(n[0] + 10), c.done(50)
        n = b.done(0), c.done(0)
        m.step(1)
        t.eq((b.done(n[0] + 5), c.done(n[1] + 5)), (n[0] + 5, n[1] + 5), "the others share what there is")


def test_let_go(t):
    with Vm(*drive(0, ",throttling.iops-total=1,throttling.bps-total=100000")) as m:
        d, = m.disks
        d.send(READ, 30)
        t.eq(d.done(1), 1, "waiting")
        m.qmp.execute("stop", {})
        t.eq(d.done(30), 30, "a machine that stops waits for the disk, not for limits")
        m.qmp.execute("cont", {})
        d.send(READ, 20)
        t.eq(d.done(30), 30, "they are there still")
        t.eq(m.limit(device="d0", bps=1000, iops=5), {}, "other limits empty the bucket")
        t.eq(d.done(31), 31, "of a tenth of a second, one")
        inserted = m.ask("query-block")[0]["inserted"]
        t.eq([inserted[k] for k in ("bps", "iops", "group")], [1000, 5, "d0"], "query-block")
        d.d.set_common(0x14, 0, 1)
        t.eq(d.d.status(), 0, "a reset does not wait for limits")
        d.d.start(0, (0,), 256)
        d.d.queues[0].update(free=0, avail=0, used=0)
        d.send(READ, 30)
        t.eq(m.close(), 0, "nor does the end")


def test_filter(t):
    args = ("-object", "throttle-group,id=g,x-iops-total=10", "-blockdev", f"node-name=n,{NULL}", "-blockdev",
            "driver=throttle,throttle-group=g,node-name=d0,file=n")
    with Vm(*args) as m:
        d, = m.disks
        d.send(READ, 60)
        t.eq(d.done(1), 1, "the filter's requests wait; its first read was the machine's")
        t.eq(m.tenths(9, d, 1), 10, "for its group")
        t.eq(m.ask("object-del", id="g"), "object 'g' is in use, can not be deleted", "which stays")
        t.eq(m.ask("qom-get", path="/objects/g", property="limits")["iops-total"], 10, "its limits")
        t.eq(m.ask("qom-set", path="/objects/g", property="limits", value={"iops-read": 4}),
             "bps/iops/max total values and read/write values cannot be used at the same time", "are checked")
        t.eq(m.ask("qom-set", path="/objects/g", property="limits", value={"iops-total": 20}), {}, "and may change")
        t.eq(d.done(13), 13, "three of a new bucket of two")
        for n in range(13, 33, 2):
            m.step(.1)
            d.done(n + 2)
        t.eq(d.done(33), 33, "and twenty in a second")
        t.eq(m.ask("block_resize", **{"node-name": "d0", "size": 1 << 26}) in ({}, "Image format driver does not support resize"), True,
             "orders of the monitor do not wait")
        t.eq(d.done(60), 60, "what they wait for goes on")
        t.eq(m.ask("object-add", **{"qom-type": "throttle-group", "id": "h", "limits": {"bps-write-max": 5}}),
             "bps_max/iops_max require corresponding bps/iops values", "a bad group")
        t.eq(m.ask("object-add", **{"qom-type": "throttle-group", "id": "h", "limits": {"bps-write": 5}}), {}, "a good one")
        t.eq(m.ask("object-del", id="h"), {}, "goes")
        d.send(READ, 40)
        t.eq(m.close(), 0, "the end does not wait")


def test_orders(t):
    with Vm(*drive(0), "-drive", "if=none,id=cd,media=cdrom", "-device", "ide-cd,drive=cd") as m:
        for want, args in (("Device 'x' not found", {"device": "x"}), ("Device 'x' not found", {"id": "x"}),
                           ("Need exactly one of 'device' and 'id'", {}), ("Need exactly one of 'device' and 'id'", {"device": "d0", "id": "v0"}),
                           ("Device has no medium", {"device": "cd"}),
                           ("burst length set without burst rate", {"device": "d0", "iops": 5, "iops_max_length": 3}),
                           ("iops size requires an iops value to be set", {"device": "d0", "bps": 5, "iops_size": 3}),
                           ({}, {"id": "v0", "iops_wr": 7, "iops_wr_max": 9, "iops_size": 3, "group": "other"})):
            t.eq(m.limit(**args), want, "block_set_io_throttle %s" % args)
        inserted = [o for o in m.ask("query-block") if o["device"] == "d0"][0]["inserted"]
        t.eq([inserted[k] for k in ("iops_wr", "iops_wr_max", "iops_wr_max_length", "iops_size", "group")], [7, 9, 1, 3, "other"], "query-block")
        t.ok("iops_wr=7 bps_max" not in m.qmp.hmp("info block") and "iops_wr=7 iops_max=0" in m.qmp.hmp("info block"), "info block")
        t.ok("cannot be used at the same time" in m.qmp.hmp("block_set_io_throttle d0 1 2 3 4 5 6"), "the monitor's order")
        t.eq(m.qmp.hmp("block_set_io_throttle d0 0 0 0 0 0 0"), "", "none at all")
        t.ok("throttling" not in m.qmp.hmp("info block"), "is none")


harness.run_all(sys.modules[__name__])
