# SPDX-License-Identifier: GPL-2.0-or-later
"""Random accesses within register maps, until the emulator dies; the sequence that killed it is made as short as it gets.

What is left is written as plain qtest lines (NAME.qtest) with the command line
(NAME.argv): any emulator replays it with -qtest stdio, or `qtestos replay`.
"""
import os
import random
import time

from .machine import Machine
from .model import BOARDS
from .proto import Died, QtestError, TimedOut
from .regmap import MAPS, config_line

VALUES = (0, 1, 2, 3, 0x7f, 0x80, 0xff, 0x100, 0x1000, 0x7fff, 0x8000, 0xffff, 0x10000, 0x100000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff)
WIDTH = {"b": 1, "w": 2, "l": 4, "q": 8}
LINES = 400


def line(r, m, clock):
    """One random access to a map."""
    choice = r.random()
    value = r.choice(VALUES) if r.random() < 0.7 else r.getrandbits(32)
    if choice < 0.03 and clock:
        return f"clock_step {r.choice((1, 1000, 10**6, 10**9)) * r.randrange(1, 10)}"
    if choice < 0.06:
        return f"writeq {r.randrange(0x1000, 0x8000) & ~7:#x} {value << 32 | r.getrandbits(32):#x}"
    if choice < 0.10 and m.function and m.function[0] != 0:
        reg = r.randrange(256)
        return "\n".join(config_line(*m.function, reg, value & 255, 1))
    how, base, size = r.choice(m.windows)
    at = base + (r.randrange(size) & r.choice((~0, ~3, ~7)))
    width = r.choice("bwl" if how == "port" else "bwlq")
    value &= (1 << 8 * WIDTH[width]) - 1
    if how == "port":
        return r.choice((f"out{width} {at:#x} {value:#x}", f"in{width} {at:#x}"))
    return r.choice((f"write{width} {at:#x} {value:#x}", f"read{width} {at:#x}"))


def sequence(seed, m, clock, count=LINES):
    r = random.Random(f"{m.name} {seed}")
    return [line(r, m, clock) for _ in range(count)]


def flat(lines):
    return "\n".join(lines).split("\n") if lines else []


def machine_for(binary, m, **kw):
    return Machine(binary, BOARDS["q35"], ["-no-shutdown"] + list(m.options), **kw)


def kills(binary, m, lines, timeout=20):
    """What happens when the lines run: None, or the reason of the death (or of the silence)."""
    machine = machine_for(binary, m, timeout=timeout)
    try:
        machine.start()
        machine.q.exchange(list(m.setup) + flat(lines))
        machine.q.exchange(["endianness"])
        machine.close()
        return None
    except (Died, TimedOut) as e:
        if machine.proc:
            machine.proc.kill()
            try:
                machine.close()
            except QtestError:
                pass
        return str(e)


def shrink(lines, bad, tries=400):
    """Delta debugging: the shortest list found for which bad(list) still holds."""
    parts = 2
    while len(lines) > 1 and tries > 0:
        size = -(-len(lines) // parts)
        for start in range(0, len(lines), size):
            rest = lines[:start] + lines[start + size:]
            tries -= 1
            if rest and bad(rest):
                lines, parts = rest, max(parts - 1, 2)
                break
            if tries <= 0:
                break
        else:
            if size == 1:
                break
            parts = min(parts * 2, len(lines))
    return lines


def save(folder, name, binary, m, lines, why):
    """Writes the finding; the path of its lines."""
    os.makedirs(folder, exist_ok=True)
    stem = os.path.join(folder, name)
    with open(stem + ".qtest", "w", encoding="ascii") as f:
        f.writelines(x + "\n" for x in list(m.setup) + flat(lines))
    with open(stem + ".argv", "w", encoding="utf-8") as f:
        f.writelines(x + "\n" for x in machine_for(binary, m).argv())
    with open(stem + ".why", "w", encoding="utf-8") as f:
        f.write(why + "\n")
    return stem + ".qtest"


def campaign(binary, names, seconds, seed, folder, out):
    """Fuzzes maps in turn; gives the findings' paths. With seconds 0 one round of each."""
    found, end, rounds = [], time.monotonic() + seconds, 0
    while True:
        for name in names:
            m = MAPS[name]
            if not m.windows:
                continue
            lines = sequence(seed, m, binary.has_clock)
            why = kills(binary, m, lines)
            rounds += 1
            if why:
                out.write(f"{name}, seed {seed}: {why.splitlines()[0]}; shrinking\n")
                lines = shrink(lines, lambda some, m=m: kills(binary, m, some) is not None)
                found.append(save(folder, f"{name}-{seed}", binary, m, lines, why))
                out.write(f"    {len(flat(lines))} lines: {found[-1]}\n")
            if seconds and time.monotonic() > end:
                break
        seed += 1
        if time.monotonic() >= end:
            break
    out.write(f"{rounds} rounds of {LINES} accesses, {len(found)} findings\n")
    return found
