// SPDX-License-Identifier: GPL-2.0-only
/*
 * The throttle's turns, in the kernel: the same cases as in user
 * space, compiled as the module is.
 */
#include <kunit/test.h>
#include <linux/module.h>

#include "vectors-turns.h"
#include "pure-kunit.h"

PURE_KUNIT_SUITE(qthrottle_turns, turns_cases);

MODULE_DESCRIPTION("KUnit suite of the throttle's turns");
MODULE_LICENSE("GPL");
