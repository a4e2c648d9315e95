/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Other programs; see run.c. */
#ifndef QDM_GROW_RUN_H
#define QDM_GROW_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/*
 * Extent size and free space of the group of /dev/mapper/@volume, in bytes; a thin
 * volume needs none.
 */
int run_lvs(const char *volume, uint64_t *extent, uint64_t *free,
	    struct error *error);
/*
 * Extends to @bytes, or by the group's free space; the reason of a failure is LVM's
 * last line.
 */
int run_lvextend(const char *volume, uint64_t bytes, struct error *error);
int run_lvextend_all(const char *volume, struct error *error);
/* The units that retry later, where systemd runs. */
void run_units(void);
/* The values in the output of lvs --reportformat json; false if they are missing. */
bool read_report(const char *text, uint64_t *extent, uint64_t *free);

#endif /* QDM_GROW_RUN_H */
