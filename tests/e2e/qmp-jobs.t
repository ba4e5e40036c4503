#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Block jobs and orders that do not fit: in each state, in any order, on nodes
that others have; whoever gives them, the machine lives and the images stay whole."""
import os
import random
import shutil
import subprocess
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ["srctree"], "scripts"))
from qtestos import QmpError, harness

harness.requires_config("CONFIG_VM", "CONFIG_VIRTIO_BLK", "CONFIG_BLOCK_QCOW2", "CONFIG_BLOCK_THROTTLE")
SIZE = 1 << 20
PORTS = ("-device", "pcie-root-port,id=rp0,slot=1", "-device", "pcie-root-port,id=rp1,slot=2")


class Vm(harness.Machine):
    def ask(self, name, /, **args):
        try:
            return self.qmp.execute(name, {k.replace("_", "-"): v for k, v in args.items()})
        except QmpError as e:
            return e.desc

    def add(self, name, **more):
        return self.ask("blockdev-add", node_name=name, **{"driver": "raw", "file": {"driver": "file", "filename": name + ".img"}, **more})

    def status(self, job):
        return next((j["status"] for j in self.ask("query-jobs") if j["id"] == job), None)

    def until(self, name):
        return self.qmp.wait_event(name)["data"]


def img(*args):
    return subprocess.run([harness.VMBOX, "qemu-img", *args], capture_output=True, text=True)


def images(*names):
    for n in names:
        with open(n + ".img", "wb") as f:
            f.write(random.Random(n).randbytes(SIZE))


def test_pause(t):
    images("a", "b")
    with Vm() as m:
        m.add("a"), m.add("b")
        for i in range(12):
            m.qmp.events.clear()
            t.eq(m.ask("blockdev-mirror", job_id="j", device="a", target="b", sync="full", **({"speed": SIZE // 2} if i % 3 == 0 else {})), {}, "a mirror")
            m.ask("job-pause", id="j")
            m.ask("block-job-set-speed", device="j", speed=0)
            if m.status("j") in ("paused", "standby"):
                m.ask("job-resume", id="j")
            m.until("BLOCK_JOB_READY")
            t.eq(m.ask("block-job-cancel", device="j"), {}, "that was paused becomes ready, and ends")
            m.until("BLOCK_JOB_COMPLETED")


def test_users(t):
    images("a", "b")
    with Vm(*PORTS) as m:
        m.add("a"), m.add("b")
        mirror = {"device": "a", "target": "b", "sync": "full"}
        t.eq(m.ask("blockdev-mirror", job_id="1x", **mirror), "Invalid job ID '1x'", "names of jobs are identifiers")
        t.eq(m.ask("blockdev-mirror", job_id="j", speed=1, **mirror), {}, "a slow mirror")
        t.ok("as 'target'" in m.ask("device_add", driver="virtio-blk-pci", drive="b", id="v", bus="rp0"), "no device gets its target")
        t.ok("busy" in m.ask("blockdev-mirror", job_id="k", **mirror), "no other job")
        for n in "ab":
            t.ok("busy" in m.ask("blockdev-del", node_name=n), "nor does %s go" % n)
        t.eq(m.ask("job-cancel", id="j"), {}, "until it is cancelled")
        m.until("BLOCK_JOB_CANCELLED")
        t.eq(m.ask("device_add", driver="virtio-blk-pci", drive="b", id="v", bus="rp0"), {}, "then it may")
        t.ok("backend of a device" in m.ask("blockdev-mirror", job_id="j", **mirror), "and no mirror")
        t.eq(m.close(), 0, "the end")


def test_shared_chain(t):
    images("base")
    for n in ("mid", "x", "y"):
        img("create", "-q", "-f", "qcow2", "-F", "qcow2" if n in "xy" else "raw", "-b", {"mid": "base.img"}.get(n, "mid.qcow2"), n + ".qcow2")
    with Vm() as m:
        t.eq(m.add("base"), {}, "a base")
        t.eq(m.ask("blockdev-add", node_name="mid", driver="qcow2", backing="base", file={"driver": "file", "filename": "mid.qcow2"}), {}, "what is between")
        for n in "xy":
            t.eq(m.ask("blockdev-add", node_name=n, driver="qcow2", backing="mid", file={"driver": "file", "filename": n + ".qcow2"}), {}, "two on top")
        t.ok("used by others" in str(m.ask("block-commit", job_id="j", device="x", base_node="base")), "a commit below the other's feet")
        m.ask("blockdev-del", node_name="y")
        t.eq(m.ask("block-commit", job_id="j", device="x", base_node="base"), {}, "alone it may")
        m.until("BLOCK_JOB_READY")
        m.ask("block-job-complete", device="j")
        m.until("BLOCK_JOB_COMPLETED")


def test_limits(t):
    """A job's I/O that a limit holds back does not hold the end back."""
    images("a", "b")
    with Vm("-object", "throttle-group,id=g,limits.bps-total=1") as m:
        t.eq(m.add("a"), {}, "a source")
        t.eq(m.ask("blockdev-add", node_name="b", driver="throttle", throttle_group="g", file={"driver": "file", "filename": "b.img"}), {}, "a slow target")
        t.eq(m.ask("blockdev-mirror", job_id="j", device="a", target="b", sync="full"), {}, "a mirror")
        t.eq(m.close(), 0, "the end")


