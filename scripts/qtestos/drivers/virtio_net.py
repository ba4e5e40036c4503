# SPDX-License-Identifier: GPL-2.0-or-later
"""virtio-net (virtio 1.2 section 5.1) with a datagram socket on the host as its wire."""
import os
import socket

from .virtio import F_VERSION_1, VirtioDevice, virtio_id

F_MAC, F_MRG, F_STATUS, F_CTRL_VQ, F_CTRL_RX, F_CTRL_MAC = 5, 15, 16, 17, 18, 23
MAC = bytes.fromhex("525400123456")


class VirtioNet(VirtioDevice):
    name = device = "virtio-net-pci"
    matches = staticmethod(virtio_id(1, 0x1000))
    wanted = sum(1 << b for b in (F_MAC, F_STATUS, F_CTRL_VQ, F_CTRL_RX))
    queue_list = (0, 1, 2)

    @classmethod
    def command(cls, node, line):
        ident = node.data["netdev"] = line.name("net")
        node.data["ours"], node.data["theirs"] = (os.path.join(line.folder, ident + x) for x in "ab")
        sock = node.data["sock"] = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sock.bind(node.data["ours"])
        line.add("-netdev", f"dgram,id={ident},local.type=unix,local.path={node.data['theirs']},"
                            f"remote.type=unix,remote.path={node.data['ours']}")
        line.device(node, netdev=ident, mac=MAC.hex(":"), **cls.address(node))

    def start(self):
        self.wire = self.node.data["sock"]
        self.wire.settimeout(self.m.timeout)
        super().start()
        self.header = 12 if self.has(F_VERSION_1) or self.has(F_MRG) else 10
        self.posted = {}

    def stop(self):
        super().stop()
        self.m.free(*self.posted.values())

    def send(self, frame, pieces=1):
        """Out to the wire."""
        at = self.m.put(bytes(self.header) + frame, what="frame")
        if pieces == 1:
            bufs = [(at, self.header + len(frame), False)]
        else:
            bufs = [(at, self.header, False), (at + self.header, len(frame), False)]
        self.queues[1].run(bufs)
        self.m.free(at)

    def on_wire(self):
        return self.wire.recv(65536)

    def from_wire(self, frame):
        self.wire.sendto(frame, self.node.data["theirs"])

    def post(self, count=1, size=2048):
        for _ in range(count):
            at = self.m.alloc(size, what="receive buffer")
            self.posted[self.queues[0].add([(at, size, True)])] = at
        self.queues[0].kick()

    def received(self):
        """The next frame that came, without its header."""
        token, n = self.m.wait(self.queues[0].pop, "a frame")
        at = self.posted.pop(token)
        raw = self.m.read(at, n)
        self.m.free(at)
        return raw[self.header:]

    def control(self, kind, command, data=b""):
        """The ack byte of a control order: 0 is well."""
        at, ack = self.m.put(bytes([kind, command]) + data, what="order"), self.m.alloc(1, what="ack", fill=0xee)
        bufs = [(at, 2, False)] + ([(at + 2, len(data), False)] if data else []) + [(ack, 1, True)]
        self.queues[2].run(bufs)
        got = self.m.readb(ack)
        self.m.free(at, ack)
        return got
