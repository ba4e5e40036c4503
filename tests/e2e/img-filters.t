#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Filter nodes, by qemu-io and img, next to Debian's qemu-img and qemu-io where that has them.
. "$(dirname "$0")/../lib.sh"
requires qemu-img qemu-io python3
requires_config CONFIG_TOOL_IMG CONFIG_TOOL_QEMU_IO CONFIG_BLOCK_QCOW2 CONFIG_BLOCK_THROTTLE CONFIG_BLOCK_COR \
	CONFIG_BLOCK_COMPRESS CONFIG_BLOCK_QUORUM CONFIG_BLOCK_BLKVERIFY CONFIG_BLOCK_BLKLOGWRITES CONFIG_BLOCK_BLKDEBUG
img() { "$VMBOX" img "$@"; }
io() { "$VMBOX" qemu-io "$@"; }
untimed() { sed 's/; .*//'; }

# ---- copy-on-read ----
for by in "-C -f qcow2 top.qcow2" "--image-opts driver=copy-on-read,file.driver=qcow2,file.file.filename=top.qcow2"; do
	rm -f base.qcow2 top.qcow2
	img create -q -f qcow2 base.qcow2 4M
	qemu-io -f qcow2 -c 'write -P 5 1M 200k' base.qcow2 >/dev/null
	img create -q -f qcow2 -b base.qcow2 -F qcow2 top.qcow2 4M
	ok "copy-on-read reads" io -c 'read -P 5 1028k 4k' -c 'read -P 0 3M 64k' $by
	is "$(qemu-io -f qcow2 -c 'alloc 1M 128k' -c 'alloc 3M 64k' -c 'alloc 2M 64k' top.qcow2)" \
"65536/131072 bytes allocated at offset 1 MiB
65536/65536 bytes allocated at offset 3 MiB
0/65536 bytes allocated at offset 2 MiB" "what was read is in the image, no more than its clusters"
	ok "the image is as before" qemu-img compare -q -f qcow2 -F qcow2 base.qcow2 top.qcow2
	ok "and in order" qemu-img check -q -f qcow2 top.qcow2
done
like "$(io -r -C -f qcow2 -c 'read 0 1' top.qcow2 2>&1)" "Can't use copy-on-read on read-only device" "not where nothing can be written"
like "$(io -r --image-opts driver=copy-on-read,file.driver=qcow2,file.file.filename=top.qcow2 -c 'read 0 1' 2>&1)" \
	'Block node is read-only' "nor by the filter"

# Subclusters are copied one by one.
img create -q -f qcow2 -o extended_l2=on -b base.qcow2 -F qcow2 sub.qcow2 4M
io -C -f qcow2 -c 'read -P 5 1030k 2k' sub.qcow2 >/dev/null
is "$(qemu-io -f qcow2 -c 'alloc 1M 64k' sub.qcow2)" "2048/65536 bytes allocated at offset 1 MiB" "one subcluster"

# ---- bottom: only what lies above the node's backing file ----
rm -f top.qcow2
img create -q -f qcow2 -b base.qcow2 -F qcow2 mid.qcow2 4M
qemu-io -f qcow2 -c 'write -P 6 2M 64k' mid.qcow2 >/dev/null
img create -q -f qcow2 -b mid.qcow2 -F qcow2 top.qcow2 4M
ok "copy-on-read with bottom" io -c 'read -P 5 1M 64k' -c 'read -P 6 2M 64k' --image-opts \
	driver=copy-on-read,bottom=m,file.driver=qcow2,file.file.filename=top.qcow2,file.backing.node-name=m,file.backing.driver=qcow2,file.backing.file.filename=mid.qcow2
is "$(qemu-io -f qcow2 -c 'alloc 1M 64k' -c 'alloc 2M 64k' top.qcow2)" \
"0/65536 bytes allocated at offset 1 MiB
65536/65536 bytes allocated at offset 2 MiB" "only the middle layer's data was copied"

