// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What drivers/common/edge.c must never do is let a backup end well past which
 * something was written. So it is played against a model: four devices, the data
 * ("root"), a backup on it, a filter and the device on top, whose tables three
 * tasks load, suspend, swap, resume and destroy, as dm-ioctl does it: each step
 * by itself, in an order that follows from a number. The model knows when a
 * write can get to the data without the backup, and when the backup would read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "edge-kernel.h"
#include "common/edge.c"

#define PLAYS	30000
#define STEPS	60
#define HALF	500
#define LEN	(2 * HALF)
#define TASKS	3

const struct task_struct *current;

enum device { ROOT, BAK, THR, DEV, DEVICES };
enum kind { LINEAR, FILTER, GUARD, BACKUP };

struct line {
	enum kind kind;
	enum device lower;
	sector_t start;
	struct qdm_edge edge;
};

struct table {
	struct dm_table dm;
	unsigned int nr;
	struct line lines[2];
};

/* A task between two steps of a resume */
struct task {
	struct task_struct task;
	unsigned int step;
	enum device device;
	struct table *new, *old;
};

static struct mapped_device mds[DEVICES];
static struct block_device bdevs[DEVICES];
static struct dm_dev dm_devs[DEVICES];
static struct table *live[DEVICES], *inactive[DEVICES];
static bool suspended[DEVICES];
static struct task tasks[TASKS];
static struct qdm_watch watch;
static uint64_t random_state;

static uint64_t draw(uint64_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % below;
}

/*---------------------------------- tables ---------------------------------*/

static void tell(struct qdm_watch *which, const struct qdm_guarding *state)
{
	assert_true(which == &watch && edges_lock.held);
}

static void settle_watch(struct qdm_watch *which)
{
	assert_false(edges_lock.held);
}

static bool get_watch(struct qdm_watch *which)
{
	return true;
}

static void put_watch(struct qdm_watch *which)
{
}

static const struct qdm_watch_ops ops = {
	.tell = tell, .settle = settle_watch, .get = get_watch, .put = put_watch,
};

static struct table *table_of(enum device device)
{
	struct table *table = calloc(1, sizeof(*table));

	assert_non_null(table);
	table->dm.md = &mds[device];
	return table;
}

/* Further lines follow the first, each of half the device. */
static struct table *with(struct table *table, enum kind kind,
			  enum device lower, sector_t start, sector_t len)
{
	struct line *line = &table->lines[table->nr];
	struct dm_target ti = { &table->dm, table->nr++ * HALF, len };
	struct qdm_lower below = { &dm_devs[lower], start };

	line->kind = kind;
	line->lower = lower;
	line->start = start;
	line->edge.guard = kind == GUARD;
	line->edge.watch = kind == BACKUP ? &watch : NULL;
	line->edge.required = kind == BACKUP;
	if (kind != LINEAR)
		qdm_edge_add(&line->edge, &ti, &below);
	return table;
}

static struct table *one(enum device device, enum kind kind, enum device lower)
{
	return with(table_of(device), kind, lower, 0, LEN);
}

static void each(struct table *table, void (*what)(struct qdm_edge *))
{
	unsigned int i;

	for (i = 0; table && i < table->nr; i++)
		if (table->lines[i].kind != LINEAR)
			what(&table->lines[i].edge);
}

static void destroy(struct table *table)
{
	each(table, qdm_edge_del);
	free(table);
}

static void load(enum device device, struct table *table)
{
	destroy(inactive[device]);
	inactive[device] = table;
}

static void suspend(enum device device)
{
	if (suspended[device])
		return;
	each(live[device], qdm_edge_postsuspend);
	suspended[device] = true;
}

static struct table *swap(enum device device, struct table *table)
{
	struct table *old = live[device];

	each(table, qdm_edge_swap);
	live[device] = table;
	return old;
}

static void resume(enum device device)
{
	if (!suspended[device])
		return;
	each(live[device], qdm_edge_resume);
	suspended[device] = false;
}

