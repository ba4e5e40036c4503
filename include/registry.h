/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registration by one pointer in a named linker section.
 *
 *	static const struct applet img = { ... };
 *	REGISTER(applet, img);
 *
 *	const struct applet *a;
 *	REGISTRY_FOREACH(applet, a)
 *		...
 *
 * Whoever walks a registry declares it once with REGISTRY_DECLARE(). The
 * start and stop symbols are weak so that an empty registry links; the final
 * link keeps the sections with -z nostart-stop-gc.
 */
#ifndef VMBOX_REGISTRY_H
#define VMBOX_REGISTRY_H

#include "compiler.h"

#define REGISTER(reg, obj) \
	static const void *const __used __section("reg_" #reg) \
	__aligned(sizeof(void *)) reg_##reg##_##obj = &(obj)

#define REGISTRY_DECLARE(reg) \
	extern const void *const __start_reg_##reg[] __attribute__((weak)); \
	extern const void *const __stop_reg_##reg[] __attribute__((weak))

#define REGISTRY_FOREACH(reg, var) \
	for (const void *const *_p_##reg = __start_reg_##reg; \
	     _p_##reg < __stop_reg_##reg && ((var) = *_p_##reg, 1); \
	     _p_##reg++)

#endif
