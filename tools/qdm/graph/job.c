// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Backups as jobs. A job is the status of a backupcow node; its id is the node's name,
 * without the suffix "-backup" if it has one:
 *
 *	node vg-lv-backup  ->  job vg-lv		node nightly  ->  job nightly
 *
 * The kernel's states are those of QMP's jobs; this process remembers the settings that
 * the kernel cannot store (job-memory.c).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/json.h"
#include "graph/job-memory.h"
#include "graph/job.h"
#include "graph/resolve.h"

#define SUFFIX		"-backup"
#define ERRNO_MAX	133

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

static bool is_silent(const char *params)
{
	return strstr(params, " sync none") && !strstr(params, " guard required");
}

static uint64_t find_speed(const char *params)
{
	const char *at = strstr(params, " speed ");

	return at ? strtoull(at + strlen(" speed "), NULL, 10) : 0;
}

/*
 * A backup that completed without an error and has auto-finalize off is pending. A
 * cancelled job has nothing to finalize.
 */
static void hold_back(struct job *job)
{
	const struct kept_job *memory = job_recall(job->node);

	if (memory && !memory->auto_finalize && !memory->finalized &&
	    !strcmp(job->state, "concluded") && !strcmp(job->error, "-"))
		strcpy(job->state, "pending");
	if (memory && memory->given_up && !job_failed(job))
		strcpy(job->error, "ECANCELED");
}

/* Status words that older kernels lack default to no failure, and no guard line. */
static void read_rest(struct job *job, const char *status)
{
	unsigned long long lost = 0, run = 0;
	char guard[JOB_WORD] = "-";

	sscanf(status, "%*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu %23s %llu %*s %23s",
	       &lost, job->lost_error, &run, guard);
	job->lost_writes = lost;
	job->run = run;
	job->guarded = strcmp(guard, "-");
}

static void identify(struct job *job, struct devno devno)
{
	struct kdm_identity identity;

	kdm_identity(devno, &identity);
	job->devno = devno;
	job->diskseq = identity.diskseq;
}

static bool is_at_end(const struct job *job)
{
	return !strcmp(job->state, "concluded") ||
	       !strcmp(job->state, "pending");
}

/* Progress never decreases, so a job with less progress is another one. */
bool job_is_same(const struct job *job, const struct job *before)
{
	return same_devno(job->devno, before->devno) &&
	       job->diskseq == before->diskseq && job->run == before->run &&
	       job->done >= before->done &&
	       (is_at_end(job) || !is_at_end(before));
}

bool job_read(struct job *job, const char *node, struct devno devno,
	      const char *status, const char *params)
{
	unsigned long long done, total, in_flight, seq;
	char snapshot[JOB_WORD];

	*job = (struct job){
		.speed = find_speed(params), .silent = is_silent(params),
	};
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
	read_rest(job, status);
	identify(job, devno);
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
		found = job_read(job, node->dev.name, node->dev.devno,
				 status.line[0].params,
				 node->table.line[0].params);
	kdm_table_free(&status);
	return found;
}

static int read_device(struct job *job, const struct kdm_device *device)
{
	struct kdm_table table = { 0 }, status = { 0 };
	struct error ignored = { 0 };
	int result = -1;

	if (!kdm_table(device->name, &table, &ignored) &&
	    !kdm_status(device->name, &status, &ignored))
		result = table.nr && status.nr &&
			 job_read(job, node_name(device), device->devno,
				  status.line[0].params, table.line[0].params);
	kdm_table_free(&table);
	kdm_table_free(&status);
	return result;
}

/* Another device of this name may have another number, or the same. */
int job_look(struct job *job, const char *name)
{
	struct kdm_device device, after;
	struct kdm_identity identity;
	struct error ignored = { 0 };
	int result = kdm_find(name, &device, &ignored);

	if (result < 1)
		return result;
	kdm_identity(device.devno, &identity);
	result = read_device(job, &device);
	if (result > 0 && (job->diskseq != identity.diskseq ||
			   kdm_find(name, &after, &ignored) != 1 ||
			   !same_devno(after.devno, device.devno)))
		result = -1;
	return result;
}

bool job_is_gone(const char *name)
{
	struct error ignored = { 0 };
	struct kdm_device device;

	return !kdm_find(name, &device, &ignored);
}

bool job_has_ended(const char *name)
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
	return job_has_ended(node->dev.name);
}

/*
 * A node that only copies before writes is made without a job, and ends when it is
 * taken out; its table line shows this.
 */
static bool is_job(const struct node *node)
{
	return node->kind == KIND_BACKUP && node->table.nr &&
	       !is_silent(node->table.line[0].params);
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

/* The filter beneath the device that has a job; NULL if two have one. */
static const struct node *find_under(const struct graph *graph,
				     const char *device)
{
	const struct node *node = graph_find(graph, device);
	const struct node *found = NULL;
	struct job job;

	node = node ? attached(graph, node) : NULL;
	for (; node && node->kind != KIND_DEVICE;
	     node = node_same(graph, node)) {
		if (!job_of_node(&job, node) || job.silent)
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
		if (job_of_node(job, &graph->node[i]) && !job->silent &&
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

	if (!strcmp(job->error, "ESTALE"))
		return "the device was given another table (by LVM or dmsetup) that leads past the filter";
	if (!strcmp(job->error, JOB_END_UNSEEN))
		return "the job's filter was removed before its end was seen, so how it ended is not known";
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
