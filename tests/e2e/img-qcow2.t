#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# img against Debian's qemu-img: what one writes the other reads.
. "$(dirname "$0")/../lib.sh"
requires qemu-img python3
requires_config CONFIG_TOOL_IMG CONFIG_BLOCK_QCOW2
img() { "$VMBOX" img "$@"; }

python3 - <<'EOF'
import random
r = random.Random(3)
with open('src.raw', 'wb') as f:
    for i in range(96):
        k = r.random()
        if k < .4:
            f.seek(65536 + r.randrange(9) * 4096, 1)
        elif k < .7:
            f.write(r.randbytes(r.randrange(1, 40) * 4096))
        else:
            f.write(b'line %d\n' % i * 5000)
    f.truncate(12 << 20)
EOF

for o in "" cluster_size=512 cluster_size=2M compat=0.10 refcount_bits=1 refcount_bits=64 \
	extended_l2=on lazy_refcounts=on preallocation=metadata compression_type=zstd; do
	ok "convert, $o" img convert -f raw -O qcow2 ${o:+-o $o} src.raw a.qcow2
	ok "qemu-img checks it" qemu-img check -q a.qcow2
	ok "qemu-img finds the same in it" qemu-img compare -q -f qcow2 -F raw a.qcow2 src.raw
	ok "qemu-img writes one" qemu-img convert -f raw -O qcow2 ${o:+-o $o} src.raw b.qcow2
	ok "we check it" img check -q b.qcow2
	ok "we find the same in it" img compare -q -f qcow2 -F raw b.qcow2 src.raw
done
for o in compression_type=zlib compression_type=zstd; do
	ok "compressed, $o" img convert -c -f raw -O qcow2 -o $o src.raw c.qcow2
	ok "qemu-img checks it" qemu-img check -q c.qcow2
	ok "qemu-img reads it" qemu-img compare -q -f qcow2 -F raw c.qcow2 src.raw
	ok "with one thread" img convert -m 1 -c -f raw -O qcow2 -o $o src.raw c1.qcow2
	ok "the same bytes" cmp c.qcow2 c1.qcow2
	ok "qemu-img's" qemu-img convert -c -f raw -O qcow2 -o $o src.raw d.qcow2
	ok "we read it" img compare -q -f qcow2 -F raw d.qcow2 src.raw
done

ok "verified" img convert --verify -c -f raw -O qcow2 src.raw v.qcow2
sum=$(sha256sum <src.raw | cut -d' ' -f1)
is "$(img convert --checksum=sha256 -f raw -O qcow2 src.raw v.qcow2)" "$sum  v.qcow2" "sum of the content"
is "$(img convert --checksum=sha256 -c -m 2 -f raw -O qcow2 src.raw v.qcow2)" "$sum  v.qcow2" "compressed, two threads"
is "$(img convert --checksum=sha256 -f qcow2 -O raw v.qcow2 v.raw)" "$sum  v.raw" "from qcow2"
ok "to raw" img convert -f qcow2 -O raw c.qcow2 back.raw
ok "the source again" cmp src.raw back.raw
ok "overlay" img create -q -f qcow2 -b a.qcow2 -F qcow2 o.qcow2
ok "snapshot" img snapshot -c one o.qcow2
like "$(img snapshot -l o.qcow2)" '^1  *one  *0 B' "listed"
ok "qemu-img deletes it" qemu-img snapshot -d one o.qcow2
ok "resize" img resize -q o.qcow2 20M
not_ok "shrinking needs leave" img resize -q o.qcow2 8M
ok "rebase to nothing" img rebase -b "" o.qcow2
ok "clean" qemu-img check -q o.qcow2

# The last cluster shows the backing file still, after a resize with preallocation.
head -c 31744 src.raw >short.raw
for m in metadata full; do
	img create -q -f qcow2 -b short.raw -F raw g.qcow2
	ok "resize, preallocation=$m" img resize -q --preallocation=$m g.qcow2 128k
	ok "the backing file's bytes are there" qemu-img compare -q -f raw -F qcow2 short.raw g.qcow2
