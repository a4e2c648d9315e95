/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Edits of the graph, planned from what the graph is; see edit.c. */
#ifndef QDM_EDIT_EDIT_H
#define QDM_EDIT_EDIT_H

#include "graph/graph.h"
#include "plan/plan.h"

/* A filter to be made over @file: a node's or device's name, or a path. */
struct filter {
	const char *name;
	enum kind kind;
	const char *file;
	const char *target;	/* of a backup: where old data goes */
	bool keep;		/* not over what is on @target, see backup-target.h */
	const char *tail;	/* what follows <device> 0 in the table line */
	const char *then;	/* the same once it is put in, if it is to differ */
	const char *idle;	/* of a backup, with no target, until it begins */
	bool derived;		/* @name is no client's choice */
	bool passing;		/* under a passing name until it is put in */
};

/* How a threshold may take a discard; the first is the default. */
extern const char * const threshold_discards[];

int edit_add(const struct graph *graph, const struct filter *filter,
	     struct plan *plan, struct error *error);
/* A node over all of a leaf, which is named by its path. */
int edit_add_host(const struct graph *graph, const char *name,
		  const char *path, struct plan *plan, struct error *error);
/* Both at once: makes the filter and puts it under a device, on top. */
int edit_put_under(struct graph *graph, const struct filter *filter,
		   struct plan *plan, struct error *error);
/* The inverse: out of what lies on it, and away. */
int edit_take_out(const struct graph *graph, const char *name,
		  struct plan *plan, struct error *error);
/*
 * What a command that was killed has left of this name, and that has no table, or as a
 * backup no target yet, goes first: then the command can be given again.
 */
void edit_bury(struct graph *graph, const char *name, struct plan *plan);
int edit_delete(const struct graph *graph, const char *name,
		struct plan *plan, struct error *error);
int edit_insert(const struct graph *graph, const char *parent,
		const char *child, const char *node, struct plan *plan,
		struct error *error);
int edit_remove(const struct graph *graph, const char *parent,
		const char *child, const char *node, struct plan *plan,
		struct error *error);
/* Gives a filter new words; a @file of NULL leaves it where it lies. */
int edit_reopen(const struct graph *graph, const struct filter *filter,
		struct plan *plan, struct error *error);
/* Makes @parent's edge called @child lead to @new. */
int edit_replace(const struct graph *graph, const char *parent,
		 const char *child, const char *new, struct plan *plan,
		 struct error *error);
/* The node, or the first below it that shows the same, with a threshold; or NULL. */
const struct node *edit_find_threshold(const struct graph *graph,
				       const struct node *node);
/* For put-back.c: the root's table is the device's; the device lies on @node. */
int edit_refresh(const struct graph *graph, const struct node *device,
		 const struct node *root, struct plan *plan,
		 struct error *error);
void edit_lay_on(const struct graph *graph, const struct node *device,
		 const struct node *node, const struct node *root,
		 struct plan *plan);
int edit_follow(const struct node *filter, const struct node *below,
		uint64_t len, struct plan *plan, struct error *error);
int edit_check_not_moving(const struct graph *graph,
			  const struct node *device, struct error *error);
int edit_threshold(const struct graph *graph, const char *name,
		   uint64_t bytes, struct plan *plan, struct error *error);
/* Of a node that is there. */
int edit_resize(const struct graph *graph, const char *name, uint64_t bytes,
		struct plan *plan, struct error *error);

#endif /* QDM_EDIT_EDIT_H */
