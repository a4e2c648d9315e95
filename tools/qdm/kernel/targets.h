/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Table lines of targets; see targets.c. */
#ifndef QDM_KERNEL_TARGETS_H
#define QDM_KERNEL_TARGETS_H

#include <stdbool.h>

#include "kernel/dm.h"

/* The table's first target that cannot be moved down, or NULL. */
const char *shape_immovable(const struct kdm_table *table);

/*
 * Copies @from to @to, with device @old replaced by the word @new in all table lines.
 * Returns the number of replacements; 0 leaves @to empty, and *@stuck then names a
 * target that refers to @old but cannot be changed.
 */
int shape_replace(struct kdm_table *to, const struct kdm_table *from,
		  struct devno old, const char *new, const char **stuck);

/*
 * The line of a device with a filter beneath: it maps as a linear one does, and lets a
 * backup's filter detect that the device is still on top of it.
 */
#define SHAPE_GUARD	"qguard"

/*
 * Is it a single such line, or a linear one, over the whole of one device? Fills in the
 * device.
 */
bool shape_is_straight(const struct kdm_table *table, struct devno *below);

/*
 * Is it a single line that starts at sector 0 of a device and shows each sector at its
 * place: linear, or one of our filters? Fills in the device.
 */
bool shape_is_same(const struct kdm_table *table, struct devno *below);

/*
 * The devices that the table refers to, each once and in order, if all its targets are
 * known. The caller frees the array.
 */
bool shape_below(const struct kdm_table *table, struct devno **below,
		 size_t *nr);

/* Does it contain a secret that must not be printed? */
bool shape_is_secret(const struct kdm_table *table);

#endif /* QDM_KERNEL_TARGETS_H */
