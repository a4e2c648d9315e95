/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Growth of a volume, its nodes and its file system; see grow.c. */
#ifndef QDM_GROW_GROW_H
#define QDM_GROW_GROW_H

#include "graph/graph.h"
#include "grow/policy.h"

/* A threshold's node and its neighbours. */
struct growing {
	struct grow_policy policy;
	char *where;			/* the file with the policy */
	char node[KDM_NAME_LEN];
	char lowest[KDM_NAME_LEN];	/* the filter next to the volume */
	char volume[KDM_NAME_LEN];
	struct devno node_at;
	struct devno top_at;		/* the device on top of the node and the filters on it */
	struct devno volume_at;
	char top[KDM_NAME_LEN];
	bool gone;
	const char *reason;		/* why it cannot grow, for the event */
	struct grow_view view;
	char state[16];
	uint64_t threshold;
};

/* Fills in the stack, without the policy. */
int grow_find(struct growing *growing, const struct graph *graph,
	      const char *node, struct error *error);
/* Checked by its table, as it may have been made by hand. */
bool grow_is_threshold(const struct node *node);
/* The device's threshold node: itself, or one on top of it; or NULL. */
const struct node *grow_node(const struct graph *graph,
			     const struct node *device);
/* Reads the present state; 0, or -1 if the node is gone. */
int grow_look(struct growing *growing, struct error *error);

/*
 * Runs the steps that are due. With @stays it answers an event: it keeps checking for
 * as long as another event would be too early, and is silent for a node without a line.
 * A failure is reported once, in the log and by an event.
 */
int grow_answer(const char *node, bool stays, struct error *error);
/* Is an event of this node being answered now? */
bool grow_is_answered(const char *node);
/* Is it being grown, or checked for growth, at the moment? */
bool grow_is_busy(const char *node);
/* Locks them out until it is closed; -1 if that fails. */
int grow_lock(const char *node);
/* The event's word if the last attempt failed. */
bool grow_has_failed(const char *node, char *reason, size_t size);

/* Faults of volumes that grow; @trouble is false for a note. */
void grow_troubles(const struct graph *graph,
		   void (*tell)(void *with, bool trouble, const char *text),
		   void *with);

#endif /* QDM_GROW_GROW_H */