# ---- compress ----
python3 -c 'open("text","wb").write(b"all work and no play "*100000)'
size=$(stat -c %s text)
img create -q -f qcow2 c.qcow2 $size
ok "write through compress" img convert -n -f raw --target-image-opts text driver=compress,file.driver=qcow2,file.file.filename=c.qcow2
ok "qemu-img reads it" qemu-img compare -q -f qcow2 -F raw c.qcow2 text
like "$(qemu-img check -f qcow2 c.qcow2)" '100.00% compressed clusters' "all of it is compressed"
ok "a write within a cluster" io -c 'write -P 9 70000 1000' --image-opts driver=compress,file.driver=qcow2,file.file.filename=c.qcow2
ok "qemu-io finds it" qemu-io -r -f qcow2 -c 'read -P 9 70000 1000' c.qcow2
like "$(qemu-img check -f qcow2 c.qcow2)" '100.00% compressed clusters' "and it is compressed still"
like "$(img info --image-opts driver=compress,file.driver=raw,file.file.filename=text 2>&1)" \
	'Compression is not supported for underlying format: raw' "raw cannot"

# ---- throttle ----
group() { echo "throttle-group,id=g,$1"; }
node=driver=throttle,throttle-group=g,file.driver=null-co,file.read-zeroes=on
for prog in "qemu-io" "$VMBOX qemu-io"; do
	for o in x-iops-total=0 x-iops-total=4,x-iops-read=4 x-bps-total-max=5 x-iops-size=4 x-bps-total=9,x-bps-total-max=8 \
		x-iops-total=1,x-iops-total-max-length=3 x-iops-total=1,x-iops-total-max-length=0 x-bps-read=2000000000000000; do
		$prog --object "$(group $o)" -c 'read 0 512' --image-opts $node 2>&1 | untimed | sed 's/^qemu-io: *//;s/^[^ ]*: //'
	done >"said.$(echo "$prog" | grep -c vmbox)"
done
ok "the limits that qemu-io takes and refuses" diff said.0 said.1
like "$(io --image-opts driver=throttle,throttle-group=none,file.driver=null-co -c 'read 0 1' 2>&1)" \
	"Throttle group 'none' does not exist" "a group must exist"
# A hundred a second and no burst: each of them has to wait for its turn, and has it.
set --
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21; do set -- "$@" -c 'write 0 512'; done
is "$(io --object "$(group x-iops-total=100)" --image-opts $node "$@" | grep -c "^wrote 512/512")" 21 "all requests get their turn"

# ---- quorum ----
for i in 0 1 2; do img create -q -f raw q$i 1M; done
q=driver=quorum,vote-threshold=2
for i in 0 1 2; do q=$q,children.$i.driver=raw,children.$i.file.filename=q$i; done
ok "quorum writes" io -c 'write -P 7 0 64k' -c 'write -z 32k 4k' -c 'read -P 0 32k 4k' --image-opts "$q"
ok "to all three (2)" cmp q0 q1
ok "to all three (3)" cmp q0 q2
io -f raw -c 'write -P 1 0 4k' q1 >/dev/null
ok "two agree" io -c 'read -P 7 0 4k' --image-opts "$q"
ok "the third is repaired" io -c 'read -P 7 0 4k' --image-opts "$q,rewrite-corrupted=on"
ok "... as it is now" cmp q0 q1
io -f raw -c 'write -P 1 0 4k' q1 >/dev/null
io -f raw -c 'write -P 2 0 4k' q2 >/dev/null
like "$(io -c 'read 0 4k' --image-opts "$q")" 'read failed: Input/output error' "no two agree"
ok "fifo asks the first only" io -c 'read -P 7 0 4k' --image-opts "$q,read-pattern=fifo"
like "$(io -c 'read 0 4k' --image-opts "$(echo "$q" | sed s/=2/=4/)" 2>&1)" 'threshold may not exceed children count' "threshold"
ok "one copy fails and two are enough" io -c 'write -P 3 0 4k' --image-opts "$(echo "$q" |
	sed 's/children.1.driver=raw,children.1.file.filename=q1/children.1.driver=blkdebug,children.1.image.filename=q1,children.1.inject-error.0.event=none/')"
