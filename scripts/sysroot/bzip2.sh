# SPDX-License-Identifier: GPL-2.0-or-later
# bzip2, for chunks of Apple's disk images.
package=bzip2

build() {
	make CC="$CC" CFLAGS="$CFLAGS" AR="$AR" RANLIB="$RANLIB" libbz2.a
	cp libbz2.a "$prefix/lib/"
	cp bzlib.h "$prefix/include/"
}
