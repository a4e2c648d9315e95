// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A plan that swaps several devices at one instant has them all suspended for a
 * moment. If the process ended in that moment, or waited for something that
 * lies on one of the devices, they would stand still for ever. So another
 * process, made before the first suspend and holding nothing but memory that is
 * locked, listens on a pipe. When the pipe ends without the word that all is
 * done, or nothing comes for some seconds, it resumes the devices: to their old
 * tables if no swap had begun, else to their new ones, so that what is left is
 * one graph or the other.
 *
 *	plan:   fork  suspend a  suspend b  "s" resume a  resume b  "d"
 *	guard:    \------- listening -----------------------------> ends
 *
 * Death after the last resume and before the word is harmless, too: there is
 * nothing to resume then.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guard.h"

#define PATIENCE_MS	10000
#define SWAPPING	's'
#define DONE		'd'

static bool is_needed(const struct plan *plan)
{
	size_t i;

	for (i = 0; i < plan->nr; i++)
		if (plan->step[i].kind == STEP_SUSPEND)
			return true;
	return false;
}

static void rescue(const struct plan *plan, bool swapping)
{
	struct error ignored = { 0 };
	const struct step *step;
	size_t i;

	for (i = 0; i < plan->nr; i++) {
		step = &plan->step[i];
		if (step->kind != STEP_SUSPEND)
			continue;
		if (!swapping)
			kdm_clear(step->name, &ignored);
		kdm_rescue(step->name);
	}
}

static void listen_to(int pipe, const struct plan *plan)
{
	struct pollfd wait = { .fd = pipe, .events = POLLIN };
	bool swapping = false;
	char word;

	while (poll(&wait, 1, PATIENCE_MS) > 0 && read(pipe, &word, 1) == 1) {
		if (word == DONE)
			return;
		swapping = true;
	}
	rescue(plan, swapping);
}

/* Its own group: what ends the plan's must not end it. */
static void be_the_guard(int pipe, const struct plan *plan)
{
	setsid();
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	mlockall(MCL_CURRENT | MCL_FUTURE);
	listen_to(pipe, plan);
	_exit(0);
}

int guard_begin(struct guard *guard, const struct plan *plan,
		struct error *error)
{
	int ends[2];

	*guard = (struct guard){ .pipe = -1 };
	if (!is_needed(plan))
		return 0;
	if (pipe(ends))
		return refuse(error, "no pipe: %s", strerror(errno));
	guard->pid = fork();
	if (!guard->pid) {
		close(ends[1]);
		be_the_guard(ends[0], plan);
	}
	close(ends[0]);
	guard->pipe = ends[1];
	if (guard->pid > 0)
		return 0;
	close(guard->pipe);
	guard->pid = 0;
	return refuse(error, "no process to watch over suspended devices: %s",
		      strerror(errno));
}

static void say(struct guard *guard, char word)
{
	/* a guard that has ended has done its work */
	if (guard->pid && write(guard->pipe, &word, 1) != 1)
		return;
}

void guard_step(struct guard *guard, const struct step *step)
{
	if (step->kind == STEP_RESUME)
		say(guard, SWAPPING);
}

void guard_end(struct guard *guard)
{
	if (!guard->pid)
		return;
	say(guard, DONE);
	close(guard->pipe);
	waitpid(guard->pid, NULL, 0);
}
