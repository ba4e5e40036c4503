# SPDX-License-Identifier: GPL-2.0-or-later
"""ACPICA's interpreter (acpiexec of acpica-tools) as a second opinion: what it evaluates objects to, and memory as it simulates it."""
import os
import re
import subprocess
import tempfile


class Memory:
    """Address spaces that begin as zeros and remember, as acpiexec's do."""

    def __init__(self):
        self.cells = {}

    def __call__(self, region, offset, size, value):
        at = [(region.space, offset + i) for i in range(size)]
        if value is None:
            return sum(self.cells.get(a, 0) << 8 * i for i, a in enumerate(at))
        for i, a in enumerate(at):
            self.cells[a] = value >> 8 * i & 255
        return None


def _value(lines):
    """Parses one object from the front of lines, which it takes off."""
    line = lines.pop(0)
    if "Null Object" in line:
        return None
    m = re.match(r"\s*\[(.*?)\](.*)", line)
    kind, rest = m.group(1), m.group(2)
    if kind == "Integer":
        return int(rest.split("=")[1], 16)
    if kind == "String":
        size = int(re.search(r"Length ([0-9A-F]+)", rest).group(1), 16)
        text = rest[rest.index('"') + 1:]
        return text[:-1] if text.endswith('"') and len(text) - 1 == size else ("?", size)
    if kind == "Buffer":
        size = int(re.search(r"Length ([0-9A-F]+)", rest).group(1), 16)
        data = bytearray()
        text = rest.split("=", 1)[1]
        while True:
            m = re.match(r"\s*[0-9A-F]{4}: ((?:[0-9A-F]{2} )+)", text)
            if m:
                data += bytes.fromhex(m.group(1))
            if len(data) >= size or not lines or lines[0].lstrip().startswith("["):
                return bytes(data[:size])
            text = lines.pop(0)
    if kind == "Package":
        n = int(re.search(r"Contains (\d+)", rest).group(1))
        return [_value(lines) for _ in range(n)]
    if "Reference" in kind:
        return "<reference>"
    return "<%s>%s" % (kind, rest)


def _outcome(text):
    """What follows "Evaluating X": a value, None for no value, or ("error", code)."""
    m = re.search(r"failed with status (AE_\w+)", text)
    if m:
        return "error", m.group(1)
    m = re.search(r"Evaluation of .* returned object.*\n((?:.*\n?)*)", text)
    if not m:
        return None if "No object was returned" in text else ("error", "?")
    lines = [x for x in m.group(1).split("\n") if x.strip()]
    return _value(lines)


def evaluate(tables, requests, options=("-dr", "-di")):
    """Loads tables (bytes, the DSDT first) and evaluates each request ("\\_S5", or "\\M 1 2") in turn: a list of outcomes."""
    with tempfile.TemporaryDirectory() as d:
        names = []
        for i, t in enumerate(tables):
            names.append(os.path.join(d, "%d.aml" % i))
            with open(names[-1], "wb") as f:
                f.write(t)
        out = []
        commands = "".join("evaluate %s\n" % x for x in requests) + "quit\n"
        r = subprocess.run(["acpiexec", *options] + names, input=commands,
                           capture_output=True, text=True, errors="replace", timeout=120, cwd=d)
        parts = re.split(r"^(?:- )?Evaluating .*$", r.stdout, flags=re.M)
        for text in parts[1:]:
            out.append(_outcome(text))
        if len(out) != len(requests):
            raise RuntimeError("acpiexec answered %d of %d requests: %s" % (len(out), len(requests), r.stderr[-500:]))
        return out


def compile_asl(source):
    """ASL text to a table, by iasl; ValueError with its messages."""
    with tempfile.TemporaryDirectory() as d:
        with open(os.path.join(d, "t.asl"), "w", encoding="ascii") as f:
            f.write(source)
        r = subprocess.run(["iasl", "-oa", "-vw", "2173", "-p", "t", "-f", "t.asl"], cwd=d, capture_output=True, text=True, timeout=60)
        if "Compilation successful" not in r.stdout:     # -f: what the compiler refuses, the interpreter must
            raise ValueError(r.stdout + r.stderr)
        with open(os.path.join(d, "t.aml"), "rb") as f:
            return f.read()
