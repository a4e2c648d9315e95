/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where an edge can end; see resolve.c. */
#ifndef QDM_GRAPH_RESOLVE_H
#define QDM_GRAPH_RESOLVE_H

#include "graph/graph.h"

/* What a node may be called, and what udev leaves as it is in /dev/mapper. */
#define NAME_CHARS	"abcdefghijklmnopqrstuvwxyz" \
			"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
#define DM_PLAIN_CHARS	NAME_CHARS "+:=@"

struct place {
	const struct node *node;	/* NULL for a leaf, or if it is to be made */
	const struct node *data;	/* a device whose data it has, or the node */
	struct devno devno;		/* of that */
	uint64_t sectors;
	char word[KDM_NAME_LEN + 16];	/* how a table line names it */
	bool inner;			/* what lies on it is not for users */
	bool under;			/* is a device's root, or lies on one */
};

bool is_path(const char *word);
void place_at(struct place *place, const struct node *node);
/* A block device that can be written, by its path. */
int place_leaf(struct place *place, const struct graph *graph,
	       const char *path, struct error *error);
/* Either: a path begins with a slash. */
int place_named(struct place *place, const struct graph *graph,
		const char *name, struct error *error);

/* Can the device's table move down under a filter? */
int check_table(const struct node *node, struct error *error);
/* Is it whole, and in nobody else's hands at the moment? */
int check_editable(const struct node *node, struct error *error);
int check_not_direct(const struct node *device, struct error *error);

/*
 * What is made for a device is called after it: the device's name, shortened if it is
 * too long or odd, a dash, and what it is. For the caller to free, as are the others.
 */
char *derived_name(const char *device, const char *end);
/* The part before the dash, which is also the id of the device's backup. */
char *name_stem(const char *device);
/* A derived name that no other node has. */
char *new_derived_name(const struct graph *graph, const char *device,
		       const char *end);
char *root_name(const char *device);
/* The throttle that was made for the device, also if its table was replaced since. */
const struct node *find_throttle(const struct graph *graph,
				 const struct node *device);
/* Does another device lie on this root? It was renamed since. */
bool root_is_others(const struct graph *graph, const struct node *device,
		    const struct node *root);
/* Was it made for this very device? An old one says so only by its name. */
bool is_root_of(const struct node *root, const struct node *device);
const struct node *find_root(const struct graph *graph,
			     const struct node *device);
/* What an edited device lies on: the topmost filter, or the root itself. */
const struct node *attached(const struct graph *graph,
			    const struct node *device);

#endif /* QDM_GRAPH_RESOLVE_H */
