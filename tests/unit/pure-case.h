/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A test of a pure core, written once and run twice: by cmocka in user space
 * under ASan and UBSan, and by KUnit in the debug kernel. So it may use
 * neither's macros: a case is a sentence and a function that returns 0, or
 * the line of the expectation that was not met.
 */
#ifndef PURE_CASE_H
#define PURE_CASE_H

struct pure_case {
	const char *name;
	int (*run)(void);
};

#define EXPECT(condition)						\
	do {								\
		if (!(condition))					\
			return __LINE__;				\
	} while (0)

#endif /* PURE_CASE_H */
