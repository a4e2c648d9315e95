/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The QMP server; see server.c. */
#ifndef QDM_SERVER_SERVER_H
#define QDM_SERVER_SERVER_H

#include "base/error.h"

#define SERVER_SOCKET	"/run/qdm/qmp.sock"

/* Serves until quit or a signal; 0 then, -1 if it could not start. */
int server_on_socket(const char *path, struct error *error);
int server_on_stdio(struct error *error);

#endif /* QDM_SERVER_SERVER_H */
