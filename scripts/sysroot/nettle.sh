# SPDX-License-Identifier: GPL-2.0-or-later
# nettle: ciphers and hashes, with AES-NI where the CPU has it (--enable-fat).
package=nettle

build() {
	touch aclocal.m4 config.h.in	# older than what they are made from, after Debian's patches
	touch stamp-h.in configure
	rm -f ./*.stamp
	CC_FOR_BUILD=gcc ./configure --host=x86_64-linux-musl --disable-public-key --enable-fat --disable-shared \
		--disable-openssl --disable-documentation
	make libnettle.a
	cp libnettle.a "$prefix/lib/"
	mkdir "$prefix/include/nettle"
	cp ./*.h "$prefix/include/nettle/"
	rm "$prefix/include/nettle/config.h"
}