ok "they have it" io -f raw -c 'read -P 3 0 4k' q2

# ---- blkverify ----
img create -q -f qcow2 v.qcow2 1M
img create -q -f raw v.raw 1M
ok "blkverify agrees" io -c 'write -P 4 4k 90k' -c 'read 0 1M' -c 'write -z 8k 8k' -c 'read 0 64k' blkverify:v.raw:v.qcow2
ok "both have the same" qemu-img compare -q -f qcow2 -F raw v.qcow2 v.raw
io -f raw -c 'write -P 5 5k 1k' v.raw >/dev/null
like "$(io -c 'read 0 64k' blkverify:v.raw:v.qcow2 2>&1)" 'contents mismatch at offset 5120' "and it tells where they differ"

# ---- blklogwrites: the log of Linux' dm-log-writes ----
img create -q -f raw l.raw 1M
: >l.log
log=driver=blklogwrites,file.driver=raw,file.file.filename=l.raw,log.driver=file,log.filename=l.log
ok "blklogwrites" io -c 'write -P 1 4k 2k' -c flush -c 'write -z 8k 4k' -c 'discard 8k 4k' --image-opts "$log"
cat >replay.py <<'PY'
import struct, sys
f = open('l.log', 'rb').read()
magic, version, n, ss = struct.unpack_from('<QQQI', f)
assert (magic, version) == (0x6a736677736872, 1)
at, disk = ss, bytearray(1 << 20)
for i in range(n):
    sector, count, flags, _ = struct.unpack_from('<QQQQ', f, at)
    at += ss
    if not flags & 4:
        disk[sector * ss:(sector + count) * ss] = f[at:at + count * ss]
        at += count * ss
    print(sector, count, flags)
assert disk == open('l.raw', 'rb').read()
PY
is "$(python3 replay.py | head -4)" "8 4 0
0 0 1
16 8 0
16 8 4" "the log replays to the disk"
: >d.log
qemu-io -c 'write -P 1 4k 2k' -c flush --image-opts "$(echo "$log" | sed s/=l.log/=d.log/)" >/dev/null
ok "log-append goes on" io -c 'write -P 8 64k 1k' --image-opts "$log,log-append=on"
ok "... and replays" python3 replay.py
ok "so does it with a log that qemu-io began" io -c 'write -P 8 64k 1k' --image-opts "$(echo "$log" | sed s/=l.log/=d.log/),log-append=on"

# ---- detect-zeroes ----
for how in on,16 unmap,0; do
	rm -f z.raw
	img create -q -f raw z.raw 64k
	io -f raw -c 'write -P 1 0 16k' z.raw >/dev/null
	io -c 'write -P 0 0 16k' --image-opts "driver=raw,file.filename=z.raw,detect-zeroes=${how%,*},discard=unmap" >/dev/null
	[ "${how%,*}" = on ] || is "$(($(stat -c %b z.raw) / 2))" "${how#*,}" "detect-zeroes=${how%,*}: the file holds no bytes"
	ok "detect-zeroes=${how%,*}: zeros" io -f raw -c 'read -P 0 0 64k' z.raw
done
img create -q -f qcow2 z.qcow2 1M
io -c 'write -P 0 0 128k' -c 'write -P 1 128k 64k' --image-opts driver=qcow2,file.filename=z.qcow2,detect-zeroes=on >/dev/null
is "$(qemu-img map --output=json -f qcow2 z.qcow2 | grep -c '"data": true')" 1 "detect-zeroes: clusters of zeros take no data"
like "$(io -c 'read 0 1' -d ignore --image-opts driver=raw,file.filename=z.raw,detect-zeroes=unmap 2>&1)" \
	'setting detect-zeroes to unmap is not allowed without setting discard operation to unmap' "unmap needs discard"

done_testing
