# SPDX-License-Identifier: GPL-2.0-or-later
"""Virtio over PCI (virtio 1.2 section 4.1): the modern registers and the legacy ones, features, queues, interrupts."""
from ..proto import QtestError
from .pci import CAP_VENDOR, Msix, PciDevice
from .virtqueue import PackedQueue, SplitQueue

ACK, DRIVER, DRIVER_OK, FEATURES_OK, NEEDS_RESET, FAILED = 1, 2, 4, 8, 64, 128
F_INDIRECT, F_EVENT_IDX, F_VERSION_1, F_PACKED = 28, 29, 32, 34
NO_VECTOR = 0xffff


def virtio_id(number, legacy):
    """matches= of a device type: its modern id, and the legacy one."""
    return lambda f: f.vendor == 0x1af4 and f.device_id in (0x1040 + number, legacy)


class Modern:
    """The capabilities' registers: common, notify, ISR, device configuration."""

    def __init__(self, fn):
        self.fn, self.at = fn, {}
        for ident, cap in fn.caps:
            kind = fn.cfg(cap + 3, 1)
            if ident == CAP_VENDOR and 1 <= kind <= 4 and kind not in self.at:
                self.at[kind] = (fn.bars[fn.cfg(cap + 4, 1)], fn.cfg(cap + 8))
                if kind == 2:
                    self.step = fn.cfg(cap + 16)
        if len(self.at) != 4:
            raise QtestError(f"virtio: only the capabilities {sorted(self.at)}")

    def get(self, off, size):
        bar, base = self.at[1]
        return bar.read(base + off, size)

    def put(self, off, value, size):
        bar, base = self.at[1]
        bar.write(base + off, value, size)

    def status(self): return self.get(0x14, 1)
    def set_status(self, v): self.put(0x14, v, 1)

    def features(self):
        got = 0
        for i in range(2):
            self.put(0, i, 4)
            got |= self.get(4, 4) << 32 * i
        return got

    def set_features(self, v):
        for i in range(2):
            self.put(8, i, 4)
            self.put(12, v >> 32 * i & 0xffffffff, 4)

    def select(self, q): self.put(0x16, q, 2)
    def queue_max(self): return self.get(0x18, 2)
    def queues(self): return self.get(0x12, 2)

    def enable(self, q):
        """q is selected."""
        self.put(0x18, q.size, 2)
        for off, addr in ((0x20, q.desc), (0x28, q.driver), (0x30, q.device)):
            self.put(off, addr & 0xffffffff, 4)
            self.put(off + 4, addr >> 32, 4)
        q.notify_off = self.get(0x1e, 2)
        self.put(0x1c, 1, 2)

    def size_for(self, want): return min(want, self.queue_max())
    def config_vector(self, v): self.put(0x10, v, 2); return self.get(0x10, 2)
    def queue_vector(self, v): self.put(0x1a, v, 2); return self.get(0x1a, 2)

    def notify(self, q):
        bar, base = self.at[2]
        bar.write(base + q.notify_off * self.step, q.index, 2)

    def isr(self):
        bar, base = self.at[3]
        return bar.read(base, 1)

    def config(self, off, size):
        bar, base = self.at[4]
        return bar.read(base + off, size)

    def set_config(self, off, value, size):
        bar, base = self.at[4]
        bar.write(base + off, value, size)


class Legacy:
    """BAR 0: the registers before virtio 1.0 (4.1.4.8)."""

    def __init__(self, fn, msix):
        self.bar, self.base = fn.bars[0], 24 if msix else 20

    def status(self): return self.bar.readb(18)
    def set_status(self, v): self.bar.writeb(18, v)
    def features(self): return self.bar.readl(0)
    def set_features(self, v): self.bar.writel(4, v)
    def select(self, q): self.bar.writew(14, q)
    def queue_max(self): return self.bar.readw(12)
    def size_for(self, _want): return self.queue_max()

    def enable(self, q):
        if q.area % 4096:
            raise QtestError("a legacy queue begins on a page")
        self.bar.writel(8, q.area >> 12)

    def config_vector(self, v): self.bar.writew(20, v); return self.bar.readw(20)
    def queue_vector(self, v): self.bar.writew(22, v); return self.bar.readw(22)
    def notify(self, q): self.bar.writew(16, q.index)
    def isr(self): return self.bar.readb(19)
    def config(self, off, size): return self.bar.read(self.base + off, size)
    def set_config(self, off, value, size): self.bar.write(self.base + off, value, size)


