#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What QEMU's own tests of images expect of qemu-img and qemu-io: texts, layouts, repairs.
. "$(dirname "$0")/../lib.sh"
requires qemu-img qemu-io qemu-nbd python3
requires_config CONFIG_TOOL_IMG CONFIG_TOOL_QEMU_IO CONFIG_BLOCK_QCOW2
ln -s "$VMBOX" qemu-img
img() { ./qemu-img "$@"; }
qio() { "$VMBOX" qemu-io "$@"; }
text() { img "$@" 2>&1; }

# ---- texts ----
is "$(text create -f qcow2 t.qcow2 -- -1024)" \
	"qemu-img: Invalid image size specified. Must be between 0 and 9223372036854775807." "a negative size"
is "$(text create -f qcow2 -o size=-1024 t.qcow2)" \
	"qemu-img: t.qcow2: Value '-1024' is out of range for parameter 'size'" "as an option: told before anything is made"
is "$(text create -f qcow2 -o size=-1k t.qcow2)" "qemu-img: t.qcow2: Parameter 'size' expects a non-negative number below 2^64
Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-
and exabytes, respectively." "advice has lines of its own"
is "$(text create -f qcow2 -o size=1M t.qcow2 2M)" \
	"qemu-img: t.qcow2: The image size must be specified only once" "two sizes"
is "$(text create -f qcow2 -b '' t.qcow2 2M)" \
	"qemu-img: t.qcow2: Expected backing file name, got empty string" "an empty backing file"
like "$(text create -f qcow2 t.qcow2 $((1 << 60)))" \
	"^qemu-img: t.qcow2: The image size is too large for file format 'qcow2' .try using a larger cluster size.$" "too large"
is "$(text create -f qcow2 -u -b none -F garbage t.qcow2 1M | tail -n 1)" \
	"qemu-img: t.qcow2: unrecognized backing format 'garbage'" "a backing format that is none"
img create -q -f qcow2 t.qcow2 1M
is "$(text amend -o cluster_size=4k t.qcow2)" "qemu-img: Invalid parameter 'cluster_size'
This option is only supported for image creation" "what amend cannot change"
is "$(text amend -o foo=1 t.qcow2)" "qemu-img: Invalid parameter 'foo'" "what nothing knows"
is "$(qio -f raw -c info t.qcow2)" "$(qemu-io -f raw -c info t.qcow2)" "information about a format without clusters"
is "$(qio -f null-co -c info "json:{'driver': 'null-co', 'size': 65536}")" "format name: null-co
format name: null-co" "about a protocol"
like "$(qio -c 'write 64k 512 -P 7' t.qcow2)" "^wrote 512/512 bytes at offset 65536" "options behind operands"
# shellcheck disable=SC2046
like "$(qio -c "writev -P 9 4096 $(python3 -c 'print("512 " * 1024)')" t.qcow2)" "^wrote 524288/524288" "1024 buffers"

# A qcow has no room for its base's format: a guest's data must not make a raw base an image of another one.
truncate -s 1M base.raw
img create -q -f qcow -u -b base.raw o.qcow 1M
qemu-img create -q -f qcow2 inner.qcow2 1M
truncate -s 1M inner.qcow2
img convert -n -f raw -O qcow inner.qcow2 o.qcow
is "$(text commit -f qcow o.qcow)" "qemu-img: Block job failed: Operation not permitted" "a raw base cannot become a qcow2"
ok "it is as it was" cmp -n 1048576 base.raw /dev/zero
rm -f base.raw o.qcow inner.qcow2

# ---- layouts ----
img create -q -f raw r.raw 1M
is "$(img map --output=json -f raw r.raw | head -n 1)" \
	'[{ "start": 0, "length": 4096, "depth": 0, "present": true, "zero": false, "data": true, "compressed": false, "offset": 0},' \
	"the first block of a new file is there"
img create -q -f qcow2 -o data_file=d.raw df.qcow2 1M
is "$(stat -c %s d.raw)" 1048576 "a data file is as large as the disk"
img create -q -f qcow2 base.qcow2 1M
qio -c 'write -P 1 68k 4k' base.qcow2 >/dev/null
img create -q -f qcow2 -b base.qcow2 -F qcow2 top.qcow2 1M
qio -c 'write -z 68k 4k' top.qcow2 >/dev/null
is "$(img map --output=json top.qcow2 | grep -c '"start": 65536, "length": 65536, "depth": 0, .*"zero": true, "data": false')" 1 \
	"zeros over all that a cluster had take no data"
