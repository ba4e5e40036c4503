# SPDX-License-Identifier: GPL-2.0-or-later
"""An AML interpreter (ACPI 6.4 chapters 19 and 20), bounded in time, depth and memory.

    aml = Interpreter(spaces={SYSTEM_IO: handler})
    aml.load(dsdt)
    aml.evaluate(r"\\_SB.PCI0._PRT")
"""
from .interp import Interpreter
from .values import AmlError, Limits, to_python

SYSTEM_MEMORY, SYSTEM_IO, PCI_CONFIG, EMBEDDED_CONTROL, SMBUS, SYSTEM_CMOS = range(6)

__all__ = ["Interpreter", "AmlError", "Limits", "to_python", "SYSTEM_MEMORY", "SYSTEM_IO", "PCI_CONFIG",
           "EMBEDDED_CONTROL", "SMBUS", "SYSTEM_CMOS"]
