# SPDX-License-Identifier: GPL-2.0-or-later
"""What is done to a running machine from outside, by QMP: resets, devices that come and go, QOM, its end."""
import subprocess

from .proto import QtestError, TimedOut


class Control:
    """For Machine, which has qmp, proc and timeout."""

    def reset(self):
        """A reset of the whole machine; back when it is done."""
        self.qmp("system_reset")
        self.qmp.wait_event("RESET")

    def device_add(self, driver, ident, **options):
        """Plugs a device; options are those of -device."""
        self.qmp("device_add", driver=driver, id=ident, **options)

    def device_del(self, ident, wait=True):
        """Asks for a device back. wait: until it is gone; not where the guest has a say and has not said it."""
        self.qmp("device_del", id=ident)
        if wait:
            self.device_gone(ident)

    def device_gone(self, ident):
        while self.qmp.wait_event("DEVICE_DELETED")["data"].get("device") != ident:
            pass

    def qom_get(self, path, prop): return self.qmp("qom-get", path=path, property=prop)

    def qom_set(self, path, prop, value): self.qmp("qom-set", path=path, property=prop, value=value)

    def qom_list(self, path):
        """The names of what is there."""
        return [x["name"] for x in self.qmp("qom-list", path=path)]

    def alive(self):
        return self.proc is not None and self.proc.poll() is None

    def expect_end(self, status=0):
        """Waits until it ends by itself, with this status: of a command that ends it, say."""
        try:
            got = self.proc.wait(self.timeout)
        except subprocess.TimeoutExpired:
            raise TimedOut(f"the emulator did not end in {self.timeout} s") from None
        if got != status:
            raise QtestError(f"the emulator was to end with status {status}\n{self._death(True)}")
