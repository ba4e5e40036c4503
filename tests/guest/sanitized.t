#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# slow
# timeout: 3000
# The emulator with address and undefined-behaviour sanitizers boots Debian's kernel to a shell, with disk and net, and
# they have nothing to say: 4 processors by translated code; with VMBOX_LONG=1 also 1 and 2, and the interpreter.
. "$(dirname "$0")/../lib.sh"
. "$srctree/tests/guest/boot.sh"
requires_config CONFIG_VM
requires_config CONFIG_JIT
requires busybox cpio

VMBOX=${SANITIZED_VMBOX:-$objtree/check/asan/vmbox}
[ -x "$VMBOX" ] || skip_all "there is no build with sanitizers, which make check makes"
kernel=$(kernel_of linux-image-cloud-amd64) || { fail "fetch the kernel"; done_testing; exit; }
add_modules "$kernel" virtio virtio_ring virtio_pci virtio_pci_legacy_dev virtio_pci_modern_dev virtio_blk failover net_failover virtio_net
make_initrd ird.gz "$load_modules"'
i=0; while [ ! -e /sys/class/net/eth0 -o ! -e /dev/vda ] && [ $i -lt 50 ]; do sleep .2; i=$((i + 1)); done
ifconfig eth0 10.0.2.15
ping -c 20 -A -W 100 10.0.2.2 >/tmp.ping 2>&1 && echo "init: net"
echo "init: read $(dd if=/dev/vda bs=64k 2>/dev/null | md5sum | cut -c1-32)"
dd if=/dev/vda of=/dev/vda bs=64k count=16 skip=16 conv=fsync,notrunc 2>/dev/null && echo "init: written"
for i in 1 2 3; do seq 1 2000 | sort -r | md5sum; done | sort -u | while read -r sum rest; do echo "init: sum $sum"; done
echo "init: worked on $(grep -c ^processor /proc/cpuinfo)"
poweroff -f'
seq 1 500000 | head -c 2097152 >disk.img
cp disk.img want.img
dd if=disk.img of=want.img bs=64k count=16 skip=16 conv=notrunc 2>/dev/null

# clean ACCEL CPUS
clean() {
	name=$1-$2
	cp disk.img run.img
	timeout 1200 "$VMBOX" vm -no-reboot -machine unpack-kernel=on -accel "$1" -kernel "$kernel" -initrd ird.gz \
		-append "console=ttyS0 panic=-1 no_timer_check quiet" -m 256 -smp "$2" -drive file=run.img,format=raw,if=virtio \
		-nic user,model=virtio </dev/null >"$name.log" 2>"$name.err"
	is "$?" 0 "$name: it ends with status 0"
	log=$(tr -d '\r' <"$name.log")
	like "$log" "init: net" "$name: the net answers"
	like "$log" "init: read $(md5sum <disk.img | cut -c1-32)" "$name: the disk is read"
	like "$log" "init: sum 2e9c29a3e64ec8303dcda875708e6884" "$name: it computes what it should"
	like "$log" "init: worked on $2" "$name: the kernel sees $2 processor(s)"
	ok "$name: the disk is written" cmp run.img want.img
	# longjmp() from below a vCPU makes ASan say that it cannot clear a stack that is not the thread's: a warning
	grep -E "ERROR: |SUMMARY: |runtime error:|Oops|BUG:|segfault" "$name.err" "$name.log" >bad.txt
	is "$(cat bad.txt)" "" "$name: no sanitizer says a word"
}

clean jit 4
if [ -n "$VMBOX_LONG" ]; then
	clean jit 1
	clean jit 2
	clean interp 1
	clean interp 4
fi
done_testing
