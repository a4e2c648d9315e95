// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ^C in an edit would be a kill between two of its steps, and doctor would have to
 * clear its remains, at least a semaphore. So INT, TERM and HUP are deferred while a
 * plan runs, until it is done or undone. But a swap may wait for I/O that hangs below
 * the device, and then ^C has to work. So the signals are not blocked: the handler only
 * records them, and the waiting ioctl fails with EINTR, as it does when a timer limits
 * the wait. The step has failed then, and is undone. That is sooner than another edit's
 * wait for the lock ends.
 *
 * A process that ignores a signal, or blocks it as the server does, continues to do so.
 * The timer fires repeatedly, since the first signal may arrive just before the wait.
 */
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "plan/calm.h"

#define NR(array)	(sizeof(array) / sizeof(*(array)))

static const int kept[] = { SIGINT, SIGTERM, SIGHUP };
static struct sigaction before[NR(kept)];
static volatile sig_atomic_t caught;
static volatile sig_atomic_t late;
static timer_t timer;
static bool timed;
static unsigned int depth;

static void note(int signal)
{
	caught = signal;
}

static void note_late(int signal)
{
	(void)signal;
	late = 1;
}

void calm_begin(void)
{
	const struct sigaction keep = { .sa_handler = note };
	size_t i;

	if (depth++)
		return;
	caught = 0;
	for (i = 0; i < NR(kept); i++) {
		sigaction(kept[i], NULL, &before[i]);
		if (before[i].sa_handler == SIG_DFL)
			sigaction(kept[i], &keep, NULL);
	}
}

void calm_end(bool done)
{
	size_t i;

	if (--depth)
		return;
	for (i = 0; i < NR(kept); i++)
		sigaction(kept[i], &before[i], NULL);
	if (!caught)
		return;
	fprintf(stderr, "qdm: interrupted; the edit was %s\n",
		done ? "done all the same" : "given up");
	fflush(stdout);
	raise(caught);
}

static int patience(void)
{
	const char *given = getenv("QDM_PATIENCE");

	return given && atoi(given) > 0 ? atoi(given) : CALM_PATIENCE_S;
}

void calm_step(void)
{
	const struct itimerspec limit = {
		.it_value = { .tv_sec = caught ? 1 : patience() },
		.it_interval = { .tv_nsec = 100000000 },
	};
	const struct sigaction act = { .sa_handler = note_late };
	struct sigevent event = {
		.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN,
	};

	late = 0;
	sigaction(SIGRTMIN, &act, NULL);
	timed = !timer_create(CLOCK_MONOTONIC, &event, &timer);
	if (timed)
		timer_settime(timer, 0, &limit, NULL);
}

const char *calm_step_end(void)
{
	static char text[128];

	if (timed)
		timer_delete(timer);
	timed = false;
	if (caught)
		return "did not come to rest before the edit was interrupted";
	if (!late)
		return NULL;
	snprintf(text, sizeof(text),
		 "did not come to rest within %d seconds: I/O below it does not end",
		 patience());
	return text;
}
