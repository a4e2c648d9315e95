// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A server in a process of its own, on the device-mapper of memory, and clients
 * that meet it over its socket: what tests of the server have in common. All of them
 * see the same devices, and so do those who carry out its edits.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "qdm-case.h"
#include "qdm-fake-dm.h"
#include "qdm-served.h"
#include "server/server.h"

char served_path[64];
pid_t served_by;

int served_set_up(void **state)
{
	struct error error = { 0 };
	int i;

	case_set_up(state);
	fake_add("w", "QDM-threshold-w", CASE_SECTORS, "wthreshold", "4000:16 0");
	fake_status("w", "armed 4096 0 0 0 0");
	snprintf(served_path, sizeof(served_path), "%s/qmp.sock", case_folder());
	fake_share();
	served_by = fork();
	if (!served_by) {
		i = server_on_socket(served_path, &error);
		if (i)
			fprintf(stderr, "# server: %s\n", error.text);
		fake_reset();
		exit(!!i);
	}
	for (i = 0; i < SERVED_PATIENCE_MS / 10 && access(served_path, F_OK); i++)
		usleep(10000);
	return 0;
}

/* The server's own end is a test, too: ASan and its leak check speak there. */
int served_tear_down(void **state)
{
	int status = 0;

	if (served_by > 0) {
		kill(served_by, SIGTERM);
		waitpid(served_by, &status, 0);
	}
	served_by = 0;
	case_tear_down(state);
	return status;
}

int served_connect(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int i;

	strcpy(address.sun_path, served_path);
	for (i = 0; i < SERVED_PATIENCE_MS / 10; i++) {
		if (!connect(fd, (struct sockaddr *)&address, sizeof(address)))
			return fd;
		usleep(10000);
	}
	fail_msg("no connection: %s", strerror(errno));
	return -1;
}

/* One line, or "" when the connection has ended. */
const char *served_line(int fd)
{
	static char line[65536];
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	size_t len = 0;

	while (len < sizeof(line) - 1) {
		if (poll(&wait, 1, SERVED_PATIENCE_MS) <= 0)
			fail_msg("nothing comes");
		if (read(fd, line + len, 1) <= 0)
			break;
		if (line[len++] == '\n')
			break;
	}
	line[len] = '\0';
	return line;
}

void served_tell(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL),
			 strlen(text));
}

void served_answers(int fd, const char *text, const char *wanted)
{
	served_tell(fd, text);
	assert_string_equal(served_line(fd), wanted);
}

int served_client(void)
{
	int fd = served_connect();

	assert_non_null(strstr(served_line(fd), "{\"QMP\": "));
	served_answers(fd, CAPABILITIES, DONE);
	return fd;
}

int served_end(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

