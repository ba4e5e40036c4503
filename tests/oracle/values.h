/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pools of floating-point values in which instructions show their character. */
#ifndef ORACLE_VALUES_H
#define ORACLE_VALUES_H

#include "rng.h"

/* What a 16-byte unit of a vector or memory operand is filled with. */
enum flavour { FLAVOUR_INT, FLAVOUR_F16, FLAVOUR_F32, FLAVOUR_F64, FLAVOUR_F80, FLAVOUR_BCD, FLAVOUR_COUNT };

/* Fills n bytes with values of a flavour, element by element (F80: 10-byte elements). */
void values_fill(struct rng *r, enum flavour f, u8 *p, unsigned n);
u32 values_f32(struct rng *r);
u64 values_f64(struct rng *r);
void values_f80(struct rng *r, u8 out[10]);

#endif
