#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# img dd with images on pipes: streamed qcow2, VHD and raw, images that come by a pipe.
. "$(dirname "$0")/../lib.sh"
requires qemu-img python3 xz
requires_config CONFIG_TOOL_IMG CONFIG_BLOCK_QCOW2 CONFIG_BLOCK_VPC
export TMPDIR="$PWD"
dd_() { timeout 60 "$VMBOX" img dd status=none "$@"; }
python3 - <<'EOT'
import random
r = random.Random(6)
with open('src.raw', 'wb') as f:
    for i in range(40):
        f.seek(r.randrange(1, 30) * 65536, 1)
        f.write(r.randbytes(r.randrange(1, 40) * 4096 + 512))
    f.truncate((70 << 20) + 512)
EOT
qemu-img convert -f raw -O qcow2 -c src.raw src.qcow2

for o in "" cluster_size=512 cluster_size=2M compat=0.10 lazy_refcounts=on; do
	dd_ -f qcow2 if=src.qcow2 -O qcow2 ${o:+-o $o} | cat >a.qcow2
	ok "qcow2 to a pipe, $o" qemu-img check -q a.qcow2
	ok "qemu-img finds the same in it" qemu-img compare -q -f qcow2 -F raw a.qcow2 src.raw
done
is "$(($(stat -c %s a.qcow2) < 30000000))" 1 "holes take no space in it"
dd_ -f raw if=src.raw -O qcow2 | cat >b.qcow2
ok "from a raw file" qemu-img compare -q -f qcow2 -F raw b.qcow2 src.raw
cat src.raw | dd_ bs=4k -O qcow2 | cat >c.qcow2
ok "from a pipe" qemu-img compare -q -f qcow2 -F raw c.qcow2 src.raw
ok "clean" qemu-img check -q c.qcow2
dd_ -f qcow2 if=src.qcow2 bs=64k skip=3 count=100 conv=swab -O qcow2 | cat >d.qcow2
dd if=src.raw bs=64k skip=3 count=100 conv=swab of=want status=none
ok "a part of it, swapped" qemu-img compare -q -f qcow2 -F raw d.qcow2 want
dd_ -f qcow2 if=src.qcow2 bs=64k skip=3 count=100 -O qcow2 | cat >d.qcow2
dd if=src.raw bs=64k skip=3 count=100 of=want status=none
ok "a part of it" qemu-img compare -q -f qcow2 -F raw d.qcow2 want
for o in force_size=on subformat=fixed,force_size=on; do
	dd_ -f qcow2 if=src.qcow2 -O vpc -o $o | cat >a.vhd
	ok "VHD to a pipe, $o" qemu-img compare -q -f vpc -F raw a.vhd src.raw
done
if grep -q '^CONFIG_BLOCK_VMDK=y' "$objtree/.config" 2>/dev/null; then
	for w in "-f qcow2 if=src.qcow2" "-f raw if=src.raw bs=64k" "-f raw if=src.raw -o adapter_type=lsilogic,subformat=streamOptimized"; do
		dd_ $w -O vmdk | cat >a.vmdk
		ok "VMDK to a pipe, $w" qemu-img compare -q -f vmdk -F raw a.vmdk src.raw
	done
	like "$(qemu-img info a.vmdk)" "create type: streamOptimized" "of the sort that is made for it"
	ok "qemu-img check finds no fault" qemu-img check -q -f vmdk a.vmdk
	dd_ -f qcow2 if=src.qcow2 -O vmdk | xz -0 | xz -dc >b.vmdk
	is "$(stat -c %s b.vmdk)" "$(stat -c %s a.vmdk)" "the same length through xz"
	cat src.raw | dd_ bs=4k -O vmdk | cat >c.vmdk
	ok "from a pipe" qemu-img compare -q -f vmdk -F raw c.vmdk src.raw
	truncate -s 3M empty.raw
	dd_ -f raw if=empty.raw -O vmdk | cat >d.vmdk
	ok "of an empty disk" qemu-img compare -q -f vmdk -F raw d.vmdk empty.raw
	is "$(cat a.vmdk | dd_ -f vmdk | cksum)" "$(cksum <src.raw)" "a VMDK that comes by a pipe"
	is "$(dd_ -f raw if=src.raw -O vmdk -o subformat=monolithicFlat 2>/dev/null | wc -c)" 0 "another sort is refused"
fi
mkfifo fifo
cat fifo >e.qcow2 &
dd_ -f raw if=src.raw -O qcow2 of=fifo
wait
ok "into a named pipe" qemu-img compare -q -f qcow2 -F raw e.qcow2 src.raw

# The issue's own lines.
is "$(dd_ -f qcow2 if=src.qcow2 | cksum)" "$(cksum <src.raw)" "raw to a pipe"
dd_ -f qcow2 if=src.qcow2 | xz -0 >x.xz
for f in qcow2 vpc vhdx vdi vmdk; do
	"$VMBOX" img create -q -f $f probe 1M 2>/dev/null || continue
	ok "xz | dd -O $f" sh -c "xz -dc x.xz | timeout 60 '$VMBOX' img dd status=none of=x.$f -O $f bs=64k"
	ok "the same in it" qemu-img compare -q -f $f -F raw x.$f src.raw
done
is "$(cat src.qcow2 | dd_ -f qcow2 | cksum)" "$(cksum <src.raw)" "qcow2 that comes by a pipe"
is "$(dd_ -f qcow2 <src.qcow2 | cksum)" "$(cksum <src.raw)" "or redirected"
is "$( (dd_ -f raw bs=512 count=3 >/dev/null; dd_ -f raw bs=512 count=2) <src.raw | cksum)" \
	"$(dd if=src.raw bs=512 skip=3 count=2 status=none | cksum)" "who shares the descriptor goes on"
is "$(ls | grep -c '^img\.')" 0 "no temporary file is left"
for w in "-O vdi" "-O qcow2 -o extended_l2=on" "-O qcow2 seek=1"; do
	is "$( ("$VMBOX" img dd -f raw if=src.raw $w 2>err; echo $? >rc) | wc -c)$(cat rc)" 01 "dd $w to a pipe is refused"
done
ok "a closed pipe ends it" sh -c "('$VMBOX' img dd -f raw if=src.raw -O qcow2; echo \$? >rc) 2>/dev/null | head -c 1000 >/dev/null; [ \$(cat rc) != 0 ]"
done_testing
