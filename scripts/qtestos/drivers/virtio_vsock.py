# SPDX-License-Identifier: GPL-2.0-or-later
"""virtio-vsock (virtio 1.2 section 5.10) with unix sockets on the host as the other ends: PATH, and PATH_PORT for a port."""
import collections
import socket
import struct

from .virtio import VirtioDevice, virtio_id

HDR = struct.Struct("<QQIIIHHIII")
REQUEST, RESPONSE, RST, SHUTDOWN, RW, CREDIT_UPDATE, CREDIT_REQUEST = 1, 2, 3, 4, 5, 6, 7
STREAM, SEQPACKET = 1, 2
HOST = 2

Packet = collections.namedtuple("Packet", "src dst sport dport length kind op flags alloc fwd data")


class VirtioVsock(VirtioDevice):
    name = device = "virtio-vsock-pci"
    matches = staticmethod(virtio_id(19, 0x1012))
    wanted = 3				# streams and messages
    queue_list = (0, 1, 2)
    CID = 7

    @classmethod
    def command(cls, node, line):
        path = node.data["path"] = line.folder + "/" + line.name("vsock")
        line.device(node, uds=path, **{"guest-cid": cls.CID}, **cls.address(node))

    @classmethod
    def missing(cls, binary, variant):
        return None if "uds" in binary.properties(cls.device) else f"{cls.device} has no option uds: it needs the host's vhost"

    def start(self):
        super().start()
        self.posted, self.sockets = {}, []

    def stop(self):
        super().stop()
        self.m.free(*self.posted.values())
        for s in self.sockets:
            s.close()

    # ---- the guest's side ----

    def post(self, count=1, size=4096):
        """Receive buffers."""
        for _ in range(count):
            at = self.m.alloc(size, what="receive buffer")
            self.posted[self.queues[0].add([(at, size, True)])] = at
        self.queues[0].kick()

    def send(self, op, sport, dport, data=b"", kind=STREAM, flags=0, alloc=65536, fwd=0, src=CID, dst=HOST):
        head = HDR.pack(src, dst, sport, dport, len(data), kind, op, flags, alloc, fwd)
        at = self.m.put(head + data, what="packet")
        bufs = [(at, HDR.size, False)] + ([(at + HDR.size, len(data), False)] if data else [])
        self.queues[1].run(bufs)
        self.m.free(at)

    def received(self):
        """The next packet that came."""
        token, n = self.m.wait(self.queues[0].pop, "a packet")
        at = self.posted.pop(token)
        raw = self.m.read(at, n)
        self.m.free(at)
        return Packet(*HDR.unpack_from(raw), raw[HDR.size:])

    # ---- the host's side ----

    def _socket(self):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(self.m.timeout)
        self.sockets.append(s)
        return s

    def listen(self, port):
        s = self._socket()
        s.bind(f"{self.node.data['path']}_{port}")
        s.listen()
        return s

    def accept(self, server):
        s = server.accept()[0]
        s.settimeout(self.m.timeout)
        self.sockets.append(s)
        return s

    def dial(self, port):
        """A connection from the host to the guest's port, before its answer."""
        s = self._socket()
        s.connect(self.node.data["path"])
        s.sendall(f"CONNECT {port}\n".encode())
        return s

    def open(self, sport=1000, dport=99):
        """A connection that the guest began; the host's end."""
        server = self.listen(dport)
        self.post()
        self.send(REQUEST, sport, dport)
        got = self.received()
        if (got.op, got.sport, got.dport) != (RESPONSE, dport, sport):
            raise AssertionError(f"no response: {got}")
        return self.accept(server)
