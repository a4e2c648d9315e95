/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One line in the system's log for each edit; see log.c. */
#ifndef QDM_PLAN_LOG_H
#define QDM_PLAN_LOG_H

#include <sys/socket.h>

#include "plan/plan.h"

/* What is being carried out, until something else is; the default is "edit". */
void log_command(const char *name, const char *arguments);
/* For whom: a client of the server; else it is the user of this process. */
void log_client(const struct ucred *peer);
/* A plan has been run; @error: why not, or NULL. */
void log_edit(const struct plan *plan, const struct error *error);
/* It was not even begun. */
void log_refused(const struct error *error);
/* By doctor: what was wrong. */
void log_mended(const char *what);
/* In a guard: an edit whose process was killed @ended so. */
void log_rescue(const struct plan *plan, const char *ended,
		const struct error *error);

#endif /* QDM_PLAN_LOG_H */