/* As a program does: load, and resume */
static void put(enum device device, struct table *table)
{
	struct table *old;

	suspend(device);
	old = swap(device, table);
	resume(device);
	destroy(old);
}

static void remove_device(enum device device)
{
	suspend(device);
	destroy(live[device]);
	live[device] = NULL;
}

static int set_up(void **state)
{
	unsigned int i;

	for (i = 0; i < DEVICES; i++) {
		mds[i].disk.nr = i;
		bdevs[i].bd_disk = &mds[i].disk;
		dm_devs[i].bdev = &bdevs[i];
		suspended[i] = true;
	}
	memset(tasks, 0, sizeof(tasks));
	current = &tasks[0].task;
	qdm_watch_add(&watch, &ops, &mds[BAK].disk);
	put(BAK, one(BAK, BACKUP, ROOT));
	put(THR, one(THR, FILTER, BAK));
	return 0;
}

static int tear_down(void **state)
{
	unsigned int i;

	for (i = 0; i < TASKS; i++) {
		destroy(tasks[i].new);
		destroy(tasks[i].old);
	}
	for (i = 0; i < DEVICES; i++) {
		destroy(inactive[i]);
		destroy(live[i]);
		inactive[i] = live[i] = NULL;
	}
	qdm_watch_del(&watch);
	return 0;
}

/*---------------------------------- cases ----------------------------------*/

static void guarded(bool expected)
{
	assert_false(watch.state.lost);
	assert_true(watch.state.needed);
	assert_int_equal(watch.state.closed, !expected);
	assert_false(watch.state.unproven);
}

static void waits_for_a_guard(void **state)
{
	guarded(false);
	put(DEV, one(DEV, LINEAR, ROOT));
	guarded(false);
	put(DEV, one(DEV, GUARD, BAK));
	guarded(true);
}

static void is_held_with_its_guard(void **state)
{
	put(DEV, one(DEV, GUARD, BAK));
	suspend(DEV);
	guarded(false);
	resume(DEV);
	guarded(true);
}

static void is_lost_with_its_guard(void **state)
{
	put(DEV, one(DEV, GUARD, BAK));
	put(DEV, one(DEV, LINEAR, ROOT));
	assert_true(watch.state.lost && watch.state.closed);
	put(DEV, one(DEV, GUARD, BAK));
	assert_true(watch.state.lost && watch.state.closed);
}

static void is_lost_with_its_device(void **state)
{
	put(DEV, one(DEV, GUARD, BAK));
	remove_device(DEV);
	assert_true(watch.state.lost);
}

static void goes_by_the_filter_between(void **state)
{
	put(DEV, one(DEV, GUARD, BAK));
	put(DEV, one(DEV, GUARD, THR));
	guarded(true);
	put(THR, one(THR, FILTER, BAK));
	guarded(true);
	put(DEV, one(DEV, GUARD, BAK));
	remove_device(THR);
	guarded(true);
}

static void is_lost_with_the_filter_between(void **state)
{
	put(DEV, one(DEV, GUARD, THR));
	guarded(true);
	put(THR, one(THR, FILTER, ROOT));
	assert_true(watch.state.lost);
}

/* The device goes directly, but was it led past before? */
static void remembers_the_filter_between(void **state)
{
	struct table *old;

	put(DEV, one(DEV, GUARD, THR));
	suspend(THR);
	old = swap(THR, one(THR, LINEAR, ROOT));
	resume(THR);
	put(DEV, one(DEV, GUARD, BAK));
	assert_false(watch.state.lost);
	destroy(old);
	assert_true(watch.state.lost);
}

static void goes_by_where_lines_lead(void **state)
{
	put(DEV, one(DEV, GUARD, BAK));
	put(DEV, one(DEV, GUARD, BAK));
	guarded(true);
	put(DEV, with(table_of(DEV), GUARD, BAK, 8, LEN - 8));
	assert_true(watch.state.lost);
}