class VirtioDevice(PciDevice):
    """Subclasses say kind, legacy_id, wanted (feature bits) and queue_list; start() leaves the device running."""
    variants = {"mode": ("modern", "transitional", "legacy"), "ring": ("split", "packed"), "intr": ("msix", "intx", "poll"),
                "indirect": ("off", "on"), "event_idx": ("off", "on")}
    wanted = 0			# bits of the device's own features
    queue_list = (0,)		# the queues that start() makes
    queue_size = 16

    @classmethod
    def sensible(cls, variant):
        return variant["mode"] != "legacy" or variant["ring"] == "split"

    @classmethod
    def options(cls, variant):
        opts = {"disable-legacy": "on" if variant["mode"] == "modern" else "off",
                "disable-modern": "on" if variant["mode"] == "legacy" else "off"}
        if variant["ring"] == "packed":
            opts["packed"] = "on"
        return opts

    def start(self):
        super().start()
        self.queues, self.msix = {}, None
        if self.variant["intr"] == "msix":
            self.msix = Msix(self.function)
        elif self.variant["intr"] == "intx":
            self.m.intercept("ioapic")
        self.regs = Legacy(self.function, self.msix) if self.variant["mode"] == "legacy" else Modern(self.function)
        self.negotiate()
        for q in self.queue_list_now():
            self.make_queue(q)
        self.ready()

    def queue_list_now(self):
        return self.queue_list

    # ---- the steps of section 3.1.1 ----

    def negotiate(self, extra=0, leave=0):
        """Resets the device and agrees on what we want of what is offered."""
        self.regs.set_status(0)
        self.m.wait(lambda: self.regs.status() == 0, "the reset")
        self.regs.set_status(ACK)
        self.regs.set_status(ACK | DRIVER)
        want = self.wanted | extra
        if self.variant["mode"] != "legacy":
            want |= 1 << F_VERSION_1
        for bit, on in ((F_PACKED, self.variant["ring"] == "packed"), (F_INDIRECT, self.variant["indirect"] == "on"),
                        (F_EVENT_IDX, self.variant["event_idx"] == "on")):
            want |= on << bit
        self.offered = self.regs.features()
        self.agreed = self.offered & want & ~leave
        self.regs.set_features(self.agreed)
        if self.variant["mode"] == "legacy":
            return
        if not self.has(F_VERSION_1):
            raise QtestError("a modern device does not offer VERSION_1")
        self.regs.set_status(ACK | DRIVER | FEATURES_OK)
        if not self.regs.status() & FEATURES_OK:
            raise QtestError(f"the device does not accept the features {self.agreed:#x}")

    def has(self, bit):
        return bool(self.agreed >> bit & 1)

    def make_queue(self, index):
        self.regs.select(index)
        size = self.regs.size_for(self.queue_size)
        if not size:
            raise QtestError(f"there is no queue {index}")
        q = (PackedQueue if self.has(F_PACKED) else SplitQueue)(self, index, size)
        self.queues[index] = q
        if self.msix:
            q.vector = min(index + 1, self.msix.count - 1)
            if self.regs.queue_vector(q.vector) != q.vector:
                raise QtestError(f"queue {index} does not take vector {q.vector}")
        self.regs.enable(q)
        return q

    def ready(self):
        if self.msix:
            self.regs.config_vector(0)
        self.regs.set_status(self.regs.status() | DRIVER_OK)

    def stop(self):
        self.regs.set_status(0)
        self.m.wait(lambda: self.regs.status() == 0, "the reset")
        for q in self.queues.values():
            q.free()
        self.queues = {}
        if self.msix:
            self.msix.free()

    # ---- while it runs ----

    def notify(self, index): self.regs.notify(self.queues[index])
    def config(self, off, size): return self.regs.config(off, size)

    def config_bytes(self, off, n):
        return bytes(self.regs.config(off + i, 1) for i in range(n))

    def wait_queue_irq(self, index):
        if self.msix:
            self.msix.wait(self.queues[index].vector)
        else:
            self._wait_intx(1)

    def wait_config_irq(self):
        if self.msix:
            self.msix.wait(0)
        elif self.variant["intr"] == "intx":
            self._wait_intx(2)

    def _wait_intx(self, bit):
        line = self.function.intx_line()
        self.m.wait(lambda: self.m.q.irq_level(line), f"line {line}")
        if not self.m.wait(self.regs.isr, "the ISR") & bit:
            raise QtestError(f"the ISR has not bit {bit}")
        self.m.wait(lambda: not self.m.q.irq_level(line), f"line {line} to fall")
