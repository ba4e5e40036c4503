# SPDX-License-Identifier: GPL-2.0-or-later
"""QMP: commands with keyword arguments, and events."""
import array
import collections
import json
import socket
import time

from .proto import Died, QtestError, TimedOut


class QmpError(QtestError):
    """A command was answered with an error; kind is its class, desc what it says."""

    def __init__(self, command, error):
        super().__init__(f"{command}: {error.get('desc')}")
        self.kind, self.desc = error.get("class"), error.get("desc")


class Qmp:
    def __init__(self, sock, timeout=60, died=None):
        self.sock, self.timeout, self._died = sock, timeout, died
        sock.settimeout(timeout)
        self._rest = b""
        self.events = collections.deque()
        self.greeting = self._message()
        self("qmp_capabilities")

    @classmethod
    def connect(cls, path, **kw):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(kw.get("timeout", 60))
        sock.connect(path)
        return cls(sock, **kw)

    def _message(self):
        while b"\n" not in self._rest:
            try:
                data = self.sock.recv(65536)
            except socket.timeout:
                raise TimedOut(f"QMP: no answer in {self.timeout} s") from None
            except OSError as e:
                raise Died(f"QMP: {e}") from None
            if not data:
                raise Died("QMP: connection closed" + ("\n" + self._died(True) if self._died else ""))
            self._rest += data
        line, self._rest = self._rest.split(b"\n", 1)
        return json.loads(line)

    def __call__(self, command, fds=(), **arguments):
        """Runs a command; underscores in argument names become dashes. fds go along by SCM_RIGHTS."""
        arguments = {k.replace("_", "-"): v for k, v in arguments.items()}
        return self.execute(command, arguments, fds)

    def execute(self, command, arguments=None, fds=()):
        line = json.dumps({"execute": command, **({"arguments": arguments} if arguments else {})}).encode() + b"\n"
        if fds:
            self.sock.sendmsg([line], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])
        else:
            self.sock.sendall(line)
        while True:
            got = self._message()
            if "event" in got:
                self.events.append(got)
            elif "error" in got:
                raise QmpError(command, got["error"])
            elif "return" in got:
                return got["return"]

    def hmp(self, line):
        return self("human-monitor-command", command_line=line)

    def wait_event(self, name, timeout=None):
        """The next event of that name, which is taken off the queue; earlier ones of others stay."""
        end = time.monotonic() + (timeout or self.timeout)
        while True:
            for event in self.events:
                if event["event"] == name:
                    self.events.remove(event)
                    return event
            if time.monotonic() > end:
                raise TimedOut(f"no event {name}; there were {[e['event'] for e in self.events]}")
            got = self._message()
            if "event" in got:
                self.events.append(got)

    def close(self):
        self.sock.close()
