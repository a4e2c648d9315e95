// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * qdm jobs: one line a backup; qdm job: the verbs on one. A backup does not end with
 * the command that began it, so these verbs control it later.
 */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/size.h"
#include "cli/verbs.h"
#include "cli/words.h"

static void print_job(struct json_object *job)
{
	unsigned long long done = people_number(job, "current-progress");
	unsigned long long total = people_number(job, "total-progress");
	const char *why = json_string(job, "error", NULL);
	char text[SIZE_TEXT];

	printf("%-32s %-9s %3u%% of %s", json_string(job, "id", ""),
	       json_string(job, "status", ""),
	       total ? (unsigned int)(100.0 * done / total) : 0,
	       size_text(text, total));
	if (why)
		printf("  %s", why);
	putchar('\n');
}

int verb_jobs(int argc, char **argv, struct error *error)
{
	struct json_object *jobs;
	struct options options;
	size_t i;

	if (options_read(&options, argc, argv, "--json", error))
		return -1;
	if (options.nr)
		return misuse(error, "jobs: '%s' is unexpected",
			      options.word[0]);
	jobs = people_ask("query-jobs", NULL, NULL, error);
	if (!jobs)
		return -1;
	if (options.json)
		people_print_json(jobs);
	for (i = 0; !options.json && i < json_object_array_length(jobs); i++)
		print_job(json_object_array_get_idx(jobs, i));
	json_object_put(jobs);
	return 0;
}

static const struct {
	const char *name;
	const char *command;
	const char *key;	/* the argument with the job's name */
} actions[] = {
	{ "pause", "job-pause", "id" },
	{ "resume", "job-resume", "id" },
	{ "cancel", "job-cancel", "id" },
	{ "dismiss", "job-dismiss", "id" },
	{ "speed", "block-job-set-speed", "device" },
};

#define ACTIONS	(sizeof(actions) / sizeof(*actions))

static size_t find_action(const char *name)
{
	size_t i;

	for (i = 0; i < ACTIONS && strcmp(actions[i].name, name);)
		i++;
	return i;
}

/* Its state; with --json an empty object if it is gone. */
static int show(const char *id, const struct options *options,
		struct error *error)
{
	struct json_object *jobs = people_ask("query-jobs", NULL, NULL, error);
	struct json_object *one, *found = NULL;
	size_t i;

	if (!jobs)
		return -1;
	for (i = 0; !found && i < json_object_array_length(jobs); i++) {
		one = json_object_array_get_idx(jobs, i);
		if (!strcmp(json_string(one, "id", ""), id))
			found = json_object_get(one);
	}
	json_object_put(jobs);
	if (options->json && !found)
		found = json_object_new_object();
	if (options->json)
		people_print_json(found);
	else if (found)
		print_job(found);
	json_object_put(found);
	return 0;
}

static int act(size_t i, const struct options *options, struct error *error)
{
	bool takes_speed = !strcmp(actions[i].name, "speed");
	struct json_object *args;
	uint64_t speed = 0;

	if (options->nr != (takes_speed ? 3 : 2))
		return misuse(error, takes_speed ?
			      "job speed: give a job, and bytes per second or 0" :
			      "job %s: give one job", actions[i].name);
	if (takes_speed && (!read_size(options->word[2], &speed) ||
			    speed > INT64_MAX))
		return misuse(error, "'%s' is no speed; per second: " SIZE_UNITS,
			      options->word[2]);
	args = json_object_new_object();
	json_put_string(args, actions[i].key, options->word[1]);
	if (takes_speed)
		json_put_number(args, "speed", speed);
	if (people_tell(actions[i].command, args, options, error))
		return -1;
	return options->dry_run ? 0 : show(options->word[1], options, error);
}

int verb_job(int argc, char **argv, struct error *error)
{
	struct options options;
	size_t i;

	if (options_read(&options, argc, argv,
			 "--json --dry-run --cancel-on-exit", error))
		return -1;
	if (options.nr == 2 && !strcmp(options.word[0], "wait")) {
		options.word[0] = options.word[1];
		return backup_wait(&options, error);
	}
	if (options.cancel_on_exit)
		return misuse(error, "--cancel-on-exit is only for job wait");
	i = options.nr ? find_action(options.word[0]) : ACTIONS;
	if (i == ACTIONS)
		return misuse(error, "job: '%s' is unknown; there are wait, pause, resume, cancel, dismiss and speed",
			      options.nr ? options.word[0] : "");
	return act(i, &options, error);
}
