// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * qdm backup: begins a backup, and with --wait runs until it has ended: a bar on a
 * terminal, a line per second elsewhere, with --json each line the job's members from
 * query-jobs, with the rate. The kernel's events wake it; the second is only for the
 * display.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/size.h"
#include "cli/verbs.h"
#include "cli/words.h"
#include "graph/job.h"
#include "graph/resolve.h"
#include "kernel/dm.h"

#define SECOND_MS	1000
#define BAR		30

struct progress {
	unsigned long long done;
	unsigned long long total;
	double begun;
	double at;
	double shown;
	unsigned long long first;	/* progress at the start of the wait */
	struct job job;			/* at the last check */
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static struct json_object *make_args(const struct options *options,
				     struct error *error)
{
	struct json_object *args = json_object_new_object();
	uint64_t speed;

	json_put_string(args, "device", options->word[0]);
	json_put_string(args, "target", options->word[1]);
	json_put_string(args, "sync", options->sync ? options->sync : "full");
	json_put_bool(args, "x-overwrite", options->force);
	json_put_string(args, "on-cbw-error", options->on_error ?
			options->on_error : SAFE_POLICY);
	if (!options->speed)
		return args;
	if (read_size(options->speed, &speed) && speed <= INT64_MAX) {
		json_put_number(args, "speed", speed);
		return args;
	}
	misuse(error, "'%s' is no speed; per second: " SIZE_UNITS,
	       options->speed);
	json_object_put(args);
	return NULL;
}

/* The job's description, or NULL if it is gone. */
static struct json_object *find_job(const char *device, struct error *error)
{
	struct json_object *jobs = people_ask("query-jobs", NULL, NULL, error);
	struct json_object *one, *found = NULL;
	char *id = name_stem(device);
	size_t i;

	for (i = 0; jobs && i < json_object_array_length(jobs); i++) {
		one = json_object_array_get_idx(jobs, i);
		if (!strcmp(json_string(one, "id", ""), id))
			found = json_object_get(one);
	}
	free(id);
	json_object_put(jobs);
	return found;
}

static double rate_of(const struct progress *progress)
{
	double passed = progress->at - progress->begun;

	return passed > 0 ? (progress->done - progress->first) / passed : 0;
}

static void print_left(const struct progress *progress)
{
	double rate = rate_of(progress);
	char text[SIZE_TEXT];
	unsigned int left;

	printf(" %s/s", size_text(text, rate));
	if (rate < 1)
		return;
	left = (progress->total - progress->done) / rate;
	printf(", %u:%02u:%02u left", left / 3600, left / 60 % 60, left % 60);
}

static void print_progress(const struct progress *progress, const char *state)
{
	char done[SIZE_TEXT], total[SIZE_TEXT];
	bool bar = isatty(STDOUT_FILENO);
	int part = progress->total ? progress->done * BAR / progress->total : 0;
	int i;

	if (bar)
		printf("\r[");
	for (i = 0; bar && i < BAR; i++)
		putchar(i < part ? '#' : '.');
	if (bar)
		printf("] ");
	printf("%s %llu%% %s of %s", state, progress->total ?
	       progress->done * 100 / progress->total : 0,
	       size_text(done, progress->done),
	       size_text(total, progress->total));
	print_left(progress);
	printf(bar ? "   " : "\n");
	fflush(stdout);
}

static void print_json(const struct progress *progress,
		       struct json_object *job)
{
	json_put_number(job, "bytes-per-second", rate_of(progress));
	puts(json_object_to_json_string_ext(job, JSON_C_TO_STRING_NOSLASHESCAPE));
	fflush(stdout);
}

static int end(const char *device, struct json_object *job,
	       struct error *error)
{
	struct json_object *args = json_object_new_object();
	const char *why = json_string(job, "error", NULL);
	struct error dismissal = { 0 };

