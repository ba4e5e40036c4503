# SPDX-License-Identifier: GPL-2.0-or-later
# Zstandard, for compressed qcow2 clusters.
package=libzstd

build() {
	make -C lib ZSTD_LEGACY_SUPPORT=0 ZSTD_LIB_DICTBUILDER=0 MOREFLAGS="$CFLAGS" libzstd.a
	cp lib/libzstd.a "$prefix/lib/"
	cp lib/zstd.h lib/zstd_errors.h "$prefix/include/"
}
