// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Makes a volume grow: LVM's volume, then the filters on it, then the file system on
 * top, then the threshold. policy.c decides on the steps; this file reads the state and
 * runs them, one after the other, with a new check before each, as writers and other
 * programs do not wait.
 *
 * The threshold is set only to an offset that writes have not reached yet, or may reach
 * without harm, so that each event is meaningful. A write that passes the offset before
 * it is set raises no event, so a last check follows.
 *
 * Two events of a node may be answered together: the second waits for the first, and
 * then finds no step left. The lock file stores the times of growths, for the limit,
 * and the last failure, so that it is reported once and not by each later attempt. An
 * answer that keeps checking holds another lock meanwhile, which shows that the event
 * is being answered.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/json.h"
#include "grow/conf.h"
#include "grow/fs.h"
#include "grow/grow.h"
#include "grow/memory.h"
#include "grow/run.h"
#include "qmp/ask.h"

#define ROUNDS		16
#define LOOK_MS		1000	/* interval of checks while an answer runs */
#define LIMIT_MS	5000
#define SECTOR		512

/*
 * Steps
 */

__attribute__((format(printf, 4, 5)))
static int fail_as(struct growing *growing, const char *reason,
		   struct error *error, const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = copy("out of memory");
	va_end(args);
	growing->reason = reason;
	refuse(error, "%s: %s", growing->node, text);
	free(text);
	return -1;
}

static int check_limit(struct growing *growing, struct memory *memory,
		       bool *paid, struct error *error)
{
	const struct growth *last = memory->nr ?
				    &memory->growth[memory->nr - 1] : NULL;
	uint64_t pause;

	*paid = grow_is_paid(last, written_to(growing), &growing->policy);
	pause = grow_pause(memory->growth, memory->nr, boot_seconds(), *paid,
			   &growing->policy);
	if (!pause)
		return 0;
	if (growing->policy.per_hour == PER_HOUR_UNPAID)
		return fail_as(growing, "LIMIT", error,
			       "%s has grown %d times within an hour though little was written, which is no use of it; not again before %llu s have passed",
			       growing->volume, GROW_UNPAID,
			       (unsigned long long)pause);
	return fail_as(growing, "LIMIT", error,
		       "%s has grown %d times within an hour, and %s allows no more; not again before %llu s have passed",
		       growing->volume, growing->policy.per_hour,
		       growing->where, (unsigned long long)pause);
}

/* LVM refuses its present length, or a shorter one. */
static bool others_were_faster(const struct growing *growing)
{
	uint64_t bytes;

	return read_bytes(growing->volume_at, &bytes) &&
	       bytes > growing->view.volume;
}

/* If the group has less free space than required, all of it is used. */
static int extend_by_rest(struct growing *growing, uint64_t wanted,
			  const struct error *why, struct error *error)
{
	const char *volume = growing->volume;
	struct error failed = { 0 };
	uint64_t extent, left;

	if (others_were_faster(growing))
		return 0;
	if (run_lvs(volume, &extent, &left, &failed))
		return fail_as(growing, "ERROR", error,
			       "cannot extend /dev/mapper/%s: %s; %s", volume,
			       why->text, failed.text);
	if (left && left < wanted && !run_lvextend_all(volume, &failed))
		return 0;
	if (!left)
		return fail_as(growing, "NOSPACE", error,
			       "cannot extend /dev/mapper/%s by %llu bytes: its volume group is full",
			       volume, (unsigned long long)wanted);
	if (left < wanted)
		return fail_as(growing, "NOSPACE", error,
			       "cannot extend /dev/mapper/%s by %llu bytes, nor by the %llu that its volume group has: %s",
			       volume, (unsigned long long)wanted,
			       (unsigned long long)left, failed.text);
	return fail_as(growing, "ERROR", error,
		       "cannot extend /dev/mapper/%s by %llu bytes: %s", volume,
		       (unsigned long long)wanted, why->text);
}

/* Rounding to whole extents must not exceed the maximum. */
static int find_want(struct growing *growing, uint64_t *want,
		     struct error *error)
{
	const uint64_t size = growing->view.volume;
	const uint64_t maximum = growing->policy.maximum;
	struct error failed = { 0 };
	uint64_t extent, left;

