/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What has happened, from what is; see events.c. */
#ifndef QDM_SERVER_EVENTS_H
#define QDM_SERVER_EVENTS_H

#include "graph/job.h"

/* What is known of one device since the last look. */
struct seen {
	struct kdm_device dev;
	enum kind kind;		/* by its table */
	bool there;
	bool fresh;		/* not there at the last look */
	uint64_t threshold_seq;
	bool has_job;
	struct job job;
};

struct events {
	struct seen *seen;
	size_t nr;
	bool begun;		/* the first look tells nothing */
	void (*tell)(void *context, struct json_object *event);
	void *context;
};

/* Looks at all devices and tells what has happened since the last look. */
int events_look(struct events *events, struct error *error);
/* What no status says: what failed in a backup, and what failed because of it. */
void events_job_error(struct events *events, const char *node,
		      const char *operation, const char *action);
void events_io_error(struct events *events, const char *node,
		     const char *operation, const char *action,
		     const char *name);
void events_free(struct events *events);

#endif /* QDM_SERVER_EVENTS_H */
