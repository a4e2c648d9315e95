// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A client's connection: a session with descriptors. The memory of a client is bounded:
 * replies that it does not read stop further reads, and queued events above a limit
 * close the connection, as does a command that stays incomplete for too long.
 *
 *	reads ----> unread ----> session ----> out ----> writes
 *	  ^ off while    ^ one command          ^ on while out
 *	    there is some  a turn                 is not empty
 *
 * Of several commands that arrive together each is a turn of the loop, and other
 * clients get their turns in between. There is no turn while out is full, or an edit is
 * in progress.
 */
#include <errno.h>
#include <linux/limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "server/client.h"

#define SECOND	1000000ull

static void over(struct client *client)
{
	client->owner->over(client->owner->context, client);
}

/*
 * Standard output may be a pipe, or a file. It is shared with other processes, so it is
 * not made non-blocking; but a pipe that polls as writable accepts this many bytes.
 */
static ssize_t put_out(int fd, const struct buffer *out)
{
	struct pollfd room = { .fd = fd, .events = POLLOUT };
	size_t len = out->len < PIPE_BUF ? out->len : PIPE_BUF;

	if (poll(&room, 1, 0) == 1)
		return write(fd, out->bytes, len);
	errno = EAGAIN;
	return -1;
}

static ssize_t put(struct client *client)
{
	const struct buffer *out = &client->session.out;
	ssize_t sent = send(client->out, out->bytes, out->len,
			    MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent < 0 && errno == ENOTSOCK)
		sent = put_out(client->out, out);
	return sent;
}

/* False when the connection has ended. */
static bool flush(struct client *client)
{
	ssize_t sent;

	while (client->session.out.len) {
		sent = put(client);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno == EAGAIN)
			return client->session.out.len <= CLIENT_OUT_MAX;
		if (sent <= 0)
			return false;
		buffer_take(&client->session.out, sent);
	}
	return !client->session.closing;
}

static void switch_source(sd_event_source *source, bool on)
{
	if (source)
		sd_event_source_set_enabled(source,
					    on ? SD_EVENT_ON : SD_EVENT_OFF);
}

/* A client whose input is closed may still read its replies. */
static void be_patient(struct client *client)
{
	const struct session *session = &client->session;
	bool wait = session->closing ? !client->owner->endless :
				       session_is_half(session);
	int is;

	sd_event_source_get_enabled(client->patience, &is);
	if (wait && is == SD_EVENT_OFF) {
		sd_event_source_set_time_relative(client->patience,
						  SECOND * (session->closing ?
							    CLIENT_ENDS_SECONDS :
							    CLIENT_HALF_SECONDS));
		sd_event_source_set_enabled(client->patience,
					    SD_EVENT_ONESHOT);
	} else if (!wait) {
		switch_source(client->patience, false);
	}
}

/* Is input, or its end, pending, and may it be read now? */
static bool has_turn(const struct client *client)
{
	const struct session *session = &client->session;

	return (client->unread.len || client->at_end) && !session->busy &&
	       !session->closing && session->out.len < CLIENT_OUT_FULL;
}

/*
 * Sends as much as possible and sets the poll events; the connection may have ended
 * then.
 */
static void settle(struct client *client)
{
	const struct session *session = &client->session;

	if (!flush(client)) {
		over(client);
		return;
	}
	switch_source(client->writes, session->out.len);
	switch_source(client->turn, has_turn(client));
	switch_source(client->reads, !client->at_end && !session->closing &&
		      !session->busy && !client->unread.len &&
		      session->out.len < CLIENT_OUT_FULL);
	be_patient(client);
}

static void receive(struct client *client)
{
	char bytes[CLIENT_READ_BYTES];
	ssize_t got = read(client->in, bytes, sizeof(bytes));

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got > 0)
		buffer_add(&client->unread, bytes, got);
	else
		client->at_end = true;
}