	/* In whole sectors; LVM makes whole extents of them, none of which is longer than the volume. */
	*want = (size + growing->policy.step + SECTOR - 1) / SECTOR * SECTOR;
	if (*want + size <= maximum)
		return 0;
	if (run_lvs(growing->volume, &extent, &left, &failed))
		return fail_as(growing, "ERROR", error, "%s", failed.text);
	*want = (*want + extent - 1) / extent * extent;
	if (*want > maximum)
		*want = maximum / extent * extent;
	if (*want > size)
		return 0;
	return fail_as(growing, "MAXIMUM", error,
		       "/dev/mapper/%s has %llu bytes, and %s allows no more than %llu",
		       growing->volume, (unsigned long long)size,
		       growing->where, (unsigned long long)maximum);
}

static int grow_volume(struct growing *growing, struct memory *memory,
		       struct error *error)
{
	struct error why = { 0 };
	uint64_t want;
	bool paid;

	if (find_want(growing, &want, error) ||
	    check_limit(growing, memory, &paid, error))
		return -1;
	if (run_lvextend(growing->volume, want, &why) &&
	    extend_by_rest(growing, want - growing->view.volume, &why, error))
		return -1;
	if (memory->nr == GROWTHS)
		memmove(memory->growth, memory->growth + 1,
			sizeof(*memory->growth) * --memory->nr);
	memory->growth[memory->nr++] = (struct growth){
		.at = boot_seconds(), .written = written_to(growing), .paid = paid,
	};
	*memory->failed = '\0';
	remember_growth(memory);
	return 0;
}

static int grow_nodes(struct growing *growing, struct error *error)
{
	struct json_object *args = json_object_new_object();
	struct error failed = { 0 };
	uint64_t bytes;

	read_bytes(growing->volume_at, &bytes);
	json_put_string(args, "node-name", growing->lowest);
	json_put_number(args, "size", bytes);
	growing->view.fitted = false;
	if (qmp_tell("block_resize", args, &failed))
		return fail_as(growing, "ERROR", error, "%s", failed.text);
	return 0;
}

static int grow_fs(struct growing *growing, struct error *error)
{
	const uint64_t before = growing->view.fs_size;
	struct error failed = { 0 };
	struct mounted mounted;
	int result;

	fs_find_mount(growing->top_at, &mounted);
	if (mounted.fd < 0)
		return 0;	/* it was unmounted meanwhile */
	result = fs_grow(&mounted, growing->top_at, growing->view.size,
			 &failed);
	if (!result && fs_look(&mounted, growing->top_at, &growing->view) &&
	    growing->view.fs_size <= before)
		result = refuse(&failed, "the device has grown, but not the %s on %s, which reported no error",
				mounted.type, mounted.where);
	fs_release(&mounted);
	growing->view.fitted = true;
	if (result)
		return fail_as(growing, "FILESYSTEM", error, "%s", failed.text);
	return 0;
}

static int arm(struct growing *growing, uint64_t threshold,
	       struct error *error)
{
	char *text = print("set-threshold %llu", (unsigned long long)threshold);
	int result = kdm_message(growing->node, text, error);

	free(text);
	growing->threshold = threshold;
	return result;
}

static int take_step(struct growing *growing, struct memory *memory,
		     const struct grow_step *step, struct error *error)
{
	switch (step->act) {
	case GROW_VOLUME:
		return grow_volume(growing, memory, error);
	case GROW_NODE:
		return grow_nodes(growing, error);
	case GROW_FS:
		return grow_fs(growing, error);
	default:
		return arm(growing, step->threshold, error);
	}
}

/*
 * Answering an event
 */

static int find(struct growing *growing, const char *node,
		struct error *error)
{
	struct graph graph;
	int result;

	if (graph_read(&graph, error))
		return -1;
	result = grow_find(growing, &graph, node, error);
	graph_free(&graph);
	return result;
}

static int look_and_decide(struct growing *growing, struct grow_step *step,
			   struct error *error)
{
	if (find(growing, growing->node, error) || grow_look(growing, error))
		return -1;
	*step = grow_decide(&growing->view, &growing->policy);
	return 0;
}

/* Was it passed before it was set? If it has fired since, that event is answered next. */
static int is_armed(struct growing *growing, bool *armed, struct error *error)
{
	struct grow_step step;

	if (look_and_decide(growing, &step, error))
		return -1;
	*armed = step.act == GROW_ARM || !strcmp(growing->state, "fired");
	return 0;
}

struct answer {
	struct growing growing;
	struct memory memory;
	bool stays;
	bool grown;		/* growth was required, so the next event is meaningful */
	unsigned int waited;	/* ms since an event that required no growth */
};

