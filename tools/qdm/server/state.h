/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A server; shared by the files that implement server.h. */
#ifndef QDM_SERVER_STATE_H
#define QDM_SERVER_STATE_H

#include <signal.h>
#include <systemd/sd-event.h>

#include "server/client.h"
#include "server/events.h"
#include "server/listen.h"
#include "server/socket.h"
#include "server/worker.h"

struct server {
	sd_event *loop;
	struct client *clients;		/* oldest first */
	size_t clients_nr;
	bool last_ends;			/* no socket: the server ends with its last client */
	bool lost;			/* a reply to standard output could not be written */
	bool ending;
	struct client_owner owner;
	struct worker *workers;
	struct worker_owner work;
	struct events events;
	struct listener listener;
	struct listening socket;
	sd_event_source *connections;
	sd_event_source *room;		/* runs while no connection is accepted */
	sd_event_source *again;		/* runs while a deletion is pending */
	struct sigaction child_before;
};

#define SECOND		1000000ull

/* server.c */
void look_for_events(struct server *server);

/* edits.c */
void free_worker(struct server *server, struct worker *worker);
void look_and_tidy(struct server *server);
void on_edit(void *context, struct client *client, const char *text,
	     size_t len);
bool any_waits(const struct server *server);
void on_ended(void *context, struct worker *worker);
int on_again(sd_event_source *source, uint64_t now, void *context);
void drop_inherited(void *context);

#endif /* QDM_SERVER_STATE_H */
