#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Task switches, call gates, virtual-8086 mode, alignment checks, IRQ 13: a
# kernel of our own by multiboot, by each accelerator; PVH by Debian's kernel.
. "$(dirname "$0")/../lib.sh"
. "$srctree/tests/guest/boot.sh"
requires_config CONFIG_VM CONFIG_ISA_DEBUGCON CONFIG_ISA_DEBUG_EXIT
requires gcc ld

gcc -m32 -march=i686 -O1 -ffreestanding -fno-pic -fno-stack-protector -fomit-frame-pointer -mno-sse -mno-mmx -fcf-protection=none \
	-nostdlib -static -Wall -Wextra -Wl,-Ttext=0x100000,--build-id=none,-e,_start,-z,noexecstack -o modes.elf \
	"$srctree/tests/guest/modes/start.S" "$srctree/tests/guest/modes/modes.c" 2>gcc.log
is "$(cat gcc.log)" "" "the kernel builds"
for accel in interp jit; do
	"$VMBOX" vm -accel help | grep -qx "$accel" || continue
	timeout 60 "$VMBOX" vm -accel $accel -m 16 -display none -nodefaults -debugcon file:out \
		-device isa-debug-exit,iobase=0xf4 -kernel modes.elf </dev/null 2>err
	is "$?:$(cat err)" "1:" "$accel: it ends well"
	grep -E '^(not )?ok|^#|^Bail' out | sed 's/^\(not ok\|ok\) [0-9]* - /\1 /' >lines
	ok "$accel: with results" grep -q '^1\.\.' out
	while read -r line; do
		case $line in
		"ok "*) pass "$accel: ${line#ok }" ;;
		"not ok "*) fail "$accel: ${line#not ok }" ;;
		Bail*) fail "$line" ;;
		*) echo "$line" ;;
		esac
	done <lines
done

kernel=$(kernel_of linux-image-amd64) || { fail "fetch the kernel"; done_testing; exit; }
python3 - "$kernel" <<'END'
import lzma, struct, sys
d = open(sys.argv[1], "rb").read()
off, n = struct.unpack_from("<II", d, 0x248)
at = (d[0x1f1] + 1) * 512 + off
open("vmlinux", "wb").write(lzma.LZMADecompressor().decompress(d[at:at + n]))
END
"$VMBOX" vm -m 256 -display none -monitor none -serial file:pvh.log -kernel vmlinux -append "earlyprintk=serial hello=pvh" &
pid=$!
at_exit 'kill $pid 2>/dev/null'
ok "Debian's vmlinux starts by its PVH note" wait_for 60 grep -q "Command line: .*hello=pvh" pvh.log
ok "with the memory map" wait_for 20 grep -q "BIOS-e820: \[mem 0x0000000000100000-0x000000000fffffff\] usable" pvh.log
ok "and the ACPI tables" wait_for 60 grep -q "ACPI: RSDP 0x00000000000F0000" pvh.log
kill $pid
wait $pid 2>/dev/null
done_testing