static void needs_both_halves(void **state)
{
	put(DEV, with(with(table_of(DEV), GUARD, BAK, 0, HALF), GUARD, BAK,
		      HALF, HALF));
	put(DEV, with(with(table_of(DEV), GUARD, BAK, 0, HALF), GUARD, BAK,
		      HALF, HALF));
	guarded(true);
	put(DEV, with(with(table_of(DEV), GUARD, BAK, 0, HALF), LINEAR, ROOT,
		      HALF, HALF));
	assert_true(watch.state.lost);
}

static void knows_who_came_directly(bool by_the_same)
{
	struct table *old, *between;

	put(DEV, one(DEV, GUARD, BAK));
	suspend(DEV);
	if (!by_the_same) {
		old = swap(DEV, one(DEV, LINEAR, ROOT));
		current = &tasks[1].task;
		between = swap(DEV, one(DEV, GUARD, BAK));
		resume(DEV);
		destroy(between);
		current = &tasks[0].task;
	} else {
		old = swap(DEV, one(DEV, GUARD, BAK));
		resume(DEV);
	}
	assert_false(watch.state.closed);
	assert_true(watch.state.unproven);
	destroy(old);
	assert_int_equal(watch.state.lost, !by_the_same);
	assert_int_equal(watch.state.tainted, !by_the_same);
	assert_false(watch.state.unproven);
}

static void takes_the_direct_heir(void **state)
{
	knows_who_came_directly(true);
}

static void takes_no_other(void **state)
{
	knows_who_came_directly(false);
}

static void a_table_that_was_never_live_is_nothing(void **state)
{
	put(DEV, one(DEV, GUARD, BAK));
	load(DEV, one(DEV, GUARD, BAK));
	load(DEV, one(DEV, GUARD, THR));
	load(DEV, NULL);
	suspend(DEV);
	current = &tasks[1].task;
	each(live[DEV], qdm_edge_swap); /* and then it fails */
	resume(DEV);
	guarded(true);
}

/*---------------------------------- plays ----------------------------------*/

static char story[STEPS * 40];
static size_t told;

static void note(const char *what, int task, int device)
{
	told += snprintf(story + told, sizeof(story) - told, " %d:%s %d", task,
			 what, device);
}

/* A filter to the same place is no heir of a guard: nothing above it tells of the next table. */
static void filter_after_guard(void **state)
{
	put(DEV, one(DEV, GUARD, BAK));
	put(DEV, one(DEV, FILTER, BAK));
	assert_true(watch.state.lost);
	put(DEV, one(DEV, LINEAR, ROOT));
	put(DEV, one(DEV, GUARD, BAK));
	assert_true(watch.state.lost);
}

/* Three tasks: what a table that was never live hands on includes the guard above it. */
static void handed_on_unseen(void **state)
{
	struct table *old, *unseen, *past = one(THR, LINEAR, ROOT);

	put(DEV, one(DEV, GUARD, THR));
	current = &tasks[1].task;
	suspend(THR);
	unseen = one(THR, FILTER, BAK);
	old = swap(THR, unseen);
	current = &tasks[2].task;
	swap(THR, past);
	resume(THR);
	current = &tasks[0].task;
	put(DEV, one(DEV, GUARD, BAK));
	current = &tasks[1].task;
	destroy(old);
	current = &tasks[2].task;
	destroy(unseen);
	assert_true(watch.state.lost);
}

static struct table *draw_top(void)
{
	struct table *table = table_of(DEV);

	switch (draw(11)) {
	case 9:
		return with(table, FILTER, BAK, 0, LEN);
	case 10:
		return with(table, FILTER, THR, 0, LEN);
	case 0:
		return with(table, LINEAR, ROOT, 0, LEN);
	case 1:
		return with(table, GUARD, ROOT, 0, LEN);
	case 2:
		return with(table, GUARD, THR, 0, LEN);
	case 3:
		return with(with(table, GUARD, BAK, 0, HALF), LINEAR, ROOT,
			    HALF, HALF);
	case 4:
		return with(with(table, GUARD, THR, 0, HALF), GUARD, BAK, HALF,
			    HALF);
	default:
		return with(table, GUARD, BAK, 0, LEN);
	}
}

