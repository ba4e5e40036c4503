#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# img against Debian's qemu-img in the other formats: what one writes the other reads.
. "$(dirname "$0")/../lib.sh"
requires qemu-img qemu-io python3
requires_config CONFIG_TOOL_IMG
img() { "$VMBOX" img "$@"; }
has() { grep -q "^CONFIG_BLOCK_$1=y" "$objtree/.config"; }

python3 - <<'PY'
import random
r = random.Random(5)
with open('src.raw', 'wb') as f:
    for i in range(60):
        k = r.random()
        if k < .4:
            f.seek(65536 + r.randrange(9) * 4096, 1)
        elif k < .7:
            f.write(r.randbytes(r.randrange(1, 40) * 4096))
        else:
            f.write(b'line %d\n' % i * 5000)
    f.truncate(9 << 20)
PY

# both FORMAT OPTIONS...: ours is read by qemu-img, qemu-img's by us; a second write into each.
both() {
	fmt=$1
	shift
	for o; do
		rm -rf a b && mkdir a b
		ok "$fmt $o: convert" img convert -f raw -O $fmt ${o:+-o $o} src.raw a/x.img
		ok "$fmt $o: qemu-img finds the same in it" qemu-img compare -q -f $fmt -F raw a/x.img src.raw
		ok "$fmt $o: qemu-img writes one" qemu-img convert -f raw -O $fmt ${o:+-o $o} src.raw b/x.img
		ok "$fmt $o: we find the same in it" img compare -q -f $fmt -F raw b/x.img src.raw
		case $fmt in
		qcow|vpc) ;;
		*)
			ok "$fmt $o: qemu-img checks ours" qemu-img check -q -f $fmt a/x.img
			ok "$fmt $o: we check qemu-img's" img check -q -f $fmt b/x.img ;;
		esac
		case $o in *streamOptimized*) continue ;; esac
		ok "$fmt $o: qemu-io writes into ours" qemu-io -f $fmt -c 'write -P 7 3M 100k' -c 'write -P 8 6300k 1k' a/x.img
		ok "$fmt $o: we write into qemu-img's" img dd -f $fmt -O $fmt bs=1k skip=3072 seek=3072 count=100 conv=notrunc if=a/x.img of=b/x.img
		ok "$fmt $o: and so" img dd -f $fmt -O $fmt bs=1k skip=6300 seek=6300 count=1 conv=notrunc if=a/x.img of=b/x.img
		ok "$fmt $o: qemu-img finds both the same" qemu-img compare -q -f $fmt -F $fmt a/x.img b/x.img
	done
}

has VHDX && both vhdx "" block_size=1M,log_size=2M block_state_zero=off subformat=fixed
has VMDK && both vmdk "" subformat=monolithicFlat subformat=twoGbMaxExtentSparse subformat=twoGbMaxExtentFlat \
	subformat=streamOptimized zeroed_grain=on adapter_type=lsilogic,hwversion=7,toolsversion=9 compat6=on
has QED && both qed "" cluster_size=4k,table_size=2 cluster_size=1M
if has QCOW; then
	both qcow ""
	ok "compressed qcow" img convert -c -f raw -O qcow src.raw c.qcow
	ok "qemu-img reads it" qemu-img compare -q -f qcow -F raw c.qcow src.raw
	qemu-img convert -c -f raw -O qcow src.raw d.qcow	# whole, but 7.2 says 1 without a word
	ok "we read it" img compare -q -f qcow -F raw d.qcow src.raw
fi
has PARALLELS && both parallels "" cluster_size=64k
has VDI && both vdi "" static=on
has VPC && both vpc "" force_size=on subformat=fixed subformat=fixed,force_size=on
done_testing
