// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The QMP server: one thread, one loop, any number of clients.
 *
 *	socket ---> clients ---> qmp/  ---> queries -----> device-mapper
 *	               ^  ^        |                           |  ^
 *	               |  |        +------> workers: edits ----|--+
 *	               |  +--- events.c <------- descriptor ---+
 *	               +------- replies ---- of workers
 *
 * The loop never blocks: a child (worker.c) carries out each edit, and only its client
 * waits for it. The events caused by an edit precede its reply. Only root and the
 * server's own user may connect. Above the limit of connections, the oldest one that
 * has not negotiated is closed first, so that idle connections do not keep a client
 * out.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "graph/job-memory.h"
#include "server/client.h"
#include "server/events.h"
#include "server/listen.h"
#include "server/server.h"
#include "server/socket.h"
#include "server/state.h"
#include "server/worker.h"

#define CLIENTS_MAX	256
#define KEPT_BYTES	(4 << 20)
/* Time for edits in progress to send their replies after a signal to end. */
#define LAST_ANSWERS	(SECOND / 2)

static void tell_all(void *context, struct json_object *event)
{
	struct server *server = context;
	struct client *client;

	for (client = server->clients; client; client = client->next)
		client_tell(client, event);
}

/* The settings that edits remember are read before their effect is reported. */
void look_for_events(struct server *server)
{
	struct error error = { 0 };
	struct worker *worker;

	for (worker = server->workers; worker; worker = worker->next)
		worker_hear(worker);
	if (events_look(&server->events, &error))
		fprintf(stderr, "qdm: %s\n", error.text);
}

/*
 * Edits
 */

static int on_patience(sd_event_source *source, uint64_t now, void *context)
{
	struct server *server = context;

	(void)source;
	(void)now;
	return sd_event_exit(server->loop, 0);
}

/* Edits that end soon are answered; others continue without the server. */
static void end_soon(struct server *server)
{
	if (!any_waits(server)) {
		sd_event_exit(server->loop, 0);
		return;
	}
	if (!server->ending)
		sd_event_add_time_relative(server->loop, NULL, CLOCK_MONOTONIC,
					   LAST_ANSWERS, 0, on_patience,
					   server);
	server->ending = true;
}

static int on_signal(sd_event_source *source,
		     const struct signalfd_siginfo *info, void *context)
{
	(void)source;
	(void)info;
	end_soon(context);
	return 0;
}

/*
 * The clients' side
 */

static void on_ran(void *context)
{
	if (qmp_is_to_quit())
		end_soon(context);
}

/* The client that waited for an edit is gone. */
static bool free_client(struct server *server, struct client *client)
{
	struct worker *worker;

	for (worker = server->workers; worker; worker = worker->next)
		if (worker->client == client)
			worker->client = NULL;
	return client_free(client);
}

static void on_over(void *context, struct client *client)
{
	struct server *server = context;
	struct client **at = &server->clients;

	while (*at != client)
		at = &(*at)->next;
	*at = client->next;
	server->clients_nr--;
	server->lost |= !free_client(server, client);
	if (server->last_ends)
		sd_event_exit(server->loop, 0);
}

static int add_client(struct server *server, int in, int out)
{
	struct client *client = client_new(server->loop, in, out,
					   &server->owner);
	struct client **at = &server->clients;

	if (!client)
		return -1;
	while (*at)
		at = &(*at)->next;
	*at = client;
	server->clients_nr++;
	return 0;
}

static void on_kernel(void *context)
{
	look_and_tidy(context);
}

static bool is_allowed(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return false;
	if (!peer.uid || peer.uid == geteuid())
		return true;
	fprintf(stderr, "qdm: process %d of user %u is not let in\n",
		peer.pid, peer.uid);
	return false;
}

/* Closes the oldest client that has not negotiated; false if all have. */
static bool make_room(struct server *server)
{
	struct client *client;

	for (client = server->clients; client; client = client->next)
		if (client->session.mode == QMP_NEGOTIATING) {
			on_over(server, client);
			return true;
		}
	return false;
}

/*
 * A connection that cannot be accepted would wake the loop repeatedly; so polling
 * pauses.
 */
static void pause_connections(struct server *server)
{
	sd_event_source_set_enabled(server->connections, SD_EVENT_OFF);
	sd_event_source_set_time_relative(server->room, SECOND / 4);
	sd_event_source_set_enabled(server->room, SD_EVENT_ONESHOT);
}

static int on_room(sd_event_source *source, uint64_t now, void *context)
{
	struct server *server = context;

	(void)source;
	(void)now;
	return sd_event_source_set_enabled(server->connections, SD_EVENT_ON);
}

/* A lack of resources such as EMFILE, not a transient error or one of the connection. */
static bool is_shortage(int code)
{
	return code != EAGAIN && code != ECONNABORTED && code != EINTR;
}

/*
 * A client needs two descriptors. The second is reserved before the connection is
 * accepted: once accepted, it could only be closed.
 */
