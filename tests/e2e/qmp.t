#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""QMP and monitor against Debian's QEMU: replies of the same shape, errors of
the same class and text; the schema describes all commands; the monitor's line editor."""
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ["srctree"], "scripts"))
from qtestos import harness

harness.requires_config("CONFIG_VM", "CONFIG_EDU", "CONFIG_VIRTIO_BLK")
ARGS = ["-nodefaults", "-display", "none", "-M", "q35", "-m", "64", "-S", "-name", "fred", "-smp", "2",
        "-uuid", "12345678-1234-1234-1234-123456789abc", "-object", "iothread,id=io0", "-device", "pcie-root-port,id=rp",
        "-device", "edu,id=e0,addr=3", "-blockdev", "driver=null-co,node-name=n0,size=1048576", "-chardev", "ringbuf,id=rb"]


class Vm:
    def __init__(self, cmd, *args):
        self.dir = tempfile.TemporaryDirectory()
        path = os.path.join(self.dir.name, "q")
        self.mon = os.path.join(self.dir.name, "m")
        self.proc = subprocess.Popen(cmd + ARGS + list(args) + ["-qmp", "unix:%s,server=on,wait=off" % path,
                                     "-monitor", "unix:%s,server=on,wait=off" % self.mon], stdin=subprocess.DEVNULL)
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        for _ in range(1000):
            try:
                self.sock.connect(path)
                break
            except OSError:
                time.sleep(0.02)
        self.file = self.sock.makefile("r")
        self.greeting = json.loads(self.file.readline())
        self.events = []

    def raw(self, text):
        self.sock.sendall(text.encode() + b"\n")	# a file for both ways would drop what it has read ahead
        while True:
            got = json.loads(self.file.readline())
            if "event" not in got:
                return got
            self.events.append(got)

    def cmd(self, name, /, **args):
        return self.raw(json.dumps({"execute": name, "arguments": args} if args else {"execute": name}))

    def end(self):
        self.cmd("quit")
        return self.proc.wait(20)


def merge(a, b):
    """Members of either."""
    if isinstance(a, dict) and isinstance(b, dict):
        return {k: merge(a.get(k, b.get(k)), b.get(k, a.get(k))) for k in {**a, **b}}
    if isinstance(a, list) and isinstance(b, list):
        return [merge(a[0], b[0])] if a and b else a or b
    return a


def shape(v):
    """Types instead of values; a list by what its elements have together."""
    if isinstance(v, dict):
        return {k: shape(x) for k, x in v.items()}
    if isinstance(v, list):
        out = []
        for x in v:
            out = merge(out, [shape(x)])
        return out
    return type(v).__name__


