// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The cluster state machine in user space.
 */
#include "pure-cmocka.h"
#include "vectors-clusters.h"

#define NR_CASES (sizeof(clusters_cases) / sizeof(clusters_cases[0]))

int main(void)
{
	struct CMUnitTest tests[NR_CASES];
	size_t i;

	for (i = 0; i < NR_CASES; i++)
		tests[i] = pure_test(&clusters_cases[i]);
	return cmocka_run_group_tests_name("clusters", tests, NULL, NULL);
}
