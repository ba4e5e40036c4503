# SPDX-License-Identifier: GPL-2.0-or-later
"""Block jobs while the guest writes: what a backup holds, what a mirror holds, where the device is afterwards. QEMU runs the same."""
import os
import random

from qtestos import eq, params
from qtestos.drivers.block import BlockDevice, pattern
from qtestos.drivers.virtio_blk import VirtioBlk
from qtestos.qmp import QmpError

SLOW = 65536		# bytes a second: the job is in the midst of its work when the guest writes


class Job:
    """A job on the disk's drive, and a model of what the disk holds."""

    def __init__(self, disk):
        self.disk, self.qmp, self.m = disk, disk.m.qmp, disk.m
        self.drive = next(b["device"] for b in self.qmp("query-block") if b["device"].startswith("drive"))
        self.model = bytearray(disk.image())
        self.random = random.Random(disk.name)
        self.count = 20000

    def target(self, name="target"):
        return os.path.join(self.m.folder, name)

    def empty(self, name="target"):
        """A target that is there already, of zeros."""
        with open(self.target(name), "wb") as f:
            f.truncate(len(self.model))
        return {"target": self.target(name), "format": "raw", "mode": "existing"}

    def node(self, name, **more):
        """The same as a node."""
        self.empty()
        self.qmp("blockdev-add", **{"driver": "raw", "node_name": name, "file": {"driver": "file", "filename": self.target()}, **more})

    def write(self, n=30, most=16):
        """So many writes anywhere."""
        for _ in range(n):
            count = self.random.choice((1, 2, 7, most))
            lba = self.random.randrange(self.disk.blocks - count)
            self.count += count
            data = pattern(self.count, count)
            self.disk.write(lba, data)
            self.model[lba * 512:(lba + count) * 512] = data

    def status(self, name):
        """Until a job has come to that state."""
        while self.qmp.wait_event("JOB_STATUS_CHANGE")["data"]["status"] != name:
            pass

    def go(self):
        try:
            self.qmp("block-job-set-speed", device=self.drive, speed=0)
        except QmpError as e:		# the guest's writes were all that a backup had to copy
            eq(e.kind, "DeviceNotActive")

    def ended(self):
        """The data of BLOCK_JOB_COMPLETED, once the job is gone."""
        self.status("null")
        return self.qmp.wait_event("BLOCK_JOB_COMPLETED")["data"]

    def holds(self, path, want, what):
        with open(path, "rb") as f:
            got = f.read()
        if got != bytes(want):
            at = next(i for i, (a, b) in enumerate(zip(got, want)) if a != b) if len(got) == len(want) else -1
            raise AssertionError(f"{what}: {len(got)} bytes, want {len(want)}; first difference at {at}")

    def reads_back(self):
        d = self.disk
        eq(b"".join(d.read(lba, 64) for lba in range(0, d.blocks, 64)), bytes(self.model), "what the guest reads")


def test_mirror(disk: BlockDevice):
    """A mirror has it all, the device goes over to it and leaves the old image alone."""
    j = Job(disk)
    j.qmp("drive-mirror", device=j.drive, target=j.target(), format="raw", sync="full", speed=SLOW, granularity=4096)
    j.write()
    j.go()
    j.status("ready")
    j.write(10)
    j.qmp("block-job-complete", device=j.drive)
    assert "error" not in j.ended()
    disk.flush()
    then = bytes(j.model)
    j.reads_back()
    j.write(10)
    disk.flush()
    j.reads_back()
    j.holds(j.target(), j.model, "the mirror")
    eq(disk.image(), then, "the image that was left")


@params(mode=("background", "write-blocking"))
def test_mirror_cancel(disk: VirtioBlk, mode: str):
    """A ready mirror that is cancelled is a copy; the device stays."""
    j = Job(disk)
    j.qmp("drive-mirror", device=j.drive, target=j.target(), format="qcow2", sync="full", speed=SLOW, copy_mode=mode)
    j.write()
    j.go()
    j.status("ready")
    j.write()
    j.qmp("block-job-cancel", device=j.drive)
    assert "error" not in j.ended()
    then = bytes(j.model)
    j.write(10)
    disk.flush()
    j.holds(disk.node.data["image"], j.model, "the image")
    os.system(f"qemu-img convert -O raw {j.target()} {j.target('raw')}")
    j.holds(j.target("raw"), then, "the mirror")


