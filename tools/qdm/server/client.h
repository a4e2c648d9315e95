/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A client's connection; see client.c. */
#ifndef QDM_SERVER_CLIENT_H
#define QDM_SERVER_CLIENT_H

#include <sys/socket.h>
#include <systemd/sd-event.h>

#include "server/session.h"

#define CLIENT_READ_BYTES	65536
/*
 * Limits of unread output: of replies, after which input stops, and of events, after
 * which the connection is closed.
 */
#define CLIENT_OUT_FULL		(1u << 20)
#define CLIENT_OUT_MAX		(64u << 20)
#ifndef CLIENT_HALF_SECONDS
#define CLIENT_HALF_SECONDS	30
#endif
#ifndef CLIENT_ENDS_SECONDS
#define CLIENT_ENDS_SECONDS	5
#endif

struct client;

struct client_owner {
	/* carries out an edit; the reply follows by client_answer() */
	void (*edit)(void *context, struct client *client, const char *text,
		     size_t len);
	/* called after other commands */
	void (*ran)(void *context);
	/* called when the connection has ended */
	void (*over)(void *context, struct client *client);
	void *context;
	bool endless;		/* no time limit for sending the last replies */
};

struct client {
	struct session session;
	struct buffer unread;	/* received and not passed to the session yet */
	const struct client_owner *owner;
	struct ucred peer;	/* of a socket */
	int in;
	int out;		/* another number than @in: each is polled separately */
	bool at_end;		/* end of input */
	sd_event_source *reads;
	sd_event_source *writes;
	sd_event_source *turn;	/* enabled while another command is pending */
	sd_event_source *patience;	/* runs while a command is incomplete */
	struct client *next;
};

/* Takes the descriptors; NULL if sd-event has no memory. */
struct client *client_new(sd_event *loop, int in, int out,
			  const struct client_owner *owner);
void client_tell(struct client *client, struct json_object *event);
void client_answer(struct client *client, const char *reply, size_t len);
/* Closes it, after a last attempt to send; false if output was lost. */
bool client_free(struct client *client);

#endif /* QDM_SERVER_CLIENT_H */
