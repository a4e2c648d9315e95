// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The write threshold's rules in user space.
 */
#include "pure-cmocka.h"
#include "vectors-level.h"

#define NR_CASES (sizeof(level_cases) / sizeof(level_cases[0]))

int main(void)
{
	struct CMUnitTest tests[NR_CASES];
	size_t i;

	for (i = 0; i < NR_CASES; i++)
		tests[i] = pure_test(&level_cases[i]);
	return cmocka_run_group_tests_name("level", tests, NULL, NULL);
}
