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
ok "commit" sh -c "'$VMBOX' img create -q -f qcow2 -b a.qcow2 -F qcow2 p.qcow2 && '$VMBOX' img commit -q p.qcow2"
img convert -f raw -O qcow2 src.raw a.qcow2
is "$(img map --output=json a.qcow2 | sed 's/, "compressed": [a-z]*//')" \
	"$(qemu-img map --output=json a.qcow2)" "map says what qemu-img's says"
is "$(img measure -O qcow2 -f raw src.raw)" "$(qemu-img measure -O qcow2 -f raw src.raw)" "measure too"
not_ok "a file outside of the directory is not followed" sh -c "mkdir sub && qemu-img create -q -f qcow2 -u -b ../a.qcow2 -F qcow2 sub/x.qcow2 12M && '$VMBOX' img map sub/x.qcow2"
ok "unless asked for" img map --follow=all sub/x.qcow2
done_testing
