#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# img dd gives what GNU dd gives, on files, pipes and images.
. "$(dirname "$0")/../lib.sh"
requires dd python3 qemu-img
requires_config CONFIG_TOOL_IMG CONFIG_BLOCK_QCOW2
python3 -c 'import random,sys; sys.stdout.buffer.write(random.Random(5).randbytes(100003))' >in

same() {	# the operands but if= and of=
	rm -f a b
	cp -f pre a 2>/dev/null; cp -f pre b 2>/dev/null
	dd if=in of=a "$@" 2>ea
	"$VMBOX" img dd -f raw if=in of=b "$@" 2>eb
	ok "dd $*" cmp a b
	is "$(grep records eb)" "$(grep records ea)" "records of dd $*"
}
for bs in 1 511 512 4k 64K 1M; do
	[ $bs = 1 ] || same bs=$bs
	same bs=$bs count=3
	same bs=$bs skip=2 count=1
	same bs=$bs skip=1 seek=2 count=2
	same bs=$bs count=5000B iflag=fullblock
	same bs=$bs conv=sync,swab count=2
done
same ibs=1000 obs=300
same ibs=300 obs=1000 conv=ucase
same bs=512 seek=3B skip=7B
same bs=2x512
head -c 70000 /dev/zero >pre
same bs=512 seek=5 count=2 conv=notrunc
same bs=512 seek=5 count=2
rm pre
head -c 20M /dev/zero | tr '\0' x >big
for fmt in raw qcow2; do	# large enough for the disk to be told early
	ok "conv=fdatasync, $fmt" "$VMBOX" img dd -f raw -O $fmt bs=64k conv=fdatasync if=big of=big.$fmt
	ok "the same" qemu-img compare -q -f raw -F $fmt big big.$fmt
done
rm big big.*
is "$(cat in | "$VMBOX" img dd bs=700 count=3 iflag=fullblock status=none | cksum)" \
	"$(head -c 2100 in | cksum)" "a pipe on both sides"
ok "into an image" sh -c "cat in | '$VMBOX' img dd -O qcow2 of=x.qcow2 bs=4k status=none"
ok "clean" qemu-img check -q x.qcow2
is "$("$VMBOX" img dd -f qcow2 if=x.qcow2 status=none count=100003B | cksum)" "$(cksum <in)" "and out of it"
ok "inside an image" sh -c "'$VMBOX' img dd -f raw if=in -O qcow2 of=x.qcow2 seek=4 bs=512 count=2 conv=notrunc status=none"
dd if=in of=want bs=512 status=none
dd if=in of=want bs=512 seek=4 count=2 conv=notrunc status=none
is "$("$VMBOX" img dd -f qcow2 if=x.qcow2 status=none count=100003B | cksum)" "$(cksum <want)" "holds what dd would hold"
not_ok "excl" "$VMBOX" img dd -f raw if=in of=want conv=excl
not_ok "nocreat" "$VMBOX" img dd -f raw if=in of=none conv=nocreat
not_ok "an unknown operand" "$VMBOX" img dd bx=1
done_testing
