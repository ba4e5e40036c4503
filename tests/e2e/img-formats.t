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
if has PARALLELS; then
	qemu-img create -q -f parallels p.img 9M
	ok "a backing file that only the command line names" img compare --image-opts -q \
		driver=parallels,file.filename=p.img,backing.driver=raw,backing.file.filename=src.raw driver=raw,file.filename=src.raw
fi
has PARALLELS && both parallels "" cluster_size=64k
has VDI && both vdi "" static=on
has VPC && both vpc "" force_size=on subformat=fixed subformat=fixed,force_size=on

# What nobody here writes: a disk image of Apple's, a compressed loop image, one of Bochs.
python3 - <<'PY'
import base64, bz2, random, struct, zlib
r = random.Random(9)
parts = [(0x80000005, b'zlib ' * 20480), (0, b'\0' * 51200), (0x80000006, b'bzip2' * 20480),
         (1, r.randbytes(102400)), (2, b'\0' * 512)]
data, mish, sector = b'', b'', 0
for t, plain in parts:
    packed = {0x80000005: zlib.compress, 0x80000006: bz2.compress, 1: bytes}.get(t, lambda x: b'')(plain)
    mish += struct.pack('>IIQQQQ', t, 0, sector, len(plain) // 512, len(data), len(packed))
    data += packed
    sector += len(plain) // 512
mish += struct.pack('>IIQQQQ', 0xffffffff, 0, sector, 0, len(data), 0)
head = struct.pack('>IIQQQ', 0x6d697368, 1, 0, sector, 0).ljust(204, b'\0')
plist = b'<plist><data>\n\t' + base64.b64encode(head + mish) + b'\n</data></plist>'
koly = bytearray(512)
koly[0:4] = b'koly'
struct.pack_into('>QQ', koly, 0xd8, len(data), len(plist))
struct.pack_into('>Q', koly, 0x1ec, sector)
open('x.dmg', 'wb').write(data + plist + koly)
other = base64.b64encode(head + mish.replace(struct.pack('>I', 0x80000005), struct.pack('>I', 0x80000007)))
with open('lzfse.dmg', 'wb') as f:
    f.write(data + b'<plist><data>\n\t' + other + b'\n</data></plist>' + koly)
open('dmg.raw', 'wb').write(b''.join(p for _, p in parts))

blocks = [bytes([i]) * 65536 for i in range(9)]
packed = [zlib.compress(b) for b in blocks]
at = 128 + 8 + 8 * 10
offs = [at]
for p in packed:
    offs.append(offs[-1] + len(p))
script = b'#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0 && mount -r -t iso9660 /dev/cloop $1\n'
open('x.cloop', 'wb').write(script.ljust(128, b'\0') + struct.pack('>II', 65536, 9) +
                            b''.join(struct.pack('>Q', o) for o in offs) + b''.join(packed))
open('cloop.raw', 'wb').write(b''.join(blocks))

size = 4 * 65536
h = b'Bochs Virtual HD Image'.ljust(32, b'\0') + b'Redolog'.ljust(16, b'\0') + b'Growing'.ljust(16, b'\0')
h += struct.pack('<IIIIIIQ', 0x20000, 512, 4, 512, 65536, 0, size)
bits = bytes([0x0f, 0, 0x80] + [0] * 509)
open('x.bochs', 'wb').write(h.ljust(512, b'\0') + struct.pack('<4I', 0xffffffff, 0, 0xffffffff, 0xffffffff) + bits +
                            b'B' * 65536)
raw = bytearray(size)
raw[65536:65536 + 2048] = b'B' * 2048
raw[65536 + 23 * 512:65536 + 24 * 512] = b'B' * 512
open('bochs.raw', 'wb').write(raw)
PY
for f in dmg cloop bochs; do
	has $(echo $f | tr a-z A-Z) || continue
	ok "$f is read" img compare -q -f $f -F raw x.$f $f.raw
	ok "in pieces too" img dd -f $f -O raw bs=1000 if=x.$f of=y.raw
	ok "the same" cmp y.raw $f.raw
	not_ok "but not written" img dd -f raw -O $f conv=notrunc if=y.raw of=x.$f
	[ $f != dmg ] || like "$(img dd -f dmg -O raw if=lzfse.dmg of=y.raw 2>&1)" 'packed with LZFSE' "LZFSE is named"
	[ $f = dmg ] || ok "qemu-img agrees" qemu-img compare -q -f $f -F raw x.$f $f.raw
done
done_testing
