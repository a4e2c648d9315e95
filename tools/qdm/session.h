/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One client's side of the protocol, without its socket; see session.c. */
#ifndef QDM_SESSION_H
#define QDM_SESSION_H

#include "buffer.h"
#include "json.h"
#include "qmp.h"

struct session {
	enum qmp_mode mode;
	struct buffer in;	/* of a command that has not ended yet */
	struct buffer out;	/* to be sent */
	char open[JSON_MAX_DEPTH];	/* what brackets are open, '{' or '[' */
	unsigned int depth;
	char quote;		/* within a string that this one ends, or 0 */
	bool escaped;		/* after a backslash within a string */
	bool skipping;		/* after an error, to the end of the line */
	bool closing;		/* send what is in @out, then close */
	bool noisy;		/* after a control character */
	bool ran;		/* a command has been answered */
};

void session_begin(struct session *session);
void session_end(struct session *session);
/* Carries out what is complete; replies are in @out then. */
void session_feed(struct session *session, const char *bytes, size_t len);
/* The client will send no more. */
void session_feed_end(struct session *session);
/* Has a command begun that has not ended? */
bool session_is_half(const struct session *session);
/* An event, if the client has negotiated. */
void session_tell(struct session *session, struct json_object *event);

#endif /* QDM_SESSION_H */
