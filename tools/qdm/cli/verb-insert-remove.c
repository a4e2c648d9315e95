// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The short way: makes a filter and inserts it under a device in one plan, which takes
 * effect as a whole or not at all, and the inverse. Sizes may have units.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/size.h"
#include "cli/verbs.h"
#include "cli/words.h"
#include "edit/backup.h"
#include "edit/edit.h"
#include "edit/limit.h"
#include "graph/job.h"
#include "graph/resolve.h"
#include "kernel/groups.h"

#define CLUSTER_SECTORS	128

struct words {
	const char *kind;
	const char *device;
	const char *node;
	const char *group;
	const char *discard;
	const char *policy;	/* of a backup */
	const char *rest[LIMITS_NR];
	size_t nr;
	bool dry_run;
	bool json;
	bool cancel;
	bool force;
	/* the settings, printed after the new filter's name */
	void (*print)(const struct words *words);
};

static int take_word(const char *word, struct words *words,
		     struct error *error)
{
	if (!words->kind)
		words->kind = word;
	else if (!words->device)
		words->device = word;
	else if (people_discard(word))
		words->discard = people_discard(word);
	else if (words->nr < LIMITS_NR)
		words->rest[words->nr++] = word;
	else
		return misuse(error, "'%s' is one word too many", word);
	return 0;
}

static int read_words(int argc, char **argv, const char *known,
		      struct words *words, struct error *error)
{
	struct options options;
	size_t i;

	if (options_read(&options, argc, argv, known, error))
		return -1;
	*words = (struct words){
		.node = options.node, .group = options.group,
		.discard = options.discard, .policy = options.on_error,
		.dry_run = options.dry_run, .json = options.json,
		.cancel = options.cancel, .force = options.force,
	};
	for (i = 0; i < options.nr; i++)
		if (take_word(options.word[i], words, error))
			return -1;
	return 0;
}

static int add_limit(const char *word, char **tail, int *nr,
		     struct limits *limits, struct error *error)
{
	uint64_t value = 0;
	char *name = people_limit(word, &value, error), *longer;
	int result;

	if (!name)
		return -1;
	result = limits_set(limits, name, value, error);
	longer = print("%s %s %llu", *tail, name, (unsigned long long)value);
	free(name);
	free(*tail);
	*tail = longer;
	*nr += 2;
	return result;
}

/* "@head <#opts>@list discard @word", without missing parts. Frees @head. */
static char *with_options(char *head, const char *list, int nr,
			  const char *word, const char * const *words)
{
	bool given = word && strcmp(word, *words);
	char *tail;

	if (!head || (!nr && !given))
		return head;
	tail = print("%s %d%s%s%s", head, nr + 2 * given, list,
		     given ? " discard " : "", given ? word : "");
	free(head);
	return tail;
}

static char *throttle_tail(const struct words *words, struct error *error)
{
	struct limits limits;
	char *list = copy("");
	char *tail = NULL;
	int nr = 0;
	size_t i;

	limits_init(&limits);
	if (people_check_discard(words->discard, throttle_discards, error)) {
		free(list);
		return NULL;
	}
	for (i = 0; i < words->nr; i++)
		if (add_limit(words->rest[i], &list, &nr, &limits, error))
			break;
	if (i == words->nr && words->group && nr)
		misuse(error, "give --group or limits, not both: a group has its own limits");
	else if (i == words->nr && words->group && !group_exists(words->group))
		refuse(error, "Throttle group '%s' does not exist",
		       words->group);
	else if (i == words->nr && !words->group && !nr)
		misuse(error, "give a limit (for example iops-total=500), or --group with the name of one");
	else if (i == words->nr && words->group)
		tail = copy(words->group);
	else if (i == words->nr && !limits_check(&limits, error))
		tail = copy("-");
	tail = with_options(tail, list, nr, words->discard, throttle_discards);
	free(list);
	return tail;
}

static char *threshold_tail(const struct words *words, struct error *error)
{
	uint64_t bytes;

	if (people_check_discard(words->discard, threshold_discards, error))
		return NULL;
	if (words->nr == 1 && read_size(words->rest[0], &bytes))
		return with_options(print("%llu", (unsigned long long)bytes),
				    "", 0, words->discard, threshold_discards);
	misuse(error, "threshold takes one size, the offset at which it fires (for example 10G)");
	return NULL;
}

