/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Filters that LVM has dropped, or whose device is gone; see put-back.c. */
#ifndef QDM_EDIT_PUT_BACK_H
#define QDM_EDIT_PUT_BACK_H

#include "graph/graph.h"
#include "plan/plan.h"

/* The device under which the filter was, if it was dropped from there; or NULL. */
const struct node *dropped_from(const struct graph *graph,
				const struct node *node);
/* Have throttles or thresholds been dropped from the device? */
bool has_dropped(const struct graph *graph, const struct node *device);
bool has_lost_device(const struct graph *graph, const struct node *root);
/* The edit lock is held, or no other edit is made. */
int put_back_dropped(const char *device, struct error *error);
int take_lost_down(const char *root, struct error *error);
int edit_put_back(const struct graph *graph, const char *device,
		  struct plan *plan, struct error *error);

#endif /* QDM_EDIT_PUT_BACK_H */
