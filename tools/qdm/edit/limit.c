// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Limits on a device, without naming a node or group: by a filter that is inserted
 * under the device and removed with the last limit. Its name is <device>-throttle, as
 * for `qdm throttle`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "edit/edit.h"
#include "edit/limit.h"
#include "edit/put-back.h"
#include "graph/describe.h"
#include "graph/dropped.h"
#include "graph/resolve.h"
#include "kernel/groups.h"

#define RATES	6

const char * const throttle_discards[] = { "ops", "bytes", NULL };

bool limits_are_off(const struct limits *limits)
{
	int i;

	for (i = 0; i < RATES; i++)
		if (limits->value[3 * i])
			return false;
	return true;
}

/* All limits for a message, those that are set for a table line. */
static char *words_of(const struct limits *limits, bool all, int *nr)
{
	char *words = copy("");
	char *longer;
	struct limits none;
	int i;

	*nr = 0;
	limits_init(&none);
	for (i = 0; i < LIMITS_NR; i++) {
		if (!all && limits->value[i] == none.value[i])
			continue;
		longer = print("%s %s %llu", words, limit_names[i],
			       (unsigned long long)limits->value[i]);
		free(words);
		words = longer;
		*nr += 2;
	}
	return words;
}

/* The words of a table line after the group and its limits: for this device alone. */
static char *own_words(const struct node *node, const char *discard, int *nr)
{
	char *line = copy(node && node->table.nr ? node->table.line[0].params :
						   "");
	char *words = copy("");
	char *save = NULL, *word, *value, *longer;
	int at = 0;

	*nr = 0;
	for (word = strtok_r(line, " ", &save); word && at < 4; at++)
		word = strtok_r(NULL, " ", &save);
	for (; word; word = strtok_r(NULL, " ", &save)) {
		value = strtok_r(NULL, " ", &save);
		if (!value || (strcmp(word, "weight") && strcmp(word, "urgent") &&
			       (strcmp(word, "discard") || discard)))
			continue;
		longer = print("%s %s %s", words, word, value);
		free(words);
		words = longer;
		*nr += 2;
	}
	free(line);
	if (!discard || !strcmp(discard, throttle_discards[0]))
		return words;
	longer = print("%s discard %s", words, discard);
	free(words);
	*nr += 2;
	return longer;
}

static bool changes_discard(const struct node *node, const char *discard)
{
	const char *line = node->table.nr ? node->table.line[0].params : "";

	return discard && strcmp(discard, discard_in(line, throttle_discards[0]));
}

/* The group in a throttle node's table line, or "-". */
static void read_group(const struct node *node, char *group)
{
	if (!node->table.nr ||
	    sscanf(node->table.line[0].params, "%*s %*s %63s", group) != 1)
		strcpy(group, "-");
}

/* A line sets its group's limits in the instant in which it becomes live. */
static char *tail_of(const char *group, const struct limiting *wanted,
		     const struct node *node)
{
	char *words, *own, *tail;
	int nr, nr_own;

	words = words_of(&wanted->limits, false, &nr);
	own = own_words(node, wanted->discard, &nr_own);
	tail = print("%s %d%s%s", group, nr + nr_own, words, own);
	free(words);
	free(own);
	return tail;
}

static bool has_limits(const char *group, const struct limits *limits)
{
	struct error ignored = { 0 };
	struct limits now;

	return !group_read_limits(group, &now, &ignored) &&
	       !memcmp(&now, limits, sizeof(now));
}

static void change_limits(const struct node *node, const char *group,
			  const struct limits *limits, struct plan *plan)
{
	struct error ignored = { 0 };
	struct limits before;
	char text[1024], *words;
	int nr;

	if (!strcmp(group, "-")) {
		words = words_of(limits, true, &nr);
		plan_add(plan, STEP_MESSAGE, node->dev.name)->text =
			print("limits%s", words);
		free(words);
		return;
	}
	limits_init(&before);
	group_read_limits(group, &before, &ignored);
	limits_write(limits, &before, text, sizeof(text));
	if (*text)
		plan_add(plan, STEP_LIMITS, group)->text = copy(text);
}

