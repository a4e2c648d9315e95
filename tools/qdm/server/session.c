// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One client's side of the protocol: bytes in, replies out, in the order of the
 * commands. The bytes are split at the end of each JSON value; base/json.c parses the
 * value. Brackets and quotes alone show where a value ends, in constant memory for each
 * byte, so a client cannot make this expensive:
 *
 *	{"execute": "a"}{"execute": [1, "}"]} 5 x
 *	                ^                    ^ ^ ^ cut here
 *
 * After brackets that do not match, the rest of the line is skipped. After a control
 * character, or a byte of 0xff, parsing starts again; clients use this to reset a
 * parser to a known state. A value that is too long ends the connection, as the start
 * of the next one cannot be found.
 *
 * It stops after each reply and returns the number of bytes used, so that other clients
 * get their turns and a client that does not read is not sent unlimited replies. A
 * command that edits is handed out, as it may take long, and no later input is read
 * before its reply is there.
 */
#include <string.h>

#include "base/json.h"
#include "server/session.h"

static void send(struct session *session, struct json_object *message)
{
	json_write(&session->out, message);
	buffer_add(&session->out, "\r\n", 2);
}

void session_begin(struct session *session, edit_fn *edit, void *context)
{
	struct json_object *greeting = qmp_greeting();

	*session = (struct session){
		.mode = QMP_NEGOTIATING, .edit = edit, .context = context,
	};
	send(session, greeting);
	json_object_put(greeting);
}

void session_end(struct session *session)
{
	buffer_free(&session->in);
	buffer_free(&session->out);
}

static void reset(struct session *session)
{
	buffer_clear(&session->in);
	session->depth = 0;
	session->quote = 0;
	session->escaped = false;
}

static void answer(struct session *session, struct json_object *reply)
{
	send(session, reply);
	json_object_put(reply);
	session->answered = true;
}

static void complain(struct session *session, const char *what)
{
	reset(session);
	answer(session, qmp_refusal(what));
}

static void value_ends(struct session *session)
{
	const char *text = session->in.bytes;
	size_t len = session->in.len;

	if (session->edit && qmp_edits(text, len, session->mode)) {
		session->busy = true;
		session->edit(session->context, text, len);
	} else {
		answer(session, qmp_execute(text, len, &session->mode, NULL));
	}
	reset(session);
}

void session_answer(struct session *session, const char *reply, size_t len)
{
	buffer_add(&session->out, reply, len);
	buffer_add(&session->out, "\r\n", 2);
	session->busy = false;
}

/* Is the value a bare word or number, which only the next token ends? */
static bool in_bare_word(const struct session *session)
{
	return session->in.len && !session->depth && !session->quote;
}

static void take_in_string(struct session *session, char byte)
{
	if (session->escaped)
		session->escaped = false;
	else if (byte == '\\')
		session->escaped = true;
	else if (byte == session->quote)
		session->quote = 0;
	if (!session->quote && !session->depth)
		value_ends(session);
}

static void take_closing(struct session *session, char byte)
{
	char open = byte == '}' ? '{' : '[';

	if (!session->depth || session->open[session->depth - 1] != open) {
		session->skipping = true;
		complain(session, "JSON parse error, unexpected bracket");
		return;
	}
	if (!--session->depth)
		value_ends(session);
}

static void take_opening(struct session *session, char byte)
{
	if (session->depth == JSON_MAX_DEPTH) {
		session->skipping = true;
		complain(session, "JSON parse error, nested too deeply");
		return;
	}
	session->open[session->depth++] = byte;
}

static bool is_space(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static bool is_control(const struct session *session, char byte)
{
	unsigned char code = byte;

	return code == 0xff ||
	       (code < 0x20 && (session->quote || !is_space(byte)));
}

/* A byte between values, or the first of one. */
static void take_outside(struct session *session, char byte)
{
	if (in_bare_word(session) && (is_space(byte) || strchr("{[\"'", byte)))
		value_ends(session);
	if (is_space(byte) && !session->in.len)
		return;
	buffer_add(&session->in, &byte, 1);
	if (byte == '"' || byte == '\'')
		session->quote = byte;
	else if (byte == '{' || byte == '[')
		take_opening(session, byte);
	else if (byte == '}' || byte == ']')
		take_closing(session, byte);
}

static void take(struct session *session, char byte)
{
	bool noisy = session->noisy;

	session->noisy = is_control(session, byte);
	if (session->noisy) {
		session->skipping = false;
		if (!noisy)
			complain(session, "JSON parse error, control character");
	} else if (session->skipping) {
		session->skipping = byte != '\n';
	} else if (session->in.len >= JSON_MAX_BYTES) {
		session->closing = true;
		complain(session, "JSON parse error, the command is too long");
	} else if (session->quote) {
		buffer_add(&session->in, &byte, 1);
		take_in_string(session, byte);
	} else {
		take_outside(session, byte);
	}
}

size_t session_feed(struct session *session, const char *bytes, size_t len)
{
	size_t at = 0;

	session->answered = false;
	while (at < len && !session->closing && !session->busy &&
	       !session->answered)
		take(session, bytes[at++]);
	return at;
}

void session_feed_end(struct session *session)
{
	if (in_bare_word(session))
		value_ends(session);
	else if (session->in.len)
		complain(session, "JSON parse error, the command has no end");
	session->closing = true;
}

bool session_is_half(const struct session *session)
{
	return session->in.len;
}

void session_tell(struct session *session, struct json_object *event)
{
	if (session->mode == QMP_COMMANDS && !session->closing)
		send(session, event);
}
