/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The dm UUIDs of nodes: made and read here and nowhere else; see uuid.c. */
#ifndef QDM_GRAPH_UUID_H
#define QDM_GRAPH_UUID_H

#include "graph/graph.h"
#include "kernel/dm.h"

struct uuid {
	enum kind kind;		/* KIND_DEVICE if it is none of ours */
	bool private;		/* has the prefix that hides it from other tools */
	bool leaf;		/* a leaf's node, not a device's root */
	bool identified;	/* a root that has its device's identity */
	uint64_t identity;
	const char *name;	/* the node's; a root's is its device's, as a hint */
};

void uuid_read(struct uuid *uuid, const char *text);

/* The caller frees what these return. */
char *uuid_of_filter(enum kind kind, const char *name, bool private);
char *uuid_of_leaf(const char *name);
char *uuid_of_root(const struct kdm_device *device);

bool root_is_identified(const struct node *root);

/* Unchanged when the device is renamed, and never reused for another device. */
uint64_t uuid_identity(const struct kdm_device *device);

#endif /* QDM_GRAPH_UUID_H */
