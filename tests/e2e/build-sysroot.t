#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# slow
# timeout: 900
# The libraries of others: each works in a static program where there is no
# terminfo and no /etc; the cache takes two builders at once; source packages
# from a folder are believed only with the right sum.
. "$(dirname "$0")/../lib.sh"
requires musl-gcc dpkg-source flock
build=$srctree/scripts/sysroot/build
ok "all libraries build" "$build" out zlib zstd isal bzip2 nettle mbedtls ncurses libusb mimalloc
before=$(find out -type f -exec stat -c '%n %y' {} + | sort)
ok "once more, from the cache" "$build" out zlib zstd isal bzip2 nettle mbedtls ncurses libusb mimalloc
is "$(find out -type f -exec stat -c '%n %y' {} + | sort)" "$before" "which rewrites nothing"

cat >use.c <<'END'
#include <curses.h>
#include <panel.h>
#include <zlib.h>
#include <zstd.h>
#include <libusb-1.0/libusb.h>
#include <linux/userfaultfd.h>
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char in[100000], mid[100000], out[sizeof(in)];

int main(int argc, char **argv)
{
	uLongf n = sizeof(mid), m = sizeof(out);
	FILE *null = fopen("/null", "w+");

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = i / 100;
	if (compress((Bytef *)mid, &n, (Bytef *)in, sizeof(in)) || n > 20000 ||
	    uncompress((Bytef *)out, &m, (Bytef *)mid, n) || m != sizeof(in) || memcmp(in, out, m))
		return puts("zlib"), 1;
	n = ZSTD_compress(mid, sizeof(mid), in, sizeof(in), 3);
	memset(out, 0, sizeof(out));
	if (ZSTD_isError(n) || ZSTD_decompress(out, sizeof(out), mid, n) != sizeof(in) || memcmp(in, out, sizeof(in)))
		return puts("zstd"), 1;
	for (int i = 1; i < argc; i++) {
		if (!newterm(argv[i], null, null))
			return printf("no terminal %s\n", argv[i]), 1;
		if (!new_panel(stdscr))
			return puts("panel"), 1;
		endwin();
	}
	if (!libusb_get_version() || libusb_get_version()->major != 1)
		return puts("libusb"), 1;
	if (libusb_init(NULL) == LIBUSB_SUCCESS)
		libusb_exit(NULL);
	free(realloc(malloc(100), 1 << 20));
	puts("fine");
	return 0;
}
END
ok "a program with all of them links" musl-gcc -static -no-pie -O2 -isystem out/include -idirafter out/kheaders \
	use.c out/lib/mimalloc.o -Lout/lib -lpanelw -lncursesw -lz -lzstd -lusb-1.0 -o use
mkdir empty
cp use empty/
if [ "$(id -u)" = 0 ]; then jail="chroot empty"; else jail="unshare -r chroot empty"; fi
is "$($jail /use linux xterm xterm-256color screen tmux-256color vt100 vt220 dumb 2>&1)" fine \
	"and works in an empty chroot, on the usual terminals"
like "$(nm use)" ' T mi_malloc$' "malloc is mimalloc's"

# Offline, from the packages that the cache holds by now.
cache=${VMBOX_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vmbox}
mkdir packages
cp "$cache"/sources/zlib/* packages/
export PACKAGES="$PWD/packages" VMBOX_CACHE="$PWD/cache"
fetch=$srctree/scripts/fetch-sources
ok "packages from a folder" "$fetch" got zlib
ok "are complete" diff -r packages got/zlib
"$build" one zlib >one.log 2>&1 &
pid=$!
"$build" two zlib >two.log 2>&1
is "$?" 0 "two builders with one empty cache"
wait $pid
is "$?" 0 "both succeed"
ok "with the same result" cmp one/lib/libz.a two/lib/libz.a
is "$(cat one.log two.log | grep -c SYSROOT)" 1 "built by one of them"
archive=$(ls packages/zlib_*.orig.tar.*)
printf x >>"$archive"
not_ok "a changed archive is refused" "$fetch" got zlib
rm "$archive"
not_ok "a missing one too" "$fetch" got zlib
not_ok "and an unknown package" "$fetch" got no-such-package
done_testing
