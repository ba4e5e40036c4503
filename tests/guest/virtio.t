#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# slow: Linux's own virtio drivers copy one disk to another, through each kind
# of ring, interrupt and place on the bus; the host compares the images.
. "$(dirname "$0")/../lib.sh"
. "$srctree/tests/guest/boot.sh"
requires_config CONFIG_VM CONFIG_VIRTIO_BLK CONFIG_VIRTIO_RNG
requires busybox cpio

kernel=$(kernel_of linux-image-cloud-amd64) || { fail "fetch the kernel"; done_testing; exit; }
mkdir -p ird/m
for m in virtio virtio_ring virtio_pci virtio_pci_legacy_dev virtio_pci_modern_dev virtio_blk rng-core virtio-rng; do
	find "${kernel%/boot/*}/lib/modules" -name "$m.ko" -exec cp {} ird/m/ ';'
done
make_initrd ird.gz '
for m in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk rng-core virtio-rng; do
	[ -e /m/$m.ko ] && insmod /m/$m.ko
done
for n in 1 2 3 4 5 6 7 8 9 10; do [ -e /dev/vdb ] || sleep 1; done
for d in vda vdb; do [ "$(cat /sys/block/$d/serial)" = from ] && from=$d || to=$d; done
dd if=/dev/$from of=/dev/$to bs=64k 2>/dev/null; sync
echo "init: copied $(sha256sum </dev/$to | cut -c1-16)"
echo "init: features $(cat /sys/block/vda/device/features)"
echo "init: random $(dd if=/dev/hwrng bs=16 count=1 2>/dev/null | wc -c)"
poweroff -f'
head -c 8388608 /dev/urandom >from.img
sum=$(sha256sum <from.img | cut -c1-16)

# variant NAME DEVICE-PROPERTIES FEATURE-PATTERN ARGS...
variant() {
	name=$1 props=$2 features=$3
	shift 3
	rm -f to.img && truncate -s 8M to.img
	ok "$name: boots and powers off" boot "$name" -kernel "$kernel" -initrd ird.gz -append "console=ttyS0 panic=-1 quiet" \
		-m 256 "$@" -drive file=from.img,if=none,format=raw,id=f,readonly=on -drive file=to.img,if=none,format=raw,id=t \
		-device "virtio-blk-pci,drive=f,serial=from,$props" -device "virtio-blk-pci,drive=t,serial=to,$props" \
		-device "virtio-rng-pci"
	log=$(cat "$name.log")
	like "$log" "init: copied $sum" "$name: the guest read back what it wrote"
	is "$(sha256sum <to.img | cut -c1-16)" "$sum" "$name: and the image has it"
	like "$log" "init: features $features" "$name: with the features meant"
	like "$log" "init: random 16" "$name: random numbers"
}
# Bits from 0: 28 indirect, 29 event index, 32 version 1, 34 packed.
variant modern disable-legacy=on '.{28}11..1.0'
variant legacy disable-modern=on,vectors=0 '.{28}11..0.0'
variant packed packed=on '.{28}11..1.1' -smp 2
done_testing
