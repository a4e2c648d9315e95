/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A child process of the server that carries out one edit; see worker.c. */
#ifndef QDM_SERVER_WORKER_H
#define QDM_SERVER_WORKER_H

#include <systemd/sd-event.h>

#include "base/buffer.h"
#include "server/client.h"

struct worker;

struct worker_owner {
	/* in the child: let go of what is the server's alone */
	void (*drop)(void *context);
	/* there is its answer, or there will be none */
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
	bool over;		/* the child has ended, or says no more */
	struct buffer answer;
	struct buffer text;	/* the command */
	struct client *client;	/* who waits for it, if he is still there */
	char *node;		/* whose job has concluded and is deleted */
	struct worker *next;
};

/* A client's command, or the deletion of a job's node. Text that says why it was not begun. */
int worker_edit(struct worker *worker, sd_event *loop, const char *text,
		size_t len, struct error *error);
int worker_tidy(struct worker *worker, sd_event *loop, struct error *error);

struct worker *worker_new(const struct worker_owner *owner);
/* Takes what it has said so far, and what it remembers of jobs. */
void worker_hear(struct worker *worker);
/* The child goes on, and nobody listens to it. */
void worker_free(struct worker *worker);

#endif /* QDM_SERVER_WORKER_H */
