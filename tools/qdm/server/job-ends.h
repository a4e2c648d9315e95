/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Jobs that go by themselves; see job-ends.c. */
#ifndef QDM_SERVER_JOB_ENDS_H
#define QDM_SERVER_JOB_ENDS_H

#include <stdbool.h>

#include "base/error.h"

/*
 * A job that has concluded and is to go by itself is found by job_to_tidy(), which
 * gives its node's name, for the caller to free, or NULL, and marks it as being
 * deleted by @tidier. It is deleted by job_tidy(), if it is still so by then.
 */
char *job_to_tidy(const void *tidier);
int job_tidy(const char *node, struct error *error);
/* Has that failed for one, so that it is to be tried again later? */
bool jobs_wait_to_go(void);
/* This edit has ended; if it was to delete a job, has it @failed? */
void jobs_let_go(const void *edit, bool failed);

#endif /* QDM_SERVER_JOB_ENDS_H */
