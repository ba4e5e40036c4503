# SPDX-License-Identifier: GPL-2.0-or-later
"""What all virtio devices have in common, and network, random numbers, consoles and balloon."""
import os
import struct

from qtestos import eq, options, params, raw, requires, skip_on, variants
from qtestos.drivers.block import pattern
from qtestos.drivers.virtio import ACK, DRIVER, DRIVER_OK, F_VERSION_1, FEATURES_OK, Modern, VirtioDevice
from qtestos.drivers.virtio_blk import DISCARD, WRITE_ZEROES, VirtioBlk
from qtestos.drivers.virtio_net import MAC, VirtioNet
from qtestos.drivers.virtio_small import VirtConsole, VirtioBalloon, VirtioPort, VirtioRng


# ---- every device ----

@variants(mode=("modern", "transitional"))
@raw
def test_reset_state(dev: VirtioDevice):
    dev.function.map_bars()
    dev.function.enable()
    regs = Modern(dev.function)
    eq(regs.status(), 0, "status")
    eq(regs.get(0x10, 2), 0xffff, "configuration vector")
    offered = regs.features()
    eq(offered >> F_VERSION_1 & 1, 1, "VERSION_1 is offered")
    eq([b for b in (24, 27, 30) if offered >> b & 1], [], "features of the legacy interface")
    for q in range(regs.queues()):
        regs.select(q)
        eq((regs.get(0x1c, 2), regs.get(0x1a, 2)), (0, 0xffff), f"queue {q}: enabled, vector")
    regs.select(regs.queues())
    eq(regs.queue_max(), 0, "a queue behind the last")


@variants(mode=("modern", "transitional", "legacy"), ring=("split", "packed"))
def test_bring_up(dev: VirtioDevice):
    want = ACK | DRIVER | DRIVER_OK | (FEATURES_OK if dev.variant["mode"] != "legacy" else 0)
    eq(dev.regs.status(), want, "status")
    eq(dev.has(34), dev.variant["ring"] == "packed", "packed rings")
    dev.stop()
    eq(dev.regs.status(), 0, "after a reset")
    dev.start()
    eq(dev.regs.status(), want, "and again")