static char *backup_tail(const struct words *words, struct error *error)
{
	const char *policy = words->policy ? words->policy : SAFE_POLICY;

	if (words->discard)
		misuse(error, "--discard is for throttle and threshold");
	else if (strcmp(policy, SAFE_POLICY) && strcmp(policy, "break-guest-write"))
		misuse(error, "'%s' is no policy; there are break-snapshot and break-guest-write",
		       policy);
	else if (words->nr == 1)
		return print("%d 4 sync none on-cbw-error %s", CLUSTER_SECTORS,
			     policy);
	else
		misuse(error, "backup takes one target, the device that gets the old data");
	return NULL;
}

static void print_throttle(const struct words *words)
{
	struct json_object *limits = json_object_new_object();
	struct error ignored = { 0 };

	people_limits(limits, words->rest, words->nr, &ignored);
	if (words->group)
		printf(" group %s", words->group);
	else
		people_print_limits(stdout, limits);
	if (words->discard)
		printf(" discard=%s", words->discard);
	json_object_put(limits);
}

/* 0 if it is unknown. */
static uint64_t size_of(const char *device)
{
	struct error ignored = { 0 };
	const struct node *node;
	struct graph graph;
	uint64_t bytes = 0;
	char *name;

	if (graph_read(&graph, &ignored))
		return 0;
	name = people_node(&graph, device);
	node = graph_find(&graph, name);
	if (node)
		bytes = kdm_table_len(&node->table) << 9;
	free(name);
	graph_free(&graph);
	return bytes;
}

static void print_threshold(const struct words *words)
{
	uint64_t bytes, size = size_of(words->device);
	char text[SIZE_TEXT];

	if (!read_size(words->rest[0], &bytes))
		return;
	printf(" at %s", size_exact(text, bytes));
	if (words->discard)
		printf(" discard=%s", words->discard);
	if (size && bytes >= size)
		printf("; it cannot fire before the device, of %s, is longer",
		       size_exact(text, size));
}

static void print_backup(const struct words *words)
{
	printf(" to %s", words->rest[0]);
}

static const struct {
	const char *name;
	enum kind kind;
	char *(*tail)(const struct words *words, struct error *error);
	void (*print)(const struct words *words);
} filters[] = {
	{ "throttle", KIND_THROTTLE, throttle_tail, print_throttle },
	{ "threshold", KIND_THRESHOLD, threshold_tail, print_threshold },
	{ "backup", KIND_BACKUP, backup_tail, print_backup },
};

static int fill_filter(struct filter *filter, struct words *words,
		       char **tail, struct error *error)
{
	size_t i;

	for (i = 0; i < sizeof(filters) / sizeof(*filters); i++)
		if (words->kind && !strcmp(words->kind, filters[i].name))
			break;
	if (i == sizeof(filters) / sizeof(*filters))
		return misuse(error, "'%s' is no filter; there are throttle, threshold and backup",
			      words->kind ? words->kind : "");
	if (!words->device)
		return misuse(error, "give the device to put it under");
	if (words->force && filters[i].kind != KIND_BACKUP)
		return misuse(error, "--force is only for backup, whose destination may hold data");
	if (words->policy && filters[i].kind != KIND_BACKUP)
		return misuse(error, "--on-cbw-error is only for backup");
	if (words->group && filters[i].kind != KIND_THROTTLE)
		return misuse(error, "--group is only for throttle");
	*tail = filters[i].tail(words, error);
	if (!*tail)
		return -1;
	words->print = filters[i].print;
	filter->kind = filters[i].kind;
	filter->tail = *tail;
	if (filter->kind == KIND_BACKUP)
		filter->target = words->rest[0];
	filter->keep = !words->force;
	return 0;
}

static int finish(struct plan *plan, bool dry_run, struct error *error)
{
	if (!dry_run)
		return plan_run(plan, error);
	plan_print(plan, stdout);
	return 0;
}

