# SPDX-License-Identifier: GPL-2.0-or-later
"""Two emulators, one script: every device that both have is read, written with patterns, read again, and the replies compared.

What differs is looked up in differences.txt, which has the reason; what is
not there is a finding.
"""
import pkgutil
import re

from .machine import Machine
from .model import BOARDS
from .proto import number
from .regmap import ELSEWHERE, MAPS, config_reads

PATTERNS = (0xffffffff, 0x55555555, 0)


class Reason:
    """One line of the file: the device, what the command looks like, why the replies differ."""

    def __init__(self, text):
        self.device, command, self.why = (part.strip() for part in text.split("|", 2))
        self.command, self.used = re.compile(command), 0

    def fits(self, device, command):
        return re.fullmatch(self.device, device) and self.command.fullmatch(command)


def reasons():
    """Those of differences.txt, which may lie in a zip file."""
    text = pkgutil.get_data(__package__, "differences.txt").decode()
    return [Reason(line) for line in text.splitlines() if line.strip() and not line.startswith("#")]


def window_reads(how, base, size):
    if how == "port":
        return [f"inb {port:#x}" for port in range(base, base + size)]
    return [f"readl {addr:#x}" for addr in range(base, base + size - 3, 4)]


def script(m):
    """The lines for a map: as reset left it, then after each pattern. (line, what the report calls it)."""
    def looks():
        got = []
        if m.function:
            reads = config_reads(*m.function)
            for select, read in zip(reads[::2], reads[1::2]):
                got += [(select, None), (read, f"config {int(select.split()[2], 0) & 0xff:#04x}")]
        for window in m.windows:
            got += [(line, line) for line in window_reads(*window)]
        return got

    lines = [(line, None) for line in m.setup] + looks()
    for value in PATTERNS if m.quiet else ():
        for how, base, size in m.windows:
            if how == "port":
                lines += [(f"outb {port:#x} {value & 255:#x}", None) for port in range(base, base + size)]
            else:
                lines += [(f"writel {addr:#x} {value:#x}", None) for addr in range(base, base + size - 3, 4)]
        lines += [(line, name and f"{name} after {value & 255:#x}") for line, name in looks()]
    return lines


def answers(binary, m, lines):
    with Machine(binary, BOARDS["q35"], list(m.options)) as machine:
        return machine.q.exchange([line for line, _ in lines])


def compare(ours, peer, name, known):
    """(replies compared, [(command, ours, theirs, why or None)])."""
    m = MAPS[name]
    lines = script(m)
    differ, count = [], 0
    for (_, what), a, b in zip(lines, answers(ours, m, lines), answers(peer, m, lines)):
        if what is None:
            continue
        count += 1
        if number(a) != number(b):
            why = next((r for r in known if r.fits(name, what)), None)
            if why:
                why.used += 1
            differ.append((what, a, b, why.why if why else None))
    return count, differ


def report(ours, peer, names, out):
    """Writes the report; gives how many differences have no reason."""
    known, open_ = reasons(), 0
    for name in names:
        m = MAPS[name]
        lacking = [b.path for b in (ours, peer) if any(o.split(",")[0] not in b.devices for o in device_options(m))]
        if lacking:
            out.write(f"{name}: not in {', '.join(lacking)}\n")
            continue
        count, differ = compare(ours, peer, name, known)
        unknown = [d for d in differ if d[3] is None]
        open_ += len(unknown)
        out.write(f"{name}: {count} replies, {count - len(differ)} the same, {len(differ) - len(unknown)} explained, {len(unknown)} not\n")
        for what, a, b, _ in unknown:
            out.write(f"    {what}: {a} / {b}\n")
        for why in dict.fromkeys(d[3] for d in differ if d[3]):
            out.write(f"    {sum(1 for d in differ if d[3] == why)}: {why}\n")
    without = unmapped(ours, peer) if names == list(MAPS) else []
    if without:
        out.write(f"devices that both have, without a register map: {', '.join(without)}\n")
    return open_ + len(without)


def device_options(m):
    return [m.options[i + 1] for i, o in enumerate(m.options) if o == "-device"]


def unmapped(ours, peer):
    """The device types that both have and that neither a map nor regmap.ELSEWHERE knows."""
    seen = set(ELSEWHERE).union(*(m.types for m in MAPS.values()), *([o.split(",")[0] for o in device_options(m)] for m in MAPS.values()))
    return sorted((ours.devices & peer.devices) - seen)
