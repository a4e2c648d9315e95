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
/* The name of a leaf: its path. */
void describe_leaf(struct devno devno, char *path, size_t len);

#endif /* QDM_GRAPH_DESCRIBE_H */
