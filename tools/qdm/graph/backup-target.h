/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a backup may write to; see backup-target.c. */
#ifndef QDM_GRAPH_BACKUP_TARGET_H
#define QDM_GRAPH_BACKUP_TARGET_H

#include "graph/graph.h"
#include "graph/resolve.h"

/*
 * May a backup of @source, which @node is or is to be (NULL if it is to be made),
 * write to @target, which is called @name? @keep: not if there is data on it that is
 * no earlier backup of the same.
 */
int target_check(const struct graph *graph, const struct node *node,
		 const struct place *source, const struct place *target,
		 const char *name, bool keep, struct error *error);
/* The same for a backup that is there and that @parent is to lie on. */
int target_check_edge(const struct graph *graph, const struct node *parent,
		      const struct node *node, struct error *error);

#endif /* QDM_GRAPH_BACKUP_TARGET_H */