@skip_on("qemu", "it accepts features that were not offered")
def test_features_not_offered(dev: VirtioDevice):
    """What was not offered is not taken: FEATURES_OK is refused, or the bit stays clear."""
    dev.regs.set_status(0)
    dev.regs.set_status(ACK | DRIVER)
    bit = next(b for b in range(63, 0, -1) if not dev.offered >> b & 1)
    dev.regs.set_features(dev.agreed | 1 << bit)
    dev.regs.set_status(ACK | DRIVER | FEATURES_OK)
    dev.regs.put(8, bit // 32, 4)
    taken = dev.regs.get(12, 4) >> bit % 32 & 1
    assert not taken or not dev.regs.status() & FEATURES_OK


@skip_on("qemu", "it accepts a modern driver that refuses VERSION_1")
def test_version_1_is_needed(dev: VirtioDevice):
    """With the modern registers alone a driver without VERSION_1 is refused."""
    dev.regs.set_status(0)
    dev.regs.set_status(ACK | DRIVER)
    dev.regs.set_features(0)
    dev.regs.set_status(ACK | DRIVER | FEATURES_OK)
    eq(dev.regs.status() & FEATURES_OK, 0)


@variants(mode=("modern", "legacy"), intr=("msix",))
def test_vectors(dev: VirtioDevice):
    """A vector that the table does not have is refused."""
    dev.regs.select(dev.queue_list[0])
    eq(dev.regs.queue_vector(dev.msix.size + 3), 0xffff, "queue")
    eq(dev.regs.config_vector(dev.msix.size + 3), 0xffff, "configuration")


# ---- block ----

@params(kind=(DISCARD, WRITE_ZEROES))
def test_blk_ranges(disk: VirtioBlk, kind: int):
    eq(disk.range_request(kind, 8, 8), 0, "inside")
    if kind == WRITE_ZEROES:
        eq(disk.read(7, 10), pattern(7, 1) + bytes(8 * 512) + pattern(16, 1))
    eq(disk.range_request(kind, disk.blocks - 1, 2), 1, "over the end")
    eq(disk.range_request(kind, (1 << 55) - 1, 8), 1, "far away")


@options(VirtioBlk, {"serial": "S-17"})
def test_blk_serial(disk: VirtioBlk):
    eq(disk.serial(), "S-17")


@options(VirtioBlk, {"physical_block_size": 4096, "num-queues": 3})
def test_blk_config(disk: VirtioBlk):
    eq(disk.config(20, 4), 512, "block size")
    eq(disk.config(24, 1), 3, "physical block exponent")


@options(VirtioBlk, {"num-queues": 4})
@variants(ring=("split", "packed"))
def test_blk_many_queues(disk: VirtioBlk):
    for q in (1, 2, 3):
        disk.make_queue(q)
    for q in (0, 1, 2, 3):
        eq(disk.request(0, 5 + q, room=512, queue=q), (0, pattern(5 + q, 1)), f"queue {q}")


@variants(ring=("split", "packed"))
def test_blk_outstanding(disk: VirtioBlk):
    """Five requests before one kick; each comes back once with its own data."""
    m, q = disk.m, disk.queues[0]
    head = [m.put(struct.pack("<IIQ", 0, 0, 50 + i), what="request") for i in range(5)]
    data = [m.alloc(513, what="data") for _ in range(5)]
    tokens = [q.add([(h, 16, False), (d, 512, True), (d + 512, 1, True)]) for h, d in zip(head, data)]
    q.kick()
    back = [m.wait(q.pop, "a request") for _ in range(5)]
    eq(sorted(back), sorted((t, 513) for t in tokens), "tokens and lengths")
    for i, d in enumerate(data):
        eq(m.read(d, 513), pattern(50 + i, 1) + b"\0", f"request {i}")
    m.free(*head, *data)


def test_blk_unknown_request(disk: VirtioBlk):
    eq(disk.request(77, 0)[0], 2, "unsupported")
    eq(disk.read(0, 1), pattern(0, 1))


# ---- network ----

def frame(dst=MAC, n=100, first=0):
    return dst + b"\x02\0\0\0\0\1\x88\xb5" + bytes((first + i) & 255 for i in range(n))


@variants(mode=("modern", "transitional", "legacy"), ring=("split", "packed"), intr=("msix", "intx", "poll"))
@requires("running")
def test_net_both_ways(net: VirtioNet):
    for n in (46, 1000, 1486):
        net.send(frame(n=n))
        eq(net.on_wire(), frame(n=n), f"sent, {n}")
        net.post()
        net.from_wire(frame(n=n, first=3))
        eq(net.received(), frame(n=n, first=3), f"received, {n}")


@variants(indirect=("off", "on"), event_idx=("off", "on"), ring=("split", "packed"))
@requires("running")
def test_net_rings(net: VirtioNet):
    for i in range(25):
        net.send(frame(n=50 + i, first=i), pieces=2)
        eq(net.on_wire(), frame(n=50 + i, first=i), f"frame {i}")


def test_net_config(net: VirtioNet):
    eq(net.config_bytes(0, 6), MAC, "address")
    eq(net.config(6, 2) & 1, 1, "link")


@requires("running")
def test_net_order(net: VirtioNet):
    """Frames wait for buffers, and come in order."""
    for i in range(6):
        net.from_wire(frame(n=60 + i))
    net.post(6)
    eq([len(net.received()) for _ in range(6)], [74 + i for i in range(6)])


@params(of=("netdev", "card"))
def test_net_link(net: VirtioNet, of: str):
    """A link that goes down is told by an interrupt, whichever end's name is given."""
    name = net.node.data["netdev"] if of == "netdev" else net.node.id
    net.m.qmp("set_link", name=name, up=False)
    net.wait_config_irq()
    eq(net.config(6, 2) & 1, 0, "down")
    net.m.qmp("set_link", name=name, up=True)
    net.wait_config_irq()
    eq(net.config(6, 2) & 1, 1, "up")


@requires("running")
def test_net_filter(net: VirtioNet):
    """Without promiscuous mode only our address, broadcasts and the table come through."""
    other, third = b"\x02\x11\x22\x33\x44\x55", b"\x02\x11\x22\x33\x44\x66"
    eq(net.control(0, 0, b"\0"), 0, "promiscuous mode off")
    eq(net.control(1, 0, struct.pack("<I", 1) + other + struct.pack("<I", 0)), 0, "a table of one")
    net.post(3)
    for dst in (third, other, MAC, b"\xff" * 6):
        net.from_wire(frame(dst))
    eq([net.received()[:6] for _ in range(3)], [other, MAC, b"\xff" * 6])


def test_net_bad_control(net: VirtioNet):
    eq(net.control(99, 1, b"\0"), 1, "an unknown class")
    eq(net.control(0, 99, b"\0"), 1, "an unknown command")


# ---- random numbers ----

@variants(mode=("modern", "transitional", "legacy"), ring=("split", "packed"), intr=("msix", "intx", "poll"))
@requires("running")
def test_rng(rng: VirtioRng):
    a, b = rng.random(64), rng.random(64)
    assert 0 < len(a) <= 64 and 0 < len(b) <= 64
    assert a != b and len(set(a)) > 8


@params(n=(1, 7, 4096))
@requires("running")
def test_rng_lengths(rng: VirtioRng, n: int):
    got = b""
    while len(got) < n:
        got += rng.random(n - len(got))
    eq(len(got), n)


# ---- consoles ----

@variants(mode=("modern", "transitional", "legacy"), ring=("split", "packed"))
def test_console(port: VirtioPort):
    port.send(b"hello, wire\r\n")
    eq(port.on_wire(13), b"hello, wire\r\n")
    port.wire.sendall(b"hello, guest")
    eq(port.receive(12), b"hello, guest")


def test_console_bulk(port: VirtioPort):
    data = os.urandom(20000)
    for i in range(0, len(data), 4000):
        port.send(data[i:i + 4000])
    eq(port.on_wire(len(data)), data, "to the wire")
    port.wire.sendall(data[:5000])
    eq(port.receive(5000), data[:5000], "from the wire")


def test_console_close(port: VirtioPort):
    """The guest, which waits for input, is told when the other end leaves."""
    at = port.m.alloc(64, what="console input")
    port.rx.add([(at, 64, True)])
    port.rx.kick()
    port.wire.close()
    eq(port.parent.wait_message(port.port, port.parent.OPEN)[0], 0)
    port.parent.regs.set_status(0)
    port.m.free(at)


def test_console_is_one(port: VirtConsole):
    eq(port.parent.wait_message(port.port, port.parent.CONSOLE)[0], 1)


# ---- balloon ----

@variants(mode=("modern", "transitional", "legacy"), ring=("split", "packed"), intr=("intx", "poll"))
def test_balloon(b: VirtioBalloon):
    m = b.m
    eq(b.target(), 0, "nothing is wanted")
    m.qmp("balloon", value=48 << 20)
    m.wait(lambda: b.target() == 16 << 8, "16 MiB are wanted")
    b.inflate(range(0x2000, 0x2040))
    b.set_actual(0x1000)
    eq(m.qmp.wait_event("BALLOON_CHANGE")["data"]["actual"], 48 << 20, "the event")
    eq(m.qmp("query-balloon")["actual"], 48 << 20, "what is asked for")
    b.deflate(range(0x2000, 0x2040))
    m.writel(0x2000000, 0x12345678)
    eq(m.readl(0x2000000), 0x12345678, "a page that came back")


def test_balloon_bad_pages(b: VirtioBalloon):
    """Pages that are no RAM are ignored."""
    b.inflate([0xffffffff, 0xfee00, 0xa0, 0x4000])
    eq(b.regs.status() & 64, 0, "needs no reset")
