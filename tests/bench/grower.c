// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fills a volume that is to grow, as fast as it takes it, and says how long each
 * growth took: from just before the write that ends less than RESERVE before
 * the end, which is where the threshold stands, to the moment at which the
 * device is longer. Ends with an error if it ever comes to the end.
 * Prints nanoseconds, one growth per line.
 *
 *	grower DEVICE TOTAL-MIB RESERVE-MIB
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define BLOCK	(256 << 10)

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static uint64_t size_of(int disk)
{
	uint64_t size = 0;

	if (ioctl(disk, BLKGETSIZE64, &size)) {
		perror("size");
		exit(1);
	}
	return size;
}

static void append(int disk, const void *block, uint64_t at)
{
	if (pwrite(disk, block, BLOCK, at) == BLOCK)
		return;
	fprintf(stderr, "grower: at %llu MiB of %llu: %s\n",
		(unsigned long long)at >> 20,
		(unsigned long long)size_of(disk) >> 20, strerror(errno));
	exit(1);
}

static void fill(int disk, const void *block, uint64_t total, uint64_t reserve)
{
	uint64_t at, sent, crossed = 0, size = size_of(disk), longer;

	for (at = 0; at < total; at += BLOCK) {
		sent = now();
		append(disk, block, at);
		if (!crossed && at + BLOCK > size - reserve)
			crossed = sent;
		longer = size_of(disk);
		if (longer == size)
			continue;
		if (crossed)
			printf("%llu\n", (unsigned long long)(now() - crossed));
		size = longer;
		crossed = 0;
	}
}

int main(int argc, char **argv)
{
	void *block;
	int disk;

	if (argc != 4) {
		fprintf(stderr, "usage: grower DEVICE TOTAL-MIB RESERVE-MIB\n");
		return 1;
	}
	disk = open(argv[1], O_WRONLY | O_DIRECT);
	if (disk < 0 || posix_memalign(&block, 4096, BLOCK)) {
		perror(argv[1]);
		return 1;
	}
	memset(block, 1, BLOCK);
	fill(disk, block, (uint64_t)atoll(argv[2]) << 20,
	     (uint64_t)atoll(argv[3]) << 20);
	return 0;
}
