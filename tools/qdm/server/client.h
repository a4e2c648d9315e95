/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A client's connection; see client.c. */
#ifndef QDM_SERVER_CLIENT_H
#define QDM_SERVER_CLIENT_H

#include <sys/socket.h>
#include <systemd/sd-event.h>

#include "server/session.h"

#define CLIENT_READ_BYTES	65536
/* What a client may leave unread before it is not listened to, and is left. */
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
	/* an edit is to be carried out; client_answer() is called then */
	void (*edit)(void *context, struct client *client, const char *text,
		     size_t len);
	/* other commands have been */
	void (*ran)(void *context);
	/* the connection is over */
	void (*over)(void *context, struct client *client);
	void *context;
	bool endless;		/* the last answers wait for room as long as it takes */
};

struct client {
	struct session session;
	struct buffer unread;	/* what has come and is not the session's yet */
	const struct client_owner *owner;
	struct ucred peer;	/* of a socket */
	int in;
	int out;		/* another number than @in: each is waited for */
	bool at_end;		/* nothing more comes in */
	sd_event_source *reads;
	sd_event_source *writes;
	sd_event_source *turn;	/* on while there is another command to run */
	sd_event_source *patience;	/* runs while a command is half there */
	struct client *next;
};

/* Takes the descriptors; NULL when there is no memory for it in sd-event. */
struct client *client_new(sd_event *loop, int in, int out,
			  const struct client_owner *owner);
void client_tell(struct client *client, struct json_object *event);
void client_answer(struct client *client, const char *reply, size_t len);
/* Ends it at once, after one last try to send what there is; false if that was not all. */
bool client_free(struct client *client);

#endif /* QDM_SERVER_CLIENT_H */