def differences(ours, theirs, path=""):
    """Members that both have with other types, and ours that they do not know."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for k in ours:
            if k not in theirs:
                yield path + "." + k + " is not in QEMU's"
            else:
                yield from differences(ours[k], theirs[k], path + "." + k)
    elif isinstance(ours, list) and isinstance(theirs, list):
        if ours and theirs:
            yield from differences(ours[0], theirs[0], path + "[]")
    elif ours != theirs:
        yield "%s: %s, QEMU has %s" % (path, ours, theirs)


# What 10.0 has and Debian's 7.2 has not yet.
NEWER = (".opts_type is", ".subordinate", ".target", ".dirty-flag is")	# and a raw image on null-co has no flag there
SAME_SHAPE = ["query-status", "query-version", "query-name", "query-uuid", "query-kvm", "query-cpus-fast", "query-machines",
              "query-cpu-definitions", "query-target", "query-chardev", "query-memory-size-summary", "query-iothreads", "query-pci",
              "query-named-block-nodes", "query-block", "query-blockstats", "query-jobs", "query-memdev", "query-migrate-capabilities", "query-block-jobs", "query-commands", "query-migrate", "stop", "system_powerdown",
              "query-qmp-schema", "query-hotpluggable-cpus", "query-memory-devices", "query-mice", "query-current-machine",
              "query-display-options", "query-chardev-backends"]
SAME_ERROR = [
    '{"execute": "no-such-command"}', '{"execute": "query-status", "arguments": {"foo": 1}}', '{"execute": "device_del"}',
    '{"execute": "device_del", "arguments": {"id": 5}}', '{"execute": "device_del", "arguments": {"id": "nobody"}}',
    '{"execute": "device_del", "arguments": {"id": "nobody", "x": 1}}',
    '{"execute": "human-monitor-command"}', '{"execute": "pmemsave", "arguments": {"val": "x", "size": 1, "filename": "f"}}',
    '{"execute": "device-list-properties", "arguments": {"typename": "nobody"}}', '{"arguments": {}}', '[]', '{"execute": 1}',
    '{"execute": "query-status", "foo": 1}', '{"execute": "qom-list", "arguments": {"path": "/nobody"}}',
    '{"execute": "blockdev-del", "arguments": {"node-name": "nobody"}}', '{"execute": "migrate-incoming", "arguments": {"uri": "x"}}',
    '{"execute": "device_add", "arguments": {"driver": "edu", "id": "e0"}}',
    '{"execute": "device_add", "arguments": {"driver": "edu", "bus": "nobody"}}', '{"execute": "device_add"}',
    '{"execute": "device_add", "arguments": {"driver": "edu", "bus": "pcie.0", "id": "e1"}}',
    '{"execute": "object-add", "arguments": {"qom-type": "iothread", "id": "io0"}}', '{"execute": "object-del", "arguments": {"id": "nobody"}}',
    '{"execute": "chardev-remove", "arguments": {"id": "nobody"}}', '{"execute": "trace-event-get-state", "arguments": {"name": "no_such_event"}}',
    '{"execute": "trace-event-set-state", "arguments": {"name": "no_such_event", "enable": true}}',
    '{"execute": "job-dismiss", "arguments": {"id": "nobody"}}',
    '{"execute": "block_resize", "arguments": {"size": 512}}', '{"execute": "block_resize", "arguments": {"device": "nobody", "size": 512}}',
    '{"execute": "qmp_capabilities"}',
    '{"execute": "query-cpu-model-expansion", "arguments": {"type": "full", "model": {"name": "nobody"}}}',
    '{"execute": "query-cpu-model-expansion", "arguments": {"type": "x", "model": {"name": "qemu64"}}}',
    '{"execute": "query-cpu-model-expansion", "arguments": {"type": "full", "model": {}}}',
    '{"execute": "qom-list-properties", "arguments": {"typename": "nobody"}}',
    '{"execute": "qom-get", "arguments": {"path": "/nobody", "property": "type"}}',
    '{"execute": "qom-set", "arguments": {"path": "/nobody", "property": "type", "value": 1}}',
    '{"execute": "qom-get", "arguments": {"path": "/machine/peripheral/rp", "property": "nobody"}}',
    '{"execute": "qom-set", "arguments": {"path": "/machine/peripheral/rp", "property": "nobody", "value": 1}}',
    '{"execute": "qom-set", "arguments": {"path": "/machine/peripheral/rp", "property": "chassis", "value": 1}}',
    '{"execute": "qom-set", "arguments": {"path": "/chardevs/rb", "property": "type", "value": 1}}',
    '{"execute": "device_add", "arguments": {"driver": "edu", "id": "1a"}}',
    '{"execute": "device_add", "arguments": {"driver": "edu", "id": "a/b"}}',
    '{"execute": "object-add", "arguments": {"qom-type": "iothread", "id": "1a"}}',
]


def test_against_qemu(t):
    a, b = Vm([harness.VMBOX, "vm"]), Vm(["qemu-system-x86_64", "-accel", "tcg"])
    t.eq(shape(a.greeting["QMP"]["version"]), shape(b.greeting["QMP"]["version"]), "greeting")
    early = '{"execute": "query-status"}'
    t.eq(a.raw(early), b.raw(early), "a command before qmp_capabilities")
    t.eq(a.cmd("qmp_capabilities", enable=["oob"])["error"]["class"], "GenericError", "oob is refused")
    a.cmd("qmp_capabilities"), b.cmd("qmp_capabilities")
    for name in SAME_SHAPE:
        one, two = a.cmd(name), b.cmd(name)
        diff = [d for d in differences(shape(one), shape(two)) if not any(n in d for n in NEWER)]
        t.ok("return" in one and not diff, name + ": the shape of QEMU's reply")
        for d in diff or [json.dumps(one)[:300]] if "error" in one else diff:
            print("# " + d)
    for text in SAME_ERROR:
        one, two = a.raw(text), b.raw(text)
        if not t.ok("error" in one and one == two, "QEMU's error for " + text):
            print("# got  %s\n# want %s" % (one, two))
    for vm in (a, b):
        vm.cmd("cont"), vm.cmd("stop"), vm.cmd("system_reset")
        time.sleep(0.3)
        vm.cmd("query-status")
    sets = [[(e["event"], json.dumps(e.get("data"), sort_keys=True)) for e in vm.events] for vm in (a, b)]
    for e in ("STOP", "RESUME", "RESET", "POWERDOWN"):
        t.eq([x for x in sets[0] if x[0] == e][:1], [x for x in sets[1] if x[0] == e][:1], "event " + e)
    t.eq(a.end(), 0, "quit")
    b.end()


def test_schema(t):
    vm = Vm([harness.VMBOX, "vm"])
    vm.cmd("qmp_capabilities")
    schema = vm.cmd("query-qmp-schema")["return"]
    names = {e["name"]: e for e in schema}
    t.eq(len(names), len(schema), "names are unique")
    commands = [c["name"] for c in vm.cmd("query-commands")["return"]]
    t.eq([c for c in commands if names.get(c, {}).get("meta-type") != "command"], [], "all commands are described")
    t.eq([e["name"] for e in schema if e["meta-type"] == "command" and e["name"] not in commands], [], "and no others")
    used = [e[k] for e in schema for k in ("arg-type", "ret-type", "element-type") if k in e]
    used += [m["type"] for e in schema for m in e.get("members", []) if "type" in m]
    t.eq([u for u in used if u not in names], [], "all types are there")
    vm.end()


def test_memory_commands(t):
    vm = Vm([harness.VMBOX, "vm"], "-bios", "/usr/share/seabios/bios-256k.bin")
    vm.cmd("qmp_capabilities")
    with tempfile.TemporaryDirectory() as d:
        f = os.path.join(d, "f")
        t.eq(vm.cmd("pmemsave", val=0xfffffff0, size=16, filename=f), {"return": {}}, "pmemsave")
        with open(f, "rb") as g, open("/usr/share/seabios/bios-256k.bin", "rb") as bios:
            t.eq(g.read(), bios.read()[-16:], "of the reset vector")
        t.eq(vm.cmd("memsave", val=0xfffffff0, size=16, filename=f), {"return": {}}, "memsave")
        t.ok("cpu-index" in vm.cmd("memsave", val=0, size=1, filename=f, **{"cpu-index": 7})["error"]["desc"], "of no processor")
        t.ok("error" in vm.cmd("pmemsave", val=0, size=1, filename="/nonexistent/f"), "to nowhere")
        hmp = lambda text: vm.cmd("human-monitor-command", **{"command-line": text})["return"]
        t.eq(hmp("print /x ($pc & 0xfff) + 2 * 8"), "0x1000\n", "print")
        t.ok("ljmp" in hmp("x/1i $pc"), "x/i")
        t.eq(hmp("p 1/0"), "division by zero\n", "division by zero")
        t.ok("rb: filename=ringbuf" in hmp("info chardev"), "info chardev")
        t.ok("io0" in hmp("info iothreads"), "info iothreads")
        t.eq(hmp("info block"), "", "info block: a node that no device has is none")
        t.ok("LVT0" in hmp("info lapic"), "info lapic")
        name = "blkdev_submit"
        t.ok(name in [e["name"] for e in vm.cmd("trace-event-get-state", name="blkdev_*")["return"]], "trace points by pattern")
        t.eq(vm.cmd("trace-event-set-state", name=name, enable=True), {"return": {}}, "a trace point is switched on")
        t.eq(vm.cmd("trace-event-get-state", name=name), {"return": [{"name": name, "state": "enabled"}]}, "and is")
        t.eq(vm.cmd("trace-event-set-state", name=name, enable=False), {"return": {}}, "off again")
        t.eq(vm.cmd("trace-event-get-state", name=name)["return"][0]["state"], "disabled", "is too")
        t.eq(vm.cmd("migrate-set-capabilities", capabilities=[{"capability": "xbzrle", "state": False}]), {"return": {}}, "a capability stays off")
        for cap in ({"capability": "xbzrle", "state": True}, {"capability": "nobody", "state": False}, {"capability": "xbzrle"}):
            t.ok("error" in vm.cmd("migrate-set-capabilities", capabilities=[cap]), "refused: %s" % cap)
        got = vm.cmd("query-migrate-parameters").get("return")
        if got:     # migration is built in
            t.eq((got["max-bandwidth"], got["downtime-limit"]), (0, 300), "migration parameters")
            t.eq(vm.cmd("migrate-set-parameters", **{"max-bandwidth": 5 << 20, "downtime-limit": 300}), {"return": {}}, "some are set")
            t.eq(vm.cmd("query-migrate-parameters")["return"]["max-bandwidth"], 5 << 20, "and kept")
            for bad in ({"downtime-limit": 5}, {"mode": "cpr-reboot"}, {"max-bandwidth": -1}, {"nobody": 1}):
                t.ok("error" in vm.cmd("migrate-set-parameters", **bad), "refused: %s" % bad)
        got = vm.cmd("chardev-add", id="c1", backend={"type": "file", "data": {"out": os.path.join(d, "a,b")}})
        t.eq(got, {"return": {}}, "chardev-add")
        t.ok(os.path.exists(os.path.join(d, "a,b")), "with a comma in the name")
        t.eq(vm.cmd("chardev-remove", id="c1"), {"return": {}}, "chardev-remove")
    vm.end()


def test_monitor(t):
    vm = Vm([harness.VMBOX, "vm"])
    m = socket.socket(socket.AF_UNIX)
    m.settimeout(20)
    m.connect(vm.mon)

    def say(keys, until=b"(qemu) "):
        m.sendall(keys)
        got = b""
        while not got.endswith(until):
            got += m.recv(4096)
        return got.decode()

    say(b"")
    t.ok("fred" in say(b"info name\r"), "a line")
    t.ok("fred" in say(b"\x10\r"), "C-p: the one before")
    say(b"info status\r")
    t.ok("VM status" in say(b"\x1b[A\x1b[A\x1b[B\r") and "fred" in say(b"\x1b[A\x1b[A\r"), "cursor keys")
    t.ok("fred" in say(b"fo name\x01in\r"), "C-a")
    t.ok("fred" in say(b"xxx\x15info nam\x1b[D\x1b[D\x1b[D\x0b\x05name\r"), "C-u, cursor left, C-k, C-e")
    t.ok("fred" in say(b"info xyz\x17name\r"), "C-w")
    t.ok("fred" in say(b"info nxame\x1b[D\x1b[D\x1b[D\x08\r"), "backspace inside")
    t.ok("fred" in say(b"inf\tna\t\r"), "completion of commands and topics")
    got = say(b"info cp\t", b"cpus ")
    t.ok("cpus" in got, "one that is whole")
    say(b"\r")
    m.sendall(b"system_\t")
    time.sleep(0.3)
    got = m.recv(4096).decode()
    t.ok("system_reset" in got and "system_powerdown" in got, "several are listed")
    say(b"\x15\r")
    t.ok("e0" in say(b"device_del e\t\x15\r"), "devices")
    t.ok("* CPU #1" in say(b"cpu 1\r") + say(b"info cpus\r"), "the chosen processor stays chosen")
    t.ok("did you mean 'info'" in say(b"infa\r"), "a wrong word")
    vm.cmd("qmp_capabilities")
    vm.end()


def test_nodes_of_devices(t):
    """Libvirt's way: a node for the file, one for the format, a device on that."""
    args = ["-blockdev", '{"driver":"null-co","node-name":"p0","size":1048576,"read-zeroes":true}', "-blockdev", "driver=raw,file=p0,node-name=q0",
            "-device", "virtio-blk-pci,drive=q0,id=vb0", "-drive", "driver=null-co,size=1M,if=none,id=d0", "-device", "ide-hd,drive=d0,id=hd0"]
    vms = Vm([harness.VMBOX, "vm"], *args), Vm(["qemu-system-x86_64", "-accel", "tcg"], *args)
    for vm in vms:
        vm.cmd("qmp_capabilities")
    both = lambda fn: [fn(vm) for vm in vms]
    same = lambda fn, name: t.eq(*both(fn), name)
    same(lambda vm: sorted((b["device"], b.get("qdev"), b.get("io-status")) for b in vm.cmd("query-block")["return"]), "query-block")
    same(lambda vm: sorted((b["device"], b.get("qdev")) for b in vm.cmd("query-blockstats")["return"]), "query-blockstats")
    same(lambda vm: [n["node-name"] for n in vm.cmd("query-named-block-nodes")["return"] if n["node-name"][0] != "#"], "nodes, each once")
    same(lambda vm: sorted(set(vm.cmd("query-block")["return"][0]["inserted"]["image"]) - {"dirty-flag"}), "what is told of an image")
    same(lambda vm: vm.cmd("qom-get", path="/machine/peripheral/vb0/virtio-backend", property="logical_block_size"), "a virtio device's own path")
    t.ok(all("in use" in e["error"]["desc"] for e in both(lambda vm: vm.cmd("blockdev-del", **{"node-name": "p0"}))), "a node below another stays")
    for vm in vms:
        vm.end()


