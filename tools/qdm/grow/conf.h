/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which volumes grow by themselves, and how; see conf.c. */
#ifndef QDM_GROW_CONF_H
#define QDM_GROW_CONF_H

#include "grow/policy.h"

/* 1 when there is a line for the node, 0 when there is none, -1 when it is wrong. */
int conf_find(const char *node, struct grow_policy *policy, char **where,
	      struct error *error);
/* The same by the lines that people write alone. */
int conf_find_by_hand(const char *node, struct grow_policy *policy, char **where,
		      struct error *error);
/* The node's own file, for the caller to free. */
char *conf_path(const char *node);
int conf_write(const char *node, const struct grow_policy *policy,
	       struct error *error);
/* 1 when it was there, 0 when not, or -1. */
int conf_remove(const char *node, struct error *error);
/* Calls @each with the name of each node that has a file of its own. */
void conf_each(void (*each)(const char *node, void *with), void *with);

#endif /* QDM_GROW_CONF_H */
