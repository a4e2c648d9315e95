/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A server and its clients, for tests; see qdm-served.c. */
#ifndef QDM_SERVED_H
#define QDM_SERVED_H

#include <sys/types.h>

#define SERVED_PATIENCE_MS	20000
#define CAPABILITIES		"{\"execute\":\"qmp_capabilities\"}\n"
#define DONE			"{\"return\": {}}\r\n"

extern char served_path[64];
extern pid_t served_by;		/* 0 once a test has seen its end */

/* The server's own end is a test, too: ASan and its leak check speak there. */
int served_set_up(void **state);
int served_tear_down(void **state);
/* One that has not said anything, and one that has negotiated. */
int served_connect(void);
int served_client(void);
/* One line, or "" when the connection has ended. */
const char *served_line(int fd);
void served_tell(int fd, const char *text);
void served_answers(int fd, const char *text, const char *wanted);
/* The exit status of a child. */
int served_end(pid_t child);

#endif /* QDM_SERVED_H */
