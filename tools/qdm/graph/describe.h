/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nodes in words and as JSON; see describe.c. */
#ifndef QDM_GRAPH_DESCRIBE_H
#define QDM_GRAPH_DESCRIBE_H

#include <json-c/json.h>

#include "graph/graph.h"

/* A node with its status, limits and children. */
struct json_object *describe_node(const struct graph *graph,
				  const struct node *node);
/* All nodes and devices, as query-named-block-nodes gives them. */
struct json_object *describe_all(const struct graph *graph);
/* How a throttle's or threshold's line takes discards, @none if it does not say. */
const char *discard_in(const char *params, const char *none);
/* What a leaf is called: its path. */
void describe_leaf(struct devno devno, char *path, size_t len);

#endif /* QDM_GRAPH_DESCRIBE_H */
