/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks of a backup's destination; see backup-target.c. */
#ifndef QDM_GRAPH_BACKUP_TARGET_H
#define QDM_GRAPH_BACKUP_TARGET_H

#include "graph/graph.h"
#include "graph/resolve.h"

/*
 * May a backup of @source, by filter @node (NULL if it is not made yet), write to
 * @target, called @name? @keep: refuse data on it other than an earlier backup of the
 * same device.
 */
int target_check(const struct graph *graph, const struct node *node,
		 const struct place *source, const struct place *target,
		 const char *name, bool keep, struct error *error);
/* The same for an existing backup that is inserted under @parent. */
int target_check_edge(const struct graph *graph, const struct node *parent,
		      const struct node *node, struct error *error);

#endif /* QDM_GRAPH_BACKUP_TARGET_H */
