/* SPDX-License-Identifier: GPL-2.0-or-later */
/* No edit routes a device past an active backup; see past.c. */
#ifndef QDM_EDIT_PAST_H
#define QDM_EDIT_PAST_H

#include "graph/resolve.h"

/*
 * May @parent's edge to @old be changed to @new? If @old is no node, only the nodes
 * that get under @parent are checked.
 */
int past_check(const struct graph *graph, const struct node *parent,
	       struct devno old, const struct node *new, struct error *error);
/* May it be deleted, or get another table line? */
int past_check_words(const struct node *node, struct error *error);

#endif /* QDM_EDIT_PAST_H */
