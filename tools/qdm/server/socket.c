// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One server for each path, detected without blocking. Two servers that start at the
 * same time would both find no server at the path; so a server holds a lock on the file
 * PATH.lock for its lifetime, and checks the path only with the lock. Another program,
 * which does not use the lock, may still own the path: a socket whose queue of
 * connections is full is in use, as is one that accepts.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/alloc.h"
#include "server/socket.h"

#define BACKLOG		64

static int is_another(const char *path, struct error *error)
{
	return refuse(error, "another server listens on '%s'", path);
}

/* A socket without a listener was left by a killed server. */
static int clear_path(const char *path, const struct sockaddr_un *address,
		      struct error *error)
{
	struct stat info;
	int fd, code;

	if (lstat(path, &info))
		return 0;
	if (!S_ISSOCK(info.st_mode))
		return refuse(error, "'%s' is there and is not a socket", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	code = connect(fd, (const struct sockaddr *)address,
		       sizeof(*address)) ? errno : 0;
	close(fd);
	if (!code || code == EAGAIN)
		return is_another(path, error);
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

static bool is_same_file(int fd, const char *path)
{
	struct stat held, there;

	return !fstat(fd, &held) && !stat(path, &there) &&
	       held.st_dev == there.st_dev && held.st_ino == there.st_ino;
}

/* A server removes the file when it ends; then the lock is tried on a new file. */
static int take_lock(struct listening *socket, struct error *error)
{
	const char *path = socket->lock_path;

	for (;;) {
		socket->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (socket->lock < 0)
			return refuse(error, "cannot open the lock %s: %s",
				      path, strerror(errno));
		if (flock(socket->lock, LOCK_EX | LOCK_NB))
			break;
		if (is_same_file(socket->lock, path))
			return 0;
		close(socket->lock);
	}
	close(socket->lock);
	socket->lock = -1;
	return is_another(socket->path, error);
}

/* The mode is set before a client can connect. */
static int bind_path(struct listening *socket, struct error *error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t before;
	int result;

	strcpy(address.sun_path, socket->path);
	if (clear_path(socket->path, &address, error))
		return -1;
	before = umask(0177);
	result = bind(socket->fd, (struct sockaddr *)&address, sizeof(address));
	umask(before);
	if (!result)
		result = lstat(socket->path, &socket->ours);
	if (result || listen(socket->fd, BACKLOG))
		return refuse(error, "cannot listen on '%s': %s", socket->path,
			      strerror(errno));
	return 0;
}

static int open_path(struct listening *listening, const char *path,
		     struct error *error)
{
	struct sockaddr_un address;

	if (strlen(path) >= sizeof(address.sun_path))
		return refuse(error, "'%s' is too long for a socket", path);
	listening->path = copy(path);
	listening->lock_path = print("%s.lock", path);
	make_folder(path);
	if (take_lock(listening, error))
		return -1;
	listening->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
			       SOCK_NONBLOCK, 0);
	if (listening->fd < 0)
		return refuse(error, "no socket: %s", strerror(errno));
	return bind_path(listening, error);
}

int listening_open(struct listening *socket, const char *path,
		   struct error *error)
{
	int handed = sd_listen_fds(1);

	*socket = (struct listening){ .fd = -1, .lock = -1 };
	if (handed > 1)
		return refuse(error, "one socket is wanted, not %d", handed);
	if (handed < 1)
		return open_path(socket, path, error);
	socket->fd = SD_LISTEN_FDS_START;
	return 0;
}

static void unlink_ours(const struct listening *socket)
{
	struct stat now;

	if (socket->ours.st_ino && !lstat(socket->path, &now) &&
	    now.st_dev == socket->ours.st_dev &&
	    now.st_ino == socket->ours.st_ino)
		unlink(socket->path);
	if (socket->lock >= 0)
		unlink(socket->lock_path);
}

void listening_drop(struct listening *socket)
{
	if (socket->fd >= 0)
		close(socket->fd);
	if (socket->lock >= 0)
		close(socket->lock);
	socket->fd = -1;
	socket->lock = -1;
}

void listening_close(struct listening *socket)
{
	unlink_ours(socket);
	listening_drop(socket);
	free(socket->path);
	free(socket->lock_path);
}
