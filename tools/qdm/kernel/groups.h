/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Throttle groups, by their folders in configfs; see groups.c. */
#ifndef QDM_KERNEL_GROUPS_H
#define QDM_KERNEL_GROUPS_H

#include <stdbool.h>

#include "base/error.h"
#include "kernel/limits.h"

const char *groups_dir(void);
int groups_mount(struct error *error);

/* Also rejects names that would leave the folder. */
int group_check_name(const char *name, struct error *error);
/* Sorted names; the caller frees each and the array. */
int groups_list(char ***names, size_t *nr, struct error *error);
bool group_exists(const char *name);
/*
 * A marker folder that exists next to a group while object-add makes it; doctor uses it
 * to detect a group left by a killed command. No list of groups contains it.
 */
char *group_marker(const char *name);
bool group_is_adding(const char *name);
int groups_markers(char ***names, size_t *nr, struct error *error);
int group_make(const char *name, struct error *error);
int group_remove(const char *name, struct error *error);
int group_read_limits(const char *name, struct limits *limits,
		      struct error *error);
bool group_has_members(const char *name);
int group_write_limits(const char *name, const char *text,
		       struct error *error);

#endif /* QDM_KERNEL_GROUPS_H */