done

# Old snapshot table entries lack what version 3 requires.
bare() {	# bare IMAGE: the one entry of its table without extra data
	python3 - $1 <<-'END'
	import struct, sys
	f = open(sys.argv[1], 'r+b')
	f.seek(64)
	at, = struct.unpack('>Q', f.read(8))
	f.seek(at)
	e = f.read(67)
	f.seek(at)
	f.write((e[:36] + bytes(4) + e[64:]).ljust(72, b'\0'))
	END
}
for v in 0.10 1.1; do
	img create -q -f qcow2 -o compat=$v v$v.qcow2 8M
	img snapshot -c sn v$v.qcow2
	like "$(qemu-img snapshot -l v$v.qcow2)" ' 0$' "a snapshot without a machine: icount 0, as by qemu-img"
	bare v$v.qcow2
done
ok "right in version 2" img check -q v0.10.qcow2
ok "made version 3" img amend -o compat=1.1 v0.10.qcow2
ok "right in version 3 then" qemu-img check -q v0.10.qcow2
is "$(img check v1.1.qcow2 2>&1 >/dev/null)" "ERROR snapshot table entry 0 is incomplete" "wrong in version 3"
is "$(img check v1.1.qcow2 2>&1 | head -n 4)" "$(qemu-img check v1.1.qcow2 2>&1 | head -n 4)" "qemu-img says the same"
like "$(img check -r all v1.1.qcow2 2>&1)" "Repairing snapshot table entry 0 is incomplete" "repaired"
ok "right now" qemu-img check -q v1.1.qcow2
like "$(img snapshot -l v1.1.qcow2)" '^1  *sn .* --$' "the snapshot is there still"

# The machine's state is beside the disk, and goes with snapshots.
io() { "$VMBOX" qemu-io -f qcow2 "$@" s.qcow2 2>&1; }
img create -q -f qcow2 s.qcow2 8M
ok "vm state written" sh -c "'$VMBOX' qemu-io -f qcow2 -c 'write -b -P 7 0 1M' s.qcow2"
ok "snapshot with it" img snapshot -c st s.qcow2
io -c "write -b -P 9 64k 64k" >/dev/null
is "$(io -c 'read -b -P 7 0 64k' -c 'read -b -P 9 64k 64k' -c 'read -b -P 7 128k 64k' -c 'read -P 0 0 8M' | grep -c failed)" 0 "written anew, the rest as it was"
is "$(qemu-io -f qcow2 -c 'read -b -P 7 0 64k' -c 'read -b -P 9 64k 64k' s.qcow2 | grep -c failed)" 0 "qemu-io reads the same"
ok "back" img snapshot -a st s.qcow2
is "$(io -c 'read -b -P 7 0 1M' | grep -c failed)" 0 "the first state again"
ok "clean with state" qemu-img check -q s.qcow2
img snapshot -d st s.qcow2
ok "growing" img resize -q s.qcow2 1G
is "$(io -c 'read -P 0 0 1G' | grep -c failed)" 0 "state does not become disk"
ok "clean" qemu-img check -q s.qcow2
ok "commit" sh -c "'$VMBOX' img create -q -f qcow2 -b a.qcow2 -F qcow2 p.qcow2 && '$VMBOX' img commit -q p.qcow2"
img convert -f raw -O qcow2 src.raw a.qcow2
is "$(img map --output=json a.qcow2 | sed 's/, "compressed": [a-z]*//')" \
	"$(qemu-img map --output=json a.qcow2)" "map says what qemu-img's says"
