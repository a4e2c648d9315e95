/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The QMP server; see server.c. */
#ifndef QDM_SERVER_SERVER_H
#define QDM_SERVER_SERVER_H

#include "base/error.h"

#define SERVER_SOCKET	"/run/qdm/qmp.sock"

/* Serve until told to end; 0 then, -1 when that could not be begun. */
int server_on_socket(const char *path, struct error *error);
int server_on_stdio(struct error *error);

#endif /* QDM_SERVER_SERVER_H */
