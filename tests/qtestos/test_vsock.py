# SPDX-License-Identifier: GPL-2.0-or-later
"""Sockets between guest and host by their rings: handshakes, data, credit, resets, the event queue."""
import struct

from qtestos import eq, params, requires, variants
from qtestos.drivers.virtio_vsock import (CREDIT_REQUEST, CREDIT_UPDATE, HOST, REQUEST, RESPONSE, RST, RW, SHUTDOWN, STREAM,
                                          VirtioVsock)


def test_vsock_config(v: VirtioVsock):
    eq(v.config_bytes(0, 8), struct.pack("<Q", v.CID), "the guest's CID")
    eq(v.agreed & 3, 3, "streams and messages")


@variants(mode=("modern", "transitional"), ring=("split", "packed"), intr=("msix", "intx", "poll"))
@requires("running")
def test_vsock_both_ways(v: VirtioVsock):
    host = v.open()
    v.send(RW, 1000, 99, b"from the guest")
    eq(host.recv(100), b"from the guest")
    v.post()
    host.sendall(b"from the host")
    got = v.received()
    eq((got.op, got.src, got.dst, got.sport, got.dport, got.data), (RW, HOST, v.CID, 99, 1000, b"from the host"))


@requires("running")
def test_vsock_host_dials(v: VirtioVsock):
    v.post()
    host = v.dial(5)
    got = v.received()
    eq((got.op, got.dport, got.kind), (REQUEST, 5, STREAM))
    v.send(RESPONSE, 5, got.sport)
    eq(host.recv(100), b"OK %d\n" % got.sport)


@params(op=(RW, RESPONSE, CREDIT_UPDATE, SHUTDOWN, CREDIT_REQUEST))
@requires("running")
def test_vsock_no_connection(v: VirtioVsock, op: int):
    """What belongs to no connection is reset; a reset is not."""
    v.post(2)
    v.send(RST, 1, 2)
    v.send(op, 3, 4)
    got = v.received()
    eq((got.op, got.sport, got.dport), (RST, 4, 3))


@requires("running")
def test_vsock_nobody_listens(v: VirtioVsock):
    v.post()
    v.send(REQUEST, 1, 98)
    got = v.received()
    eq((got.op, got.sport, got.dport), (RST, 98, 1))


@requires("running")
def test_vsock_credit(v: VirtioVsock):
    """No more comes than the guest said it has room for; an update brings the rest."""
    host = v.open()
    v.send(CREDIT_UPDATE, 1000, 99, alloc=100)
    v.post(4)
    host.sendall(bytes(range(250)))
    got = v.received().data
    eq(got, bytes(range(100)), "the first")
    v.send(CREDIT_REQUEST, 1000, 99, alloc=100)
    answer = v.received()
    eq((answer.op, answer.data), (CREDIT_UPDATE, b""), "nothing else came before this")
    assert answer.alloc >= 4096, answer.alloc
    v.send(CREDIT_UPDATE, 1000, 99, alloc=1000, fwd=100)
    eq(v.received().data, bytes(range(100, 250)), "the rest")


@requires("running")
def test_vsock_counts(v: VirtioVsock):
    """fwd_cnt tells how much the host has taken."""
    host = v.open()
    v.send(RW, 1000, 99, bytes(3000))
    left = 3000
    while left:
        left -= len(host.recv(left))
    v.post()
    v.send(CREDIT_REQUEST, 1000, 99)
    eq(v.received().fwd, 3000)


@requires("running")
def test_vsock_reset(v: VirtioVsock):
    """A reset ends it for the host; so does a whole shutdown, which is answered."""
    host = v.open()
    v.send(RST, 1000, 99)
    eq(host.recv(1), b"", "the end")
    host = v.open(1001, 100)
    v.post()
    v.send(SHUTDOWN, 1001, 100, flags=3)
    eq(v.received().op, RST)
    eq(host.recv(1), b"", "the end")


@requires("running")
def test_vsock_event_buffers(v: VirtioVsock):
    """Buffers of the event queue stay with the device while nothing happens to it."""
    at = v.m.alloc(4, what="event", fill=0xee)
    v.queues[2].add([(at, 4, True)])
    v.queues[2].kick()
    v.open()
    eq(v.queues[2].pop(), None)
    eq(v.m.read(at, 4), b"\xee" * 4)
    v.regs.set_status(0)
    v.m.free(at)
