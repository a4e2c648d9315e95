/* SPDX-License-Identifier: GPL-2.0-or-later */
/* No edit leads a device past a backup that runs; see past.c. */
#ifndef QDM_EDIT_PAST_H
#define QDM_EDIT_PAST_H

#include "graph/resolve.h"

/*
 * May @parent's edge to @old lead to @new? With an @old that is no node, only
 * what comes to lie under @parent is looked at.
 */
int past_check(const struct graph *graph, const struct node *parent,
	       struct devno old, const struct node *new, struct error *error);
/* May it be deleted, or get other words? */
int past_check_words(const struct node *node, struct error *error);

#endif /* QDM_EDIT_PAST_H */
