/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs pure cases under KUnit: one parameterised test, whose parameters are
 * the cases, so that each is reported by its sentence.
 */
#ifndef PURE_KUNIT_H
#define PURE_KUNIT_H

#include <kunit/test.h>
#include <linux/string.h>

#include "pure-case.h"

static void run_pure_case(struct kunit *test)
{
	const struct pure_case *pure = test->param_value;
	int line = pure->run();

	KUNIT_EXPECT_EQ_MSG(test, line, 0, "the expectation in line %d was not met",
			    line);
}

static void describe_pure_case(const struct pure_case *pure, char *text)
{
	strscpy(text, pure->name, KUNIT_PARAM_DESC_SIZE);
}

#define PURE_KUNIT_SUITE(suite, cases)					\
	KUNIT_ARRAY_PARAM(suite, cases, describe_pure_case);		\
	static struct kunit_case suite##_kunit_cases[] = {		\
		KUNIT_CASE_PARAM(run_pure_case, suite##_gen_params),	\
		{}							\
	};								\
	static struct kunit_suite suite##_kunit_suite = {		\
		.name = #suite,						\
		.test_cases = suite##_kunit_cases,			\
	};								\
	kunit_test_suite(suite##_kunit_suite)

#endif /* PURE_KUNIT_H */
