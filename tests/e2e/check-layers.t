#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The rooms include each other as they may, and a wrong include is found.
. "$(dirname "$0")/../lib.sh"
requires python3
check=$srctree/scripts/check-layers
ok "the tree keeps its layers" "$check" "$srctree"

# wrong FILE INCLUDE: a tree with this one fault must be refused.
wrong() {
	rm -rf t
	mkdir -p t/include/block t/include/dev t/include/x86 t/include/uapi t/lib t/block/qcow2 t/arch/x86/machine t/drivers \
		t/migration t/tools/img t/kernel-module
	for h in err.h block/block.h dev/pci.h dev/state.h x86/cpu.h uapi/vsock.h; do echo >t/include/$h; done
	echo >t/block/int.h
	echo >t/drivers/bus.h
	mkdir -p "t/${1%/*}"
	echo "#include \"$2\"" >"t/$1"
}
refused() { wrong "$1" "$2"; not_ok "$1 must not include $2" "$check" t; }
allowed() { wrong "$1" "$2"; ok "$1 may include $2" "$check" t; }
refused lib/a.c block/block.h
refused block/a.c x86/cpu.h
refused arch/x86/a.c block/block.h
refused arch/x86/a.c dev/pci.h
refused migration/a.c dev/pci.h
refused drivers/a.c block/int.h
refused tools/img/a.c ../../block/int.h
refused tools/img/a.c drivers/bus.h
refused kernel-module/a.c err.h
refused include/uapi/a.h err.h
refused lib/a.c no-such.h
refused tests/unit/lib/a_test.c block/int.h
allowed block/qcow2/a.c ../int.h
allowed block/qcow2/a.c block/int.h
allowed arch/x86/machine/pc.c dev/pci.h
allowed drivers/a.c block/block.h
allowed migration/a.c dev/state.h
allowed tools/img/a.c block/block.h
allowed kernel-module/a.c uapi/vsock.h
allowed tests/unit/block/a_test.c block/int.h
done_testing
