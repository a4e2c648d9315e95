/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verbs. Each prints its output and returns 0, or -1 with the reason in @error. */
#ifndef QDM_CLI_VERBS_H
#define QDM_CLI_VERBS_H

#include <stdbool.h>

#include "base/error.h"

struct options;

#define VERB(name)	int name(int argc, char **argv, struct error *error)

VERB(verb_insert);	/* verb-insert-remove.c */
VERB(verb_remove);
VERB(verb_group);	/* verb-group.c */
VERB(verb_throttle);	/* verb-limit.c */
VERB(verb_threshold);
VERB(verb_grow);	/* verb-grow.c */
VERB(verb_backup);	/* verb-backup.c */
VERB(verb_jobs);	/* verb-job.c */
VERB(verb_job);
VERB(verb_list);	/* verb-list.c */
VERB(verb_watch);
VERB(verb_events);	/* verb-events.c */
VERB(verb_put_back);	/* verb-put-back.c */
VERB(verb_doctor);	/* cli/doctor/doctor.c */

/* Shows a backup until it is over, and dismisses it; verb-backup.c. */
int backup_wait(const struct options *options, struct error *error);

/* How long another program may keep a device suspended, in ms; less in tests. */
extern int doctor_patience;

#endif /* QDM_CLI_VERBS_H */
