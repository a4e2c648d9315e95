// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tramples over a block device from several threads with every kind of
 * operation that destroys data: writes, write-zeroes, discards of all sizes,
 * on blocks chosen at random. It knows what every block must hold afterwards
 * and checks that, while it runs and at the end, so that a filter slipped under
 * it in the meantime is caught losing, delaying for ever or reordering a write.
 *
 *   stomper DEVICE SECONDS THREADS SEED
 *
 * SIGTERM ends the trampling earlier; what was written is checked all the same.
 *
 * Two threads never touch a block at the same time, but they do touch
 * neighbours, and so the same cluster. What a discarded block holds is the
 * device's business: it is not checked until it is written again.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define BLOCK		4096
#define WORDS		(BLOCK / sizeof(uint64_t))
#define MAX_WRITE	64
#define MAX_DISCARD	2048

#define UNKNOWN		UINT64_MAX

static int device;
static uint64_t blocks;
static atomic_bool *locked;
static uint64_t *generation;
static atomic_uint_fast64_t next_generation = 1;
static atomic_ullong ops[4];
static time_t until;
static atomic_bool ended;

static void die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fprintf(stderr, "stomper: ");
	vfprintf(stderr, fmt, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(1);
}

static void end(int signal)
{
	(void)signal;
	ended = true;
}

static uint64_t rnd(uint64_t *state, uint64_t below)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state % below;
}

static bool lock_range(uint64_t first, uint64_t nr)
{
	uint64_t i;

	for (i = 0; i < nr; i++)
		if (atomic_exchange(&locked[first + i], true))
			break;
	if (i == nr)
		return true;
	while (i--)
		atomic_store(&locked[first + i], false);
	return false;
}

static void unlock_range(uint64_t first, uint64_t nr)
{
	while (nr--)
		atomic_store(&locked[first + nr], false);
}

/* Generation 0 is what write-zeroes leaves; each word says where it belongs. */
static uint64_t word_of(uint64_t block, uint64_t gen, size_t i)
{
	return gen ? (block << 32 | gen) * 0x9e3779b97f4a7c15 + i : 0;
}

static void fill(uint64_t *data, uint64_t block, uint64_t gen)
{
	size_t i;

	for (i = 0; i < WORDS; i++)
		data[i] = word_of(block, gen, i);
}

static void check(const uint64_t *data, uint64_t block)
{
	size_t i;

	if (generation[block] == UNKNOWN)
		return;
	for (i = 0; i < WORDS; i++)
		if (data[i] != word_of(block, generation[block], i))
			die("block %llu word %zu: %016llx where generation %llu has %016llx",
			    (unsigned long long)block, i,
			    (unsigned long long)data[i],
			    (unsigned long long)generation[block],
			    (unsigned long long)word_of(block, generation[block],
							i));
}

static void do_write(uint64_t *data, uint64_t first, uint64_t nr)
{
	uint64_t i;

	for (i = 0; i < nr; i++) {
		generation[first + i] = atomic_fetch_add(&next_generation, 1);
		fill(data + i * WORDS, first + i, generation[first + i]);
	}
	if (pwrite(device, data, nr * BLOCK, first * BLOCK) !=
	    (ssize_t)(nr * BLOCK))
		die("write of %llu blocks at %llu: %s", (unsigned long long)nr,
		    (unsigned long long)first, strerror(errno));
}

static void do_read(uint64_t *data, uint64_t first, uint64_t nr)
{
	uint64_t i;

	if (pread(device, data, nr * BLOCK, first * BLOCK) !=
	    (ssize_t)(nr * BLOCK))
		die("read of %llu blocks at %llu: %s", (unsigned long long)nr,
		    (unsigned long long)first, strerror(errno));
	for (i = 0; i < nr; i++)
		check(data + i * WORDS, first + i);
}

static void do_range(unsigned long request, uint64_t first, uint64_t nr)
{
	uint64_t range[2] = { first * BLOCK, nr * BLOCK };
	uint64_t i;

	if (ioctl(device, request, range) && errno != EOPNOTSUPP)
		die("%s of %llu blocks at %llu: %s",
		    request == BLKDISCARD ? "discard" : "write-zeroes",
		    (unsigned long long)nr, (unsigned long long)first,
		    strerror(errno));
	for (i = 0; i < nr; i++)
		generation[first + i] = request == BLKDISCARD ? UNKNOWN : 0;
}

static void one_operation(uint64_t *state, uint64_t *data)
{
	static const unsigned int kinds[] = { 0, 0, 0, 0, 1, 1, 2, 3 };
	unsigned int kind = kinds[rnd(state, 8)];
	uint64_t max = kind < 2 ? MAX_WRITE : MAX_DISCARD;
	uint64_t first = rnd(state, blocks), nr = 1;

	if (rnd(state, 3) == 0)
		nr = 1 + rnd(state, max);
	if (nr > blocks - first)
		nr = blocks - first;
	if (!lock_range(first, nr))
		return;
	if (kind == 0)
		do_write(data, first, nr);
	else if (kind == 1)
		do_read(data, first, nr);
	else
		do_range(kind == 2 ? BLKZEROOUT : BLKDISCARD, first, nr);
	unlock_range(first, nr);
	atomic_fetch_add(&ops[kind], 1);
}

static uint64_t *buffer(void)
{
	void *data;

	if (posix_memalign(&data, BLOCK, MAX_WRITE * BLOCK))
		die("no memory");
	return data;
}

static void *thread(void *arg)
{
	uint64_t state = (uintptr_t)arg;
	uint64_t *data = buffer();

	while (!ended && time(NULL) < until)
		one_operation(&state, data);
	free(data);
	return NULL;
}

static void prepare(const char *path)
{
	uint64_t bytes, i;

	device = open(path, O_RDWR | O_DIRECT);
	if (device < 0 || ioctl(device, BLKGETSIZE64, &bytes))
		die("%s: %s", path, strerror(errno));
	blocks = bytes / BLOCK;
	locked = calloc(blocks, sizeof(*locked));
	generation = calloc(blocks, sizeof(*generation));
	if (!locked || !generation)
		die("no memory");
	for (i = 0; i < blocks; i++)
		generation[i] = UNKNOWN;
}

static void check_all(void)
{
	uint64_t *data = buffer();
	uint64_t i;

	for (i = 0; i < blocks; i++)
		do_read(data, i, 1);
	free(data);
}

int main(int argc, char **argv)
{
	pthread_t threads[64];
	long i, nr;

	if (argc != 5)
		die("usage: stomper DEVICE SECONDS THREADS SEED");
	signal(SIGTERM, end);
	prepare(argv[1]);
	until = time(NULL) + atol(argv[2]);
	nr = atol(argv[3]);
	if (nr < 1 || nr > 64)
		die("1 to 64 threads, not %s", argv[3]);
	for (i = 0; i < nr; i++)
		if (pthread_create(&threads[i], NULL, thread,
				   (void *)(atol(argv[4]) * 64 + i + 1)))
			die("no thread");
	for (i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);
	check_all();
	printf("%llu writes %llu reads %llu write-zeroes %llu discards\n",
	       ops[0], ops[1], ops[2], ops[3]);
	return 0;
}
