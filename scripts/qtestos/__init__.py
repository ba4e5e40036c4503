# SPDX-License-Identifier: GPL-2.0-or-later
"""qtest-os: drivers in Python that test the devices of an emulator over qtest."""
from .machine import Machine
from .model import (BOARDS, DRIVERS, Board, Driver, Mismatch, PciId, arguments, board, boards, eq, on, only, options, params,
                    raw, requires, skip_on, variants, via)
from .proto import Batch, Died, Qtest, QtestError, Refused, TimedOut, Transcript, replay
from .qmp import Qmp, QmpError
from . import machines as _machines

__all__ = ["Machine", "BOARDS", "DRIVERS", "Board", "Driver", "Mismatch", "PciId", "arguments", "board", "boards", "eq", "on",
           "only", "options", "params", "raw", "requires", "skip_on", "variants", "via", "Batch", "Died", "Qtest", "QtestError", "Refused",
           "TimedOut", "Transcript", "replay", "Qmp", "QmpError"]
