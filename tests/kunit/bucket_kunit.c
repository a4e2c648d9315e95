// SPDX-License-Identifier: GPL-2.0-only
/*
 * The leaky bucket's vectors, in the kernel: the same cases as in user space,
 * compiled as the module is.
 */
#include <kunit/test.h>
#include <linux/module.h>

#include "../../drivers/qthrottle/bucket.c"
#include "vectors-bucket.h"
#include "pure-kunit.h"

PURE_KUNIT_SUITE(qthrottle_bucket, bucket_cases);

MODULE_DESCRIPTION("KUnit suite of the leaky bucket");
MODULE_LICENSE("GPL");
