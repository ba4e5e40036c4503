# SPDX-License-Identifier: GPL-2.0-or-later
"""Guest memory for drivers: an allocator whose pages are poisoned around what
was asked for, so that a device that writes past a buffer, or to one that was
given back, is found; and what is not given back at the end is a leak."""
import mmap
import os

from .proto import QtestError

PAGE = 4096
POISON = 0xa7


class MemoryFault(QtestError):
    """A page was written to by nobody's leave, or not given back."""


class Window:
    """The machine's RAM shared with us: a file without a name, whose descriptor the emulator inherits and opens as
    the memory of its board. What lies in it is read and written here, without the protocol; the devices' DMA and
    ours meet in the same pages. Any emulator with memory-backend-file has it."""

    def __init__(self, size, base, end):
        self.size, self.base, self.end = size, base, end
        self.fd = os.memfd_create("qtestos-ram", 0)
        os.truncate(self.fd, size)
        self.map = mmap.mmap(self.fd, size)

    def backend(self):
        """The object that the board gets as its memory; the descriptor keeps its number in the emulator."""
        return f"memory-backend-file,id=ram0,size={self.size},mem-path=/proc/self/fd/{self.fd},share=on"

    def has(self, addr, size):
        return self.base <= addr and addr + size <= self.end

    def read(self, addr, size): return self.map[addr:addr + size]

    def write(self, addr, data): self.map[addr:addr + len(data)] = bytes(data)

    def memset(self, addr, size, value): self.map[addr:addr + size] = bytes((value,)) * size

    def close(self):
        self.map.close()
        os.close(self.fd)


class Allocator:
    """Addresses from base on, below end. ops: the machine, or anything with read, write and memset."""

    def __init__(self, ops, base, end):
        self.ops, self.base, self.end, self.next = ops, base, end, base
        self.used = {}		# address: (size asked for, size taken, what for)
        self.free_list = {}	# size taken: addresses, poisoned

    def alloc(self, size, align=PAGE, what="buffer", fill=0):
        """size bytes of `fill`, whole pages, with poison behind up to the end of the last and a page of it after."""
        if size <= 0 or align & (align - 1):
            raise ValueError("a size above 0 and an alignment that is a power of two")
        taken = (size + PAGE - 1) // PAGE * PAGE + PAGE
        addr = next((a for a in self.free_list.get(taken, ()) if not a % align), None)
        if addr is not None:
            self.free_list[taken].remove(addr)
            self._check(addr, 0, taken, "freed memory")
        else:
            addr = (self.next + align - 1) // align * align
            if addr + taken > self.end:
                raise MemoryError(f"no room for {size} bytes: give the machine more memory")
            self.next = addr + taken
            self.ops.memset(addr + size, taken - size, POISON)
        self.ops.memset(addr, size, fill)
        self.used[addr] = (size, taken, what)
        return addr

    def put(self, data, align=PAGE, what="buffer"):
        """A new buffer with these bytes."""
        addr = self.alloc(len(data), align, what)
        self.ops.write(addr, data)
        return addr

    def free(self, addr):
        """Gives back what alloc gave; checks the poison behind it and poisons it."""
        if addr not in self.used:
            raise MemoryFault(f"{addr:#x} was not allocated, or was freed twice")
        size, taken, what = self.used.pop(addr)
        self._check(addr, size, taken, what)
        self.ops.memset(addr, taken, POISON)
        self.free_list.setdefault(taken, []).append(addr)

    def _check(self, addr, start, end, what):
        data = self.ops.read(addr + start, end - start)
        bad = next((i for i, b in enumerate(data) if b != POISON), None)
        if bad is not None:
            raise MemoryFault(f"{what} at {addr:#x}: byte {start + bad:#x}, outside of its {start:#x}, was overwritten "
                              f"with {data[bad:bad + 16].hex(' ')}")

    def check(self):
        """All the poison, of what is in use and of what was given back."""
        for addr, (size, taken, what) in self.used.items():
            self._check(addr, size, taken, what)
        for taken, addrs in self.free_list.items():
            for addr in addrs:
                self._check(addr, 0, taken, "freed memory")

    def leaks(self):
        """[(address, size, what for)] of what is in use."""
        return [(a, size, what) for a, (size, _, what) in sorted(self.used.items())]
