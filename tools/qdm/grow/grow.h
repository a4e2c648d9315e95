/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes a volume, its nodes and its file system grow; see grow.c. */
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
	struct devno top_at;		/* what lies on the node and the filters on it */
	struct devno volume_at;
	char top[KDM_NAME_LEN];
	bool gone;
	const char *reason;		/* why it cannot grow, for the event */
	struct grow_view view;
	char state[16];
	uint64_t threshold;
};

/* Fills in what lies on what, without the policy. */
int grow_find(struct growing *growing, const struct graph *graph,
	      const char *node, struct error *error);
/* By its table, as it may have been made by hand. */
bool grow_is_threshold(const struct node *node);
/* The node whose threshold counts for the device: itself, or one on it; or NULL. */
const struct node *grow_node(const struct graph *graph,
			     const struct node *device);
/* What there is at the moment; 0, or -1 when it has gone. */
int grow_look(struct growing *growing, struct error *error);

/*
 * Does what is to be done now. With @stays an event is answered: it looks again for
 * as long as another event would come too early, and is silent for a node without a
 * line. What cannot be done is said once, in the log and by an event.
 */
int grow_answer(const char *node, bool stays, struct error *error);
/* Does somebody answer an event of this node now? */
bool grow_is_answered(const char *node);
/* Does somebody make it grow, or look whether it is to grow, at this moment? */
bool grow_is_busy(const char *node);
/* Keeps them off until it is closed; -1 if that is not to be had. */
int grow_lock(const char *node);
/* Has the last try failed? The event's word for it. */
bool grow_has_failed(const char *node, char *reason, size_t size);

/* What is wrong with volumes that are to grow; @trouble is false for a mere note. */
void grow_troubles(const struct graph *graph,
		   void (*tell)(void *with, bool trouble, const char *text),
		   void *with);

#endif /* QDM_GROW_GROW_H */