static int accept_pair(int listening, int *out)
{
	int fd, code;

	*out = fcntl(listening, F_DUPFD_CLOEXEC, 0);
	if (*out < 0)
		return -1;
	fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	code = errno;
	if (fd < 0)
		close(*out);
	else
		dup3(fd, *out, O_CLOEXEC);
	errno = code;
	return fd;
}

static void let_in(struct server *server, int in, int out)
{
	if (is_allowed(in) &&
	    (server->clients_nr < CLIENTS_MAX || make_room(server))) {
		add_client(server, in, out);
		return;
	}
	close(in);
	close(out);
}

static int on_connection(sd_event_source *source, int listening,
			 uint32_t events, void *context)
{
	struct server *server = context;
	int out, in = accept_pair(listening, &out);

	(void)source;
	(void)events;
	if (in >= 0)
		let_in(server, in, out);
	else if (is_shortage(errno) && !make_room(server))
		pause_connections(server);
	return 0;
}

/*
 * The loop
 */

/*
 * A large reply needs a megabyte while it is built. Returning it to the kernel and
 * allocating it again each time would cost a third of the time.
 */
static void keep_memory(void)
{
	mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
	mallopt(M_MMAP_THRESHOLD, KEPT_BYTES);
}

static int add_timer(struct server *server, sd_event_source **source,
		     sd_event_time_handler_t act)
{
	int code = sd_event_add_time_relative(server->loop, source,
					      CLOCK_MONOTONIC, SECOND, 0, act,
					      server);

	return code < 0 ? code :
			  sd_event_source_set_enabled(*source, SD_EVENT_OFF);
}

static int add_sources(struct server *server)
{
	int code = sd_event_new(&server->loop);

	if (code >= 0)
		code = sd_event_add_signal(server->loop, NULL, SIGTERM,
					   on_signal, server);
	if (code >= 0)
		code = sd_event_add_signal(server->loop, NULL, SIGINT,
					   on_signal, server);
	if (code >= 0)
		code = add_timer(server, &server->again, on_again);
	if (code >= 0)
		code = add_timer(server, &server->room, on_room);
	return code;
}

/* Children are not reaped here: the end of their pipe shows that they have ended. */
static void set_signals(struct server *server)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGCHLD, &ignore, &server->child_before);
}

static int set_up(struct server *server, struct error *error)
{
	int code;

	*server = (struct server){
		.owner = {
			.edit = on_edit, .ran = on_ran, .over = on_over,
			.context = server,
		},
		.work = { .drop = drop_inherited, .ended = on_ended, .context = server },
		.socket = { .fd = -1, .lock = -1 },
		.events = { .tell = tell_all, .context = server },
		.listener = {
			.events = &server->events, .woken = on_kernel,
			.context = server, .kernel = -1,
		},
	};
	keep_memory();
	set_signals(server);
	code = add_sources(server);
	if (code < 0)
		return refuse(error, "no event loop: %s", strerror(-code));
	return listen_begin(&server->listener, server->loop, error);
}

/* Edits in progress continue, without a reply. */
static void tear_down(struct server *server)
{
	struct client *client;

	while ((client = server->clients)) {
		server->clients = client->next;
		server->lost |= !free_client(server, client);
	}
	while (server->workers)
		free_worker(server, server->workers);
	events_free(&server->events);
	jobs_forget();
	listen_end(&server->listener);
	listening_close(&server->socket);
	sd_event_source_disable_unref(server->connections);
	sd_event_source_disable_unref(server->again);
	sd_event_source_disable_unref(server->room);
	sd_event_unref(server->loop);
	sigaction(SIGCHLD, &server->child_before, NULL);
}

static int run(struct server *server, struct error *error)
{
	int code;

	sd_notify(0, "READY=1\nSTATUS=Serving QMP");
	code = sd_event_loop(server->loop);
	sd_notify(0, "STOPPING=1");
	if (code < 0)
		return refuse(error, "the event loop has failed: %s",
			      strerror(-code));
	return 0;
}

static int serve_socket(struct server *server, const char *path,
			struct error *error)
{
	int code;

	if (listening_open(&server->socket, path, error))
		return -1;
	code = sd_event_add_io(server->loop, &server->connections,
			       server->socket.fd, EPOLLIN, on_connection,
			       server);
	if (code < 0)
		return refuse(error, "cannot wait for clients: %s",
			      strerror(-code));
	return run(server, error);
}

int server_on_socket(const char *path, struct error *error)
{
	struct server server;
	int result = set_up(&server, error);

	if (!result)
		result = serve_socket(&server, path, error);
	tear_down(&server);
	return result;
}

/* The last replies wait for their reader; lost ones are reported. */
int server_on_stdio(struct error *error)
{
	struct server server;
	int result = set_up(&server, error);

	server.last_ends = true;
	server.owner.endless = true;
	if (!result && add_client(&server, dup(STDIN_FILENO),
				  dup(STDOUT_FILENO)))
		result = refuse(error, "cannot read standard input");
	if (!result)
		result = run(&server, error);
	tear_down(&server);
	if (!result && server.lost)
		result = refuse(error, "not all answers could be written to standard output");
	return result;
}
