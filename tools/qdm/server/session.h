/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One client's side of the protocol, without its socket; see session.c. */
#ifndef QDM_SERVER_SESSION_H
#define QDM_SERVER_SESSION_H

#include "base/buffer.h"
#include "base/json.h"
#include "qmp/execute.h"

/* Starts a command that edits; session_answer() is called later, or was called already. */
typedef void edit_fn(void *context, const char *text, size_t len);

struct session {
	enum qmp_mode mode;
	edit_fn *edit;
	void *context;
	struct buffer in;	/* of an incomplete command */
	struct buffer out;	/* to be sent */
	char open[JSON_MAX_DEPTH];	/* open brackets, '{' or '[' */
	unsigned int depth;
	char quote;		/* the closing quote within a string, or 0 */
	bool escaped;		/* after a backslash within a string */
	bool skipping;		/* after an error, to the end of the line */
	bool closing;		/* send the rest of @out, then close */
	bool noisy;		/* after a control character */
	bool busy;		/* an edit is in progress, and no input is read */
	bool answered;		/* a reply was added since session_feed() was called */
};

/* If @edit is NULL, the session carries out edits itself. */
void session_begin(struct session *session, edit_fn *edit, void *context);
void session_end(struct session *session);
/*
 * Carries out the first complete command; its reply is in @out then. Returns the number
 * of bytes used; the others are for the next call, when it is not busy any more.
 */
size_t session_feed(struct session *session, const char *bytes, size_t len);
/* Adds the reply of the edit that was handed out. */
void session_answer(struct session *session, const char *reply, size_t len);
/* The client has closed its side. */
void session_feed_end(struct session *session);
/* Is a command incomplete? */
bool session_is_half(const struct session *session);
/* Adds an event, if the client has negotiated. */
void session_tell(struct session *session, struct json_object *event);

#endif /* QDM_SERVER_SESSION_H */
