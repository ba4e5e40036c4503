# SPDX-License-Identifier: GPL-2.0-or-later
"""An emulator's binary: how it is started, and what it has, asked of itself by QMP."""
import os
import subprocess
import tempfile

from .proto import QtestError
from .qmp import Qmp


class Binary:
    """kind is "vmbox" or "qemu"; accel "qtest" (time stands until it is stepped) or "tcg"."""

    def __init__(self, path):
        self.path = path
        ours = os.path.basename(path).startswith("vmbox")
        self.kind = "vmbox" if ours else "qemu"
        self.argv = [path, "vm"] if ours else [path]
        out = subprocess.run(self.argv + ["-accel", "help"], capture_output=True, text=True, timeout=120, check=False).stdout
        self.accel = "qtest" if "qtest" in out.split() else "tcg"
        self._properties = {}
        self._ask()

    @property
    def has_clock(self):
        return self.accel == "qtest"

    def accel_args(self):
        return ["-accel", "qtest"] if self.accel == "qtest" else ["-accel", "tcg", "-S"]

    def _session(self):
        """A machine to ask, and its QMP."""
        return _Session(self)

    def _ask(self):
        with _Session(self) as q:
            self.machines = {}
            for m in q("query-machines"):
                self.machines[m["name"]] = m
                if "alias" in m:
                    self.machines[m["alias"]] = m
            self.devices = {t["name"] for t in q("qom-list-types", implements="device", abstract=False)}
            self.types = {t["name"] for t in q("qom-list-types", abstract=False)}
            self.version = q.greeting["QMP"]["version"]

    def ask_properties(self, devices):
        """Asks for the properties of these devices, all at once."""
        want = [d for d in devices if d in self.devices and d not in self._properties]
        if not want:
            return
        with _Session(self) as q:
            for d in want:
                self._properties[d] = {p["name"] for p in q("device-list-properties", typename=d)}

    def properties(self, device):
        self.ask_properties([device])
        return self._properties.get(device, set())


class _Session:
    def __init__(self, binary):
        self.binary = binary

    def __enter__(self):
        self.dir = tempfile.TemporaryDirectory(prefix="qtestos-")
        path = os.path.join(self.dir.name, "qmp")
        argv = self.binary.argv + self.binary.accel_args() + ["-nodefaults", "-display", "none",
                                                              "-qmp", f"unix:{path},server=on,wait=off"]
        if self.binary.kind == "qemu":
            argv += ["-M", "none"]
        self.log = open(os.path.join(self.dir.name, "log"), "w+", encoding="utf-8")
        self.proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.qmp = self._connect(path)
        return self.qmp

    def _connect(self, path):
        import time
        end = time.monotonic() + 120
        while True:
            try:
                return Qmp.connect(path, timeout=120)
            except OSError:
                if self.proc.poll() is not None or time.monotonic() > end:
                    self.log.seek(0)
                    text = self.log.read()
                    self.__exit__()
                    raise QtestError(f"{self.binary.path} does not start:\n{text}") from None
                time.sleep(0.01)

    def __exit__(self, *_):
        if getattr(self, "qmp", None):
            self.qmp.close()
        self.proc.kill()
        self.proc.wait()
        self.log.close()
        self.dir.cleanup()
