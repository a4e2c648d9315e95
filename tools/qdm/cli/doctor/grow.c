// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Checks of volumes that grow, for doctor. A threshold fires once, so an event that was
 * not answered is not repeated, and a writer reaches the end.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/size.h"
#include "cli/verbs.h"
#include "grow/conf.h"
#include "grow/grow.h"

#define SECTOR	512

struct told {
	const struct graph *graph;
	void (*tell)(void *with, bool trouble, const char *text);
	void *with;
};

__attribute__((format(printf, 3, 4)))
static void say(const struct told *told, bool trouble, const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = copy("out of memory");
	va_end(args);
	told->tell(told->with, trouble, text);
	free(text);
}

/* state and threshold, from the status */
static bool read_state(const char *node, char *state,
		       unsigned long long *threshold)
{
	struct error ignored = { 0 };
	struct kdm_table status;
	bool good;

	if (kdm_status(node, &status, &ignored))
		return false;
	good = status.nr && sscanf(status.line[0].params, "%15s %llu", state,
				   threshold) == 2;
	kdm_table_free(&status);
	return good;
}

/* Time for udev to start the answer. */
static bool stays_fired(const char *node)
{
	const struct timespec pause = { .tv_nsec = 100000000 };
	unsigned long long threshold;
	char state[16];
	int left;

	for (left = doctor_patience / 100; left >= 0; left--) {
		if (grow_is_answered(node) || grow_is_busy(node) ||
		    !read_state(node, state, &threshold) ||
		    strcmp(state, "fired"))
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

/* A growth may wait for LVM's lock, or for a frozen file system. */
static void check_busy(const struct told *told, const char *node)
{
	const struct timespec pause = { .tv_nsec = 100000000 };
	int left;

	for (left = doctor_patience / 100; left >= 0; left--) {
		if (!grow_is_busy(node))
			return;
		nanosleep(&pause, NULL);
	}
	say(told, false, "growing '%s' has taken more than %d s: it waits for LVM or for the file system",
	    node, doctor_patience / 1000);
}

static void check_place(const struct told *told, const struct node *node)
{
	const uint64_t size = kdm_table_len(&node->table) * SECTOR;
	unsigned long long threshold;
	char state[16];

	if (read_state(node->dev.name, state, &threshold) &&
	    !strcmp(state, "armed") && threshold >= size)
		say(told, true, "the threshold of '%s' is at %llu and the device ends at %llu: it can never fire (qdm threshold)",
		    node->dev.name, threshold, (unsigned long long)size);
}

static void check_fired(const struct told *told, const struct node *node,
			bool has_line)
{
	const char *name = node->dev.name;
	unsigned long long threshold;
	char state[16], reason[16];

	if (!read_state(name, state, &threshold))
		return;
	if (has_line && grow_has_failed(name, reason, sizeof(reason))) {
		say(told, true, "the last attempt to grow '%s' failed (%s); the log has the reason (qdm grow --now %s)",
		    name, reason, name);
		return;
	}
	if (has_line && !strcmp(state, "off"))
		say(told, true, "'%s' has to grow and its threshold is off (qdm grow --now %s)",
		    name, name);
	if (strcmp(state, "fired"))
		return;
	if (!has_line)
		say(told, false, "the threshold of '%s' has fired, and no line makes it grow (qdm grow %s --step SIZE --reserve SIZE)",
		    name, name);
	else if (stays_fired(name))
		say(told, true, "the threshold of '%s' has fired, and was not answered (qdm grow --now %s)",
		    name, name);
}

/* A suspended device is reported elsewhere, and would block a reader. */
static bool stands_still(const struct growing *growing)
{
	const char *const names[] = {
		growing->top, growing->node, growing->lowest, growing->volume,
	};
	struct error ignored = { 0 };
	struct kdm_device now;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (kdm_find(names[i], &now, &ignored) != 1 || now.suspended)
			return true;
	return false;
}

static void check_file_system(const struct told *told, const struct node *node,
			      const struct grow_policy *policy)
{
	struct growing growing = { 0 };
	struct error error = { 0 };
	char size[SIZE_TEXT], whole[SIZE_TEXT];

	if (grow_find(&growing, told->graph, node->dev.name, &error)) {
		say(told, true, "%s", error.text);
		return;
	}
	if (stands_still(&growing))
		return;
	if (grow_look(&growing, &error)) {
		say(told, true, "%s", error.text);
		return;
	}
	if (!grow_is_short(&growing.view, policy))
		return;
	say(told, growing.view.mounted, "the file system on '%s' has %s of the device's %s: it has not grown%s",
	    node->dev.name, size_text(size, growing.view.fs_size),
	    size_text(whole, growing.view.size),
	    growing.view.mounted ? "" : " yet, and will when it is mounted");
}

static void check_node(const struct told *told, const struct node *node)
{
	struct error error = { 0 };
	struct grow_policy policy;
	char *where;
	int found = conf_find(node->dev.name, &policy, &where, &error);

	free(where);
	check_place(told, node);
	check_fired(told, node, found > 0);
	check_busy(told, node->dev.name);
	if (found < 0)
		say(told, true, "%s", error.text);
	else if (found)
		check_file_system(told, node, &policy);
}

static void check_there(const char *node, void *with)
{
	const struct told *told = with;
	char *path;

	if (graph_find(told->graph, node))
		return;
	path = conf_path(node);
	say(told, true, "%s makes '%s' grow, but there is no such device (qdm grow %s off)",
	    path, node, node);
	free(path);
}

void grow_troubles(const struct graph *graph,
		   void (*tell)(void *with, bool trouble, const char *text),
		   void *with)
{
	struct told told = { graph, tell, with };
	size_t i;

	for (i = 0; i < graph->nr; i++)
		if (grow_is_threshold(&graph->node[i]))
			check_node(&told, &graph->node[i]);
	conf_each(check_there, &told);
}
