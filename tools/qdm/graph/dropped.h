/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Filters that LVM has dropped, or whose device is gone; see dropped.c. */
#ifndef QDM_GRAPH_DROPPED_H
#define QDM_GRAPH_DROPPED_H

#include "graph/graph.h"

/* The only filter that has the node for its data; NULL if there are several. */
const struct node *only_above(const struct graph *graph,
			      const struct node *node);
/* The device that the filter was dropped from, or NULL. */
const struct node *dropped_from(const struct graph *graph,
				const struct node *node);
/* Is it a throttle or write threshold, which are put back? */
bool comes_back(const struct node *filter);
/* The device's root, if filters on it have been dropped and can be put back. */
const struct node *find_dropped(const struct graph *graph,
				const struct node *device);
/* Have throttles or thresholds been dropped from the device? */
bool has_dropped(const struct graph *graph, const struct node *device);
bool has_lost_device(const struct graph *graph, const struct node *root);

#endif /* QDM_GRAPH_DROPPED_H */
