// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Crosses a write threshold again and again and says how long each event took
 * to arrive: from just before the write to the uevent received on a netlink
 * socket. The device re-arms itself a block further ("rearm 4096"), so each
 * write of one block crosses. An event is waited for before the next crossing,
 * and udevd is given a moment to handle it, since in life they come one by one.
 * Prints nanoseconds, one per line.
 *
 *	crossings DEVICE COUNT
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BLOCK		4096
#define TIMEOUT_MS	10000
#define PAUSE_US	100000
#define KERNEL_EVENTS	1

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

__attribute__((noreturn)) static void fail(const char *what)
{
	fprintf(stderr, "crossings: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int listen_to_kernel(void)
{
	struct sockaddr_nl address = {
		.nl_family = AF_NETLINK, .nl_groups = KERNEL_EVENTS,
	};
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC,
			NETLINK_KOBJECT_UEVENT);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)))
		fail("netlink");
	return fd;
}

/* The keys follow each other, each with its own zero. */
static int is_crossing(const char *text, ssize_t len)
{
	static const char key[] = "DM_ACTION=WRITE_THRESHOLD";

	return !!memmem(text, len, key, sizeof(key));
}

static void wait_for_event(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	char text[8192];
	ssize_t len;

	do {
		if (poll(&poll_fd, 1, TIMEOUT_MS) <= 0) {
			errno = ETIMEDOUT;
			fail("no event");
		}
		len = recv(fd, text, sizeof(text), 0);
		if (len < 0)
			fail("recv");
	} while (!is_crossing(text, len));
}

int main(int argc, char **argv)
{
	uint64_t sent;
	void *block;
	int disk, events;
	long i, count;

	if (argc != 3) {
		fprintf(stderr, "usage: crossings DEVICE COUNT\n");
		return 1;
	}
	count = atol(argv[2]);
	disk = open(argv[1], O_WRONLY | O_DIRECT);
	if (disk < 0 || posix_memalign(&block, BLOCK, BLOCK))
		fail(argv[1]);
	memset(block, 1, BLOCK);
	events = listen_to_kernel();
	for (i = 0; i < count; i++) {
		sent = now();
		if (pwrite(disk, block, BLOCK, (i + 1) * BLOCK) != BLOCK)
			fail("write");
		wait_for_event(events);
		printf("%llu\n", (unsigned long long)(now() - sent));
		usleep(PAUSE_US);
	}
	return 0;
}
