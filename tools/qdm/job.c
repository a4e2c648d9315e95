// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Backups as jobs. A job is what a backupcow node says of itself; its id is the
 * node's name, without "-backup" behind it if that is there:
 *
 *	node vg-lv-backup  ->  job vg-lv		node nightly  ->  job nightly
 *
 * The kernel's states are those of QMP's jobs. What the kernel does not know is
 * whether a job should wait before it concludes, or go when it has concluded;
 * this is remembered for as long as this process lives, and if it does not live
 * that long, the job stays concluded until it is dismissed.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "edit.h"
#include "job.h"
#include "json.h"
#include "place.h"

#define SUFFIX		"-backup"
#define ERRNO_MAX	133
#define SECOND_MS	1000

struct memory {
	char *node;
	bool auto_finalize;
	bool auto_dismiss;
	bool finalized;
	bool given_up;
};

static struct memory *memories;
static size_t memories_nr;

static struct memory *recall(const char *node)
{
	size_t i;

	for (i = 0; i < memories_nr; i++)
		if (!strcmp(memories[i].node, node))
			return &memories[i];
	return NULL;
}

void job_remember(const char *node, bool auto_finalize, bool auto_dismiss)
{
	job_forget(node);
	memories = more(memories, memories_nr, sizeof(*memories));
	memories[memories_nr++] = (struct memory){
		.node = copy(node),
		.auto_finalize = auto_finalize,
		.auto_dismiss = auto_dismiss,
	};
}

void job_forget(const char *node)
{
	struct memory *memory = recall(node);

	if (!memory)
		return;
	free(memory->node);
	*memory = memories[--memories_nr];
	if (memories_nr)
		return;
	free(memories);
	memories = NULL;
}

bool job_finalize(const char *node)
{
	struct memory *memory = recall(node);

	if (memory)
		memory->finalized = true;
	return memory;
}

void job_give_up(const char *node)
{
	if (job_finalize(node))
		recall(node)->given_up = true;
}

bool job_auto_finalize(const char *node)
{
	const struct memory *memory = recall(node);

	return !memory || memory->auto_finalize;
}

bool job_auto_dismiss(const char *node)
{
	const struct memory *memory = recall(node);

	return memory && memory->auto_dismiss;
}

char *job_node_name(const char *id)
{
	return print("%s" SUFFIX, id);
}

void job_name(struct job *job, const char *node)
{
	size_t len = strlen(node);
	size_t tail = strlen(SUFFIX);

	if (len > tail && !strcmp(node + len - tail, SUFFIX))
		len -= tail;
	snprintf(job->node, sizeof(job->node), "%s", node);
	snprintf(job->id, sizeof(job->id), "%.*s", (int)len, node);
}

static uint64_t find_speed(const char *params)
{
	const char *at = strstr(params, " speed ");

	return at ? strtoull(at + strlen(" speed "), NULL, 10) : 0;
}

/* A backup that is over, but that its maker wants to end himself, is pending. */
static void hold_back(struct job *job)
{
	const struct memory *memory = recall(job->node);

	if (memory && !memory->auto_finalize && !memory->finalized &&
	    !strcmp(job->state, "concluded") && !job_failed(job))
		strcpy(job->state, "pending");
	if (memory && memory->given_up && !job_failed(job))
		strcpy(job->error, "ECANCELED");
}

bool job_read(struct job *job, const char *node, const char *status,
	      const char *params)
{
	unsigned long long done, total, in_flight, seq;
	char snapshot[JOB_WORD];

	*job = (struct job){ .speed = find_speed(params) };
	job_name(job, node);
	if (sscanf(status, "%23s %*s %llu/%llu %23s %23s %23s %llu %*s %*s %llu",
		   job->state, &done, &total, job->error, snapshot,
		   job->io_status, &in_flight, &seq) != 8 ||
	    !strcmp(job->state, "none"))
		return false;
	job->done = done;
	job->total = total;
	job->in_flight = in_flight;
	job->event_seq = seq;
	job->broken = !strcmp(snapshot, "broken");
	hold_back(job);
	return true;
}

bool job_of_node(struct job *job, const struct node *node)
{
	struct error ignored = { 0 };
	struct kdm_table status;
	bool found = false;

	if (!node->table.nr ||
	    kind_of_target(node->table.line[0].type) != KIND_BACKUP ||
	    kdm_status(node->dev.name, &status, &ignored))
		return false;
	if (status.nr)
		found = job_read(job, node->dev.name, status.line[0].params,
				 node->table.line[0].params);
	kdm_table_free(&status);
	return found;
}

static bool is_gone(const char *name)
{
	struct error ignored = { 0 };
	struct kdm_device device;

	return !kdm_find(name, &device, &ignored);
}