def test_mirror_force_cancel(disk: VirtioBlk):
    """A job that is cancelled in the midst leaves the guest's disk as it is."""
    j = Job(disk)
    j.qmp("drive-mirror", device=j.drive, target=j.target(), format="raw", sync="full", speed=1)
    j.write()
    j.qmp("block-job-cancel", device=j.drive, force=True)
    j.status("null")
    j.qmp.wait_event("BLOCK_JOB_CANCELLED")
    j.write()
    disk.flush()
    j.reads_back()
    eq(j.qmp("query-block-jobs"), [])


def test_mirror_none(disk: VirtioBlk):
    """sync=none: only what is written from now on."""
    j = Job(disk)
    j.qmp("drive-mirror", device=j.drive, **j.empty(), sync="none", granularity=512)
    j.status("ready")
    want = bytearray(len(j.model))
    for lba in (5, 900, 2047):
        disk.write(lba, pattern(lba + 1, 1))
        j.model[lba * 512:lba * 512 + 512] = want[lba * 512:lba * 512 + 512] = pattern(lba + 1, 1)
    j.qmp("block-job-cancel", device=j.drive)
    assert "error" not in j.ended()
    j.holds(j.target(), want, "the mirror")


def test_backup_none_reads_through(disk: VirtioBlk):
    """And the image that sync=none makes has the disk itself below it."""
    j = Job(disk)
    then = bytes(j.model)
    j.qmp("drive-backup", device=j.drive, target=j.target(), format="qcow2", sync="none")
    j.write(20)
    j.qmp("block-job-cancel", device=j.drive)
    j.status("null")
    disk.flush()
    os.system(f"qemu-img convert -U -O raw {j.target()} {j.target('raw')}")
    j.holds(j.target("raw"), then, "the target")


def change(j):
    """Writes, zeroes, discards."""
    disk = j.disk
    j.write(20)
    for lba, count in ((0, 8), (1500, 200)):
        eq(disk.range_request(13, lba, count, 1), 0)
        j.model[lba * 512:(lba + count) * 512] = bytes(count * 512)
    disk.range_request(11, 640, 128)
    at = 640 * 512
    j.model[at:at + 65536] = disk.read(640, 128)
    j.write(20)


@params(format=("raw", "qcow2"))
def test_backup(disk: BlockDevice, format: str):
    """A backup is the disk as it was when it began."""
    j = Job(disk)
    then = bytes(j.model)
    j.qmp("drive-backup", device=j.drive, target=j.target(), format=format, sync="full", speed=SLOW)
    j.write(40)
    j.go()
    got = j.ended()
    assert "error" not in got, got
    eq((got["type"], got["len"], got["offset"]), ("backup", len(then), len(then)))
    os.system(f"qemu-img convert -f {format} -O raw {j.target()} {j.target('raw')}")
    j.holds(j.target("raw"), then, "the backup")
    disk.flush()
    j.reads_back()
    j.holds(disk.node.data["image"], j.model, "the image")


@params(compress=(False, True))
def test_backup_of_zeroes(disk: VirtioBlk, compress: bool):
    """Zeroes and discards change the disk too."""
    j = Job(disk)
    then = bytes(j.model)
    j.qmp("drive-backup", device=j.drive, target=j.target(), format="qcow2", sync="full", speed=SLOW, compress=compress)
    change(j)
    j.go()
    assert "error" not in j.ended()
    os.system(f"qemu-img convert -O raw {j.target()} {j.target('raw')}")
    j.holds(j.target("raw"), then, "the backup")
    j.reads_back()


def test_backup_none(disk: VirtioBlk):
    """sync=none: what is overwritten is kept, until the job is cancelled."""
    j = Job(disk)
    then = bytes(j.model)
    j.node("t")
    j.qmp("blockdev-backup", device=j.drive, target="t", sync="none")
    disk.write(300, pattern(9, 1))
    disk.write(301, pattern(10, 1))
    j.qmp("block-job-cancel", device=j.drive)
    j.status("null")
    at = 300 * 512 // 65536 * 65536
    j.holds(j.target(), bytes(at) + then[at:at + 65536] + bytes(len(then) - at - 65536), "the target")