	if (why && !strcmp(why, strerror(ECANCELED)))
		refuse(error, "the backup of '%s' was cancelled", device);
	else if (why)
		refuse(error, "the backup of '%s' has failed: %s", device, why);
	json_put_string(args, "id", json_string(job, "id", device));
	if (people_tell("job-dismiss", args, NULL, &dismissal))
		refuse(error, "%s", dismissal.text);
	return error->class ? -1 : 0;
}

/* Events within a second cause no extra line, except the job's end. */
static bool is_due(const struct progress *progress, bool over)
{
	return over || isatty(STDOUT_FILENO) ||
	       progress->at - progress->shown > 0.9;
}

static void show(struct progress *progress, const struct options *options,
		 struct json_object *job, const char *state)
{
	if (!is_due(progress, !strcmp(state, "concluded")))
		return;
	progress->shown = progress->at;
	if (options->json)
		print_json(progress, job);
	else
		print_progress(progress, state);
}

static int gone(const char *device, struct error *error)
{
	return refuse(error, "the backup of '%s' is gone: taken out by another program",
		      device);
}

/* Is it the job that was begun? 0 if it is another of its name, -1 if that is unknown. */
static int is_ours(struct progress *progress, const char *device)
{
	char *node = derived_name(device, "backup");
	struct job job;
	int found = job_look(&job, node);

	free(node);
	if (found > 0 && *progress->job.node)
		found = job_is_same(&job, &progress->job);
	if (found > 0)
		progress->job = job;
	return found;
}

static int show_job(const char *device, const struct options *options,
		    struct progress *progress, struct json_object *job,
		    struct error *error)
{
	const char *state = json_string(job, "status", "");

	progress->done = people_number(job, "current-progress");
	progress->total = people_number(job, "total-progress");
	if (!progress->begun) {
		progress->begun = now();
		progress->first = progress->done;
	}
	progress->at = now();
	show(progress, options, job, state);
	if (strcmp(state, "concluded"))
		return 0;
	if (!options->json && isatty(STDOUT_FILENO))
		putchar('\n');
	return end(device, job, error) ? -1 : 1;
}

/* One check; 1 if it is over. The state is this job's if the job is the same afterwards. */
static int look(const char *device, const struct options *options,
		struct progress *progress, struct error *error)
{
	struct json_object *job = find_job(device, error);
	int ours = job ? is_ours(progress, device) : 0;
	int over = 0;

	if (!ours)
		over = gone(device, error);
	else if (ours > 0)
		over = show_job(device, options, progress, job, error);
	json_object_put(job);
	return over;
}

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal)
{
	interrupted = signal;
}

/* Without SA_RESTART, as the signal has to end poll(). */
static void catch_interrupts(struct sigaction before[2])
{
	const struct sigaction catch = { .sa_handler = on_interrupt };

	interrupted = 0;
	sigaction(SIGINT, &catch, &before[0]);
	sigaction(SIGTERM, &catch, &before[1]);
}

static int goes_on(const char *device, struct error *error)
{
	return refuse(error, "no longer waiting: the backup of '%s' continues; qdm job wait %s follows it, qdm job cancel %s ends it",
		      device, device, device);
}

/* The wait continues, for the job's end; a second signal ends it. */
static int cancel(const char *device, struct error *error)
{
	struct json_object *args = json_object_new_object();
	char *id = name_stem(device);

	json_put_string(args, "id", id);
	free(id);
	fprintf(stderr, "qdm: cancelling the backup of '%s'\n", device);
	return people_tell("job-cancel", args, NULL, error);
}

static int leave(const struct options *options, bool *cancelled,
		 struct error *error)
{
	const char *device = options->word[0];

	interrupted = 0;
	if (!options->cancel_on_exit || *cancelled)
		return goes_on(device, error);
	*cancelled = true;
	return cancel(device, error);
}

/* Armed before the check, so that any later event ends the wait. */
static int wait_for(const struct options *options, struct error *error)
{
	struct progress progress = { 0 };
	struct pollfd wait = { .fd = kdm_poll_open(error), .events = POLLIN };
	const char *device = options->word[0];
	bool cancelled = false;
	int over;

	if (wait.fd < 0)
		return -1;
	over = is_ours(&progress, device) ? 0 : gone(device, error);
	while (!over) {
		if (kdm_poll_arm(wait.fd, error))
			break;
		over = look(device, options, &progress, error);
		if (!over && interrupted)
			over = leave(options, &cancelled, error);
		else if (!over)
			poll(&wait, 1, SECOND_MS);
	}
	close(wait.fd);
	return over == 1 ? 0 : -1;
}

