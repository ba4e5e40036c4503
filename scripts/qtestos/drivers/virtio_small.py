# SPDX-License-Identifier: GPL-2.0-or-later
"""virtio-rng, virtio-balloon and virtio-serial (virtio 1.2 sections 5.4, 5.5 and 5.3)."""
import socket
import struct

from ..model import Driver
from .virtio import VirtioDevice, virtio_id


class VirtioRng(VirtioDevice):
    name = device = "virtio-rng-pci"
    matches = staticmethod(virtio_id(4, 0x1005))

    def random(self, n):
        """What the device gave for a request of n bytes; it may be less."""
        at = self.m.alloc(n, what="random bytes")
        got = self.m.read(at, self.queues[0].run([(at, n, True)]))
        self.m.free(at)
        return got


class VirtioBalloon(VirtioDevice):
    """Pages go by number, in units of 4 KiB."""
    name = device = "virtio-balloon-pci"
    matches = staticmethod(virtio_id(5, 0x1002))
    queue_list = (0, 1)
    variants = {**VirtioDevice.variants, "intr": ("intx", "msix", "poll")}
    INFLATE, DEFLATE = 0, 1

    @classmethod
    def missing(cls, binary, variant):
        return "its balloon has no MSI-X" if binary.kind == "qemu" and variant["intr"] == "msix" else None

    def target(self): return self.config(0, 4)
    def set_actual(self, pages): self.regs.set_config(4, pages, 4)

    def give(self, queue, pages):
        at = self.m.put(struct.pack(f"<{len(pages)}I", *pages), what="page numbers")
        self.queues[queue].run([(at, 4 * len(pages), False)])
        self.m.free(at)

    def inflate(self, pages): self.give(self.INFLATE, pages)
    def deflate(self, pages): self.give(self.DEFLATE, pages)


class VirtioSerialBus:
    name = None


class VirtioSerial(VirtioDevice, VirtioSerialBus):
    """A controller; a port's queues are made when the port starts."""
    name = device = "virtio-serial-pci"
    matches = staticmethod(virtio_id(3, 0x1003))
    wanted = 2				# MULTIPORT
    queue_list = (0, 1, 2, 3, 4, 5)
    CTRL_IN, CTRL_OUT = 2, 3
    READY, ADD, REMOVE, PORT_READY, CONSOLE, RESIZE, OPEN, NAME = range(8)

    def start(self):
        super().start()
        self.messages = []
        self.room = [self.m.alloc(72, what="control message") for _ in range(8)]
        self.posted = {self.queues[2].add([(at, 72, True)]): at for at in self.room}
        self.queues[2].kick()
        self.control(0xffffffff, self.READY, 1)

    def stop(self):
        super().stop()
        self.m.free(*self.room)

    def control(self, port, event, value):
        at = self.m.put(struct.pack("<IHH", port, event, value), what="control message")
        self.queues[3].run([(at, 8, False)])
        self.m.free(at)

    def _poll(self):
        got = self.queues[2].pop()
        if not got:
            return False
        at = self.posted.pop(got[0])
        raw = self.m.read(at, got[1])
        self.messages.append(struct.unpack("<IHH", raw[:8]) + (raw[8:],))
        self.posted[self.queues[2].add([(at, 72, True)])] = at
        self.queues[2].kick()
        return True

    def wait_message(self, port, event):
        """(value, text) of the next such message; the others stay."""
        def find():
            while self._poll():
                pass
            return next((x for x in self.messages if x[:2] == (port, event)), None)
        got = self.m.wait(find, f"control message {event} of port {port}")
        self.messages.remove(got)
        return got[2], got[3]


class VirtioPort(Driver):
    """A port with a socket on the host as its other end: self.wire."""
    consumes = VirtioSerialBus
    needs = ("running",)

    @classmethod
    def command(cls, node, line):
        path, ident = line.folder + "/" + line.name("chr"), line.name("chr")
        node.data["path"] = path
        line.add("-chardev", f"socket,id={ident},path={path},server=on,wait=off")
        node.parent.children += 1
        node.data["port"] = node.parent.children
        line.device(node, chardev=ident, bus=node.parent.id + ".0", nr=node.data["port"])

    def attach(self):
        self.port = self.node.data["port"]

    def start(self):
        serial = self.parent
        self.rx, self.tx = serial.queues[2 * self.port + 2], serial.queues[2 * self.port + 3]
        serial.wait_message(self.port, serial.ADD)
        serial.control(self.port, serial.PORT_READY, 1)
        self.wire = socket.socket(socket.AF_UNIX)
        self.wire.settimeout(self.m.timeout)
        self.wire.connect(self.node.data["path"])
        serial.control(self.port, serial.OPEN, 1)
        serial.wait_message(self.port, serial.OPEN)

    def stop(self):
        self.wire.close()

    def send(self, data):
        """From the guest to the wire."""
        at = self.m.put(data, what="console output")
        self.tx.run([(at, len(data), False)])
        self.m.free(at)

    def receive(self, n):
        """Until n bytes have come from the wire."""
        got, at = b"", self.m.alloc(n, what="console input")
        while len(got) < n:
            self.rx.add([(at, n - len(got), True)])
            self.rx.kick()
            got += self.m.read(at, self.m.wait(self.rx.pop, "input")[1])
        self.m.free(at)
        return got

    def on_wire(self, n):
        got = b""
        while len(got) < n:
            got += self.wire.recv(n - len(got))
        return got


class VirtConsole(VirtioPort):
    name = device = "virtconsole"


class VirtSerialPort(VirtioPort):
    name = device = "virtserialport"

    @classmethod
    def options(cls, variant):
        return {"name": "org.example.0"}
