// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The threads that trample: reads, writes, several writes at a time by libaio's
 * system calls, write-zeroes and discards, of all sizes and at any sector, half of
 * them around one place, so that many fall on one cluster. Two operations never
 * touch a sector at the same time (see stomper-blocks.c), but they do touch
 * neighbours.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "stomper.h"

#define MOST_THREADS	8
#define MOST_WRITTEN	128
#define BURST		8
#define BURST_SECTORS	(MOST_WRITTEN / BURST)
#define LINGERS_US	500
#define GIVEN_UP_US	(300 * 1000000LL)

enum kind { READS, WRITES, BURSTS, ZEROES, DISCARDS, KINDS };

struct thread {
	pthread_t thread;
	uint64_t random;
	uint64_t hot;
	uint64_t *data;
	aio_context_t aio;
};

static struct thread threads[MOST_THREADS];
static unsigned int running;
static int device = -1;
static atomic_bool ended;
static atomic_ullong done, counts[KINDS];

/* Where the next operation goes; false if somebody else is at work there. */
static bool take(struct thread *t, uint64_t most, uint64_t *first, uint64_t *nr)
{
	uint64_t blocks = blocks_count();

	*nr = 1 + rnd(&t->random, rnd(&t->random, 8) ? 16 : most);
	*first = rnd(&t->random, blocks);
	if (rnd(&t->random, 2))
		*first = (t->hot + rnd(&t->random, 256)) % blocks;
	if (*nr > blocks - *first)
		*nr = blocks - *first;
	return blocks_take(*first, *nr);
}

__attribute__((noreturn))
static void failed(const char *what, uint64_t first, uint64_t nr)
{
	die("%s of %llu blocks at %llu: %s", what, (unsigned long long)nr,
	    (unsigned long long)first, strerror(errno));
}

static void do_read(struct thread *t, uint64_t first, uint64_t nr)
{
	if (pread(device, t->data, nr * SECTOR, first * SECTOR) !=
	    (ssize_t)(nr * SECTOR))
		failed("read", first, nr);
	blocks_check(t->data, first, nr);
	blocks_leave(first, nr, true);
}

static void do_write(struct thread *t, uint64_t first, uint64_t nr)
{
	blocks_stamp(t->data, first, nr);
	if (pwrite(device, t->data, nr * SECTOR, first * SECTOR) !=
	    (ssize_t)(nr * SECTOR))
		failed("write", first, nr);
	blocks_leave(first, nr, true);
}

/* The first is what makes a real write-zeroes, but not every device takes it. */
static void do_zero(struct thread *t, uint64_t first, uint64_t nr)
{
	uint64_t range[2] = { first * SECTOR, nr * SECTOR };

	(void)t;
	blocks_zero(first, nr);
	if (fallocate(device, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      range[0], range[1]) &&
	    (errno != EOPNOTSUPP || ioctl(device, BLKZEROOUT, range)))
		failed("write-zeroes", first, nr);
	blocks_leave(first, nr, true);
}

static void do_discard(struct thread *t, uint64_t first, uint64_t nr)
{
	uint64_t range[2] = { first * SECTOR, nr * SECTOR };
	int r;

	(void)t;
	blocks_discard(first, nr);
	r = ioctl(device, BLKDISCARD, range);
	if (r && errno != EOPNOTSUPP)
		failed("discard", first, nr);
	blocks_leave(first, nr, !r);
}

static void gather(struct thread *t, const struct iocb *iocbs, long nr)
{
	struct io_event events[BURST];
	long i;

	if (syscall(SYS_io_getevents, t->aio, nr, nr, events, NULL) != nr)
		failed("waiting", 0, nr);
	for (i = 0; i < nr; i++) {
		const struct iocb *iocb = (void *)(uintptr_t)events[i].obj;

		if (events[i].res != (int64_t)iocb->aio_nbytes)
			die("write of %llu bytes at %lld in a burst: %lld",
			    (unsigned long long)iocb->aio_nbytes,
			    (long long)iocb->aio_offset,
			    (long long)events[i].res);
	}
	for (i = 0; i < nr; i++)
		blocks_leave(iocbs[i].aio_offset / SECTOR,
			     iocbs[i].aio_nbytes / SECTOR, true);
}

static void do_burst(struct thread *t)
{
	struct iocb iocbs[BURST] = { 0 }, *list[BURST];
	uint64_t first, nr, *data;
	long count = 0;
	int i;

	for (i = 0; i < BURST; i++) {
		if (!take(t, BURST_SECTORS, &first, &nr))
			continue;
		data = t->data + count * BURST_SECTORS * WORDS;
		blocks_stamp(data, first, nr);
		list[count] = &iocbs[count];
		iocbs[count++] = (struct iocb){
			.aio_lio_opcode = IOCB_CMD_PWRITE,
			.aio_fildes = device,
			.aio_buf = (uintptr_t)data,
			.aio_nbytes = nr * SECTOR,
			.aio_offset = first * SECTOR,
		};
	}
	if (count && syscall(SYS_io_submit, t->aio, count, list) != count)
		failed("burst", first, count);
	gather(t, iocbs, count);
}

static void do_other(struct thread *t, enum kind kind)
{
	static void (*const how[KINDS])(struct thread *, uint64_t, uint64_t) = {
		[READS] = do_read, [WRITES] = do_write, [ZEROES] = do_zero,
		[DISCARDS] = do_discard,
	};
	uint64_t most = kind < BURSTS ? MOST_WRITTEN : blocks_count() / 2;
	uint64_t first, nr;

	if (take(t, most, &first, &nr))
		how[kind](t, first, nr);
}

static void *trample(void *arg)
{
	static const enum kind kinds[] = { READS, READS, WRITES, WRITES, WRITES,
					   BURSTS, ZEROES, DISCARDS };
	struct thread *t = arg;
	enum kind kind;

	/* What the round itself does comes first, or it takes a minute. */
	setpriority(PRIO_PROCESS, gettid(), 19);
	while (!ended) {
		kind = kinds[rnd(&t->random, 8)];
		if (kind == BURSTS)
			do_burst(t);
		else
			do_other(t, kind);
		counts[kind]++;
		done++;
	}
	return NULL;
}

void threads_start(const char *path, unsigned int nr, uint64_t seed)
{
	struct thread *t;

	device = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (device < 0)
		die("%s: %s", path, strerror(errno));
	ended = false;
	for (running = 0; running < nr; running++) {
		t = &threads[running];
		if (!t->data)
			t->data = buffer_of(MOST_WRITTEN);
		if (!t->aio && syscall(SYS_io_setup, BURST, &t->aio))
			die("io_setup: %s", strerror(errno));
		t->random = seed ^ (running + 1) * 0x9e3779b97f4a7c15ULL;
		t->hot = seed % blocks_count();
		if (pthread_create(&t->thread, NULL, trample, t))
			die("no thread");
	}
}

/* Returns when they have done that many more, and still get on. */
void threads_await(uint64_t operations)
{
	uint64_t until = done + operations;
	long long waited = 0;

	for (; done < until; waited += LINGERS_US) {
		if (waited > GIVEN_UP_US)
			die("nobody gets anything done: %s", dm_status());
		usleep(LINGERS_US);
	}
}

void threads_stop(void)
{
	ended = true;
	while (running)
		pthread_join(threads[--running].thread, NULL);
	close(device);
}

void threads_tell(void)
{
	printf("%llu reads, %llu writes, %llu bursts of writes, %llu write-zeroes, %llu discards\n",
	       counts[READS], counts[WRITES], counts[BURSTS], counts[ZEROES],
	       counts[DISCARDS]);
}
