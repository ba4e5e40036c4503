# SPDX-License-Identifier: GPL-2.0-or-later
# mimalloc, in place of musl's malloc: one object that overrides it.
package=mimalloc

build() {
	$CC $CFLAGS $CPPFLAGS -std=gnu11 -DNDEBUG -DMI_MALLOC_OVERRIDE -ftls-model=local-exec \
		-fno-builtin-malloc -Iinclude -c src/static.c -o "$prefix/lib/mimalloc.o"
	cp include/mimalloc.h "$prefix/include/"
}
