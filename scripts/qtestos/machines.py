# SPDX-License-Identifier: GPL-2.0-or-later
"""The machines that we know: data only."""
from .model import board

LEGACY = ("isa-pic", "isa-pit", "isa-rtc", "i8042", "fw_cfg-io", "lapic", "hpet", "ioapic", "port92", "acpi-pm", "isa-serial", "isa")

board(name="q35", arch="x86_64", parts=("q35-pcihost", "ich9-lpc", "ich9-ahci-onboard") + LEGACY)
board(name="pc", arch="x86_64", parts=("i440fx-pcihost", "piix3-isa", "piix3-ide-onboard") + LEGACY)