def test_object_tree(t):
    args = ["-cpu", "qemu64", "-device", "virtio-balloon-pci,id=ball", "-object", "memory-backend-ram,id=mb,size=1M"]
    vms = Vm([harness.VMBOX, "vm"], *args), Vm(["qemu-system-x86_64", "-accel", "tcg"], *args)
    ours = vms[0]
    for vm in vms:
        vm.cmd("qmp_capabilities")
    get = lambda vm, path, name: vm.cmd("qom-get", path=path, property=name)
    for path, name in (("/", "type"), ("/objects", "type"), ("/machine/unattached", "type"), ("/machine/unattached/device[0]", "type"),
                       ("/machine/unattached/device[0]", "core-id"), ("/machine/unattached/device[0]", "apic-id"),
                       ("/chardevs/rb", "type"), ("/objects/mb", "size"), ("/objects/mb", "share"), ("/objects/io0", "type"),
                       ("/machine", "hpet"), ("/machine", "kernel"), ("/machine", "acpi"), ("/machine/peripheral/e0", "type"),
                       ("e0", "realized"), ("/machine/peripheral/ball", "guest-stats-polling-interval")):
        one, two = (get(vm, path, name) for vm in vms)
        t.ok("return" in one and one == two, "qom-get %s %s" % (path, name))
        if one != two:
            print("# got  %s\n# want %s" % (one, two))
    members = lambda vm, path: {(m["name"], m["type"]) for m in vm.cmd("qom-list", path=path)["return"]}
    for path in ("/chardevs", "/machine/peripheral", "/machine", "/machine/unattached", "/objects", "/machine/unattached/device[0]"):
        missing = {m for m in members(ours, path) - members(vms[1], path) if m[0] not in ("qmp0", "compat_monitor0", "device[1]")}
        t.eq(missing, set(), "qom-list %s: what QEMU has too" % path)
    for m in ours.cmd("qom-list", path="/machine/unattached/device[1]")["return"]:
        t.ok("return" in get(ours, "/machine/unattached/device[1]", m["name"]), "a processor's %s" % m["name"])
    poll = {"path": "/machine/peripheral/ball", "property": "guest-stats-polling-interval"}
    for value in (7, -1, 1 << 40, "x", 0):
        one, two = (vm.cmd("qom-set", value=value, **poll) for vm in vms)
        t.eq("return" in one, "return" in two, "qom-set of a balloon's interval to %r" % value)
        one, two = (vm.cmd("qom-get", **poll) for vm in vms)
        t.eq(one, two, "which is then %s" % two["return"])
    t.ok("realized" in [m["name"] for m in ours.cmd("qom-list-properties", typename="edu")["return"]], "qom-list-properties of a device")
    t.ok("filename" in [m["name"] for m in ours.cmd("qom-list-properties", typename="rng-random")["return"]], "and of an object")
    expand = lambda vm, **props: vm.cmd("query-cpu-model-expansion", type="full", model={"name": "qemu64", "props": props})["return"]["model"]
    one, two = expand(ours), expand(vms[1])
    t.eq(sorted(k for k, v in one["props"].items() if v != two["props"].get(k, v)), [], "query-cpu-model-expansion: QEMU's qemu64")
    t.ok(one["props"]["sse2"] and not expand(ours, sse2=False)["props"]["sse2"], "without a feature")
    hot = [[c["props"] for c in vm.cmd("query-hotpluggable-cpus")["return"]] for vm in vms]
    t.eq(*hot, "query-hotpluggable-cpus")
    t.ok({"null", "socket", "ringbuf"} <= {c["name"] for c in ours.cmd("query-chardev-backends")["return"]}, "query-chardev-backends")
    for vm in vms:
        vm.end()


