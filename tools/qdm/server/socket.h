/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The socket that a server listens on; see socket.c. */
#ifndef QDM_SERVER_SOCKET_H
#define QDM_SERVER_SOCKET_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/error.h"

struct listening {
	int fd;
	int lock;		/* -1: the socket is systemd's */
	char *path;
	char *lock_path;
	struct stat ours;	/* what has been put at the path */
};

/* From systemd, if it has opened the socket; else by ourselves. */
int listening_open(struct listening *socket, const char *path,
		   struct error *error);
/* Takes away what is ours, and nothing that somebody else has put there since. */
void listening_close(struct listening *socket);
/* The same in a child, which takes nothing away. */
void listening_drop(struct listening *socket);

#endif /* QDM_SERVER_SOCKET_H */