static int change_there(struct graph *graph, const struct node *node,
			const struct limiting *wanted, struct plan *plan,
			struct error *error)
{
	struct filter filter = {
		.kind = KIND_THROTTLE, .name = node->dev.name,
	};
	char group[64], *tail;
	int result;

	read_group(node, group);
	if ((!wanted->group || !strcmp(wanted->group, group)) &&
	    !changes_discard(node, wanted->discard)) {
		change_limits(node, group, &wanted->limits, plan);
		return 0;
	}
	if (plan_find(plan, STEP_LOAD, node->dev.name))
		return refuse(error, "'%s' was dropped by LVM or dmsetup; put it back first (qdm put-back), then change its group or discard",
			      node->dev.name);
	tail = tail_of(wanted->group ? wanted->group : group, wanted, node);
	filter.tail = tail;
	result = edit_reopen(graph, &filter, plan, error);
	free(tail);
	return result;
}

/*
 * A group with other members gets its new limits in the instant in which the filter,
 * which is inserted by then, joins it. Until then the filter's line limits nothing; no
 * other command writes this line, so doctor detects a kill by it.
 */
#define ON_ITS_WAY	"- 2 weight 1"

bool limit_is_on_its_way(const struct node *node)
{
	int at = 0;

	if (node->kind != KIND_THROTTLE || !node->table.nr)
		return false;
	sscanf(node->table.line[0].params, "%*s %*s %n", &at);
	return at && !strcmp(node->table.line[0].params + at, ON_ITS_WAY);
}

/* With all filters dropped with it; a filter inserted by an older qdm has no mark. */
static int put_back(const struct graph *graph, const struct node *device,
		    const struct node *node, struct plan *plan,
		    struct error *error)
{
	const char *name = device->dev.name;

	if (dropped_from(graph, node) == device && has_dropped(graph, device))
		return edit_put_back(graph, name, plan, error);
	return edit_insert(graph, name, name, node->dev.name, plan, error);
}

/*
 * Also puts the filter back under a device whose table was replaced since, for example
 * by LVM. The limits are the last step: a group with other members keeps its own until
 * then, and a filter that cannot have the new limits is not inserted.
 */
static int change_and_put_back(struct graph *graph, const struct node *device,
			       const struct node *node,
			       const struct limiting *wanted, struct plan *plan,
			       struct error *error)
{
	if (!node_reaches(graph, device, node) &&
	    put_back(graph, device, node, plan, error))
		return -1;
	if (change_there(graph, node, wanted, plan, error))
		return -1;
	plan_goes_back(plan);
	return 0;
}

static int put_there(struct graph *graph, const char *name,
		     const struct limiting *wanted, struct plan *plan,
		     struct error *error)
{
	const char *group = wanted->group ? wanted->group : "-";
	char *tail = tail_of(group, wanted, NULL);
	struct filter filter = {
		.kind = KIND_THROTTLE, .name = name, .file = wanted->device,
		.tail = tail, .derived = true,
	};
	int result;

	if (wanted->group && !group_exists(group)) {
		plan_add(plan, STEP_GROUPS, "");
	} else if (wanted->group && !has_limits(group, &wanted->limits)) {
		filter.tail = ON_ITS_WAY;
		filter.then = tail;
	}
	result = edit_put_under(graph, &filter, plan, error);
	free(tail);
	return result;
}

int limit_device(struct graph *graph, const struct limiting *wanted,
		 struct plan *plan, struct error *error)
{
	const struct node *device = graph_find(graph, wanted->device);
	const struct node *node;
	char *name;
	int result;

	if (!device)
		return refuse_as(error, ERROR_NOT_FOUND,
				 "Device '%s' not found", wanted->device);
	if (wanted->group && group_check_name(wanted->group, error))
		return -1;
	name = derived_name(wanted->device, "throttle");
	edit_bury(graph, name, plan);
	free(name);
	name = new_derived_name(graph, wanted->device, "throttle");
	device = graph_find(graph, wanted->device);
	node = find_throttle(graph, device);
	if (limits_are_off(&wanted->limits))
		result = node ? edit_take_out(graph, node->dev.name, plan, error) : 0;
	else if (node)
		result = change_and_put_back(graph, device, node, wanted, plan,
					     error);
	else
		result = put_there(graph, name, wanted, plan, error);
	free(name);
	return result;
}
