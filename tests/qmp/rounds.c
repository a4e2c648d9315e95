// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A writer whose data tells whether a copy of it was taken at one instant. It
 * writes all clusters of a device, one after the other and each only when the last
 * is written, with the number of the round, in an order in which neighbours are far
 * apart. At any instant the clusters up to some place in that order have the number
 * of this round and the others that of the last one.
 *
 *	rounds write DEVICE	until it gets SIGTERM
 *	rounds check COPY	ends with 1 if there was no such instant
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLUSTER		65536
#define CLUSTERS	128	/* a power of two */
#define STRIDE		77	/* odd, so that it meets them all */

static volatile sig_atomic_t ended;

static void end(int signal)
{
	(void)signal;
	ended = 1;
}

static off_t place(unsigned int nr)
{
	return (off_t)(nr * STRIDE % CLUSTERS) * CLUSTER;
}

static int write_rounds(int fd, uint64_t *cluster)
{
	uint64_t round;
	unsigned int nr;

	for (round = 1; !ended; round++) {
		*cluster = round;
		for (nr = 0; nr < CLUSTERS && !ended; nr++)
			if (pwrite(fd, cluster, CLUSTER, place(nr)) != CLUSTER) {
				perror("rounds: write");
				return 1;
			}
	}
	return 0;
}

static int check(int fd, uint64_t *cluster)
{
	uint64_t first = 0, last = 0;
	unsigned int nr;

	for (nr = 0; nr < CLUSTERS; nr++) {
		if (pread(fd, cluster, CLUSTER, place(nr)) != CLUSTER) {
			perror("rounds: read");
			return 1;
		}
		if (!nr)
			first = last = *cluster;
		if (*cluster > last || *cluster + 1 < first) {
			printf("the cluster at %lld is of round %llu, those written before it of %llu to %llu\n",
			       (long long)place(nr), (unsigned long long)*cluster,
			       (unsigned long long)first, (unsigned long long)last);
			return 1;
		}
		last = *cluster;
	}
	printf("round %llu\n", (unsigned long long)first);
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t *cluster = aligned_alloc(4096, CLUSTER);
	int fd;

	if (argc != 3 || !cluster)
		return 2;
	memset(cluster, 0, CLUSTER);
	signal(SIGTERM, end);
	fd = open(argv[2], O_RDWR | O_DIRECT);
	if (fd < 0) {
		perror(argv[2]);
		return 2;
	}
	return strcmp(argv[1], "check") ? write_rounds(fd, cluster) :
					  check(fd, cluster);
}
