/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Edits of the graph, planned from its current state. Everything is checked before
 * anything is changed, in QEMU's order and with QEMU's messages where it has some.
 */
#ifndef QDM_EDIT_EDIT_H
#define QDM_EDIT_EDIT_H

#include "graph/graph.h"
#include "plan/plan.h"

/* A new filter over @file: a node's or device's name, or a path. */
struct filter {
	const char *name;
	enum kind kind;
	const char *file;
	const char *target;	/* of a backup: the destination */
	bool keep;		/* do not overwrite data on @target, see backup-target.h */
	const char *tail;	/* the words after <device> 0 in the table line */
	const char *then;	/* the same after the insertion, if different */
	const char *idle;	/* of a backup, without a destination, until it begins */
	bool derived;		/* @name was not chosen by a client */
	bool passing;		/* under a temporary name until it is inserted */
};

/* The values of a threshold's discard option; the first is the default. */
extern const char * const threshold_discards[];

int edit_add(const struct graph *graph, const struct filter *filter,
	     struct plan *plan, struct error *error);
/* A node over all of a leaf, given by its path. */
int edit_add_host(const struct graph *graph, const char *name,
		  const char *path, struct plan *plan, struct error *error);
/* Both in one plan: makes the filter and inserts it under a device, on top. */
int edit_put_under(struct graph *graph, const struct filter *filter,
		   struct plan *plan, struct error *error);
/* The inverse: takes it out and deletes it. */
int edit_take_out(const struct graph *graph, const char *name,
		  struct plan *plan, struct error *error);
/*
 * First removes a node of this name that a killed command has left without a table, or
 * as a backup without a destination: so that the command can be given again.
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
/* Gives a filter new words; with @file NULL it keeps its place. */
int edit_reopen(const struct graph *graph, const struct filter *filter,
		struct plan *plan, struct error *error);
/* Makes @parent's edge named @child refer to @new. */
int edit_replace(const struct graph *graph, const char *parent,
		 const char *child, const char *new, struct plan *plan,
		 struct error *error);
/*
 * For put-back.c: copies the device's table to the root, and puts the device on top of
 * @node.
 */
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
/* A device without a filter for it gets one, unless @bytes is 0. */
int edit_threshold(struct graph *graph, const char *name, uint64_t bytes,
		   struct plan *plan, struct error *error);
/* Of an existing node. */
int edit_resize(const struct graph *graph, const char *name, uint64_t bytes,
		struct plan *plan, struct error *error);

#endif /* QDM_EDIT_EDIT_H */
