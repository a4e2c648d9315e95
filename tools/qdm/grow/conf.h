/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The volumes that grow by themselves, and their options; see conf.c. */
#ifndef QDM_GROW_CONF_H
#define QDM_GROW_CONF_H

#include "grow/policy.h"

/* 1 if there is a line for the node, 0 if there is none, -1 if it is invalid. */
int conf_find(const char *node, struct grow_policy *policy, char **where,
	      struct error *error);
/* The same, only by the lines written by hand. */
int conf_find_by_hand(const char *node, struct grow_policy *policy, char **where,
		      struct error *error);
/* The node's own file, for the caller to free. */
char *conf_path(const char *node);
int conf_write(const char *node, const struct grow_policy *policy,
	       struct error *error);
/* 1 if it existed, 0 if not, -1 on error. */
int conf_remove(const char *node, struct error *error);
/* Calls @each for each node with a file of its own. */
void conf_each(void (*each)(const char *node, void *with), void *with);

#endif /* QDM_GROW_CONF_H */
