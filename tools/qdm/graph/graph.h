/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The graph of nodes, as the kernel has it now; see graph.c. */
#ifndef QDM_GRAPH_GRAPH_H
#define QDM_GRAPH_GRAPH_H

#include "kernel/dm.h"

enum kind {
	KIND_DEVICE,	/* not ours: an LVM volume, a crypt device, ... */
	KIND_ROOT,	/* a device's own table, or a leaf that has a node */
	KIND_THROTTLE,
	KIND_BACKUP,
	KIND_VIEW,
	KIND_THRESHOLD,
	KINDS,
};

struct node {
	struct kdm_device dev;
	struct kdm_table table;
	struct devno *below;
	size_t nr_below;
	enum kind kind;
};

struct graph {
	struct node *node;
	size_t nr;
};

int graph_read(struct graph *graph, struct error *error);
void graph_free(struct graph *graph);

/* Removes it from the graph; invalidates pointers to nodes. */
void graph_drop(struct graph *graph, struct node *node);

struct node *graph_find(const struct graph *graph, const char *name);
struct node *graph_at(const struct graph *graph, struct devno devno);
/* Any node directly on top of the device, or NULL. */
struct node *graph_above(const struct graph *graph, struct devno devno);
/* The number of its openers, without nodes that are only planned. */
unsigned int graph_users(const struct graph *graph, struct devno devno);
bool node_uses(const struct node *node, struct devno devno);
bool node_reaches(const struct graph *graph, const struct node *node,
		  const struct node *wanted);
/* Does it map I/O to the device? A backup only writes to its destination. */
bool node_passes_to(const struct node *node, struct devno devno);
/* Does @node show the device's data, sector for sector? */
bool node_shows(const struct graph *graph, const struct node *node,
		struct devno devno);
/* The node beneath, whose data it shows sector for sector, or NULL. */
const struct node *node_same(const struct graph *graph,
			     const struct node *node);
/* A leaf's node, made by blockdev-add, and no device's root. */
bool node_is_host(const struct node *node);
/* The device's root beneath a node of ours, following the data; or NULL. */
const struct node *node_root(const struct graph *graph,
			     const struct node *node);
/* Do users see the same data in another device? */
bool node_is_inner(const struct graph *graph, const struct node *node);

/*
 * A device has its node's name, with one exception: `qdm insert --node NAME` makes the
 * filter under a temporary name and renames it when it is inserted. The UUID has the
 * node's name from the beginning.
 */
#define PASSING_END	"-inserting"
bool is_passing(const struct kdm_device *device);
const char *node_name(const struct kdm_device *device);

const char *kind_word(enum kind kind);
const char *kind_driver(enum kind kind);
/* The target of nodes of this kind, NULL if it may be any. */
const char *kind_target(enum kind kind);
enum kind kind_of_target(const char *type);
enum kind kind_of(const char *uuid);

#endif /* QDM_GRAPH_GRAPH_H */
