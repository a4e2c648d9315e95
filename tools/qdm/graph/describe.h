/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nodes as text and as JSON; see describe.c. */
#ifndef QDM_GRAPH_DESCRIBE_H
#define QDM_GRAPH_DESCRIBE_H

#include <json-c/json.h>

#include "graph/graph.h"

/* A node with its status, limits and children. */
struct json_object *describe_node(const struct graph *graph,
				  const struct node *node);
/* All nodes and devices, as in query-named-block-nodes. */
struct json_object *describe_all(const struct graph *graph);
/* The discard option in a throttle's or threshold's line, @none if it has none. */
const char *discard_in(const char *params, const char *none);
/* Of the node, or of the one below it that shows the same; 0 where there is none. */
struct threshold {
	uint64_t at;
	uint64_t mark;	/* the highest byte that was written */
};

void describe_threshold(const struct graph *graph, const struct node *node,
			struct threshold *threshold);
/* What the edge to the @at-th of those below is called. */
const char *describe_edge(const struct node *node, size_t at);
/* The name of a leaf: its path. */
void describe_leaf(struct devno devno, char *path, size_t len);

#endif /* QDM_GRAPH_DESCRIBE_H */
