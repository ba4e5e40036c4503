# SPDX-License-Identifier: GPL-2.0-or-later
# zlib: deflate, for qcow2 clusters and gzip streams.
package=zlib

build() {
	CHOST=x86_64-linux-musl ./configure --static
	make libz.a
	cp libz.a "$prefix/lib/"
	cp zlib.h zconf.h "$prefix/include/"
}
