/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deletion of concluded jobs; see job-ends.c. */
#ifndef QDM_SERVER_JOB_ENDS_H
#define QDM_SERVER_JOB_ENDS_H

#include <stdbool.h>

#include "base/error.h"

/*
 * job_to_tidy() finds a concluded job with auto-dismiss, returns its node's name, for
 * the caller to free, or NULL, and marks it as being deleted by @tidier. job_tidy()
 * deletes it, if that is still true by then.
 */
char *job_to_tidy(const void *tidier);
int job_tidy(const char *node, struct error *error);
/* Has a deletion failed that must be tried again later? */
bool jobs_wait_to_go(void);
/* An edit has ended; @failed: it could not delete its job. */
void jobs_let_go(const void *edit, bool failed);

#endif /* QDM_SERVER_JOB_ENDS_H */
