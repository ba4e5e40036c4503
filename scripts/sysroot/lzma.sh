# SPDX-License-Identifier: GPL-2.0-or-later
# liblzma, decoders only: kernels are xz compressed.
package=xz-utils

build() {
	./configure --host=x86_64-linux-musl --disable-shared --enable-static --disable-xz --disable-xzdec --disable-lzmadec \
		--disable-lzmainfo --disable-lzma-links --disable-scripts --disable-doc --disable-nls --disable-encoders \
		--enable-decoders=lzma1,lzma2,x86,delta --disable-lzip-decoder --disable-microlzma --enable-threads=no
	make -C src/liblzma
	cp src/liblzma/.libs/liblzma.a "$prefix/lib/"
	cp -R src/liblzma/api/lzma.h src/liblzma/api/lzma "$prefix/include/"
}
