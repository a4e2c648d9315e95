/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A child process of the server that carries out one edit; see worker.c. */
#ifndef QDM_SERVER_WORKER_H
#define QDM_SERVER_WORKER_H

#include <systemd/sd-event.h>

#include "base/buffer.h"
#include "server/client.h"

struct worker;

struct worker_owner {
	/* in the child: close the server's descriptors */
	void (*drop)(void *context);
	/* its reply is there, or it has ended without one */
	void (*ended)(void *context, struct worker *worker);
	void *context;
};

struct worker {
	const struct worker_owner *owner;
	int fd;
	sd_event_source *source;
	struct buffer in;
	bool answered;
	bool failed;
	bool over;		/* the child has ended, or closed its pipe */
	struct buffer answer;
	struct buffer text;	/* the command */
	struct client *client;	/* the client that waits for it, or NULL if it is gone */
	char *node;		/* the node of a concluded job that it deletes */
	struct worker *next;
};

/*
 * A client's command, or the deletion of a job's node. @error has the reason if it was
 * not begun.
 */
int worker_edit(struct worker *worker, sd_event *loop, const char *text,
		size_t len, struct error *error);
int worker_tidy(struct worker *worker, sd_event *loop, struct error *error);

struct worker *worker_new(const struct worker_owner *owner);
/* Reads its messages so far, and records the job settings in them. */
void worker_hear(struct worker *worker);
/* Lets the child continue without reading its messages. */
void worker_free(struct worker *worker);

#endif /* QDM_SERVER_WORKER_H */
