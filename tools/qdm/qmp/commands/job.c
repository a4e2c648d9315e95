// SPDX-License-Identifier: GPL-2.0-or-later
/* Controlling and querying backups as jobs. The kernel runs the job; see graph/job.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "edit/edit.h"
#include "graph/job-memory.h"
#include "graph/job.h"
#include "qmp/commands/handlers.h"

const struct arg job_id_args[] = {
	{ .name = "id", .type = ARG_STRING, .must = true, .what = "the job" },
	{ 0 }
};

const struct arg block_job_args[] = {
	{ .name = "device", .type = ARG_STRING, .must = true,
	  .what = "the job" },
	{ 0 }
};

const struct arg block_job_id_args[] = {
	{ .name = "id", .type = ARG_STRING, .must = true, .what = "the job" },
	{ 0 }
};

const struct arg job_cancel_args[] = {
	{ .name = "device", .type = ARG_STRING, .must = true,
	  .what = "the job" },
	{ .name = "force", .type = ARG_BOOL, .def = "false",
	  .what = "even when it is paused" },
	{ 0 }
};

const struct arg set_speed_args[] = {
	{ .name = "device", .type = ARG_STRING, .must = true,
	  .what = "the job" },
	{ .name = "speed", .type = ARG_INT, .must = true,
	  .what = "bytes per second; 0 is no limit" },
	{ 0 }
};

/*
 * Steering
 */

/* The states in which a job accepts each verb. */
static const struct {
	const char *verb;
	const char *states;
} allowed[] = {
	{ "cancel", " created running paused waiting pending " },
	{ "pause", " created running paused " },
	{ "resume", " created running paused " },
	{ "set-speed", " created running paused " },
	{ "complete", " ready " },
	{ "finalize", " pending " },
	{ "dismiss", " concluded " },
};

static int check_verb(const struct job *job, const char *verb,
		      struct error *error)
{
	char *state = print(" %s ", job->state);
	bool ok = false;
	size_t i;

	for (i = 0; i < sizeof(allowed) / sizeof(*allowed); i++)
		if (!strcmp(allowed[i].verb, verb))
			ok = strstr(allowed[i].states, state);
	free(state);
	if (ok)
		return 0;
	return refuse(error, "Job '%s' in state '%s' cannot accept command verb '%s'",
		      job->id, job->state, verb);
}

static const char *job_word(const struct call *call)
{
	const char *id = call_word(call, "id");

	return id ? id : call_word(call, "device");
}

/* As a job, or as a block job: the errors differ. */
static int find_any(struct call *call, struct job *job, struct error *error)
{
	if (job_find(job, &call->graph, job_word(call)))
		return 0;
	if (call->table == job_id_args)
		return refuse(error, "Job not found");
	return refuse_as(error, ERROR_NOT_ACTIVE, "Block job '%s' not found",
			 job_word(call));
}

static int find_job(struct call *call, struct job *job, const char *verb,
		    struct error *error)
{
	if (find_any(call, job, error))
		return -1;
	return check_verb(job, verb, error);
}

static int send(struct call *call, const struct job *job, const char *text)
{
	plan_add(&call->plan, STEP_MESSAGE, job->node)->text = copy(text);
	return 0;
}

int job_pause(struct call *call, struct error *error)
{
	struct job job;

	if (find_job(call, &job, "pause", error))
		return -1;
	if (!strcmp(job.state, "paused"))
		return refuse(error, "Job is already paused");
	return send(call, &job, "pause");
}

int job_resume(struct call *call, struct error *error)
{
	struct job job;

	if (find_any(call, &job, error))
		return -1;
	if (strcmp(job.state, "paused"))
		return refuse(error, "Can't resume a job that was not paused");
	return send(call, &job, "resume");
}

int job_cancel(struct call *call, struct error *error)
{
	struct job job;

	if (find_job(call, &job, "cancel", error))
		return -1;
	if (!strcmp(job.state, "paused") && call_word(call, "device") &&
	    !call_flag(call, "force"))
		return refuse(error, "The block job for device '%s' is currently paused",
			      call_word(call, "device"));
	if (strcmp(job.state, "pending"))
		return send(call, &job, "cancel");
	if (!call->dry_run)
		job_give_up(job.node);
	return 0;
}

int job_complete(struct call *call, struct error *error)
{
	struct job job;

	return find_job(call, &job, "complete", error);
}

int job_finalize_it(struct call *call, struct error *error)
{
	struct job job;

	if (find_job(call, &job, "finalize", error))
		return -1;
	if (!call->dry_run)
		job_finalize(job.node);
	return 0;
}

int job_dismiss(struct call *call, struct error *error)
{
	struct job job;

	if (find_job(call, &job, "dismiss", error))
		return -1;
	return edit_take_out(&call->graph, job.node, &call->plan, error);
}

int block_job_set_speed(struct call *call, struct error *error)
{
	struct json_object *speed = call_value(call, "speed");
	struct job job;
	char text[48];

	if (find_job(call, &job, "set-speed", error))
		return -1;
	if (json_object_get_int64(speed) < 0)
		return refuse(error, "Parameter 'speed' expects a non-negative value");
	snprintf(text, sizeof(text), "set-speed %lld",
		 (long long)json_object_get_int64(speed));
	return send(call, &job, text);
}

/*
 * Asking
 */

/* Unlike in an event, a cancel is an error here. */
static void put_error(struct json_object *object, const struct job *job)
{
	if (job_failed(job) || job_cancelled(job))
		json_object_object_add(object, "error",
				       json_object_new_string(job_error_text(job)));
}

static struct json_object *as_job(const struct job *job)
{
	struct json_object *one = json_object_new_object();

	json_put_string(one, "id", job->id);
	json_put_string(one, "type", "backup");
	json_put_string(one, "status", job->state);
	json_put_number(one, "current-progress", job->done);
	json_put_number(one, "total-progress", job->total);
	put_error(one, job);
	return one;
}

static struct json_object *as_block_job(const struct job *job)
{
	struct json_object *one = json_object_new_object();

	job_put(one, job);
	json_put_bool(one, "busy", job->in_flight);
	json_put_bool(one, "paused", !strcmp(job->state, "paused"));
	json_put_string(one, "io-status", job->io_status);
	json_put_bool(one, "ready", false);
	json_put_string(one, "status", job->state);
	json_put_bool(one, "auto-finalize", job_auto_finalize(job->node));
	json_put_bool(one, "auto-dismiss", job_auto_dismiss(job->node));
	put_error(one, job);
	return one;
}

static int list_jobs(struct call *call,
		     struct json_object *(*as)(const struct job *job))
{
	struct job job;
	size_t i;

	call->result = json_object_new_array();
	for (i = 0; i < call->graph.nr; i++)
		if (job_of_node(&job, &call->graph.node[i]) && !job.silent)
			json_object_array_add(call->result, as(&job));
	return 0;
}

int query_jobs(struct call *call, struct error *error)
{
	(void)error;
	return list_jobs(call, as_job);
}

int query_block_jobs(struct call *call, struct error *error)
{
	(void)error;
	return list_jobs(call, as_block_job);
}
