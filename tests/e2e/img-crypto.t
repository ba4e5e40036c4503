#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Encrypted images: what Debian's qemu-img writes we read, and the reverse; key
# slots; wrong passwords.
. "$(dirname "$0")/../lib.sh"
requires qemu-img python3
requires_config CONFIG_TOOL_IMG CONFIG_BLOCK_CRYPTO CONFIG_BLOCK_QCOW2 CONFIG_BLOCK_QCOW
img() { "$VMBOX" img "$@"; }
s="--object secret,id=s0,data=hunter2"

python3 - <<'EOF2'
import random
r = random.Random(7)
with open('src.raw', 'wb') as f:
    for i in range(24):
        f.seek(r.randrange(3) * 65536 + 512 * r.randrange(9), 1)
        f.write(r.randbytes(r.randrange(1, 60) * 1024))
    f.truncate(5 << 20)
EOF2

# How qemu-img 7.2 counts PBKDF2's iterations fails once in a hundred runs by itself.
slow_clock="Unable to get accurate CPU usage"

# both FORMAT PREFIX OPTIONS
both() {
	raw=driver=raw,file.driver=file,file.filename=src.raw
	enc=driver=$1,${2}key-secret=s0,file.driver=file,file.filename=e.img
	rm -f e.img
	ok "$1 $3: convert" img convert $s -f raw -O "$1" -o "${2}key-secret=s0,$3" src.raw e.img
	ok "qemu-img finds the same in it" qemu-img compare -q $s --image-opts $raw $enc
	rm -f e.img
	ok "qemu-img writes one" while_says "$slow_clock" qemu-img convert $s -f raw -O "$1" -o "${2}key-secret=s0,$3" src.raw e.img
	ok "we find the same in it" img compare -q $s --image-opts $raw $enc
}
for o in "" ,cipher-alg=aes-128,cipher-mode=cbc,ivgen-alg=essiv,hash-alg=sha1 \
	,cipher-alg=serpent-256,hash-alg=ripemd160 ,cipher-alg=twofish-256,cipher-mode=cbc,ivgen-alg=plain \
	,cipher-alg=cast5-128,cipher-mode=cbc,hash-alg=sha512; do
	both luks "" "iter-time=10$o"
done
both qcow2 encrypt. encrypt.format=aes
both qcow encrypt. encrypt.format=aes
both qcow2 encrypt. encrypt.format=luks,encrypt.iter-time=10,cluster_size=4k
both qcow2 encrypt. encrypt.format=luks,encrypt.iter-time=10,extended_l2=on

opts=driver=qcow2,encrypt.key-secret=s0,file.driver=file,file.filename=e.img
ok "clean" qemu-img check -q $s --image-opts $opts
like "$(img info e.img)" 'cipher alg: aes-256' "info needs no password"
not_ok "reading does" img convert -f qcow2 -O raw e.img x.raw
not_ok "the right one" img compare --object secret,id=s0,data=wrong --image-opts $opts $opts
s2="$s --object secret,id=s1,data=second"
ok "a second password" img amend $s2 --image-opts $opts -o encrypt.state=active,encrypt.new-secret=s1,encrypt.iter-time=10
ok "opens it for qemu-img" qemu-img compare -q $s2 --image-opts driver=raw,file.driver=file,file.filename=src.raw driver=qcow2,encrypt.key-secret=s1,file.driver=file,file.filename=e.img
ok "the first goes" img amend $s2 --image-opts driver=qcow2,encrypt.key-secret=s1,file.driver=file,file.filename=e.img -o encrypt.state=inactive,encrypt.old-secret=s0
not_ok "and opens nothing" qemu-img compare -q $s --image-opts $opts $opts
not_ok "the last may not go" img amend $s2 --image-opts driver=qcow2,encrypt.key-secret=s1,file.driver=file,file.filename=e.img -o encrypt.state=inactive,encrypt.keyslot=1
is "$(img measure $s -O qcow2 -o encrypt.format=luks,encrypt.key-secret=s0 --size 1G)" \
	"$(qemu-img measure $s -O qcow2 -o encrypt.format=luks,encrypt.key-secret=s0 --size 1G)" "measure"
is "$(img measure $s -O luks -o key-secret=s0 --size 1G)" "$(qemu-img measure $s -O luks -o key-secret=s0 --size 1G)" "of luks"
done_testing
