#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# slow: our own machine collects itself under a stock kernel; the system and the
# cells that are made of it outside are clean, and compile to the same bytes.
. "$(dirname "$0")/../lib.sh"
. "$srctree/tests/guest/boot.sh"
requires_config CONFIG_VM CONFIG_VIRTIO_BLK CONFIG_TOOL_CELLGEN
requires busybox cpio gcc objcopy

kernel=$(kernel_of linux-image-cloud-amd64) || { fail "fetch the kernel"; done_testing; exit; }
add_modules "$kernel" virtio virtio_ring virtio_pci virtio_pci_legacy_dev virtio_pci_modern_dev virtio_blk
mkdir -p ird/bin && cp "$VMBOX" ird/bin/vmbox
make_initrd ird.gz "$load_modules"'
for n in 1 2 3 4 5 6 7 8 9 10; do [ -e /dev/vda ] || sleep 1; done
/bin/vmbox cellgen collect /dev/vda && echo "init: collected"
sync; poweroff -f'
truncate -s 4M machine.tar
ok "boots and powers off" boot machine -kernel "$kernel" -initrd ird.gz -m 512 -smp 4 \
	-append 'console=ttyS0 panic=-1 quiet memmap=82M$0x18000000' \
	-drive file=machine.tar,if=none,format=raw,id=d -device virtio-blk-pci,drive=d
like "$(cat machine.log)" "init: collected" "the guest collects"

cellgen() { "$VMBOX" cellgen "$@"; }
config() { "$VMBOX" jailhouse config "$@"; }
ok "create" cellgen create -r machine.tar -n guest sys.cell
shown=$(cellgen show sys.cell)
like "$shown" '^hypervisor: +000018000000-0000185fffff' "the hypervisor where memmap= says"
like "$shown" '^CPUs: +0 1 2 3$' "CPUs"
like "$shown" '^MMCONFIG: +0000b0000000, buses 00-ff' "MMCONFIG"
like "$shown" '^console: 8250 at port 0x3f8' "console"
like "$shown" '0000:00:02.0 +device +caps .* MSI-X 2 at ' "the disk"
ok "validate" config validate -r machine.tar sys.cell
ok "a cell with the disk" config cell sys.cell one.cell -c 2-3 -m 32M -p 00:02.0
ok "and one with shared memory" cellgen cell sys.cell two.cell -c +1 -m 20M -w one.cell --linux -n two \
	--ivshmem 1:2:64k:veth --amend-system sys2.cell
out=$(config validate -r machine.tar sys2.cell one.cell two.cell)
is "$?" 0 "validate all"
like "$out" '^3 configurations: 0 errors, 1 warnings' "but for the IOMMU that this machine does not have, they are clean"
like "$out" 'warning JH-IOM-008' "and that is said"
for f in sys2 one two; do
	cellgen show --c $f.cell >$f.c
	ok "$f.c compiles" gcc -c -Wall -Wextra -Werror -DREV=14 -I "$srctree/tests/e2e/cellgen" $f.c -o $f.o
	objcopy -O binary --remove-section=.note.gnu.property $f.o $f.bin
	ok "$f.c: to the same bytes" cmp $f.bin $f.cell
done
like "$(cellgen matrix sys2.cell one.cell two.cell)" '^0000:00:02.0 device +\(x\) +x' "matrix"
done_testing
