// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How long the kernel may hold the processor against one who is to have it
 * first: sleeps a tenth of a millisecond again and again, before all others in
 * turn, until it gets SIGTERM; then it prints by how many microseconds it came
 * back late at the most.
 */
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>

#define NAP_NS	100000

static volatile sig_atomic_t over;

static void end(int signal)
{
	over = signal;
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

int main(void)
{
	struct sched_param first = { .sched_priority = 50 };
	struct timespec nap = { .tv_nsec = NAP_NS };
	int64_t before, late, latest = 0;

	signal(SIGTERM, end);
	if (sched_setscheduler(0, SCHED_FIFO, &first) ||
	    mlockall(MCL_CURRENT)) {
		perror("turns");
		return 1;
	}
	while (!over) {
		before = now_ns();
		nanosleep(&nap, NULL);
		late = now_ns() - before - NAP_NS;
		if (late > latest)
			latest = late;
	}
	printf("%lld\n", (long long)latest / 1000);
	return 0;
}
