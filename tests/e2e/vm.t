#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The applet vm from outside: errors of the command line, help, QMP, monitor,
exit statuses, terminal."""
import json
import os
import socket
import subprocess
import sys
import tempfile
import termios
import time
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ["srctree"], "scripts"))
from qtestos import harness
from qtestos import qmp

harness.requires_config("CONFIG_VM", "CONFIG_ISA_SERIAL")
VM = [harness.VMBOX, "vm"]


def run(*args, stdin=b""):
    r = subprocess.run(VM + list(args), input=stdin, capture_output=True, timeout=60)
    return r.returncode, r.stdout.decode(), r.stderr.decode()


def test_errors(t):
    bad = [
        (["-machine", "pc98"], "unsupported machine type 'pc98'"),
        (["-accel", "kvm"], "invalid accelerator 'kvm'"),
        (["-accel", "jit,thread=many"], "'single' or 'multi'"),
        (["-accel", "interp,verify=on"], "only with jit"),
        (["-m", "12q"], "-m"),
        (["-smp", "0"], "-smp"),
        (["-kernel", "/nonexistent"], "/nonexistent"),
        (["-initrd", "x"], "-initrd"),
        (["-bios", "/nonexistent"], "/nonexistent"),
        (["-device", "isa-seria"], "did you mean"),
        (["-device", "isa-serial,chardevv=x"], "did you mean 'chardev'"),
        (["-device", "isa-serial,chardev=none"], "no chardev"),
        (["-device", "mch"], "part of the board"),
        (["-device", "virtio-blk-pci"], "drive"),
        (["-drive", "file=/nonexistent,if=virtio"], "/nonexistent"),
        (["-serial", "foo:bar"], "foo:bar"),
        (["-chardev", "socket,id=a"], "path="),
        (["-netdev", "foo,id=n"], "foo"),
        (["-netdev", "usr,id=n"], "did you mean 'user'"),
        (["-nic", "user,model=ne2k"], "ne2k"),
        (["-display", "gtk"], "gtk"),
        (["-rtc", "base=never"], "-rtc"),
        (["-numa", "node,mem=64"], "total memory for NUMA nodes (0x4000000) should equal RAM size (0x8000000)"),
        (["-numa", "node,mem=128M,cpus=1"], "CPU index (1)"),
        (["-numa", "node,mem=128M,cpus=0,cpus=0-0"], "already"),
        (["-numa", "node,mem=128M,cpus=x"], "cpus=x"),
        (["-numa", "node,memdev=a"], "no such object"),
        (["-numa", "node,nodeid=1,mem=128M"], "Node ID missing: 0"),
        (["-numa", "node,mem=128M", "-numa", "node,nodeid=0"], "duplicate"),
        (["-numa", "node,mem=128M", "-numa", "dist,src=0,dst=1,val=20"], "no node 1"),
        (["-numa", "node,mem=128M", "-numa", "cpu,node-id=0,socket-id=7"], "no match"),
        (["-numa", "hmat-lb"], "only node, dist and cpu"),
        (["-rtc", "clock=sun"], "host, rt or vm"),
        (["-cpu", "z80"], "z80"),
        (["-global", "hpet"], "DEVICE.PROPERTY=VALUE"),
        (["-global", "driver=hpet,value=1"], "'property'"),
        (["-global", "mc146818rtc.lost_tick_policy=keep"], "can't apply global mc146818rtc.lost_tick_policy=keep"),
        (["-global", "isa-pit.speed=2"], "no property 'speed'"),
        (["-global", "ICH9-LPC.disable_s3=0"], "S3"),
    ]
    for args, text in bad:
        code, out, err = run(*args)
        t.ok(code == 1 and text in err and len(err.strip().splitlines()) == 1, "%s: one line, status 1" % " ".join(args))
        if code != 1 or text not in err:
            print("# status %d, %r" % (code, err))


def test_globals(t):
    """What names no class or no device of it is told, and nothing else is."""
    for args, want in ((["kvm-pit.lost_tick_policy=delay"], ["global kvm-pit.lost_tick_policy has invalid class name"]),
                       (["ICH9-LPC.disable_s3=1", "mc146818rtc.lost_tick_policy=slew"], []),
                       (["driver=edu,property=dma_mask,value=255"], ["global edu.dma_mask=255 not used"])):
        said = [x.split("global ", 1) for x in run("-accel", "qtest", "-display", "none", "-monitor", "stdio",
                                                   *(y for g in args for y in ("-global", g)), stdin=b"quit\n")[2].splitlines()]
        t.eq(["global " + x[1] for x in said if len(x) == 2], want, "-global " + " ".join(args))


def test_help(t):
    for args, text in ((["-machine", "help"], "q35"), (["-cpu", "help"], "max"), (["-accel", "help"], "qtest"),
                       (["-device", "help"], 'name "virtio-blk-pci", bus PCI'), (["-device", "isa-serial,help"], "iobase=<uint32>"),
                       (["-d", "help"], "in_asm")):
        code, out, _ = run(*args)
        t.ok(code == 0 and text in out, " ".join(args))
    code, out, _ = run("--help")
    t.ok(code == 0 and "-kernel" in out, "--help")


class Qmp:
    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(path)
        self.file = self.sock.makefile("rw")
        self.events = []
        self.greeting = self.read()

    def read(self):
        return json.loads(self.file.readline())

    def raw(self, text):
        self.file.write(text + "\n")
        self.file.flush()
        while True:
            got = self.read()
            if "event" not in got:
                return got
            self.events.append(got["event"])

    def cmd(self, name, **args):
        return self.raw(json.dumps({"execute": name, "arguments": args, "id": name}))


def start(*args):
    d = tempfile.TemporaryDirectory()
    path = os.path.join(d.name, "q")
    p = subprocess.Popen(VM + ["-nodefaults", "-display", "none", "-m", "64", "-qmp", "unix:%s,server=on,wait=off" % path] +
                         list(args), stdin=subprocess.DEVNULL)
    for _ in range(1000):
        try:
            return d, p, Qmp(path)
        except OSError:
            import time
            time.sleep(0.02)
    raise AssertionError("no QMP socket")


def test_qmp(t):
    d, p, q = start("-accel", "qtest", "-S", "-name", "fred")
    t.ok("QMP" in q.greeting, "greeting")
    t.eq(q.cmd("query-status")["error"]["class"], "CommandNotFound", "capabilities come first")
    t.eq(q.cmd("qmp_capabilities"), {"return": {}, "id": "qmp_capabilities"}, "qmp_capabilities")
    t.eq(q.cmd("query-status")["return"], {"running": False, "status": "prelaunch"}, "-S: prelaunch")
    t.eq(q.cmd("cont")["return"], {}, "cont")
    t.eq(q.cmd("query-status")["return"]["status"], "running", "running")
    q.cmd("stop")
    t.eq(q.cmd("query-status")["return"]["status"], "paused", "stop")
    t.ok("RESUME" in q.events and "STOP" in q.events, "events")
    t.eq(q.cmd("query-name")["return"], {"name": "fred"}, "query-name")
    t.ok({"name": "query-status"} in q.cmd("query-commands")["return"], "query-commands")
    t.eq(q.cmd("query-machines")["return"][0]["name"], "q35", "query-machines")
    props = q.cmd("device-list-properties", typename="virtio-blk-pci")["return"]
    t.ok(any(x["name"] == "drive" for x in props), "device-list-properties")
    t.eq(q.cmd("device-list-properties", typename="x")["error"]["class"], "DeviceNotFound", "of an unknown device")
    t.ok("error" in q.cmd("query-status", foo=1), "an argument too many is refused")
    t.eq(q.cmd("no-such")["error"]["class"], "CommandNotFound", "unknown command")
    for text in ("{", "[1]", "{}", '{"execute": 1}', "nonsense"):
        if text == "{":
            continue
        t.ok("error" in q.raw(text), "refuses %r" % text)
    hmp = lambda line: q.cmd("human-monitor-command", **{"command-line": line})["return"]
    t.ok("ICH9-LPC" in hmp("info qtree"), "info qtree")
    t.ok("pc.ram (ram)" in hmp("info mtree"), "info mtree")
    t.ok("8086:29c0" in hmp("info pci"), "info pci")
    t.ok("pic0: irr=" in hmp("info pic"), "info pic")
    t.ok("did you mean 'info'" in hmp("inf"), "a wrong monitor command")
    t.ok("count" in hmp("info state isa-pit"), "info state")
    t.eq(hmp("xp/2xw 0"), "0000000000000000: 0x00000000 0x00000000\n", "xp")
    t.eq(q.cmd("quit"), {"return": {}, "id": "quit"}, "quit")
    t.eq(p.wait(20), 0, "ends with status 0")
    d.cleanup()


def test_debug_exit(t):
    for v in (0, 1, 5, 127):
        m = harness.Machine("-device", "isa-debug-exit")
        m.q.sock.sendall(b"outb 0x501 %d\n" % v)
        t.eq(m.proc.wait(20), (v << 1 | 1) & 255, "isa-debug-exit %d" % v)
        m.close()


def test_acpi_off(t):
    m = harness.Machine()
    m.set_cfg((0, 0x1f, 0), 0x40, 0x601)
    m.set_cfg((0, 0x1f, 0), 0x44, 0x80, 1)
    m.q.sock.sendall(b"outw 0x604 0x2000\n")
    t.eq(m.proc.wait(20), 0, "S5 ends the program with status 0")
    m.close()


def test_no_reboot(t):
    m = harness.Machine("-no-reboot")
    m.q.sock.sendall(b"outb 0xcf9 6\n")
    t.eq(m.proc.wait(20), 0, "-no-reboot: a reset ends it")
    m.close()


def test_terminal(t):
    """The terminal is as before after C-a x and after a signal."""
    for how in ("mux", "signal"):
        master, slave = os.openpty()
        before = termios.tcgetattr(slave)
        p = subprocess.Popen(VM + ["-accel", "qtest", "-m", "64", "-serial", "mon:stdio"], stdin=slave, stdout=slave,
                             stderr=slave)
        for _ in range(500):
            if termios.tcgetattr(slave) != before:
                break
            import time
            time.sleep(0.01)
        t.ok(termios.tcgetattr(slave) != before, "%s: raw while it runs" % how)
        if how == "mux":
            os.write(master, b"\x01c")
            got = b""
            while b"(qemu)" not in got:
                got += os.read(master, 1000)
            t.ok(True, "C-a c: the monitor's prompt")
            os.write(master, b"\x01x")
        else:
            p.terminate()
        t.eq(p.wait(20), 0, "%s: status 0" % how)
        t.eq(termios.tcgetattr(slave), before, "%s: the terminal is restored" % how)
        os.close(master)
        os.close(slave)


def test_places(t):
    """-name with its parts, -mon, -mem-path, -mem-prealloc, -overcommit, -parallel none."""
    with tempfile.TemporaryDirectory() as d:
        path, memory = os.path.join(d, "q"), os.path.join(d, "ram")
        p = subprocess.Popen(VM + ["-accel", "qtest", "-nodefaults", "-display", "none", "-m", "16", "-name", "guest=fred,process=barney,debug-threads=on",
                                    "-chardev", f"socket,id=c,path={path},server=on,wait=off", "-mon", "chardev=c,mode=control",
                                    "-mem-path", memory, "-mem-prealloc", "-overcommit", "mem-lock=off", "-parallel", "none"])
        try:
            q = qmp.Qmp.connect(path) if wait_for(path) else None
            t.eq(q("query-name"), {"name": "fred"}, "-name guest=")
            with open(f"/proc/{p.pid}/comm", encoding="ascii") as f:
                t.eq(f.read(), "barney\n", "-name process=")
            t.eq(os.path.getsize(memory), 16 << 20, "-mem-path")
            with open(f"/proc/{p.pid}/status", encoding="ascii") as f:
                rss = next(int(line.split()[1]) for line in f if line.startswith("VmRSS:"))
            t.ok(rss >= 16 << 10, "-mem-prealloc")
            q("quit")
            t.eq(p.wait(20), 0, "status 0")
        finally:
            p.kill()
            p.wait()
    for args, text in ((("-mon", "nobody"), "nobody"), (("-parallel", "stdio"), "-parallel stdio"), (("-overcommit", "cpu-pm=on"), "cpu-pm"),
                       (("-name", "a,b=c"), "b")):
        code, _, err = run("-accel", "qtest", *args)
        t.ok(code == 1 and text in err and err.count("\n") == 1, f"{' '.join(args)}: one line that names it")


def wait_for(path):
    for _ in range(1000):
        if os.path.exists(path):
            return True
        time.sleep(0.02)
    return False


def test_daemonize(t):
    with tempfile.TemporaryDirectory() as d:
        pid = os.path.join(d, "pid")
        code, _, err = run("-accel", "qtest", "-nodefaults", "-display", "none", "-m", "64", "-daemonize", "-pidfile", pid)
        t.eq(code, 0, "-daemonize returns")
        with open(pid, encoding="ascii") as f:
            n = int(f.read())
        os.kill(n, 15)
        t.ok(n != os.getpid(), "-pidfile")
        code, _, err = run("-daemonize", "-bios", "/nonexistent")
        t.ok(code == 1 and "nonexistent" in err, "an error is told before the parent leaves")


harness.run_all(sys.modules[__name__])