static bool is_over(const char *name)
{
	struct error ignored = { 0 };
	struct kdm_table status;
	char state[JOB_WORD] = "";
	bool over;

	over = !kdm_status(name, &status, &ignored) && status.nr &&
	       sscanf(status.line[0].params, "%23s", state) == 1 &&
	       (!strcmp(state, "none") || !strcmp(state, "concluded"));
	kdm_table_free(&status);
	return over;
}

bool job_is_over(const struct node *node)
{
	return is_over(node->dev.name);
}

int job_end(const char *node, struct error *error)
{
	struct pollfd wait = { .fd = kdm_poll_open(error), .events = POLLIN };
	int result;

	if (wait.fd < 0)
		return -1;
	result = kdm_message(node, "cancel", error);
	while (!result && !(result = kdm_poll_arm(wait.fd, error)) &&
	       !is_over(node) && !is_gone(node))
		poll(&wait, 1, SECOND_MS);
	close(wait.fd);
	return result;
}

/*
 * A node that is to copy before writes and no more is made without a job, and ends
 * when it is taken out; its line says so.
 */
static bool is_job(const struct node *node)
{
	const char *params = node->table.nr ? node->table.line[0].params : "";

	return node->kind == KIND_BACKUP &&
	       (!strstr(params, " sync none") ||
		strstr(params, " guard required"));
}

bool job_runs(const struct node *node)
{
	return is_job(node) && !job_is_over(node);
}

bool job_has_copied(const struct node *node)
{
	struct job job;

	return node->kind == KIND_BACKUP && !is_job(node) &&
	       !job_is_over(node) && job_of_node(&job, node) &&
	       (job.done || job.broken);
}

/* Of the filters that the device lies on the one with a job; of two neither. */
static const struct node *find_under(const struct graph *graph,
				     const char *device)
{
	const struct node *node = graph_find(graph, device);
	const struct node *found = NULL;
	struct job job;

	node = node ? attached(graph, node) : NULL;
	for (; node && node->kind != KIND_DEVICE;
	     node = node_same(graph, node)) {
		if (!job_of_node(&job, node))
			continue;
		if (found)
			return NULL;
		found = node;
	}
	return found;
}

bool job_find(struct job *job, const struct graph *graph, const char *id)
{
	const struct node *under;
	size_t i;

	for (i = 0; i < graph->nr; i++)
		if (job_of_node(job, &graph->node[i]) &&
		    (!strcmp(job->id, id) || !strcmp(job->node, id)))
			return true;
	under = find_under(graph, id);
	return under && job_of_node(job, under);
}

bool job_cancelled(const struct job *job)
{
	return !strcmp(job->error, "ECANCELED");
}

bool job_failed(const struct job *job)
{
	return strcmp(job->error, "-") && !job_cancelled(job);
}

const char *job_error_text(const struct job *job)
{
	const char *name;
	int code;

	for (code = 1; code <= ERRNO_MAX; code++) {
		name = strerrorname_np(code);
		if (name && !strcmp(name, job->error))
			return strerror(code);
	}
	return job->error;
}

void job_put(struct json_object *object, const struct job *job)
{
	json_put_string(object, "type", "backup");
	json_put_string(object, "device", job->id);
	json_put_number(object, "len", job->total);
	json_put_number(object, "offset", job->done);
	json_put_number(object, "speed", job->speed);
	if (job_failed(job))
		json_put_string(object, "error", job_error_text(job));
}

static int take_away(const char *name, struct error *error)
{
	struct plan plan = { 0 };
	struct graph graph;
	int result;

	if (graph_read(&graph, error))
		return -1;
	result = edit_take_out(&graph, name, &plan, error);
	if (!result)
		result = plan_run(&plan, error);
	plan_free(&plan);
	graph_free(&graph);
	return result;
}

static bool has_concluded(const char *name)
{
	struct error ignored = { 0 };
	struct kdm_table status;
	struct job job;
	bool concluded;

	if (kdm_status(name, &status, &ignored))
		return false;
	concluded = status.nr &&
		    job_read(&job, name, status.line[0].params, "") &&
		    !strcmp(job.state, "concluded");
	kdm_table_free(&status);
	return concluded;
}

/* Who had the lock before may have put another job there, which has not concluded. */
static bool tidy_one(const char *name)
{
	struct error error = { 0 };
	int result = edit_lock(&error);

	if (!result && !has_concluded(name)) {
		edit_unlock();
		return false;
	}
	if (!result)
		result = take_away(name, &error);
	edit_unlock();
	if (result)
		fprintf(stderr, "qdm: the backup '%s' is over, but: %s\n", name,
			error.text);
	return !result;
}

bool jobs_tidy(void)
{
	bool any = false;
	size_t i = memories_nr;
	char *name;

	while (i--) {
		name = copy(memories[i].node);
		if (is_gone(name)) {
			job_forget(name);
		} else if (memories[i].auto_dismiss && has_concluded(name)) {
			any |= tidy_one(name);
			job_forget(name);
		}
		free(name);
	}
	return any;
}

void jobs_forget(void)
{
	while (memories_nr)
		job_forget(memories[0].node);
}
