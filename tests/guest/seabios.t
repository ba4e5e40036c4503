#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# SeaBIOS of Debian's package runs: finds memory, chipset and ACPI tables by
# fw_cfg and looks for something to boot.
. "$(dirname "$0")/../lib.sh"
requires_config CONFIG_VM CONFIG_ISA_DEBUGCON
[ -e /usr/share/seabios/bios-256k.bin ] || skip_all "seabios is missing"

"$VMBOX" vm -m 128 -display none -monitor none -serial null -chardev file,id=d,path=log \
	-device isa-debugcon,iobase=0x402,chardev=d &
pid=$!
at_exit 'kill $pid 2>/dev/null'
wait_for 60 grep -q "Booting from Hard Disk" log
kill $pid
wait $pid
is "$?" 0 "a signal ends it with status 0"
log=$(cat log)
like "$log" "Running on QEMU \(q35\)" "knows the board"
like "$log" "QEMU fw_cfg DMA interface supported" "uses fw_cfg's DMA"
like "$log" "addr 0x0000000000000000 len 0x0000000008000000 \[RAM\]" "has the memory map"
like "$log" "PCIe: using q35 mmconfig at 0xb0000000" "uses ECAM"
like "$log" "table\(50434146\)=0x" "found the FADT through the XSDT"
like "$log" "Found 1 serial ports" "found the serial port"
like "$log" "Boot failed" "ends at the boot menu"
done_testing
