/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Somebody who resumes what stands still; see guard.c. */
#ifndef QDM_GUARD_H
#define QDM_GUARD_H

#include <sys/types.h>

#include "plan.h"

struct guard {
	pid_t pid;		/* 0: none was needed */
	int pipe;
};

/* For a plan that lets several devices stand still at once. */
int guard_begin(struct guard *guard, const struct plan *plan,
		struct error *error);
/* Before each step. */
void guard_step(struct guard *guard, const struct step *step);
/* All devices run again. */
void guard_end(struct guard *guard);

#endif /* QDM_GUARD_H */
