/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One line in the system's log for each edit; see log.c. */
#ifndef QDM_PLAN_LOG_H
#define QDM_PLAN_LOG_H

#include <sys/socket.h>

#include "plan/plan.h"

/* Sets the command for the following lines; the default is "edit". */
void log_command(const char *name, const char *arguments);
/*
 * Sets the client of the server that asked for it; the default is the user of this
 * process.
 */
void log_client(const struct ucred *peer);
/* A plan was run; @error: why it failed, or NULL. */
void log_edit(const struct plan *plan, const struct error *error);
/* The edit was not begun. */
void log_refused(const struct error *error);
/* By doctor: the fault that was repaired. */
void log_mended(const char *what);
/* In a guard: how an edit @ended whose process was killed. */
void log_rescue(const struct plan *plan, const char *ended,
		const struct error *error);

#endif /* QDM_PLAN_LOG_H */