ok "they are zeros" qemu-io -r -c 'read -P 0 64k 64k' top.qcow2
qio -c 'write -z 65k 1k' -c 'write -P 3 64k 512' -c 'write -z 65k 512' top.qcow2 >/dev/null
ok "beside data they leave it" qemu-io -r -c 'read -P 3 64k 512' -c 'read -P 0 66048 512' top.qcow2
is "$(img measure -O qcow2 -o backing_file=base.qcow2,backing_fmt=qcow2 --size 1G | head -n 1)" \
	"required size: 393216" "nothing to copy, nothing required"
is "$(img measure -O qcow2 -o backing_file=x -f qcow2 top.qcow2 | head -n 1)" \
	"required size: 1376256" "what an overlay shares is not known"

ok "read-only counts for the file below" sh -c 'chmod 444 t.qcow2 && "$VMBOX" qemu-io -c "open -o driver=qcow2,read-only=on,file.filename=t.qcow2" -c "read 0 512" -c close'
chmod 644 t.qcow2
flags() { # OPTIONS: how the file of an image is opened
	printf 'open -o driver=qcow2,%sfile.filename=t.qcow2\nsleep 2000\n' "$1" | "$VMBOX" qemu-io >io.log 2>&1 &
	io=$!
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		fd=$(find "/proc/$io/fd" -lname '*/t.qcow2' 2>/dev/null | head -n 1)
		[ -n "$fd" ] && break
		sleep 0.2
	done
	sed -n 's/^flags:[^0-9]*//p' "/proc/$io/fdinfo/${fd##*/}"
	kill "$io" 2>/dev/null
	wait "$io" 2>/dev/null
}
direct=$(python3 -c 'import os; print(os.O_DIRECT)')
is "$(($(flags read-only=on,) & 3))" 0 "an image that is opened read-only, so is its file"
is "$(($(flags "") & 3))" 2 "else both are written"
is "$(($(flags cache.direct=on,) & direct))" "$direct" "direct I/O is of the file"

# ---- what was not said to be raw must stay raw ----
img create -q -f raw p.raw 1M
cp t.qcow2 evil.qcow2
not_ok "no image in the first sector of a probed one" "$VMBOX" qemu-io -c "write -s evil.qcow2 0 64k" p.raw
not_ok "nor byte by byte" "$VMBOX" qemu-io -c "write -P 0x51 0 1" -c "write -P 0x46 1 1" -c "write -P 0x49 2 1" \
	-c "write -P 0xfb 3 1" -c "write -P 0 4 3" -c "write -P 3 7 1" p.raw
like "$(text info p.raw)" "^file format: raw" "it is raw"
ok "other data may go there" "$VMBOX" qemu-io -c "write -P 5 0 64k" p.raw
ok "and anything where raw was said" "$VMBOX" qemu-io -f raw -c "write -s evil.qcow2 0 64k" p.raw

# ---- what cannot be made ----
echo old >keep.qcow2
not_ok "an image that cannot be made" img create -q -f qcow2 -o refcount_bits=3 keep.qcow2 1M
not_ok "leaves no file" test -e keep.qcow2
is "$(text rebase -c -f vdi -b '' x.vdi; img create -q -f vdi x.vdi 1M; text rebase -c -f vdi -b '' x.vdi)" "qemu-img: Could not open 'x.vdi': Could not open 'x.vdi': No such file or directory
qemu-img: Compression not supported for this file format" "rebase -c where nothing can be compressed"

