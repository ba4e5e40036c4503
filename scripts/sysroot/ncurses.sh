# SPDX-License-Identifier: GPL-2.0-or-later
# ncurses with wide characters. The usual terminals' descriptions are compiled
# in, for the program must run where there is no terminfo.
package=ncurses
terms=linux,xterm,xterm-256color,xterm-direct,screen,screen-256color,tmux,tmux-256color
terms=$terms,vt100,vt220,rxvt,rxvt-256color,dumb,ansi

build() {
	./configure --host=x86_64-linux-musl --with-build-cc=gcc --enable-widec --without-shared \
		--without-progs --without-cxx --without-cxx-binding --without-ada --without-manpages \
		--without-tests --without-debug --without-gpm --without-dlsym --disable-db-install \
		--with-tic-path=/usr/bin/tic --with-infocmp-path=/usr/bin/infocmp \
		--with-fallbacks=$terms --enable-pc-files=no \
		--with-default-terminfo-dir=/usr/share/terminfo \
		--with-terminfo-dirs=/etc/terminfo:/lib/terminfo:/usr/share/terminfo
	make -C include
	make -C ncurses
	make -C panel
	cp lib/libncursesw.a lib/libpanelw.a "$prefix/lib/"
	cp include/curses.h include/unctrl.h include/ncurses_dll.h include/term.h panel/panel.h \
		menu/eti.h "$prefix/include/"
}
