/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ends of edges; see resolve.c. */
#ifndef QDM_GRAPH_RESOLVE_H
#define QDM_GRAPH_RESOLVE_H

#include "graph/graph.h"

/* The characters of a node's name, and those that udev does not escape in /dev/mapper. */
#define NAME_CHARS	"abcdefghijklmnopqrstuvwxyz" \
			"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
#define DM_PLAIN_CHARS	NAME_CHARS "+:=@"

struct place {
	const struct node *node;	/* NULL for a leaf, or if it is not made yet */
	const struct node *data;	/* the device whose data it has, or the node */
	struct devno devno;		/* of that */
	uint64_t sectors;
	char word[KDM_NAME_LEN + 16];	/* its name in a table line */
	bool inner;			/* nodes on top of it are inner nodes */
	bool under;			/* is a device's root, or on top of one */
};

bool is_path(const char *word);
void place_at(struct place *place, const struct node *node);
/* A writable block device, by its path. */
int place_leaf(struct place *place, const struct graph *graph,
	       const char *path, struct error *error);
/* Either: a path begins with a slash. */
int place_named(struct place *place, const struct graph *graph,
		const char *name, struct error *error);

/* Can the device's table move down under a filter? */
int check_table(const struct node *node, struct error *error);
/* Is it live, not suspended, and without a table loaded by another program? */
int check_editable(const struct node *node, struct error *error);
int check_not_direct(const struct node *device, struct error *error);

/*
 * The name of a node made for a device: the device's name, shortened if it is too long
 * or has special characters, a dash, and the kind. For the caller to free, as are the
 * others.
 */
char *derived_name(const char *device, const char *end);
/* The part before the dash, which is also the id of the device's backup. */
char *name_stem(const char *device);
/* A derived name that no other node has. */
char *new_derived_name(const struct graph *graph, const char *device,
		       const char *end);
char *root_name(const char *device);
/* The throttle made for the device, even if the device's table was replaced since. */
const struct node *find_throttle(const struct graph *graph,
				 const struct node *device);
/* The node with a threshold: this one, or the first beneath with the same data; or NULL. */
const struct node *find_threshold(const struct graph *graph,
				  const struct node *node);
/* Is another device on top of this root? Then that was renamed. */
bool root_is_others(const struct graph *graph, const struct node *device,
		    const struct node *root);
/* Was it made for this very device? For an old node only the name shows it. */
bool is_root_of(const struct node *root, const struct node *device);
const struct node *find_root(const struct graph *graph,
			     const struct node *device);
/* The node beneath an edited device: the topmost filter, or the root itself. */
const struct node *attached(const struct graph *graph,
			    const struct node *device);

#endif /* QDM_GRAPH_RESOLVE_H */