/* The parsed sizes, with their units. */
static void tell(const struct words *words, const char *name)
{
	struct json_object *told;

	if (!words->json) {
		printf("%s:", name);
		words->print(words);
		putchar('\n');
		return;
	}
	told = json_object_new_object();
	json_put_string(told, "node-name", name);
	people_print_json(told);
	json_object_put(told);
}

static char *name_under(const struct words *words, struct error *error)
{
	struct graph graph;
	char *device, *name;

	if (words->node)
		return copy(words->node);
	if (graph_read(&graph, error))
		return NULL;
	device = people_node(&graph, words->device);
	graph_free(&graph);
	name = derived_name(device, words->kind);
	free(device);
	return name;
}

/*
 * As for a QMP command, the words must name the same devices after a wait for LVM's
 * locks; 1 if the locks had to be taken, and the edit must be planned again.
 */
static int plan_under(const struct words *words, struct filter *filter,
		      struct plan *plan, struct sights *before,
		      struct error *error)
{
	struct sights now = { 0 };
	struct graph graph;
	int result;

	plan_free(plan);
	if (graph_read(&graph, error))
		return -1;
	sights_look(&now, &graph, words->device);
	if (filter->target)
		sights_look(&now, &graph, filter->target);
	result = sights_compare(before, &now, error);
	sights_free(before);
	*before = now;
	filter->file = people_node(&graph, words->device);
	if (!result)
		result = edit_put_under(&graph, filter, plan, error);
	if (!result && !words->dry_run)
		result = plan_lock(plan, &graph, error);
	free((char *)filter->file);
	graph_free(&graph);
	return result;
}

static int put_under(const struct words *words, struct filter *filter,
		     struct error *error)
{
	struct sights before = { 0 };
	struct plan plan = { 0 };
	char *name;
	int result;

	name = name_under(words, error);
	if (!name)
		return -1;
	filter->name = name;
	filter->derived = !words->node;
	filter->passing = words->node;
	do
		result = plan_under(words, filter, &plan, &before, error);
	while (result > 0);
	sights_free(&before);
	if (!result)
		result = finish(&plan, words->dry_run, error);
	plan_unlock();
	if (!result && !words->dry_run)
		tell(words, name);
	free(name);
	plan_free(&plan);
	return result;
}

static int take_out(const struct words *words, struct error *error)
{
	struct graph graph;
	struct plan plan = { 0 };
	char *name;
	int result;

	if (graph_read(&graph, error))
		return -1;
	name = people_node(&graph, words->kind);
	result = edit_take_out(&graph, name, &plan, error);
	if (!result)
		result = finish(&plan, words->dry_run, error);
	if (!result && words->json && !words->dry_run)
		tell(words, name);
	free(name);
	plan_free(&plan);
	graph_free(&graph);
	return result;
}

/* Without the lock, as the job may take long to end. */
static int cancel_job(const struct words *words, struct error *error)
{
	const struct node *node;
	struct graph graph;
	char *name;
	int result = 0;

	if (graph_read(&graph, error))
		return -1;
	name = people_node(&graph, words->kind);
	node = graph_find(&graph, name);
	if (node && job_runs(node))
		result = job_end(name, error);
	free(name);
	graph_free(&graph);
	return result;
}

int verb_insert(int argc, char **argv, struct error *error)
{
	struct filter filter = { 0 };
	struct words words;
	char *tail = NULL;
	int result = -1;

	if (read_words(argc, argv,
		       "--node --group --discard --force --on-cbw-error --dry-run --json",
		       &words, error))
		return -1;
	if (fill_filter(&filter, &words, &tail, error))
		return -1;
	if (words.dry_run || !edit_lock(error))
		result = put_under(&words, &filter, error);
	edit_unlock();
	free(tail);
	return result;
}

int verb_remove(int argc, char **argv, struct error *error)
{
	struct words words;
	int result = -1;

	if (read_words(argc, argv, "--cancel --dry-run --json", &words, error))
		return -1;
	if (!words.kind || words.device)
		return misuse(error, "give one node to remove");
	if (words.cancel && words.dry_run)
		return misuse(error, "--cancel waits for a job's end, which --dry-run cannot");
	if (words.cancel && cancel_job(&words, error))
		return -1;
	if (words.dry_run || !edit_lock(error))
		result = take_out(&words, error);
	edit_unlock();
	return result;
}