enum outcome { FAILED = -1, DONE, LATER, NO_LINE };

/* Sets the ms until the next check. */
static enum outcome go_on(struct answer *answer, unsigned int *ms,
			  struct error *error)
{
	struct growing *growing = &answer->growing;
	struct grow_step step;
	bool armed = false;
	int round, volumes = 0;

	for (round = 0; !armed && volumes <= ROUNDS; round++) {
		if (look_and_decide(growing, &step, error))
			return FAILED;
		if (step.act == GROW_ARM && answer->stays && !answer->grown &&
		    answer->waited < step.wait) {
			*ms = step.wait - answer->waited;
			return LATER;
		}
		answer->grown |= step.act != GROW_ARM;
		volumes += step.act == GROW_VOLUME;
		if (volumes <= ROUNDS &&
		    take_step(growing, &answer->memory, &step, error))
			return FAILED;
		if (step.act == GROW_ARM && is_armed(growing, &armed, error))
			return FAILED;
	}
	if (armed)
		return DONE;
	return fail_as(growing, "ERROR", error,
		       "writes are faster than %d extensions by %llu bytes; a larger step in %s would help",
		       ROUNDS, (unsigned long long)growing->policy.step,
		       growing->where);
}

/* Read with the lock held, so that "qdm grow off" can rely on the end of the growth. */
static enum outcome go_by_line(struct answer *answer, unsigned int *ms,
			       struct error *error)
{
	struct growing *growing = &answer->growing;
	struct error ignored = { 0 };
	int found;

	free(growing->where);
	found = conf_find(growing->node, &growing->policy, &growing->where,
			  error);
	if (found > 0)
		return go_on(answer, ms, error);
	if (!found)
		return NO_LINE;
	find(growing, growing->node, &ignored); /* for the event */
	return FAILED;
}

static enum outcome with_lock(struct answer *answer, unsigned int *ms,
			      struct error *error)
{
	struct growing *growing = &answer->growing;
	struct memory *memory = &answer->memory;
	enum outcome outcome;

	memory->fd = grow_lock(growing->node);
	if (memory->fd < 0)
		return refuse(error, "%s: cannot take its lock in /run: %s",
			      growing->node, strerror(errno));
	recall_growth(memory);
	growing->reason = "ERROR";
	outcome = go_by_line(answer, ms, error);
	if (outcome == FAILED && !growing->gone)
		report_failure(growing, memory, error);
	else if (outcome == DONE && (answer->grown || *memory->failed))
		note_success(growing, memory);
	close(memory->fd);
	return outcome;
}

static void wait_ms(struct answer *answer, unsigned int ms)
{
	struct timespec pause;

	if (ms > LOOK_MS && ms != LIMIT_MS)
		ms = LOOK_MS;
	pause = (struct timespec){ ms / 1000, ms % 1000 * 1000000 };
	nanosleep(&pause, NULL);
	answer->waited += ms;
}

/* The limit expires by itself, and no other event would resume the growth. */
static bool waits_for_limit(const struct answer *answer, enum outcome outcome)
{
	return outcome == FAILED && answer->stays &&
	       !strcmp(answer->growing.reason, "LIMIT");
}

static int answer_it(struct answer *answer, struct error *error)
{
	enum outcome outcome;
	unsigned int ms = 0;

	for (;;) {
		outcome = with_lock(answer, &ms, error);
		if (answer->stays &&
		    (answer->growing.gone || outcome == NO_LINE))
			return 0;
		if (outcome == NO_LINE)
			return refuse(error, "%s: no line in %s names it",
				      answer->growing.node,
				      answer->growing.where);
		if (waits_for_limit(answer, outcome))
			ms = LIMIT_MS;
		else if (outcome != LATER)
			return outcome;
		*error = (struct error){ 0 };
		wait_ms(answer, ms);
	}
}

int grow_answer(const char *node, bool stays, struct error *error)
{
	struct answer *answer = calloc(1, sizeof(*answer));
	int at_it, result;

	if (!answer)
		return refuse(error, "out of memory");
	answer->stays = stays;
	snprintf(answer->growing.node, sizeof(answer->growing.node), "%s",
		 node);
	at_it = stays ? take_lock(node, "answer", LOCK_EX) : -1;
	result = answer_it(answer, error);
	if (at_it >= 0)
		close(at_it);
	free(answer->growing.where);
	free(answer);
	return result;
}
