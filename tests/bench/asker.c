// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A QMP client that asks the same again and again and says how long each
 * answer took, from before the command is sent to the end of the line that
 * answers it: what software waits. Prints nanoseconds and the answer's bytes,
 * one answer a line.
 *
 *	asker SOCKET COMMAND COUNT
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define BYTES	(4 << 20)

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

__attribute__((noreturn)) static void fail(const char *what)
{
	fprintf(stderr, "asker: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	if (fd < 0 ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address)))
		fail(path);
	return fd;
}

static size_t read_line(int fd, char *line)
{
	size_t len = 0;
	ssize_t got;

	do {
		got = read(fd, line + len, BYTES - len);
		if (got <= 0)
			fail("no answer");
		len += got;
	} while (line[len - 1] != '\n');
	return len;
}

static size_t ask(int fd, const char *command, char *line)
{
	size_t len;

	if (dprintf(fd, "{\"execute\": \"%s\"}\n", command) < 0)
		fail("cannot ask");
	len = read_line(fd, line);
	if (!strncmp(line, "{ \"error\"", 9)) {
		fprintf(stderr, "asker: %.*s", (int)len, line);
		exit(1);
	}
	return len;
}

int main(int argc, char **argv)
{
	static char line[BYTES];
	uint64_t begun;
	size_t len;
	int fd, i;

	if (argc != 4)
		return 2;
	fd = connect_to(argv[1]);
	read_line(fd, line);
	ask(fd, "qmp_capabilities", line);
	for (i = 0; i < atoi(argv[3]); i++) {
		begun = now();
		len = ask(fd, argv[2], line);
		printf("%llu %zu\n", (unsigned long long)(now() - begun), len);
	}
	return 0;
}