# ---- repairs ----
refcount() { # FILE CLUSTER VALUE: 16-bit refcounts, one block
	python3 -c "import sys, struct
f = open(sys.argv[1], 'r+b'); f.seek(48); t = struct.unpack('>Q', f.read(8))[0]
f.seek(t); b = struct.unpack('>Q', f.read(8))[0]
f.seek(b + 2 * int(sys.argv[2])); f.write(struct.pack('>H', int(sys.argv[3])))" "$@"
}
img create -q -f qcow2 c.qcow2 1M
qio -c 'write -P 5 0 64k' c.qcow2 >/dev/null
refcount c.qcow2 5 0
is "$(text check -r all c.qcow2 | sed -n 1,4p)" "ERROR cluster 5 refcount=0 reference=1
Rebuilding refcount structure
Repairing cluster 1 refcount=1 reference=0
Repairing cluster 2 refcount=1 reference=0" "a refcount that is missing: a new structure, the old one freed"
ok "no fault is left" qemu-img check -q c.qcow2
ok "and the data" qemu-io -r -c 'read -P 5 0 64k' c.qcow2
refcount c.qcow2 5 3
is "$(text check -r all c.qcow2 | sed -n 1,2p)" "Leaked cluster 5 refcount=3 reference=1
Repairing cluster 5 refcount=3 reference=1" "found first, repaired then"
ok "no leak is left" qemu-img check -q c.qcow2

img create -q -f qcow2 l.qcow2 1M
qio -c 'reopen -o lazy-refcounts=on' -c 'write -P 6 0 64k' -c flush -c 'sigraise 9' l.qcow2 >/dev/null 2>&1
is "$(od -An -tu1 -j79 -N1 l.qcow2 | tr -d ' ')" 1 "lazy refcounts from now on: dirty"
like "$(qio -c 'read -P 6 0 64k' l.qcow2 2>&1)" "^Rebuilding refcount structure" "a repair on opening is told"
ok "it is whole" qemu-img check -q l.qcow2

# ---- bitmaps record what is written ----
dirty() { # FILE BITMAP: what it says is dirty, according to Debian's tools
	rm -f nbd.sock
	qemu-nbd -r -f qcow2 -B "$2" -k "$PWD/nbd.sock" "$1" &
	nbd=$!
	wait_for 20 test -S nbd.sock
	qemu-img map --output=json --image-opts "driver=nbd,server.type=unix,server.path=$PWD/nbd.sock,x-dirty-bitmap=qemu:dirty-bitmap:$2" |
		python3 -c 'import json, sys; print(*["%d+%d" % (e["start"] >> 16, e["length"] >> 16) for e in json.load(sys.stdin) if not e["data"]])'
	kill $nbd 2>/dev/null
	wait $nbd
	return 0
}
img create -q -f qcow2 m.qcow2 8M
img bitmap --add m.qcow2 on
img bitmap --add --disable m.qcow2 off
qio -c 'write 64k 128k' -c 'write -z 1M 64k' -c 'discard 2M 64k' -c 'write -c 3M 64k' m.qcow2 >/dev/null
is "$(dirty m.qcow2 on)" "1+2 16+1 32+1 48+1" "writes, zeros, discards, compressed"
is "$(dirty m.qcow2 off)" "" "none where recording is off"
qio -c 'write 64k 64k' -c 'write 4M 1' m.qcow2 >/dev/null
is "$(dirty m.qcow2 on)" "1+2 16+1 32+1 48+1 64+1" "more, later"
ok "clean" qemu-img check -q m.qcow2
qio -c 'write 0 64k' -c flush -c 'sigraise 9' m.qcow2 >/dev/null 2>&1
is "$(qemu-img info m.qcow2 | grep -c in-use)" 1 "who dies leaves a bitmap that nobody trusts"
like "$(text convert --bitmaps -O qcow2 m.qcow2 m2.qcow2)" "^Try --skip-broken-bitmaps" "it is not copied"
not_ok "nothing is made" test -e m2.qcow2
ok "but the others are" img convert --bitmaps --skip-broken-bitmaps -O qcow2 m.qcow2 m2.qcow2
is "$(qemu-img info m2.qcow2 | grep -c 'name: on')" 0 "without it"

# Snapshots of old writers have shorter entries than ours.
n=$(printf %199s '' | tr ' ' a)
img create -q -f qcow2 -o cluster_size=512 s.qcow2 64k
img snapshot -c "$n" s.qcow2 && img snapshot -c "b$(echo "$n" | cut -c2-)" s.qcow2
python3 - <<'EOF'
import struct
f = open('s.qcow2', 'r+b')
f.seek(60)
n, at = struct.unpack('>IQ', f.read(12))
f.seek(at)
old, new = f.read(2 * 264), b''
for i in range(n):
    e = old[i * 264:(i + 1) * 264]
    new += e[:36] + struct.pack('>I', 16) + e[40:56] + e[64:64 + 200]
