# SPDX-License-Identifier: GPL-2.0-or-later
"""What every disk can do, however it is attached: a test that names BlockDevice runs on all of them."""
import hashlib


def pattern(lba, count, size=512):
    """Bytes that tell where they belong: each block is filled from a hash of its number."""
    return b"".join(hashlib.shake_128(b"%d" % i).digest(size) for i in range(lba, lba + count))


class BlockDevice:
    """read and write take blocks; an error of the device is an IoFault."""
    name = None
    block_size = 512
    blocks = 0
    IMAGE_BLOCKS = 2048		# of 512 bytes, filled with pattern()

    def read(self, lba, count):
        raise NotImplementedError

    def write(self, lba, data):
        raise NotImplementedError

    def flush(self):
        raise NotImplementedError

    def image(self):
        """The bytes of the image on the host."""
        with open(self.node.data["image"], "rb") as f:
            return f.read()

    @classmethod
    def image_drive(cls, node, line, **opts):
        """A -drive with an image of pattern(); its id."""
        return line.drive(cls.IMAGE_BLOCKS * 512, pattern(0, cls.IMAGE_BLOCKS), node, **opts)


class IoFault(Exception):
    """The device answered with an error; code is what it said."""

    def __init__(self, text, code):
        super().__init__(f"{text}: {code:#x}" if isinstance(code, int) else f"{text}: {code}")
        self.code = code