def test_conversation(t):
    for vm in (Vm([harness.VMBOX, "vm"]), Vm(["qemu-system-x86_64", "-accel", "tcg"])):
        t.eq(vm.cmd("qmp_capabilities", enable=["nothing"])["error"]["class"], "GenericError", "an unknown capability")
        t.eq(vm.cmd("query-name")["error"]["class"], "CommandNotFound", "is no end of the negotiation")
        t.eq(vm.raw("{'execute': 'qmp_capabilities'}"), {"return": {}}, "single quotes")
        t.eq(vm.raw("{'execute': 'query-name', 'id': 'it\\'s'}"), {"return": {"name": "fred"}, "id": "it's"}, "and one within")
        vm.end()


def test_mon(t):
    with tempfile.TemporaryDirectory() as d:
        for mode, first in (("control", "QMP"), ("readline", "(qemu) ")):
            path = os.path.join(d, mode)
            vm = Vm([harness.VMBOX, "vm"], "-chardev", "socket,id=m,server=on,wait=off,path=" + path, "-mon", "chardev=m,mode=" + mode)
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(30)
                s.connect(path)
                t.ok(first in s.recv(200).decode(), "-mon mode=" + mode)
            vm.cmd("qmp_capabilities")
            vm.end()
    for args, want in ((["-mon", "chardev=nobody"], "nobody"), (["-mon", "mode=control"], "chardev"), (["-smp", "3,sockets=2,cores=2"], "topology"),
                       (["-smp", "2,maxcpus=1"], "maxcpus"), (["-boot", "order=cc"], "twice"), (["-daemonize", "-nographic"], "-daemonize")):
        r = subprocess.run([harness.VMBOX, "vm", *args], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        t.ok(r.returncode == 1 and want in r.stderr and len(r.stderr.splitlines()) == 1, "%s: one line" % args)


def test_processors(t):
    for smp in ("4,sockets=2", "4,threads=2", "cpus=3,cores=3"):
        vms = Vm([harness.VMBOX, "vm"], "-smp", smp), Vm(["qemu-system-x86_64", "-accel", "tcg"], "-smp", smp)
        got = []
        for vm in vms:
            vm.cmd("qmp_capabilities")
            got.append([c["props"] for c in vm.cmd("query-cpus-fast")["return"]])
            if vm is vms[0]:
                names = [(c["name"], c["typename"]) for c in vm.cmd("query-cpu-definitions")["return"]]
            vm.end()
        t.eq(*got, "query-cpus-fast with -smp " + smp)
    t.eq(names, [(n, n + "-x86_64-cpu") for n in ("vmbox", "qemu64", "max")], "query-cpu-definitions")


def test_action(t):
    for args, want in (("reboot=sometimes", "reboot"), ("foo=bar", "foo")):
        r = subprocess.run([harness.VMBOX, "vm", "-action", args], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
        t.ok(r.returncode == 1 and want in r.stderr and len(r.stderr.splitlines()) == 1, "-action %s is refused" % args)
    vm = Vm([harness.VMBOX, "vm"], "-action", "panic=pause,shutdown=pause", "-device", "pvpanic")
    vm.cmd("qmp_capabilities")
    vm.cmd("human-monitor-command", **{"command-line": "o /b 0x505 1"})
    for _ in range(100):
        if vm.cmd("query-status")["return"]["status"] == "guest-panicked":
            break
        time.sleep(0.02)
    t.eq([e["data"] for e in vm.events if e["event"] == "GUEST_PANICKED"], [{"action": "pause"}], "panic=pause")
    t.eq(vm.cmd("cont")["error"]["desc"], "Resetting the Virtual Machine is required", "a reset comes first")
    vm.cmd("system_reset")
    t.eq(vm.cmd("cont"), {"return": {}}, "then it goes on")
    vm.end()


harness.run_all(sys.modules[__name__])
