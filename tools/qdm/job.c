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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "edit.h"
#include "job.h"
#include "json.h"

#define SUFFIX		"-backup"
#define ERRNO_MAX	133

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

bool job_is_over(const struct node *node)
{
	struct error ignored = { 0 };
	struct kdm_table status;
	char state[JOB_WORD] = "";
	bool over;

	over = !kdm_status(node->dev.name, &status, &ignored) && status.nr &&
	       sscanf(status.line[0].params, "%23s", state) == 1 &&
	       (!strcmp(state, "none") || !strcmp(state, "concluded"));
	kdm_table_free(&status);
	return over;
}

static bool is_above(const struct graph *graph, const char *device,
		     const struct node *node)
{
	const struct node *above = graph_find(graph, device);

	return above && above->kind == KIND_DEVICE &&
	       node_reaches(graph, above, node);
}

bool job_find(struct job *job, const struct graph *graph, const char *id)
{
	const struct node *under = NULL;
	const struct node *node;
	size_t i;

	for (i = 0; i < graph->nr; i++) {
		node = &graph->node[i];
		if (!job_of_node(job, node))
			continue;
		if (!strcmp(job->id, id) || !strcmp(job->node, id))
			return true;
		if (is_above(graph, id, node))
			under = node;
	}
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

static bool is_gone(const char *name)
{
	struct error ignored = { 0 };
	struct kdm_device device;

	return !kdm_find(name, &device, &ignored);
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
