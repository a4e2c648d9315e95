// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The throttle's turns in user space.
 */
#include "pure-cmocka.h"
#include "vectors-turns.h"

#define NR_CASES (sizeof(turns_cases) / sizeof(turns_cases[0]))

int main(void)
{
	struct CMUnitTest tests[NR_CASES];
	size_t i;

	for (i = 0; i < NR_CASES; i++)
		tests[i] = pure_test(&turns_cases[i]);
	return cmocka_run_group_tests_name("turns", tests, NULL, NULL);
}
