/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Backups; see backup.c. */
#ifndef QDM_EDIT_BACKUP_H
#define QDM_EDIT_BACKUP_H

#include "base/error.h"

/* Cancels the job and waits for its end, which a destination that hangs delays. */
int job_end(const char *node, struct error *error);

#endif /* QDM_EDIT_BACKUP_H */
