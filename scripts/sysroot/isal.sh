# SPDX-License-Identifier: GPL-2.0-or-later
# ISA-L's deflate (igzip), in assembly: qcow2 clusters with a window of 4 KiB.
package=libisal

build() {
	make -f Makefile.unx units="igzip crc" CC="$CC" CFLAGS_="$CFLAGS" lib
	cp bin/isa-l.a "$prefix/lib/libisal.a"
	mkdir "$prefix/include/isa-l"
	cp include/igzip_lib.h "$prefix/include/isa-l/"
}
