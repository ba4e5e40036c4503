#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# slow
# timeout: 1800
# Builds of the named configurations and of random ones: each binary has the
# applets that its symbols chose, no more and no fewer.
. "$(dirname "$0")/../lib.sh"
. "$srctree/tests/e2e/build.sh"
out=$objtree/check
mkdir -p "$out"

for c in tiny img debug fuzz; do
	ok "$c: configures" vmake "$out/$c" ${c}_defconfig
	builds "$out/$c" $c
done

is "$("$out/tiny/vmbox" --list)" vm "tiny is the emulator only"
is "$("$out/img/vmbox" --list | grep -v -e '^img$' -e '^qemu-')" "" "img is the image tools only"
is "$(file -b "$out/tiny/vmbox" | grep -o 'statically linked')" "statically linked" "tiny is static"
ok "tiny is smaller than the full binary" test "$(wc -c <"$out/tiny/vmbox")" -lt "$(wc -c <"$VMBOX")"

for c in allnoconfig allyesconfig; do
	vmake "$out/$c" $c >/dev/null
	# What the compiler is asked for stays as it is: the choice of features is the point.
	vmake "$out/$c" olddefconfig >/dev/null
	builds "$out/$c" $c
done

# Features at random; compilers and optimization as in the product.
grep -E 'CONFIG_(LIBC|MALLOC|OPTIMIZE|DEBUG_INFO|STRIP|STACK|WERROR|ASAN|UBSAN|TSAN|FUZZ\b)' "$out/allyesconfig/.config" >fixed
i=1
while [ $i -le 10 ]; do
	mkdir -p "$out/rand"
	# One folder for all: what two configurations share is not built twice.
	ok "seed $i: configures" env KCONFIG_SEED=$i KCONFIG_ALLCONFIG="$PWD/fixed" \
		make -s -C "$srctree" O="$out/rand" randconfig
	cp "$out/rand/.config" .config.$i
	builds "$out/rand" "seed $i"
	i=$((i + 1))
done
ok "the seeds give different configurations" test "$(sha256sum .config.* | cut -c 1-64 | sort -u | wc -l)" -ge 5
done_testing
