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

/*
 * An empty registry has both symbols at address 0; the compiler, which thinks
 * of two objects, must not fold arithmetic on them into relocations.
 */
static __always_inline const void *const *registry_address(const void *const *p)
{
	__asm__("" : "+r"(p));
	return p;
}

#define REGISTRY_FOREACH(reg, var) \
	for (const void *const *_p_##reg = registry_address(__start_reg_##reg), \
	     *const *_end_##reg = registry_address(__stop_reg_##reg); \
	     _p_##reg < _end_##reg && ((var) = *_p_##reg, 1); \
	     _p_##reg++)

#endif
