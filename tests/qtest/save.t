#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Saved state, device by device: a machine is saved in the middle of its work
and goes on in a second process; from there on both get the same accesses and
must give the same answers. Then streams that are cut, bent or of another machine."""
import os
import random
import subprocess
import sys
import tempfile
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ["srctree"], "tests/qtest"))
sys.path.insert(0, os.path.join(os.environ["srctree"], "scripts"))
from qtestos import QmpError, harness
from virtio import Device

harness.requires_config("CONFIG_VM", "CONFIG_MIGRATION", "CONFIG_EDU", "CONFIG_VIRTIO_BLK", "CONFIG_ISA_SERIAL", "CONFIG_VGA")
DEVICES = ["-no-shutdown", "-chardev", "ringbuf,id=rb,size=4096", "-device", "isa-serial,chardev=rb", "-device", "edu,addr=3",
           "-drive", "driver=null-co,size=1M,if=none,id=d", "-device", "virtio-blk-pci,drive=d,addr=4",
           "-device", "VGA,addr=7", "-device", "pcie-root-port,id=rp,addr=6", "-device", "edu,bus=rp", "-device", "pvpanic"]
RTC = ["-rtc", "base=2026-01-02T03:04:05"]


class Vm(harness.Machine):
    def ask(self, name, **args):
        """What QMP answers, an error too."""
        try:
            return {"return": self.qmp.execute(name, args)}
        except QmpError as e:
            return {"error": {"class": e.kind, "desc": e.desc}}

    def save(self, path):
        got = self.ask("migrate", uri="file:" + path)
        while got.get("return") == {} or got["return"].get("status") == "active":
            got = self.ask("query-migrate")
        assert got["return"]["status"] == "completed", got
        assert self.ask("query-status")["return"]["status"] == "postmigrate"
        self.ask("cont")


def line(r, ports, mmio):
    val = r.choice((0, 1, 2, 0x7f, 0x80, 0xff, 0x1234, 0x10000, 0xffffffff)) if r.random() < 0.5 else r.getrandbits(32)
    if r.random() < 0.1:
        return "clock_step %d" % r.randrange(3 * 10**6)
    if r.random() < 0.5:
        base, n = r.choice(ports)
        port = base + r.randrange(n)
        return r.choice(("out%s 0x%x 0x%x" % (r.choice("bwl"), port, val), "in%s 0x%x" % (r.choice("bwl"), port)))
    base, n = r.choice(mmio)
    addr = base + (r.randrange(n) & r.choice((~3, ~7)))
    return r.choice(("write%s 0x%x 0x%x" % (r.choice("lq"), addr, val), "read%s 0x%x" % (r.choice("lq"), addr)))


def setup(m):
    """BARs of edu (3), virtio-blk (4), the bridge (6) and edu behind it; LPC, ECAM."""
    for slot, regs in ((3, ((0x10, 0xe0000000),)), (4, ((0x14, 0xe0100000), (0x20, 0xe0200000))),
                       (7, ((0x10, 0xe4000000), (0x18, 0xe5000000))), (6, ((0x18, 0x00010100), (0x20, 0xe040e030)))):
        for reg, val in regs:
            m.set_cfg((0, slot, 0), reg, val)
        m.set_cfg((0, slot, 0), 4, 7, 2)
    m.set_cfg((1, 0, 0), 0x10, 0xe0300000)
    m.set_cfg((1, 0, 0), 4, 7, 2)
    m.set_cfg((0, 0x1f, 0), 0x40, 0x601)
    m.set_cfg((0, 0x1f, 0), 0x44, 0x80, 1)
    m.set_cfg((0, 0, 0), 0x60, 0xb0000001)


# Port 0xcf9 and PM1 control would reset or end the machine, the I/O BAR of virtio is left out: its worker has a time of its own.
PARTS = {
    "pic, pit": ([(0x20, 2), (0xa0, 2), (0x40, 4), (0x61, 1), (0x4d0, 2)], [(0xfec00000, 0x20)]),
    "rtc, hpet": ([(0x70, 2), (0x608, 4)], [(0xfed00000, 0x200)]),
    "serial, fw_cfg": ([(0x3f8, 8), (0x510, 2)], [(0xfec00000, 0x20)]),
    "edu, bridge": ([(0xcf8, 1), (0xcfc, 4)], [(0xe0000000, 0x100), (0xe0300000, 0x100), (0xb0018000, 0x100), (0xb0030000, 0x100)]),
    "virtio": ([(0x20, 2)], [(0xe0100000, 0x100), (0xe0200000, 0x40), (0xb0020000, 0x100)]),
    "vga": ([(0x3b4, 2), (0x3ba, 1), (0x3c0, 16), (0x3d4, 2), (0x3da, 1), (0x1ce, 4)],
            [(0xa0000, 0x20000), (0xe4000000, 0x10000), (0xe5000400, 0x20), (0xe5000500, 0x16)]),
    "i8042, lpc": ([(0x60, 1), (0x64, 1), (0x92, 1), (0x600, 3), (0x620, 16)], [(0xb00f8040, 0x60)]),
}


def test_goes_on(t):
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "state")
        for part, (ports, mmio) in PARTS.items():
            for seed in range(2):
                r = random.Random(seed)
                with Vm(*DEVICES, *RTC) as a:
                    setup(a)
                    a.write(0x5000 + seed, b"beyond the devices")
                    for _ in range(300):
                        a.q.raw(line(r, ports, mmio))
                    a.save(path)
                    # Interception tells of changes from 0, so both begin it now.
                    a.command("irq_intercept_in ioapic")
                    with Vm(*DEVICES, *RTC, "-incoming", "file:" + path) as b:
                        b.command("irq_intercept_in ioapic")
                        bad = None
                        for i in range(400):
                            text = line(r, ports, mmio) if i % 10 else "clock_step"
                            one, two = a.q.raw(text), b.q.raw(text)
                            irqs = a.q.take_irqs(), b.q.take_irqs()
                            if one != two or irqs[0] != irqs[1]:
                                bad = "step %d, %s: %s %s, %s %s" % (i, text, one, irqs[0], two, irqs[1])
                                break
                        t.ok(bad is None, "%s, seed %d: the same answers" % (part, seed))
                        if bad:
                            print("# " + bad)
                        t.eq(b.read(0x5000 + seed, 18), b"beyond the devices", "%s, seed %d: memory" % (part, seed))


def test_rings(t):
    """What lies in the rings of a random source and a console is done by the machine that goes on."""
    names = ("virtio-rng-pci,addr=8", "virtio-serial-pci,addr=9", "virtconsole,chardev=c")
    args = [x for n in names for x in ("-device", n)]
    with tempfile.TemporaryDirectory() as d:
        path, out = os.path.join(d, "state"), os.path.join(d, "out")
        for seed, features in enumerate((0, 1 << 28 | 1 << 29)):
            with Vm("-chardev", "file,id=c,path=" + out, *args) as a:
                rng, con = Device(a, (0, 8, 0), base=0x100000), Device(a, (0, 9, 0), base=0x180000, bar=0xe6000000)
                rng.start(features, (0,))
                con.start(features, (0, 1))
                got = rng.run(0, [(0x200000, 64, True)])
                a.write(0x210000, b"before, after")
                con.run(1, [(0x210000, 8, False)])
                rng.add(0, [(0x201000, 32, True), (0x202000, 32, True)])
                con.add(1, [(0x210008, 5, False)])
                a.save(path)
                first = a.read(0x200000, 64)
            with Vm("-chardev", "file,id=c,path=" + out + "2", *args, "-incoming", "file:" + path) as b:
                b.ask("cont")
                rng.m = con.m = b
                t.eq((got, b.read(0x200000, 64)), (64, first), "ring %d: random bytes of before" % seed)
                rng.kick(0), con.kick(1)
                t.ok(rng.used(0)[1] == 64 and b.read(0x201000, 32) != bytes(32) and con.used(1) is not None, "ring %d: what lay there is done" % seed)
                t.eq(rng.run(0, [(0x203000, 16, True)]), 16, "ring %d: and the next" % seed)
            with open(out, "rb") as f, open(out + "2", "rb") as g:
                t.eq((f.read()[:8], g.read()), (b"before, ", b"after"), "ring %d: each half by its machine" % seed)
                os.unlink(out), os.unlink(out + "2")


def test_timers(t):
    """Deadlines that lie ahead are kept to the nanosecond."""
    with tempfile.TemporaryDirectory() as d, Vm(*DEVICES, *RTC) as a:
        path = os.path.join(d, "state")
        for port, v in ((0x43, 0x34), (0x40, 0x00), (0x40, 0x80), (0x70, 0x0a), (0x71, 0x26), (0x70, 0x0b), (0x71, 0x42)):
            a.outb(port, v)
        a.clock_step(12345678)
        a.save(path)
        a.command("irq_intercept_in ioapic")
        with Vm(*DEVICES, *RTC, "-incoming", "file:" + path) as b:
            b.command("irq_intercept_in ioapic")
            for i in range(40):
                one, two = a.clock_step(), b.clock_step()
                if one != two or a.q.take_irqs() != b.q.take_irqs():
                    break
                for m in (a, b):	# acknowledge the RTC
                    m.outb(0x70, 0x0c)
                    m.inb(0x71)
                    m.q.take_irqs()
            t.ok(one == two and i == 39, "PIT and RTC fire at the same moments")
            t.eq(a.inb(0x40), b.inb(0x40), "PIT's count")


def incoming(path, *args):
    r = subprocess.run([harness.VMBOX, "vm", "-accel", "qtest", "-nodefaults", "-display", "none", "-S", "-m", "64",
                        "-monitor", "null", *args, "-incoming", path], capture_output=True, timeout=60, input=b"")
    return r.returncode, r.stderr.decode().strip()


def test_refused(t):
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "state")
        with Vm("-device", "edu,addr=3") as a:
            a.write(0x1000, bytes(range(256)) * 40)
            a.save(path)
        with open(path, "rb") as f:
            good = f.read()

        def refused(name, data, want, *args):
            p = os.path.join(d, "bad")
            with open(p, "wb") as f:
                f.write(data)
            code, err = incoming("file:" + p, *(args or ("-device", "edu,addr=3")))
            t.ok(code == 1 and want in err and len(err.splitlines()) == 1, "refused: " + name)
            if code != 1 or want not in err:
                print("# %d %s" % (code, err))

        refused("an empty file", b"", "ends too early")
        refused("another file", b"\x7fELF" * 100, "no saved state")
        refused("another format", good[:8] + b"\2" + good[9:], "format 2")
        for cut in (20, 300, len(good) // 2, len(good) - 21, len(good) - 1):
            refused("cut at %d of %d" % (cut, len(good)), good[:cut], "ends too early")
        r = random.Random(1)
        for _ in range(8):
            at = r.randrange(16, len(good))
            bent = bytearray(good)
            bent[at] ^= 1 << r.randrange(8)
            refused("a bit of byte %d" % at, bytes(bent), "")
        refused("more memory", good, "memory", "-m", "128", "-device", "edu,addr=3")
        refused("a device less", good, "'pcie.0/03.0/edu', which is not here", "-nodefaults")
        refused("a device more", good, "this machine has 'pcie.0/04.0/edu'", "-device", "edu,addr=3", "-device", "edu,addr=4")
        refused("another place", good, "pcie.0/03.0/edu", "-device", "edu,addr=5")
        t.ok("cannot open" in incoming("file:/nonexistent")[1], "a missing file")
        t.ok("status 3" in incoming("exec:exit 3")[1] or "too early" in incoming("exec:exit 3")[1], "a failing command")
        t.ok("unknown migration protocol" in incoming("ftp:x")[1], "an unknown protocol")


def test_commands(t):
    with tempfile.TemporaryDirectory() as d, Vm("-device", "edu,addr=3") as a:
        path = os.path.join(d, "s.gz")
        t.eq(a.ask("query-migrate"), {"return": {}}, "query-migrate before")
        t.ok("cannot open" in a.ask("migrate", uri="file:/nonexistent/x")["error"]["desc"], "no such folder")
        t.eq(a.ask("query-status")["return"]["status"], "running", "goes on after that")
        a.write(0x1000, b"through a command")
        t.eq(a.ask("migrate", uri="exec:exit 5"), {"return": {}}, "a command that fails")
        while a.ask("query-migrate")["return"]["status"] == "active":
            pass
        got = a.ask("query-migrate")["return"]
        t.ok(got["status"] == "failed" and got["error-desc"], "is told")
        t.eq(a.ask("query-status")["return"]["status"], "running", "and the machine goes on")
        hmp = lambda text: a.ask("human-monitor-command", **{"command-line": text})["return"]
        t.eq(hmp("migrate exec:gzip>%s" % path), "", "HMP waits until it is done")
        t.ok("completed" in hmp("info migrate"), "info migrate")
        with Vm("-device", "edu,addr=3", "-incoming", "defer") as b:
            t.eq(b.ask("query-status")["return"]["status"], "inmigrate", "inmigrate")
            t.eq(b.ask("migrate-incoming", uri="exec:gzip -dc " + path), {"return": {}}, "migrate-incoming")
            t.eq(b.ask("query-status")["return"]["status"], "running", "runs")
            t.eq(b.read(0x1000, 17), b"through a command", "through gzip")
            t.ok("error" in b.ask("migrate-incoming", uri="exec:true"), "not twice")
        sock = os.path.join(d, "sock")
        with Vm("-device", "edu,addr=3", "-incoming", "unix:" + sock) as b:
            a.ask("cont")
            t.eq(a.ask("migrate", uri="unix:" + sock), {"return": {}}, "over a socket")
            for _ in range(1000):
                if b.ask("query-status")["return"]["status"] == "running":
                    break
            t.eq(b.read(0x1000, 17), b"through a command", "arrives")


harness.run_all(sys.modules[__name__])
