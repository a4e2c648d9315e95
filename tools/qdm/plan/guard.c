// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One swap is one ioctl, and doctor can undo the steps before it. But a plan with steps
 * after a swap would be half done if the process ended there: one node of several has
 * its new table or length, or a filter is out and not deleted. And a plan that swaps
 * several devices at one instant keeps them all suspended meanwhile; they would stay
 * suspended if the process ended then, or waited for I/O to one of the devices.
 *
 * So a second process, the guard, is forked before the first step, and is sent each
 * step from the first swap or suspend on. If the message that all is done does not
 * arrive, because the first process has died, the guard continues with the last step it
 * received: it completes the plan, or undoes it if the first process was doing that.
 *
 *	plan:	fork  load a  load b  "2" resume a  "3" resume b  "done"
 *	guard:	 \------------ listening ------------------------> ends
 *
 * While devices are suspended it waits for some seconds only, uses only memory that is
 * locked, and resumes them without notifying udev: to their new tables if a swap had
 * begun, as only the resumes were left then, else to their old ones. If the first
 * process is alive and only slow, it detects that: before the first swap its message
 * cannot be sent, and each swap is checked afterwards.
 *
 * The guard holds the lock of edits, too, so no other edit meets a half-done one. Only
 * a kill of both processes leaves the rest to doctor.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plan/guard.h"
#include "plan/log.h"

#define FOREVER		(-1)

int guard_patience = 10000;

/* The messages: the number of the next step, the plan's length at the end. */
struct word {
	size_t at;
	bool back;
};

/* Among the first @nr steps. */
static bool suspends(const struct plan *plan, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (plan->step[i].kind == STEP_SUSPEND)
			return true;
	return false;
}

/* A swap that is not the last step. */
static bool goes_on(const struct plan *plan)
{
	size_t i;

	for (i = 0; i + 1 < plan->nr; i++)
		if (plan->step[i].kind == STEP_RESUME)
			return true;
	return false;
}

/* Has no device got its new table before this step? */
static bool nothing_swapped(const struct plan *plan, size_t at)
{
	while (at--)
		if (plan->step[at].kind == STEP_RESUME && !plan->step[at].aside)
			return false;
	return true;
}

static void rescue(const struct plan *plan, const struct word *word)
{
	bool swaps = !nothing_swapped(plan, word->at + 1) && !word->back;
	struct error ignored = { 0 };
	const struct step *step;
	size_t i;

	for (i = 0; i <= word->at; i++) {
		step = &plan->step[i];
		if (step->kind != STEP_SUSPEND)
			continue;
		if (!swaps)
			kdm_clear(step->name, &ignored);
		kdm_rescue(step->name);
	}
}

static bool hear(int socket, const struct plan *plan, struct word *word)
{
	struct pollfd wait = { .fd = socket, .events = POLLIN };
	/*
	 * the first suspend has no time limit: its own file system determines how long
	 * it takes
	 */
	bool still = word->at < plan->nr && suspends(plan, word->at);

	return poll(&wait, 1, still ? guard_patience : FOREVER) > 0 &&
	       recv(socket, word, sizeof(*word), 0) == sizeof(*word);
}

static void listen_to(int socket, struct plan *plan,
		      take_over_fn *take_over)
{
	struct word word = { .at = plan->nr };
	bool still;

	while (hear(socket, plan, &word) && word.at < plan->nr)
		;
	if (word.at == plan->nr)
		return;
	still = suspends(plan, word.at + 1);
	if (still) {
		rescue(plan, &word);
		log_rescue(plan, "left devices suspended, which were resumed", NULL);
	}
	if (!still || word.back)
		take_over(plan, word.at, word.back);
}

/* Its own process group: a signal to the plan's group must not end it. */
static void be_the_guard(int socket, struct plan *plan,
			 take_over_fn *take_over)
{
	setsid();
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	if (suspends(plan, plan->nr))
		mlockall(MCL_CURRENT | MCL_FUTURE);
	listen_to(socket, plan, take_over);
	_exit(0);
}

int guard_begin(struct guard *guard, struct plan *plan,
		take_over_fn *take_over, struct error *error)
{
	int ends[2];

	*guard = (struct guard){ .socket = -1 };
	if (!goes_on(plan) && !suspends(plan, plan->nr))
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return refuse(error, "no pair of sockets: %s", strerror(errno));
	guard->pid = fork();
	if (!guard->pid) {
		close(ends[1]);
		be_the_guard(ends[0], plan, take_over);
	}
	close(ends[0]);
	guard->socket = ends[1];
	if (guard->pid > 0)
		return 0;
	close(guard->socket);
	guard->pid = 0;
	return refuse(error, "no process to finish the edit if this one is killed: %s",
		      strerror(errno));
}

/* False if the guard has ended; without SIGPIPE. */
static bool say(struct guard *guard, size_t at, bool back)
{
	const struct word word = { .at = at, .back = back };

	guard->told = true;
	return send(guard->socket, &word, sizeof(word), MSG_NOSIGNAL) ==
	       sizeof(word);
}

int guard_step(struct guard *guard, const struct plan *plan, size_t at,
	       struct error *error)
{
	const enum step_kind kind = plan->step[at].kind;
	bool begun = guard->told;

	if (!guard->pid || (!begun && kind != STEP_RESUME &&
			    kind != STEP_SUSPEND))
		return 0;
	/* after a swap, completing the plan is better than stopping half way */
	if (say(guard, at, false) || !nothing_swapped(plan, at))
		return 0;
	if (begun)
		return refuse(error, "the devices were suspended for more than %d seconds and were resumed as they were; nothing was done",
			      guard_patience / 1000);
	return refuse(error, "the guard, which would finish this edit if this process were killed, was killed itself");
}

void guard_back(struct guard *guard, size_t at)
{
	if (guard->told)
		say(guard, at, true);
}

void guard_end(struct guard *guard, const struct plan *plan)
{
	if (!guard->pid)
		return;
	say(guard, plan->nr, false);
	close(guard->socket);
	waitpid(guard->pid, NULL, 0);
}