assert len(new) == 512
f.seek(at)
f.write(new)
EOF
like "$(text check s.qcow2)" "^1 leaked clusters were found" "their length is what they say"
ok "repaired" img check -q -r all s.qcow2
ok "one deleted" img snapshot -d "$n" s.qcow2
ok "nothing is lost or freed twice" qemu-img check -q s.qcow2
ok "the other" img snapshot -d "b$(echo "$n" | cut -c2-)" s.qcow2
ok "nothing is left" qemu-img check -q s.qcow2

if grep -q '^CONFIG_BLOCK_CRYPTO=y' "$objtree/.config"; then
	ok "an encrypted image of the smallest clusters" img create -q --object secret,id=s,data=x -f qcow2 \
		-o cluster_size=512,encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10 e.qcow2 64k
	ok "qemu-img opens it" qemu-img check -q --object secret,id=s,data=x --image-opts \
		driver=qcow2,encrypt.key-secret=s,file.filename=e.qcow2
	like "$(img info --object secret,id=s,data=x --image-opts driver=qcow2,encrypt.key-secret=s,file.filename=e.qcow2)" \
		'^image: json:.*key-secret' "its name says what opens it"
fi

# ---- compare ----
img create -q -f qcow2 a.qcow2 1M
img create -q -f qcow2 b.qcow2 2M
qio -c 'write -P 1 1M 64k' b.qcow2 >/dev/null
is "$(text compare a.qcow2 b.qcow2)" "Warning: Image size mismatch!
Content mismatch at offset 1048576!" "what one image has more"
is "$(text compare --image-opts driver=qcow2,file.filename=a.qcow2 \
	driver=qcow2,file.driver=blkdebug,file.image.filename=b.qcow2,file.inject-error.event=read_aio 2>&1)" \
	"qemu-img: Error while reading offset 1048576 of driver=qcow2,file.driver=blkdebug,file.image.filename=b.qcow2,file.inject-error.event=read_aio: Input/output error
Warning: Image size mismatch!" "and cannot read"
like "$(qio -c 'read 1M 64k' --image-opts driver=qcow2,file.driver=blkdebug,file.image.filename=b.qcow2,file.inject-error.event=l2_load 2>&1)" \
	"^read failed: Input/output error" "the fault injector knows when tables are read"
rm -f a.qcow2 b.qcow2

# ---- parts of clusters become zeros ----
img create -q -f qcow2 -o extended_l2=on x.qcow2 1M
bits() { # of the first entry
	python3 -c "import struct
f = open('x.qcow2', 'rb'); f.seek(40); f.seek(struct.unpack('>Q', f.read(8))[0])
f.seek((struct.unpack('>Q', f.read(8))[0] & 0xfffffffffffe00) + 8); print('%016x' % struct.unpack('>Q', f.read(8)))"
}
qio -c 'write -P 1 0 64k' -c 'write -z 2k 4k' x.qcow2 >/dev/null
is "$(bits)" 00000006fffffff9 "zeros in a cluster with data are flags of its subclusters"
qio -c 'write -z -u 0 32k' x.qcow2 >/dev/null
is "$(bits)" 0000ffffffff0000 "also when space might be freed"
qio -c 'write -z 33k 3k' x.qcow2 >/dev/null
is "$(bits)" 0002fffffffd0000 "half of one is written"
ok "Debian's tools read the same" qemu-io -r -c 'read -P 0 0 32k' -c 'read -P 1 32k 1k' -c 'read -P 0 33k 3k' -c 'read -P 1 36k 28k' x.qcow2
ok "and find no fault" qemu-img check -q x.qcow2
qio -c 'write -c -P 7 64k 64k' -c 'read 64k 64k' -c 'write -z 66k 2k' -c 'read -P 7 64k 2k' -c 'read -P 0 66k 2k' x.qcow2 >qio.log 2>&1
is $? 0 "zeros in a compressed cluster"
ok "are there for others" qemu-io -r -c 'read -P 7 64k 2k' -c 'read -P 0 66k 2k' -c 'read -P 7 68k 60k' x.qcow2
qio -c 'write -P 1 960k 64k' -c 'write -z 1000k 24k' x.qcow2 >/dev/null
ok "up to the end" qemu-io -r -c 'read -P 1 960k 40k' -c 'read -P 0 1000k 24k' x.qcow2
ok "still no fault" qemu-img check -q x.qcow2
rm -f x.qcow2