static struct table *draw_table(enum device device)
{
	if (device == DEV)
		return draw_top();
	if (device == BAK)
		return one(BAK, draw(3) ? BACKUP : LINEAR, ROOT);
	return one(THR, draw(4) ? FILTER : LINEAR, draw(3) ? BAK : ROOT);
}

/* How dm-ioctl resumes: each case is what it does in one go. */
static void step(struct task *task)
{
	enum device device = task->device;

	switch (task->step++) {
	case 0:
		if (task->new)
			suspend(device);
		break;
	case 1:
		if (task->new ? suspended[device] && draw(40) : false) {
			task->old = swap(device, task->new);
		} else if (task->new) {
			each(task->new, qdm_edge_swap);
			destroy(task->new);
			task->step = 0;
		}
		task->new = NULL;
		break;
	case 2:
		if (draw(40))
			resume(device);
		break;
	case 3:
		destroy(task->old);
		task->old = NULL;
		task->step = 0;
		break;
	}
}

static void begin(struct task *task)
{
	static const enum device devices[] = { DEV, DEV, DEV, THR, BAK };
	enum device device = devices[draw(5)];

	task->device = device;
	switch (draw(5)) {
	case 0:
	case 1:
		note("load", task->task.nr, device);
		load(device, draw_table(device));
		break;
	case 2:
		note("suspend", task->task.nr, device);
		suspend(device);
		break;
	default:
		note("resume", task->task.nr, device);
		task->new = inactive[device];
		inactive[device] = NULL;
		step(task);
		break;
	}
}

/* Does a write to that sector get to the data, and not by the backup? */
static bool passes_by(sector_t sector)
{
	enum device device = DEV;
	const struct line *line;

	while (device != ROOT) {
		if (suspended[device])
			return false;
		line = &live[device]->lines[live[device]->nr > 1 &&
					    sector >= HALF];
		if (line->kind == BACKUP)
			return false;
		device = line->lower;
	}
	return true;
}

/* Return: true if the watch was lost. */
static bool play(uint64_t number)
{
	bool written = false, wrong = false;
	unsigned int i;
	struct task *task;

	random_state = number * 0x9e3779b97f4a7c15ULL | 1;
	draw(2);
	draw(2);
	told = 0;
	put(DEV, one(DEV, GUARD, BAK));
	for (i = 0; i < STEPS; i++) {
		task = &tasks[draw(TASKS)];
		task->task.nr = task - tasks;
		current = &task->task;
		if (task->step)
			note("goes on", task->task.nr, task->step);
		if (task->step)
			step(task);
		else
			begin(task);
		written |= passes_by(0) || passes_by(HALF);
		wrong |= written && !watch.state.closed;
		if (wrong && !watch.state.unproven && !watch.state.lost)
			fail_msg("play %llu: what was read is wrong, and nobody knows:%s",
				 (unsigned long long)number, story);
	}
	return watch.state.lost;
}

static void plays(void **state)
{
	unsigned int lost = 0;
	uint64_t number;

	for (number = 1; number <= PLAYS; number++) {
		lost += play(number);
		tear_down(state);
		set_up(state);
	}
	assert_in_range(lost, PLAYS / 10, PLAYS - PLAYS / 10);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(waits_for_a_guard),
		CASE(is_held_with_its_guard),
		CASE(is_lost_with_its_guard),
		CASE(is_lost_with_its_device),
		CASE(goes_by_the_filter_between),
		CASE(is_lost_with_the_filter_between),
		CASE(remembers_the_filter_between),
		CASE(goes_by_where_lines_lead),
		CASE(needs_both_halves),
		CASE(takes_the_direct_heir),
		CASE(takes_no_other),
		CASE(a_table_that_was_never_live_is_nothing),
		CASE(filter_after_guard),
		CASE(handed_on_unseen),
		CASE(plays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
