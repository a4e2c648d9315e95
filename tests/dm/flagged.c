// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writes 4 KiB in a way that no common program asks for, and fails where the
 * device or what lies below it cannot do it.
 *
 *   flagged nowait|polled|atomic DEVICE OFFSET
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define BLOCK		4096
#define POLLED		0x01
#define NOWAIT		0x08
#define ATOMIC		0x40

static int flag_of(const char *word)
{
	if (!strcmp(word, "nowait"))
		return NOWAIT;
	if (!strcmp(word, "polled"))
		return POLLED;
	if (!strcmp(word, "atomic"))
		return ATOMIC;
	fprintf(stderr, "flagged: what is '%s'?\n", word);
	exit(1);
}

int main(int argc, char **argv)
{
	struct iovec iov = { .iov_len = BLOCK };
	int fd;

	if (argc != 4) {
		fprintf(stderr, "usage: flagged nowait|polled|atomic DEVICE OFFSET\n");
		return 1;
	}
	fd = open(argv[2], O_RDWR | O_DIRECT | O_CLOEXEC);
	if (fd < 0 || posix_memalign(&iov.iov_base, BLOCK, BLOCK)) {
		perror(argv[2]);
		return 1;
	}
	memset(iov.iov_base, 7, BLOCK);
	if (pwritev2(fd, &iov, 1, atoll(argv[3]), flag_of(argv[1])) != BLOCK) {
		perror(argv[1]);
		return 1;
	}
	return 0;
}
