/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs pure cases under cmocka, one cmocka test per case.
 */
#ifndef PURE_CMOCKA_H
#define PURE_CMOCKA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pure-case.h"

static inline void run_pure_case(void **state)
{
	const struct pure_case *pure = *state;
	int line = pure->run();

	if (line)
		fail_msg("the expectation in line %d was not met", line);
}

static inline struct CMUnitTest pure_test(const struct pure_case *pure)
{
	return (struct CMUnitTest){
		.name = pure->name,
		.test_func = run_pure_case,
		.initial_state = (void *)pure,
	};
}

#endif /* PURE_CMOCKA_H */
