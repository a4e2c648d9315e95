// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cluster state machine's vectors, in the kernel: the same cases as in
 * user space, compiled as the module is.
 */
#include <kunit/test.h>
#include <linux/module.h>

#include "../../drivers/backupcow/clusters.c"
#include "vectors-clusters.h"
#include "pure-kunit.h"

PURE_KUNIT_SUITE(backupcow_clusters, clusters_cases);

MODULE_DESCRIPTION("KUnit suite of the cluster state machine");
MODULE_LICENSE("GPL");
