#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Ticks of PIT, HPET and RTC that come while the processor takes no interrupts are
# made up for: a kernel of our own by multiboot, by each accelerator.
. "$(dirname "$0")/../lib.sh"
requires_config CONFIG_VM CONFIG_ISA_DEBUGCON CONFIG_ISA_DEBUG_EXIT
requires gcc ld

gcc -m32 -march=i686 -O1 -ffreestanding -fno-pic -fno-stack-protector -fomit-frame-pointer -mgeneral-regs-only -fcf-protection=none \
	-nostdlib -static -Wall -Wextra -Wl,-Ttext=0x100000,--build-id=none,-e,_start,-z,noexecstack -o ticks.elf \
	"$srctree/tests/guest/ticks/ticks.c" 2>gcc.log
is "$(cat gcc.log)" "" "the kernel builds"

run() {
	timeout 120 "$VMBOX" vm -m 16 -display none -nodefaults -debugcon file:out \
		-device isa-debug-exit,iobase=0xf4 -kernel ticks.elf "$@" </dev/null 2>err
	is "$?:$(cat err)" "1:" "$*: it ends well"
	like "$(cat out)" "end" "$*: with all results"
}

for accel in interp jit; do
	"$VMBOX" vm -accel help | grep -qx "$accel" || continue
	run -accel $accel
	grep -v end out >lines
	while read -r name ticks ms; do
		ok "$accel: $name: none of a hundred is lost" test "$ticks" -ge 95
		ok "$accel: $name: and none is invented" test "$ticks" -le $((ms * 1024 / 1000 + 2))
	done <lines
	run -accel $accel -rtc driftfix=none
	grep '^rtc' out >lines
	while read -r name ticks ms; do
		ok "$accel: $name: with driftfix=none they are lost" test "$ticks" -lt 80
	done <lines
done
done_testing
