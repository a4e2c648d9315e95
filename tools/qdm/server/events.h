/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events, derived from states; see events.c. */
#ifndef QDM_SERVER_EVENTS_H
#define QDM_SERVER_EVENTS_H

#include "graph/job.h"

/* The state of one device at the last read. */
struct seen {
	struct kdm_device dev;
	enum kind kind;		/* by its table */
	bool there;
	bool fresh;		/* not present at the last read */
	uint64_t threshold_seq;
	bool has_job;
	struct job job;
};

struct events {
	struct seen *seen;
	size_t nr;
	bool begun;		/* the first read reports nothing */
	void (*tell)(void *context, struct json_object *event);
	void *context;
};

/* Reads all devices and reports the events since the last read. */
int events_look(struct events *events, struct error *error);
/*
 * Events that no status has: I/O errors of a backup, and writes that failed because of
 * one.
 */
void events_job_error(struct events *events, const char *node,
		      const char *operation, const char *action);
void events_io_error(struct events *events, const char *node,
		     const char *operation, const char *action,
		     const char *name);
void events_free(struct events *events);

#endif /* QDM_SERVER_EVENTS_H */
