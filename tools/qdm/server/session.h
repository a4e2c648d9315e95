/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One client's side of the protocol, without its socket; see session.c. */
#ifndef QDM_SERVER_SESSION_H
#define QDM_SERVER_SESSION_H

#include "base/buffer.h"
#include "base/json.h"
#include "qmp/execute.h"

/* Has a command carried out that edits; session_answer() comes then, or has come. */
typedef void edit_fn(void *context, const char *text, size_t len);

struct session {
	enum qmp_mode mode;
	edit_fn *edit;
	void *context;
	struct buffer in;	/* of a command that has not ended yet */
	struct buffer out;	/* to be sent */
	char open[JSON_MAX_DEPTH];	/* what brackets are open, '{' or '[' */
	unsigned int depth;
	char quote;		/* within a string that this one ends, or 0 */
	bool escaped;		/* after a backslash within a string */
	bool skipping;		/* after an error, to the end of the line */
	bool closing;		/* send what is in @out, then close */
	bool noisy;		/* after a control character */
	bool busy;		/* an edit is under way, and nothing else is read */
	bool answered;		/* something, since session_feed() was called */
};

/* Without @edit it carries out edits itself. */
void session_begin(struct session *session, edit_fn *edit, void *context);
void session_end(struct session *session);
/*
 * Carries out the first command that is complete; the reply is in @out then. How many
 * bytes it took; the others are for the next call, when it is not busy any more.
 */
size_t session_feed(struct session *session, const char *bytes, size_t len);
/* To the edit that was handed out. */
void session_answer(struct session *session, const char *reply, size_t len);
/* The client will send no more. */
void session_feed_end(struct session *session);
/* Has a command begun that has not ended? */
bool session_is_half(const struct session *session);
/* An event, if the client has negotiated. */
void session_tell(struct session *session, struct json_object *event);

#endif /* QDM_SERVER_SESSION_H */