/* One command, or the end of the input. */
static void take_turn(struct client *client)
{
	struct session *session = &client->session;
	struct buffer *unread = &client->unread;

	if (!has_turn(client))
		return;
	if (unread->len)
		buffer_take(unread, session_feed(session, unread->bytes,
						 unread->len));
	else
		session_feed_end(session);
	flush(client);
	client->owner->ran(client->owner->context);
}

static void serve(struct client *client)
{
	receive(client);
	take_turn(client);
	settle(client);
}

static int on_turn(sd_event_source *source, void *context)
{
	(void)source;
	take_turn(context);
	settle(context);
	return 0;
}

static int on_input(sd_event_source *source, int fd, uint32_t events,
		    void *context)
{
	(void)source;
	(void)fd;
	(void)events;
	serve(context);
	return 0;
}

/* Standard input from a file, which cannot be polled. */
static int on_file(sd_event_source *source, void *context)
{
	(void)source;
	serve(context);
	return 0;
}

static int on_room(sd_event_source *source, int fd, uint32_t events,
		   void *context)
{
	(void)source;
	(void)fd;
	(void)events;
	settle(context);
	return 0;
}

static int on_impatience(sd_event_source *source, uint64_t now, void *context)
{
	struct client *client = context;
	struct session *session = &client->session;

	(void)source;
	(void)now;
	if (session->closing) {
		over(client);
		return 0;
	}
	session_feed_end(session);
	settle(client);
	return 0;
}

static int add_sources(struct client *client, sd_event *loop)
{
	int code = sd_event_add_io(loop, &client->reads, client->in, EPOLLIN,
				   on_input, client);

	if (code == -EPERM) {
		code = sd_event_add_defer(loop, &client->reads, on_file,
					  client);
		switch_source(client->reads, true);
	}
	if (code >= 0)
		code = sd_event_add_io(loop, &client->writes, client->out,
				       EPOLLOUT, on_room, client);
	if (code == -EPERM)	/* a regular file, see send_soon() */
		code = 0;
	if (code >= 0)
		code = sd_event_add_defer(loop, &client->turn, on_turn, client);
	if (code >= 0)
		switch_source(client->turn, false);
	if (code >= 0)
		code = sd_event_add_time_relative(loop, &client->patience,
						  CLOCK_MONOTONIC, SECOND, 0,
						  on_impatience, client);
	if (code >= 0)
		switch_source(client->patience, false);
	return code;
}

/* A regular file cannot be polled, and accepts all data immediately. */
static void send_soon(struct client *client)
{
	if (client->writes)
		switch_source(client->writes, client->session.out.len);
	else
		flush(client);
}

static void edit(void *context, const char *text, size_t len)
{
	struct client *client = context;

	client->owner->edit(client->owner->context, client, text, len);
}

void client_answer(struct client *client, const char *reply, size_t len)
{
	session_answer(&client->session, reply, len);
	send_soon(client);
	switch_source(client->turn, true);
}

struct client *client_new(sd_event *loop, int in, int out,
			  const struct client_owner *owner)
{
	struct client *client = resize(NULL, sizeof(*client));
	socklen_t len = sizeof(client->peer);

	*client = (struct client){ .owner = owner, .in = in, .out = out };
	if (getsockopt(in, SOL_SOCKET, SO_PEERCRED, &client->peer, &len))
		client->peer.pid = 0;
	session_begin(&client->session, edit, client);
	if (add_sources(client, loop) >= 0) {
		send_soon(client);
		return client;
	}
	client_free(client);
	return NULL;
}

void client_tell(struct client *client, struct json_object *event)
{
	session_tell(&client->session, event);
	send_soon(client);
}

bool client_free(struct client *client)
{
	bool all;

	flush(client);
	all = !client->session.out.len && !client->session.busy;
	sd_event_source_disable_unref(client->reads);
	sd_event_source_disable_unref(client->writes);
	sd_event_source_disable_unref(client->patience);
	sd_event_source_disable_unref(client->turn);
	buffer_free(&client->unread);
	session_end(&client->session);
	close(client->out);
	close(client->in);
	free(client);
	return all;
}
