#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The NBD client against servers of others: Debian's qemu-nbd and nbdkit.
. "$(dirname "$0")/../lib.sh"
requires qemu-img qemu-nbd nbdkit python3
requires_config CONFIG_TOOL_IMG CONFIG_TOOL_QEMU_IO CONFIG_BLOCK_NBD CONFIG_BLOCK_QCOW2
img() { timeout 60 "$VMBOX" img "$@"; }
qio() { timeout 60 "$VMBOX" qemu-io "$@"; }
serve() { qemu-nbd --fork -t -e 8 -k "$PWD/s" --pid-file=pid "$@"; at_exit "kill $(cat pid) 2>/dev/null"; }
unserve() { kill "$(cat pid)"; wait_for 10 test ! -e s; }
U="nbd+unix:///ex?socket=$PWD/s"

python3 - <<'EOT'
import random
r = random.Random(9)
with open('src.raw', 'wb') as f:
    for i in range(60):
        f.seek(r.randrange(1, 9) * 65536, 1)
        f.write(r.randbytes(r.randrange(1, 20) * 4096))
    f.truncate(48 << 20)
EOT
qemu-img convert -f raw -O qcow2 src.raw src.qcow2
serve -f qcow2 -x ex src.qcow2
for name in "$U" "nbd:unix:$PWD/s:exportname=ex"; do
	ok "compare $name" img compare -f raw -F raw src.raw "$name"
	is "$(img map --output=json -f raw "$name" | grep -c offset)" \
		"$(qemu-img map --output=json -f raw "$name" | grep -c offset)" "as many extents as qemu-img finds"
done
ok "by options" img compare --image-opts driver=raw,file.filename=src.raw \
	"driver=raw,file.driver=nbd,file.server.type=unix,file.server.path=$PWD/s,file.export=ex"
is "$(img info -f raw "$U" | head -3 | tail -1)" "$(qemu-img info -f raw "$U" | sed -n 3p)" "the same size as qemu-img"
like "$(img info "nbd+unix:///none?socket=$PWD/s" 2>&1)" "not available" "an export that is not there"
ok "writes, zeros, discards" qio -f raw -c 'write -P 7 1M 200k' -c 'write -z -u 3M 64k' -c 'write -f -P 9 5M 1k' \
	-c 'discard 7M 1M' -c flush -c 'read -P 7 1M 200k' -c 'read -P 0 3M 64k' -c 'read -P 9 5M 1k' "$U"
i=0
while [ $i -lt 60 ]; do echo "aio_write -P $i $((i * 64))k 64k"; i=$((i + 1)); done >many
ok "many in flight" sh -c "'$VMBOX' qemu-io -f raw '$U' <many"
img convert -f raw -O raw "$U" got.raw
unserve
ok "the image says the same" qemu-img compare -f qcow2 -F raw src.qcow2 got.raw
ok "and is clean" qemu-img check -q src.qcow2

# Dirty bitmaps, shown as "no data".
qemu-img create -q -f qcow2 bm.qcow2 8M
qemu-img bitmap --add -g 64k bm.qcow2 b0
qemu-io -f qcow2 -c 'write 1M 128k' -c 'write 4M 64k' bm.qcow2 >/dev/null
qemu-img bitmap --disable bm.qcow2 b0
serve -f qcow2 -x ex -B b0 bm.qcow2
O="driver=nbd,server.type=unix,server.path=$PWD/s,export=ex,x-dirty-bitmap=qemu:dirty-bitmap:b0"
is "$(img map --output=json --image-opts "$O" | grep -c '"data": false')" \
	"$(qemu-img map --output=json --image-opts "$O" | grep -c '"data": false')" "dirty extents as qemu-img shows them"
like "$(img map --image-opts "${O}x" 2>&1)" "not found" "a bitmap that is not there"
unserve
serve -r -f raw -x ex src.raw
not_ok "no writing to a read-only export" qio -f raw -c 'write 0 512' "$U"
unserve

# nbdkit: simple servers, broken ones, old style, block sizes.
P="nbd:unix:\$unixsocket"
kit() { n=$1 c=$2; shift 2; ok "nbdkit $n" timeout 60 nbdkit -U - "$@" --run "$c"; }
I="'$VMBOX' img" Q="'$VMBOX' qemu-io"
kit file "$I compare -f raw -F raw src.raw $P" file src.raw
kit "file, no structured replies" "$I compare -f raw -F raw src.raw $P" --no-sr file src.raw
kit oldstyle "$I compare -f raw -F raw src.raw $P" -o file src.raw
kit "blocks of 4k to 64k" "$Q -f raw -c 'write -P 3 1000 100000' -c 'read -P 3 1000 100000' $P" \
	--filter=blocksize-policy memory 1M blocksize-minimum=4096 blocksize-preferred=4096 blocksize-maximum=65536 blocksize-error-policy=error
kit "no zeroes" "$Q -f raw -c 'write -z 0 128k' -c 'write -f 4k 4k' -c 'discard 0 64k' $P" \
	--filter=nozero memory 1M zeromode=none
kit "multi-conn and delays" "$I convert -W -f raw -O raw $P o1.raw" --filter=delay file src.raw rdelay=2ms
ok "the same after delays" cmp src.raw o1.raw
like "$(nbdkit -U - --filter=error memory 1M error=EIO error-pread-rate=100% --run "$Q -f raw -c 'read 0 4k' $P" 2>&1)" \
	'Input/output error' "read errors come through"
ok "a server that is not there yet" sh -c "(sleep 1; exec nbdkit -f -U '$PWD/late' --exit-with-parent memory 1M) & timeout 20 '$VMBOX' img info --image-opts driver=raw,file.driver=nbd,file.path='$PWD/late',file.open-timeout=10; r=\$?; kill \$!; exit \$r"

# The server goes away and comes back between two requests.
nbdkit -U "$PWD/r" -P rpid file src.raw
(sleep 1; kill "$(cat rpid)"; sleep 1; rm -f r; nbdkit -U "$PWD/r" -P rpid2 file src.raw) &
ok "reconnects" timeout 30 "$VMBOX" qemu-io -c 'read 0 1M' -c 'sleep 1500' -c 'read 1M 1M' --image-opts \
	"driver=raw,file.driver=nbd,file.path=$PWD/r,file.reconnect-delay=10"
wait
kill "$(cat rpid2)"
done_testing
