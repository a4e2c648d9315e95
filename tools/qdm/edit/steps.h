/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files that implement edit.h. */
#ifndef QDM_EDIT_STEPS_H
#define QDM_EDIT_STEPS_H

#include "edit/edit.h"
#include "graph/graph.h"
#include "graph/resolve.h"
#include "plan/plan.h"

#define SECTOR		512
#define MAPPER		"/dev/mapper/"

/* insert.c */
bool is_whole_filter(const struct node *node);
const struct node *find_edited(const struct graph *graph,
			       const char *name, const char *verb,
			       struct error *error);
const struct node *find_parent(const struct graph *graph,
			       const char *name, struct error *error);
int not_child(const char *child, const struct node *parent,
	      struct error *error);
int place_child(struct place *place, const struct graph *graph,
		const struct node *parent, const char *child,
		const struct node *root, struct error *error);

/* root.c */
int refresh_root(const struct graph *graph, struct plan *plan,
		 const struct node *device, const struct node *root,
		 struct error *error);
int place_root(struct place *place, const struct graph *graph,
	       const struct node *device, struct plan *plan,
	       struct error *error);
void remove_last_root(const struct graph *graph,
		      const struct node *node, struct plan *plan);
void keep_root(const struct graph *graph, const struct node *node,
	       struct plan *plan);
bool names_root(const struct node *parent, const struct node *root,
		const char *child);

/* swap.c */
bool is_filter(const struct node *node);
struct step *plan_resume(struct plan *plan, const struct node *node);
void copy_table(struct step *step, const struct node *from);
struct step *copy_steps(struct plan *plan, const struct node *from,
			const struct node *to, const struct kdm_how *how);
int check_sizes(const struct node *node, const char *child,
		uint64_t sectors, struct error *error);
int redirect(struct plan *plan, const struct graph *graph,
	     const struct node *parent, struct devno old,
	     const struct place *new, bool freeze, struct error *error);

/* add.c */
int place_file(struct place *place, const struct graph *graph,
	       const char *file, struct plan *plan,
	       struct error *error);
void see_device(struct plan *plan, const struct place *place);
int filter_params(char **params, const struct graph *graph,
		  const struct node *node, const struct filter *filter,
		  const struct place *below, struct place *target,
		  struct error *error);

/* remove.c */
bool is_left_over(const struct node *node);

#endif /* QDM_EDIT_STEPS_H */
