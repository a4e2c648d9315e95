/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A second process that completes an edit whose process dies; see guard.c. */
#ifndef QDM_PLAN_GUARD_H
#define QDM_PLAN_GUARD_H

#include <sys/types.h>

#include "plan/plan.h"

struct guard {
	pid_t pid;		/* 0: none was needed */
	int socket;
	bool told;		/* has received a step */
};

/* Continues from step @at, which may be done already; @back: undoes the plan instead. */
typedef void take_over_fn(struct plan *plan, size_t at, bool back);

/* For a plan that a kill would leave half done, or with devices suspended. */
int guard_begin(struct guard *guard, struct plan *plan,
		take_over_fn *take_over, struct error *error);
/* Before each step; an error if the guard has ended before the first swap. */
int guard_step(struct guard *guard, const struct plan *plan, size_t at,
	       struct error *error);
/* The step has failed, and the plan is about to be undone. */
void guard_back(struct guard *guard, size_t at);
/* All is done, or undone. */
void guard_end(struct guard *guard, const struct plan *plan);

/* How long devices may stay suspended, in milliseconds; less in tests. */
extern int guard_patience;

#endif /* QDM_PLAN_GUARD_H */
