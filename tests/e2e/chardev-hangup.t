#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A client of a socket chardev that leaves is noticed while the guest takes no
input; what it has written before is read first."""
import os
import socket
import sys
import tempfile
import time
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ["srctree"], "scripts"))
from qtestos import harness

harness.requires_config("CONFIG_VM", "CONFIG_ISA_SERIAL")


def connect(path):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(30)
    for _ in range(1500):
        try:
            s.connect(path)
            return s
        except OSError:
            time.sleep(0.02)
    raise TimeoutError(path)


def machine(tmp):
    m = harness.Machine("-chardev", f"socket,id=c,path={tmp}/c,server=on,wait=off", "-device", "isa-serial,chardev=c")
    m.outb(0x3fa, 7)		# FIFO of 16
    return m


def served(m, s):
    """Whether the guest's output comes to this client, sooner or later: before it is accepted, it is lost."""
    s.settimeout(0.2)
    for _ in range(100):
        m.outb(0x3f8, 0x21)
        try:
            return s.recv(1) == b"!"
        except TimeoutError:
            pass
    return False


def test_no_room(t):
    """The FIFO is full, and nothing else waits."""
    with tempfile.TemporaryDirectory() as tmp, machine(tmp) as m:
        first = connect(tmp + "/c")
        t.ok(served(m, first), "the first client is served")
        first.sendall(bytes(16))
        while not m.inb(0x3fd) & 1:
            pass
        time.sleep(0.2)
        first.close()
        t.ok(served(m, connect(tmp + "/c")), "it has gone: the next one is served, though the guest read nothing")


def test_bytes_first(t):
    with tempfile.TemporaryDirectory() as tmp, machine(tmp) as m:
        text = bytes(range(48, 48 + 60))
        s = connect(tmp + "/c")
        t.ok(served(m, s), "a client is served")
        s.sendall(text)
        s.close()
        got = b""
        end = time.time() + 60
        while len(got) < len(text) and time.time() < end:
            if m.inb(0x3fd) & 1:
                got += bytes([m.inb(0x3f8)])
        t.eq(got, text, "all that it wrote before it left is read")
        t.ok(served(m, connect(tmp + "/c")), "then the next one is served")


harness.run_all(sys.modules[__name__])
