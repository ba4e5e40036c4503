#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# slow: x86's memory order under the translator: outcomes that TSO forbids are
# never seen on 2 and 4 processors. VMBOX_LONG=1: 100,000 iterations of each test.
. "$(dirname "$0")/../lib.sh"
. "$srctree/tests/guest/boot.sh"
requires_config CONFIG_VM
requires_config CONFIG_JIT
requires busybox cpio musl-gcc

iterations=5000
[ -z "$VMBOX_LONG" ] || iterations=100000
kernel=$(kernel_of linux-image-cloud-amd64) || { fail "fetch the kernel"; done_testing; exit; }
mkdir -p ird/bin
musl-gcc -std=gnu11 -O2 -Wall -Wextra -Werror -static -pthread -o ird/bin/litmus "$srctree/tests/guest/litmus.c" ||
	{ fail "build the program"; done_testing; exit; }
make_initrd ird.gz "litmus $iterations; poweroff -f"

#: Linux gives up when the first ticks are late, as they may be on a loaded host; not the matter here.
for cpus in 2 4; do
	ok "boots with $cpus processors" boot "smp$cpus" -accel jit -kernel "$kernel" -initrd ird.gz \
		-append "console=ttyS0 panic=-1 quiet" -m 256 -smp "$cpus"
	like "$(cat "smp$cpus.log")" "litmus: done on $cpus processors, nothing forbidden" "no forbidden outcome on $cpus processors"
	is "$(grep -c "litmus: .* of $iterations" "smp$cpus.log")" 40 "ten tests in four variants ran"
	is "$(grep BAD "smp$cpus.log")" "" "each of them is as the processor's"
	grep "litmus: .* allowed" "smp$cpus.log" | sed 's/^/# /'
done
done_testing
