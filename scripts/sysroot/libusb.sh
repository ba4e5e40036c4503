# SPDX-License-Identifier: GPL-2.0-or-later
# libusb, for the host's USB devices; found by usbfs, without udev.
package=libusb-1.0

build() {
	./configure --host=x86_64-linux-musl --disable-udev --disable-shared \
		--disable-examples-build --disable-tests-build
	make -C libusb
	cp libusb/.libs/libusb-1.0.a "$prefix/lib/"
	mkdir "$prefix/include/libusb-1.0"
	cp libusb/libusb.h "$prefix/include/libusb-1.0/"
}
