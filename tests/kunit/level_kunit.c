// SPDX-License-Identifier: GPL-2.0-only
/*
 * The write threshold's vectors, in the kernel: the same cases as in user
 * space, compiled as the module is.
 */
#include <kunit/test.h>
#include <linux/module.h>

#include "../../drivers/wthreshold/level.c"
#include "vectors-level.h"
#include "pure-kunit.h"

PURE_KUNIT_SUITE(wthreshold_level, level_cases);

MODULE_DESCRIPTION("KUnit suite of the write threshold");
MODULE_LICENSE("GPL");
