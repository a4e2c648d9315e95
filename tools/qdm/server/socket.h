/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The socket that a server listens on; see socket.c. */
#ifndef QDM_SERVER_SOCKET_H
#define QDM_SERVER_SOCKET_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/error.h"

struct listening {
	int fd;
	int lock;		/* -1: the socket is from systemd */
	char *path;
	char *lock_path;
	struct stat ours;	/* the socket made at the path */
};

/* Takes the socket from systemd, or makes one. */
int listening_open(struct listening *socket, const char *path,
		   struct error *error);
/* Removes our socket, but not one that another program has made there since. */
void listening_close(struct listening *socket);
/* Closes it in a child, and removes nothing. */
void listening_drop(struct listening *socket);

#endif /* QDM_SERVER_SOCKET_H */
