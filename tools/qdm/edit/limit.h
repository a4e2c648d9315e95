/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Limits on a device without a node or group to name; see limit.c. */
#ifndef QDM_EDIT_LIMIT_H
#define QDM_EDIT_LIMIT_H

#include "graph/graph.h"
#include "kernel/limits.h"
#include "plan/plan.h"

struct limiting {
	const char *device;
	const char *group;	/* NULL: the device's own */
	struct limits limits;	/* all off takes the filter out */
	const char *discard;	/* NULL: as it is */
};

/* How a throttle may charge a discard; the first is the default. */
extern const char * const throttle_discards[];

bool limits_are_off(const struct limits *limits);
/* Made for a group that it joins when it is put in, and has not yet? */
bool limit_is_on_its_way(const struct node *node);
int limit_device(struct graph *graph, const struct limiting *wanted,
		 struct plan *plan, struct error *error);

#endif /* QDM_EDIT_LIMIT_H */
