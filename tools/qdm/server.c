// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The QMP server: one thread, one loop, any number of clients.
 *
 *	socket ---> clients ---> qmp.c ---> plans ---> device-mapper
 *	               ^                                    |
 *	               +-------- events.c <--- descriptor --+
 *
 * Commands are carried out one after the other; edits are serialised by a lock
 * over all processes anyway. Only root and the server's own user are let in.
 * When there are too many connections, the oldest that has never said anything
 * sensible goes first, so that idle ones do not keep a client out.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "alloc.h"
#include "client.h"
#include "events.h"
#include "guard.h"
#include "handlers.h"
#include "listen.h"
#include "server.h"

#define CLIENTS_MAX	256
#define BACKLOG		64
#define KEPT_BYTES	(4 << 20)

struct server {
	sd_event *loop;
	struct client *clients;		/* the oldest first */
	size_t clients_nr;
	bool last_ends;			/* there is no socket to come back by */
	struct client_owner owner;
	struct events events;
	struct listener listener;
};

static void tell_all(void *context, struct json_object *event)
{
	struct server *server = context;
	struct client *client;

	for (client = server->clients; client; client = client->next)
		client_tell(client, event);
}

static void look(struct server *server)
{
	struct error error = { 0 };

	if (events_look(&server->events, &error))
		fprintf(stderr, "qdm: %s\n", error.text);
}

/* What has concluded may go by itself, which is an event again. */
static void look_and_tidy(struct server *server)
{
	look(server);
	if (jobs_tidy())
		look(server);
}

static void on_ran(void *context)
{
	struct server *server = context;

	if (qmp_has_edited())
		look_and_tidy(server);
	if (qmp_is_to_quit())
		sd_event_exit(server->loop, 0);
}

static void on_over(void *context, struct client *client)
{
	struct server *server = context;
	struct client **at = &server->clients;

	while (*at != client)
		at = &(*at)->next;
	*at = client->next;
	server->clients_nr--;
	client_free(client);
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

/*
 * The clients' side
 */

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

/* The oldest that has not negotiated; false when all have. */
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

static int on_connection(sd_event_source *source, int listening,
			 uint32_t events, void *context)
{
	struct server *server = context;
	int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)source;
	(void)events;
	if (fd < 0 && (errno == EMFILE || errno == ENFILE))
		make_room(server);
	if (fd < 0)
		return 0;
	if (!is_allowed(fd) ||
	    (server->clients_nr >= CLIENTS_MAX && !make_room(server)))
		close(fd);
	else
		add_client(server, fd, fcntl(fd, F_DUPFD_CLOEXEC, 0));
	return 0;
}

/* A socket that nobody answers is left from a server that was killed. */
static int clear_path(const char *path, const struct sockaddr_un *address,
		      struct error *error)
{
	struct stat info;
	int fd, code;

	if (lstat(path, &info))
		return 0;
	if (!S_ISSOCK(info.st_mode))
		return refuse(error, "'%s' is there and is not a socket", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	code = connect(fd, (const struct sockaddr *)address,
		       sizeof(*address)) ? errno : 0;
	close(fd);
	if (!code)
		return refuse(error, "another server listens on '%s'", path);
	if (code == ECONNREFUSED && unlink(path))
		return refuse(error, "cannot remove '%s': %s", path,
			      strerror(errno));
	return 0;
}

static void make_folder(const char *path)
{
	char *folder = copy(path);
	char *slash = strrchr(folder, '/');

	if (slash && slash != folder) {
		*slash = '\0';
		mkdir(folder, 0755);
	}
	free(folder);
}

/* The mode is there before anybody can connect. */
static int bind_path(int fd, const char *path, struct error *error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t before;
	int result;

	if (strlen(path) >= sizeof(address.sun_path))
		return refuse(error, "'%s' is too long for a socket", path);
	strcpy(address.sun_path, path);
	make_folder(path);
	if (clear_path(path, &address, error))
		return -1;
	before = umask(0177);
	result = bind(fd, (struct sockaddr *)&address, sizeof(address));
	umask(before);
	if (result || listen(fd, BACKLOG))
		return refuse(error, "cannot listen on '%s': %s", path,
			      strerror(errno));
	return 0;
}

/* From systemd, if it has opened the socket; else by ourselves, as *@ours then says. */
static int open_socket(const char *path, struct stat *ours, struct error *error)
{
	int handed = sd_listen_fds(1);
	int fd;

	*ours = (struct stat){ 0 };
	if (handed > 1)
		return refuse(error, "one socket is wanted, not %d", handed);
	if (handed == 1)
		return SD_LISTEN_FDS_START;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return refuse(error, "no socket: %s", strerror(errno));
	if (!bind_path(fd, path, error) && !lstat(path, ours))
		return fd;
	close(fd);
	return -1;
}

/* Nothing that somebody else has put there since. */
static void unlink_ours(const char *path, const struct stat *ours)
{
	struct stat now;

	if (ours->st_ino && !lstat(path, &now) && now.st_dev == ours->st_dev &&
	    now.st_ino == ours->st_ino)
		unlink(path);
}

/*
 * The loop
 */

/*
 * A large answer takes a megabyte while it is made. Given back to the kernel
 * each time and asked for again, that would be a third of its time.
 */
static void keep_memory(void)
{
	mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
	mallopt(M_MMAP_THRESHOLD, KEPT_BYTES);
}

static int set_up(struct server *server, struct error *error)
{
	sigset_t signals;
	int code;

	*server = (struct server){
		.owner = { .ran = on_ran, .over = on_over, .context = server },
		.events = { .tell = tell_all, .context = server },
		.listener = {
			.events = &server->events, .woken = on_kernel,
			.context = server, .kernel = -1,
		},
	};
	keep_memory();
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	code = sd_event_new(&server->loop);
	if (code >= 0)
		code = sd_event_add_signal(server->loop, NULL, SIGTERM, NULL,
					   NULL);
	if (code >= 0)
		code = sd_event_add_signal(server->loop, NULL, SIGINT, NULL,
					   NULL);
	if (code < 0)
		return refuse(error, "no event loop: %s", strerror(-code));
	return listen_begin(&server->listener, server->loop, error);
}

static void tear_down(struct server *server)
{
	struct client *client;

	while ((client = server->clients)) {
		server->clients = client->next;
		client_free(client);
	}
	events_free(&server->events);
	jobs_forget();
	listen_end(&server->listener);
	sd_event_unref(server->loop);
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

static int serve_socket(struct server *server, int fd, struct error *error)
{
	int code = sd_event_add_io(server->loop, NULL, fd, EPOLLIN,
				   on_connection, server);

	if (code < 0)
		return refuse(error, "cannot wait for clients: %s",
			      strerror(-code));
	guard_drops(fd);
	code = run(server, error);
	guard_drops(-1);
	return code;
}

int server_on_socket(const char *path, struct error *error)
{
	struct stat ours = { 0 };
	struct server server;
	int result = set_up(&server, error);
	int fd = -1;

	if (!result) {
		fd = open_socket(path, &ours, error);
		result = fd < 0 ? -1 : serve_socket(&server, fd, error);
	}
	tear_down(&server);
	unlink_ours(path, &ours);
	if (fd >= 0)
		close(fd);
	return result;
}

int server_on_stdio(struct error *error)
{
	struct server server;
	int result = set_up(&server, error);

	server.last_ends = true;
	if (!result && add_client(&server, dup(STDIN_FILENO),
				  dup(STDOUT_FILENO)))
		result = refuse(error, "cannot read standard input");
	if (!result)
		result = run(&server, error);
	tear_down(&server);
	return result;
}
