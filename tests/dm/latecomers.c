// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writes that all wait for a backup whose target hangs, and give up when
 * cbw-timeout, five seconds, has gone: some early ones and, while these expire
 * one after the other, thousands of others from two processors. Whatever these
 * do to the clock, it must go by who waits longest: the last early one is to
 * fail well before the first late one.
 *
 *   latecomers DEVICE
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BLOCK		4096
#define EARLY		300
#define LATE_BEGIN_MS	4990
#define LATE_END_MS	5320
#define LATE_MAX	15000
#define APART_MS	50
#define THREADS		2

struct late {
	aio_context_t ctx;
	long cpu;
	long written;
	int64_t first_ms;
};

static int device;
static void *block;
static int64_t began_ms;

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "latecomers: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000 - began_ms;
}

static void wait_until(int64_t ms)
{
	while (now_ms() < ms)
		usleep(1000);
}

static aio_context_t make_context(unsigned int nr)
{
	aio_context_t ctx = 0;

	if (syscall(SYS_io_setup, nr, &ctx))
		die("io_setup");
	return ctx;
}

static void begin_write(aio_context_t ctx)
{
	struct iocb one = {
		.aio_fildes = device, .aio_lio_opcode = IOCB_CMD_PWRITE,
		.aio_buf = (uintptr_t)block, .aio_nbytes = BLOCK,
	};
	struct iocb *list = &one;

	if (syscall(SYS_io_submit, ctx, 1, &list) != 1)
		die("io_submit");
}

/* Return: when the last of them had failed. */
static int64_t await(aio_context_t ctx, long nr)
{
	struct io_event event;
	int64_t last = 0;

	while (nr--) {
		if (syscall(SYS_io_getevents, ctx, 1, 1, &event, NULL) != 1)
			die("io_getevents");
		last = now_ms();
		if (event.res != -ETIMEDOUT) {
			errno = -event.res;
			die("a write ended otherwise");
		}
	}
	return last;
}

static void *come_late(void *arg)
{
	struct late *late = arg;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(late->cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	wait_until(LATE_BEGIN_MS);
	while (now_ms() < LATE_END_MS && late->written < LATE_MAX) {
		begin_write(late->ctx);
		late->written++;
	}
	late->first_ms = await(late->ctx, 1);
	await(late->ctx, late->written - 1);
	return NULL;
}

int main(int argc, char **argv)
{
	struct late late[THREADS];
	pthread_t thread[THREADS];
	int64_t last_ms, first_ms = INT64_MAX;
	aio_context_t early;
	long i;

	if (argc != 2 || (device = open(argv[1], O_WRONLY | O_DIRECT)) < 0 ||
	    posix_memalign(&block, BLOCK, BLOCK))
		die(argc == 2 ? argv[1] : "usage: latecomers DEVICE");
	early = make_context(EARLY);
	began_ms = now_ms();
	for (i = 0; i < THREADS; i++) {
		late[i] = (struct late){
			.ctx = make_context(LATE_MAX), .cpu = i,
		};
		pthread_create(&thread[i], NULL, come_late, &late[i]);
	}
	for (i = 0; i < EARLY; i++) {
		begin_write(early);
		usleep(1000);
	}
	last_ms = await(early, EARLY);
	for (i = 0; i < THREADS; i++) {
		pthread_join(thread[i], NULL);
		if (late[i].first_ms < first_ms)
			first_ms = late[i].first_ms;
	}
	printf("%ld and %ld came late; the last early one failed after %ld ms, the first late one after %ld ms\n",
	       late[0].written, late[1].written, last_ms, first_ms);
	return first_ms - last_ms < APART_MS;
}