int backup_wait(const struct options *options, struct error *error)
{
	struct sigaction before[2];
	int result;

	catch_interrupts(before);
	result = wait_for(options, error);
	sigaction(SIGINT, &before[0], NULL);
	sigaction(SIGTERM, &before[1], NULL);
	return result;
}

static void print_begun(const struct options *options, const char *node,
			struct json_object *job)
{
	char text[SIZE_TEXT];
	uint64_t speed;

	printf("%s: %s to %s", node,
	       size_text(text, people_number(job, "total-progress")),
	       options->word[1]);
	if (options->speed && read_size(options->speed, &speed))
		printf(", at most %s/s", size_text(text, speed));
	putchar('\n');
}

static void print_begun_json(const char *node, struct json_object *job)
{
	struct json_object *begun = json_object_new_object();

	json_put_string(begun, "id", json_string(job, "id", ""));
	json_put_string(begun, "node-name", node);
	people_print_json(begun);
	json_object_put(begun);
}

/* A job that has failed by now did not begin: another job had the destination. */
static int tell_begun(const struct options *options, struct error *error)
{
	const char *device = options->word[0];
	struct json_object *job = find_job(device, error);
	const char *why = job ? json_string(job, "error", NULL) : NULL;
	char *node = derived_name(device, "backup");

	if (!job)
		gone(device, error);
	else if (why)
		refuse(error, "the backup of '%s' has failed: %s", device, why);
	else if (options->json)
		print_begun_json(node, job);
	else
		print_begun(options, node, job);
	json_object_put(job);
	free(node);
	return error->class ? -1 : 0;
}

/* A renamed device keeps its backup, which has the old name. */
static int is_its_own(const char *device, struct error *error)
{
	char *name = derived_name(device, "backup");
	const struct node *node;
	struct graph graph;
	int own;

	if (graph_read(&graph, error)) {
		free(name);
		return -1;
	}
	node = graph_find(&graph, name);
	own = !node || !root_is_others(&graph, graph_find(&graph, device),
				       node_root(&graph, node));
	graph_free(&graph);
	free(name);
	return own;
}

static int dismiss(const char *device, struct json_object *job,
		   struct error *error)
{
	const char *why = json_string(job, "error", NULL);
	struct json_object *args;

	if (why)
		fprintf(stderr, "qdm: the backup of '%s' before this one has not ended well: %s\n",
			device, why);
	args = json_object_new_object();
	json_put_string(args, "id", json_string(job, "id", device));
	return people_tell("job-dismiss", args, NULL, error);
}

/* The last backup, if it was not dismissed; its failure has to be reported once. */
static int tidy(const char *device, bool dry_run, struct error *error)
{
	struct json_object *job = find_job(device, error);
	bool over = job && !strcmp(json_string(job, "status", ""), "concluded");

	if (over && is_its_own(device, error) > 0) {
		if (dry_run)
			refuse(error, "the backup of '%s' before this one is over and would be dismissed first; no script does both (qdm remove --dry-run %s-backup prints the first)",
			       device, json_string(job, "id", device));
		else
			dismiss(device, job, error);
	}
	json_object_put(job);
	return error->class ? -1 : 0;
}

int verb_backup(int argc, char **argv, struct error *error)
{
	struct json_object *args;
	struct options options;

	if (options_read(&options, argc, argv,
			 "--wait --cancel-on-exit --json --dry-run --force --speed --sync --on-cbw-error",
			 error))
		return -1;
	if (options.nr != 2)
		return misuse(error, "backup: give a device and a target");
	if (options.cancel_on_exit && !options.wait)
		return misuse(error, "--cancel-on-exit requires --wait");
	if (people_named(&options, error))
		return -1;
	args = make_args(&options, error);
	if (!args)
		return -1;
	if (tidy(options.word[0], options.dry_run, error)) {
		json_object_put(args);
		return -1;
	}
	if (people_tell("blockdev-backup", args, &options, error))
		return -1;
	if (options.dry_run)
		return 0;
	if (options.wait)
		return backup_wait(&options, error);
	return tell_begun(&options, error);
}