def blkdebug(j, name, error, once):
    """A target that cannot be written to, or not at first."""
    j.empty()
    j.qmp("blockdev-add", driver="blkdebug", node_name=name, image={"driver": "file", "filename": j.target()},
          inject_error=[{"event": "none", "iotype": "write", "errno": error, "once": once}])


def test_target_error(disk: VirtioBlk):
    """An error of the target ends the job, not the guest."""
    j = Job(disk)
    blkdebug(j, "t", 5, False)
    j.qmp("blockdev-mirror", device=j.drive, target="t", sync="full")
    assert j.ended()["error"]
    eq(j.qmp.wait_event("BLOCK_JOB_ERROR")["data"], {"device": j.drive, "operation": "write", "action": "report"})
    j.write(5)
    j.reads_back()
    j.qmp("blockdev-del", node_name="t")


def test_target_full(disk: VirtioBlk):
    """A target without room pauses the job, which goes on when it is told to."""
    j = Job(disk)
    blkdebug(j, "t", 28, True)
    j.qmp("blockdev-mirror", device=j.drive, target="t", sync="full", on_target_error="enospc")
    j.status("paused")
    eq(j.qmp.wait_event("BLOCK_JOB_ERROR")["data"], {"device": j.drive, "operation": "write", "action": "stop"})
    j.write(5)
    j.qmp("block-job-resume", device=j.drive)
    j.status("ready")
    j.qmp("block-job-cancel", device=j.drive)
    assert "error" not in j.ended()
    j.holds(j.target(), j.model, "the mirror")




def test_snapshot(disk: BlockDevice):
    """An overlay takes the writes, what was there stays as it was; two of them, and a mirror of it all."""
    j = Job(disk)
    states = []
    for name in ("one", "two"):
        j.write(5)
        disk.flush()
        states.append(bytes(j.model))
        j.qmp("blockdev-snapshot-sync", device=j.drive, snapshot_file=j.target(name))
        j.reads_back()
        j.write(10)
        disk.flush()
    j.reads_back()
    eq(disk.image(), states[0], "the first image")
    os.system(f"qemu-img convert -U -f qcow2 -O raw {j.target('one')} {j.target('raw')}")
    j.holds(j.target("raw"), states[1], "the first overlay")
    os.system(f"qemu-img convert -U -f qcow2 -O raw {j.target('two')} {j.target('raw')}")
    j.holds(j.target("raw"), j.model, "the second")
    j.qmp("drive-mirror", device=j.drive, target=j.target(), format="raw", sync="full", speed=SLOW, granularity=4096)
    j.write(10)
    j.go()
    j.status("ready")
    j.qmp("block-job-complete", device=j.drive)
    assert "error" not in j.ended()
    j.write(5)
    disk.flush()
    j.holds(j.target(), j.model, "the mirror")
    j.reads_back()


def chain(j, *names):
    """The disk under overlays, with writes into each of them."""
    for name in names:
        j.write(8)
        j.qmp("blockdev-snapshot-sync", device=j.drive, snapshot_file=j.target(name))
    j.write(8)


def backing_of(path):
    with os.popen(f"qemu-img info -U {path}") as f:
        return next((line.split(": ", 1)[1].split(" (")[0].strip() for line in f if line.startswith("backing file:")), None)


def converted(j, name, fmt="qcow2"):
    os.system(f"qemu-img convert -U -f {fmt} -O raw {j.target(name)} {j.target('raw')}")
    return j.target("raw")


@params(base=(False, True))
def test_stream(disk: VirtioBlk, base: bool):
    """The overlay takes what is below it, down to a base or all of it."""
    j = Job(disk)
    chain(j, "one", "two")
    then = disk.image()
    more = {"base": disk.node.data["image"]} if base else {}
    j.qmp("block-stream", device=j.drive, speed=SLOW, **more)
    j.write(10)
    j.go()
    got = j.ended()
    eq((got["type"], got.get("error"), got["len"], got["offset"]), ("stream", None, len(j.model), len(j.model)))
    j.write(10)
    disk.flush()
    j.reads_back()
    eq(backing_of(j.target("two")), disk.node.data["image"] if base else None)
    j.holds(converted(j, "two"), j.model, "the overlay")
    eq(disk.image(), then, "the base")


