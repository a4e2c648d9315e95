/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Limits on a device, without naming a node or group; see limit.c. */
#ifndef QDM_EDIT_LIMIT_H
#define QDM_EDIT_LIMIT_H

#include "graph/graph.h"
#include "kernel/limits.h"
#include "plan/plan.h"

struct limiting {
	const char *device;
	const char *group;	/* NULL: the device's own */
	struct limits limits;	/* all off takes the filter out */
	const char *discard;	/* NULL: unchanged */
};

/* The values of a throttle's discard option; the first is the default. */
extern const char * const throttle_discards[];

bool limits_are_off(const struct limits *limits);
/* Was it made for a group that it has not joined yet? */
bool limit_is_on_its_way(const struct node *node);
int limit_device(struct graph *graph, const struct limiting *wanted,
		 struct plan *plan, struct error *error);

#endif /* QDM_EDIT_LIMIT_H */