def test_internal_snapshots(t):
    """Of one disk, by the same orders as QEMU's; where that is there, with the same answers."""
    qemu = shutil.which("qemu-system-x86_64")
    said = []
    for binary in (None, qemu) if qemu else (None,):
        img("create", "-q", "-f", "qcow2", "s.qcow2", "1M")
        images("a")
        got = []
        with Vm("-drive", "if=none,id=d,file=s.qcow2", "-drive", "if=none,id=r,file=a.img,format=raw", "-drive",
                "if=none,id=ro,file=a.img,format=raw,readonly=on,file.locking=off", binary=binary) as m:
            for n, args in enumerate(({"device": "d", "name": "one"}, {"device": "d", "name": "one"}, {"device": "d", "name": "two"}, {"device": "d", "name": ""},
                                      {"device": "r", "name": "x"}, {"device": "ro", "name": "x"}, {"device": "none", "name": "x"}, {"device": "d"})):
                got.append(m.ask("blockdev-snapshot-internal-sync", **args))
            listed = img("snapshot", "-U", "-l", "s.qcow2").stdout
            got.append([line.split()[:2] for line in listed.splitlines()[2:]])
            for args in ({"device": "d"}, {"device": "d", "id": "1", "name": "two"}, {"device": "d", "name": "three"}, {"device": "d", "id": "2", "name": "two"},
                         {"device": "d", "name": "one"}, {"device": "d", "name": "one"}):
                answer = m.ask("blockdev-snapshot-delete-internal-sync", **args)
                got.append({k: v for k, v in answer.items() if not k.startswith(("date", "vm-clock"))} if isinstance(answer, dict) else answer)
            t.eq(m.close(), 0, "the end")
        t.eq(img("check", "-q", "s.qcow2").returncode, 0, "the image is whole")
        said.append(got)
    t.eq(said[0][8], [["1", "one"], ["2", "two"]], "two snapshots")
    t.eq(said[0], said[-1], "what QEMU says")


ORDERS = ("job-cancel", "job-pause", "job-resume", "job-complete", "job-finalize", "job-dismiss")
BLOCK_ORDERS = ("block-job-cancel", "block-job-pause", "block-job-resume", "block-job-complete", "block-job-set-speed")


def start(m, r):
    common = {"job_id": "j%d" % r.randrange(3), "auto_finalize": r.random() < .6, "auto_dismiss": r.random() < .6,
              "speed": r.choice((0, 0, 0, 1, SIZE))}
    kind = r.randrange(6)
    if kind < 3:
        return m.ask(("blockdev-mirror", "blockdev-backup", "blockdev-mirror")[kind], device=r.choice("tabu"), target=r.choice("ab"),
                     sync=r.choice(("full", "top", "none")), **common)
    if kind == 3:
        return m.ask("block-stream", device=r.choice("tu"), **common)
    if kind == 4:
        return m.ask("block-commit", device=r.choice("tu"), **common)
    return m.ask("blockdev-snapshot", node=r.choice("tu"), overlay=r.choice(("o", "p")))


def order(m, r):
    what = r.randrange(10)
    job = "j%d" % r.randrange(3)
    if what < 3:
        start(m, r)
    elif what < 6:
        m.ask(r.choice(ORDERS), id=job)
    elif what < 8:
        name = r.choice(BLOCK_ORDERS)
        m.ask(name, device=job, **({"speed": r.choice((0, 1, SIZE))} if name.endswith("speed") else {}), **({"force": True} if name.endswith("l") and r.random() < .5 else {}))
    elif what == 8:
        n = r.choice("tabuop")
        if r.random() < .5:
            m.ask("blockdev-del", node_name=n)
        elif n in "ab":
            m.add(n)
        else:
            m.ask("blockdev-add", node_name=n, driver="qcow2", file={"driver": "file", "filename": n + ".qcow2"}, **({"backing": None} if n in "op" else {}))
    elif r.random() < .5:
        m.ask("device_add", driver="virtio-blk-pci", bus="rp%d" % r.randrange(2), drive=r.choice("tabuop"), id="v%d" % r.randrange(2))
    else:
        m.ask("block_resize", node_name=r.choice("tabu"), size=r.choice((SIZE, 2 * SIZE)))
    m.ask("query-block-jobs"), m.ask("query-jobs")


def test_any_order(t):
    for seed in range(int(os.environ.get("VMBOX_JOB_SEEDS", "6"))):
        r = random.Random(seed)
        images("a", "b", "base")
        for n in "tu":
            img("create", "-q", "-f", "qcow2", "-F", "raw", "-b", "base.img", n + ".qcow2")
        for n in "op":
            img("create", "-q", "-f", "qcow2", n + ".qcow2", str(SIZE))
        with Vm(*PORTS) as m:
            for n in "ab":
                m.add(n)
            for n in "tu":
                m.ask("blockdev-add", node_name=n, driver="qcow2", file={"driver": "file", "filename": n + ".qcow2"})
            for _ in range(250):
                order(m, r)
                m.qmp.events.clear()
            t.eq(m.close(), 0, "%d: it ends well" % seed)
        for n in "tuop":
            got = img("check", "-q", n + ".qcow2")
            t.eq(got.returncode, 0, "%d: %s.qcow2 is whole: %s" % (seed, n, got.stderr + got.stdout))


harness.run_all(sys.modules[__name__])