# ---- growing on a larger backing file ----
for f in qcow2 qed; do
	grep -q "^CONFIG_BLOCK_$(echo $f | tr a-z A-Z)=y" "$objtree/.config" || continue
	img create -q -f raw big.raw 2M
	qio -f raw -c 'write -P 255 0 2M' big.raw >/dev/null
	for pre in off metadata falloc; do
		[ $f$pre = qedmetadata ] || [ $f$pre = qedfalloc ] && continue
		img create -q -f $f -b big.raw -F raw over.img 503k
		img resize -q -f $f --preallocation=$pre over.img 1013k
		ok "$f grown with $pre: new space is zeros, not what is below" qemu-io -r -f $f -c 'read -P 255 0 503k' -c 'read -P 0 503k 510k' over.img
		img resize -q -f $f over.img 3M
		ok "and behind the backing file's end" qemu-io -r -f $f -c 'read -P 0 503k 2569k' over.img
	done
	rm -f big.raw over.img
done

# ---- Parallels: space that is free again, repairs on opening ----
if grep -q '^CONFIG_BLOCK_PARALLELS=y' "$objtree/.config"; then
	par() { qio -f parallels "$@" p.par; }
	mapped() { img map --output=json -f parallels p.par | python3 -c 'import json, sys
print(*["%d:%d" % (e["start"] >> 20, e["offset"] >> 20) for e in json.load(sys.stdin) if e["data"]])'; }
	img create -q -f parallels p.par 8M
	par -c 'write -P 1 2M 2M' -c 'discard 2M 1M' >/dev/null
	is "$(mapped)" "3:2" "what is discarded is given back"
	ok "and reads as zeros" par -c 'read -P 0 2M 1M'
	par -c 'write -P 2 512k 1M' >/dev/null
	is "$(mapped)" "0:1 1:3 3:2" "a new cluster goes where one was, then to the end"
	ok "beside the data are zeros" qemu-io -r -f parallels -c 'read -P 0 0 512k' -c 'read -P 2 512k 1M' -c 'read -P 0 1536k 1536k' -c 'read -P 1 3M 1M' p.par
	par -c 'write -z 3M 1M' >/dev/null
	is "$(mapped)" "0:1 1:3" "whole clusters of zeros too"
	is "$(stat -c %s p.par)" 4194304 "the file is no larger than that"
	ok "no fault" qemu-img check -q -f parallels p.par
	par -c 'write -P 3 3M 1M' >/dev/null
	printf '\001\000\000\000' | dd of=p.par bs=1 seek=68 conv=notrunc status=none # entry 1: as entry 0
	is "$(par -c 'read -P 2 512k 512k' 2>&1 | sed -n 1p)" "Repairing duplicate offset in BAT entry 1" "whoever may write repairs"
	par -c 'write -P 9 0 1M' >/dev/null
	ok "each has a cluster of its own" par -r -c 'read -P 9 0 1M' -c 'read -P 2 1536k 512k'
	printf '\377\377\377\377' | dd of=p.par bs=1 seek=48 conv=notrunc status=none # where data begin
	ok "reading does without the bad field" par -r -c 'read -P 9 0 1M'
	is "$(par -c 'read -P 9 0 1M' 2>&1 | sed -n 1p)" "Repairing data_off field has incorrect value" "writing repairs it"
	ok "no fault is left" img check -q -f parallels p.par
	printf '\100\000\000\000' | dd of=p.par bs=1 seek=64 conv=notrunc status=none
	is "$(par -c 'read -P 0 0 1M' 2>&1 | sed -n 1p)" "Repairing cluster 0 is outside image" "an entry that leads nowhere"
	rm -f p.par
fi

done_testing