def test_commit_active(disk: BlockDevice):
    """The base takes what is above it, and the device goes over to it."""
    j = Job(disk)
    chain(j, "one", "two")
    j.qmp("block-commit", device=j.drive, speed=SLOW)
    j.write(10)
    j.go()
    j.status("ready")
    j.write(10)
    j.qmp("block-job-complete", device=j.drive)
    got = j.ended()
    eq((got["type"], got.get("error")), ("commit", None))
    j.write(10)
    disk.flush()
    j.reads_back()
    j.holds(disk.node.data["image"], j.model, "the base")


def test_commit_between(disk: VirtioBlk):
    """An overlay in the middle goes into the one below it, or two into the base."""
    j = Job(disk)
    chain(j, "one", "two", "three")
    j.qmp("block-commit", device=j.drive, top=j.target("two"), base=j.target("one"), speed=SLOW)
    j.write(10)
    j.go()
    eq(j.ended().get("error"), None)
    j.reads_back()
    eq(backing_of(j.target("three")), j.target("one"))
    j.qmp("block-commit", device=j.drive, top=j.target("one"))
    eq(j.ended().get("error"), None)
    j.write(10)
    disk.flush()
    j.reads_back()
    eq(backing_of(j.target("three")), disk.node.data["image"])
    j.holds(converted(j, "three"), j.model, "the chain")


def test_chain_cancel(disk: VirtioBlk):
    """What is cancelled leaves the chain as it was."""
    j = Job(disk)
    chain(j, "one", "two")
    for order in ("block-stream", "block-commit"):
        j.qmp(order, device=j.drive, speed=1)
        j.write(3)
        j.qmp("block-job-cancel", device=j.drive, force=True)
        j.status("null")
        j.qmp.wait_event("BLOCK_JOB_CANCELLED")
        j.reads_back()
    disk.flush()
    eq((backing_of(j.target("two")), backing_of(j.target("one"))), (j.target("one"), disk.node.data["image"]))
    j.holds(converted(j, "two"), j.model, "the chain")
    refused(lambda: j.qmp("block-commit", device=j.drive, top=j.target("no")),
            f"Top image file {j.target('no')} not found")
    refused(lambda: j.qmp("block-stream", device=j.drive, base="no"), "Can't find 'no' in the backing chain")


def test_snapshot_node(disk: VirtioBlk):
    """The same with a node that is there already; one that is in use is refused."""
    j = Job(disk)
    then = bytes(j.model)
    os.system(f"qemu-img create -q -f qcow2 {j.target('over')} {len(then)}")
    j.qmp("blockdev-add", driver="qcow2", node_name="over", file={"driver": "file", "filename": j.target("over")}, backing=None)
    node = next(b["inserted"]["node-name"] for b in j.qmp("query-block") if b["device"] == j.drive)
    j.qmp("blockdev-snapshot", node=node, overlay="over")
    j.write(20)
    disk.flush()
    j.reads_back()
    eq(disk.image(), then, "the image below")
    refused(lambda: j.qmp("blockdev-snapshot-sync", device=j.drive, snapshot_file=j.target(), format="raw"),
            "Backing file not supported for file format 'raw'")
    refused(lambda: j.qmp("blockdev-snapshot-sync", node_name="over", snapshot_file=j.target()), "New overlay node-name missing")


def refused(fn, text):
    try:
        fn()
    except QmpError as e:
        eq(e.desc, text)
        return
    raise AssertionError(f"not refused: {text}")


def test_refused(disk: VirtioBlk):
    j = Job(disk)
    start = lambda **more: j.qmp("drive-backup", **{"device": j.drive, "sync": "none", "target": j.target(), "format": "qcow2", **more})
    refused(lambda: start(format="raw"), "Backing file not supported for file format 'raw'")
    refused(lambda: start(device="no"), "Cannot find device='no' nor node-name='no'")
    refused(lambda: j.qmp("block-job-cancel", device="no"), "Block job 'no' not found")
    refused(lambda: j.qmp("job-cancel", id="no"), "Job not found")
    start()
    refused(lambda: start(target=j.target("b")), f"Node '{j.drive}' is busy: block device is in use by block job: backup")
    refused(lambda: j.qmp("block_resize", device=j.drive, size=1 << 20), f"Device '{j.drive}' is in use")
    refused(lambda: j.qmp("block-job-complete", device=j.drive),
            f"Job '{j.drive}' in state 'running' cannot accept command verb 'complete'")
    j.qmp("block-job-cancel", device=j.drive)
    j.status("null")
