/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The nineteen throttle limits and their rules; see limits.c. */
#ifndef QDM_KERNEL_LIMITS_H
#define QDM_KERNEL_LIMITS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define LIMITS_NR	19
#define LIMIT_RATE_MAX	1000000000000000ull
#define LIMIT_LENGTH_MAX	4294967295ull

struct limits {
	uint64_t value[LIMITS_NR];
};

extern const char * const limit_names[LIMITS_NR];

void limits_init(struct limits *limits);
/* @value is unchecked input: the rules reject negative values. */
int limits_set(struct limits *limits, const char *name, int64_t value,
	       struct error *error);
int limits_check(const struct limits *limits, struct error *error);
/* Parses words like iops-total=100, separated by blanks or newlines. */
int limits_read(struct limits *limits, const char *text, struct error *error);
/* The limits of @now that differ from @before, in the form that limits_read() parses. */
void limits_write(const struct limits *now, const struct limits *before,
		  char *text, size_t len);

#endif /* QDM_KERNEL_LIMITS_H */
