/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tool knows of targets' table lines; see targets.c. */
#ifndef QDM_KERNEL_TARGETS_H
#define QDM_KERNEL_TARGETS_H

#include <stdbool.h>

#include "kernel/dm.h"

/* The table line's first target that cannot be moved down, or NULL. */
const char *shape_immovable(const struct kdm_table *table);

/*
 * @to becomes @from with device @old replaced by the word @new wherever a
 * table line refers to it. Returns how often; 0 leaves @to empty, and
 * *@stuck then names a target that refers to it but cannot be changed.
 */
int shape_replace(struct kdm_table *to, const struct kdm_table *from,
		  struct devno old, const char *new, const char **stuck);

/*
 * What a device with a filter beneath has instead of a linear line: it maps the same,
 * and a backup's filter knows by it that the device still lies on it.
 */
#define SHAPE_GUARD	"qguard"

/* Is it one such line, or a linear one, over the whole of one device? Then which? */
bool shape_is_straight(const struct kdm_table *table, struct devno *below);

/*
 * Is it one line from the first sector on of a device, of which it shows each
 * sector where it is: linear, or one of our filters? Then of which?
 */
bool shape_is_same(const struct kdm_table *table, struct devno *below);

/*
 * The devices that the table refers to, each once and in its order, if that is
 * known of all its targets. The caller frees the array.
 */
bool shape_below(const struct kdm_table *table, struct devno **below,
		 size_t *nr);

/* Holds a secret that must not be printed? */
bool shape_is_secret(const struct kdm_table *table);

#endif /* QDM_KERNEL_TARGETS_H */
