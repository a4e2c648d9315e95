/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Other programs; see run.c. */
#ifndef QDM_GROW_RUN_H
#define QDM_GROW_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* What LVM says of the volume /dev/mapper/@volume's group, in bytes; a thin one needs none. */
int run_lvs(const char *volume, uint64_t *extent, uint64_t *free,
	    struct error *error);
/* To @bytes, or by all that the group has left; the reason is LVM's last line. */
int run_lvextend(const char *volume, uint64_t bytes, struct error *error);
int run_lvextend_all(const char *volume, struct error *error);
/* Those that come back for what could not be done at once, where systemd runs. */
void run_units(void);
/* Out of what lvs prints with --reportformat json; false if it is not there. */
bool read_report(const char *text, uint64_t *extent, uint64_t *free);

#endif /* QDM_GROW_RUN_H */