is "$(img measure -O qcow2 -f raw src.raw)" "$(qemu-img measure -O qcow2 -f raw src.raw)" "measure too"
not_ok "a file outside of the directory is not followed" sh -c "mkdir sub && qemu-img create -q -f qcow2 -u -b ../a.qcow2 -F qcow2 sub/x.qcow2 12M && '$VMBOX' img map sub/x.qcow2"
ok "unless asked for" img map --follow=all sub/x.qcow2

# Breakpoints: the first write waits, the second overtakes it.
is "$(img create -q -f qcow2 w.qcow2 1M; "$VMBOX" qemu-io -c 'break write_aio A' -c 'aio_write -q -P 1 0 64k' -c 'wait_break A' \
	-c 'write -q -P 2 128k 64k' -c 'resume A' -c aio_flush -c 'read -q -P 1 0 64k' -c 'read -q -P 2 128k 64k' \
	blkdebug::w.qcow2 2>&1)" "blkdebug: Suspended request 'A'
blkdebug: Resuming request 'A'" "a breakpoint of blkdebug holds a request"

# aio_discard, and what reopen refuses
qio() { "$VMBOX" qemu-io "$@"; }
is "$(qio -c 'write -q -P 3 0 192k' -c 'aio_discard 64k 64k' -c aio_flush -c 'aio_discard -q 0 4k' -c aio_flush -c 'read -q -P 3 0 64k' \
	-c 'read -q -P 0 64k 64k' -c 'read -q -P 3 128k 64k' w.qcow2 2>&1 | sed '2,$s/.*ops.*//;s/^[0-9].*; .*//' | sed '/^$/d')" \
	"discarded  65536/65536 bytes at offset 65536" "aio_discard discards whole clusters and says so"
like "$(qio -c 'aio_discard 1M' w.qcow2 2>&1)" "^bad argument count 1 to aio_discard, expected at least 2 arguments" "its operands are counted"
like "$(qio -r -c 'aio_discard 0 64k' w.qcow2 2>&1)" "Block node is read-only" "it writes"
while read -r args; do
	read -r want
	is "$(qio -c "reopen $args" w.qcow2 2>&1)" "qemu-io: $want" "reopen $args"
	not_ok "reopen $args fails" qio -c "reopen $args" w.qcow2
done <<EOF
-r -o read-only=on
Cannot set both -r/-w and 'read-only'
-w -o read-only=on
Cannot set both -r/-w and 'read-only'
-r -w
Only one -r/-w option may be given
-c none -o cache.direct=on
Cannot set both -c and the cache options
-c directsync -o cache.no-flush=on
Cannot set both -c and the cache options
-o read-only=foo
Parameter 'read-only' expects 'on' or 'off'
-o cache.no-flush=bar
Parameter 'cache.no-flush' expects 'on' or 'off'
-o cache.direct=baz
Parameter 'cache.direct' expects 'on' or 'off'
EOF
ok "reopen -w alone" qio -c 'reopen -r' -c 'reopen -w' -c 'write -q 0 64k' w.qcow2

# A parent without its format
is "$(img create -f qcow2 -b w.qcow2 n.qcow2 2>&1)" "img: n.qcow2: Backing file specified without backing format
Detected format of qcow2." "create says which format it saw"
for by in "-B w.qcow2" "-o backing_file=w.qcow2"; do
	is "$(img convert -O qcow2 $by w.qcow2 n.qcow2 2>&1)" "img: Use of backing file requires explicit backing format" "convert $by refuses"
	ok "and makes nothing" test ! -e n.qcow2
	ok "with the format it does" img convert -O qcow2 $by ${by:+-F qcow2} w.qcow2 n.qcow2
	rm -f n.qcow2
done
is "$(img rebase -u -b w.qcow2 a.qcow2 2>&1)" "img: Could not change the backing file to 'w.qcow2': backing format must be specified" \
	"rebase -u needs the format too"
is "$(img create -q -f qcow2 -o compat=0.42 n.qcow2 1M 2>&1)" "img: n.qcow2: Parameter 'version' does not accept value '0.42'" "a version that there is not"
done_testing
