// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Events, derived from states. The kernel only signals that an event was raised on some
 * device; its kind is read from the devices' status, which has event counts and states.
 * So a wakeup may cover any number of events, and none is lost between two reads: a
 * state that was passed in between is reported as well, as a job's states have a fixed
 * order.
 *
 * The first read only records the present states.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/json.h"
#include "graph/job-memory.h"
#include "server/events.h"

static void tell(struct events *events, const char *name,
		 struct json_object *data)
{
	struct json_object *event = json_object_new_object();
	struct json_object *stamp = json_object_new_object();
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	json_put_number(stamp, "seconds", now.tv_sec);
	json_put_number(stamp, "microseconds", now.tv_nsec / 1000);
	json_object_object_add(event, "timestamp", stamp);
	json_put_string(event, "event", name);
	json_object_object_add(event, "data", data);
	events->tell(events->context, event);
	json_object_put(event);
}

/*
 * Thresholds
 */

static void look_at_threshold(struct events *events, struct seen *seen,
			      const char *status)
{
	unsigned long long amount, seq, fired_at;
	uint64_t before = seen->threshold_seq;
	struct json_object *data;

	if (sscanf(status, "%*s %*s %llu %*s %llu %llu", &amount, &seq,
		   &fired_at) != 3)
		return;
	seen->threshold_seq = seq;
	/* the count started again: another device of that name */
	if (seq < before)
		before = 0;
	if (seq == before || !events->begun)
		return;
	data = json_object_new_object();
	json_put_string(data, "node-name",
			node_known_as(node_name(&seen->dev)));
	json_put_number(data, "amount-exceeded", amount);
	json_put_number(data, "write-threshold", fired_at);
	tell(events, "BLOCK_WRITE_THRESHOLD", data);
}

/*
 * Jobs
 */

static void tell_status(struct events *events, const struct job *job,
			const char *status)
{
	struct json_object *data = json_object_new_object();

	json_put_string(data, "id", job->id);
	json_put_string(data, "status", status);
	tell(events, "JOB_STATUS_CHANGE", data);
}

static void tell_end(struct events *events, const struct job *job)
{
	struct json_object *data = json_object_new_object();

	job_put(data, job);
	tell(events, job_cancelled(job) ? "BLOCK_JOB_CANCELLED" :
					  "BLOCK_JOB_COMPLETED", data);
}

static void tell_pending(struct events *events, const struct job *job)
{
	struct json_object *data = json_object_new_object();

	json_put_string(data, "type", "backup");
	json_put_string(data, "id", job->id);
	tell(events, "BLOCK_JOB_PENDING", data);
}

static void tell_broken(struct events *events, const struct job *job)
{
	struct json_object *data = json_object_new_object();

	json_put_string(data, "node-name", job->node);
	json_put_string(data, "id", job->id);
	json_put_string(data, "error", job_error_text(job));
	tell(events, "BLOCK_SNAPSHOT_BROKEN", data);
}

static bool is_one_of(const char *state, const char *a, const char *b)
{
	return !strcmp(state, a) || !strcmp(state, b);
}

/* The states between the last one seen and the end. */
static void tell_way_to_end(struct events *events, const char *from,
			    const struct job *job)
{
	bool well = !job_failed(job) && !job_cancelled(job);

	if (!well && strcmp(from, "aborting"))
		tell_status(events, job, "aborting");
	if (well && !is_one_of(from, "waiting", "pending"))
		tell_status(events, job, "waiting");
	if (well && strcmp(from, "pending"))
		tell_status(events, job, "pending");
}

static void job_moved(struct events *events, const char *from,
		      const struct job *job)
{
	if (!*from)
		tell_status(events, job, "created");
	if (is_one_of(from, "", "created") &&
	    !is_one_of(job->state, "created", "running"))
		tell_status(events, job, "running");
	if (!strcmp(job->state, "concluded")) {
		tell_way_to_end(events, from, job);
		tell_end(events, job);
	}
	if (!strcmp(job->state, "pending") && strcmp(from, "waiting"))
		tell_status(events, job, "waiting");
	if (strcmp(job->state, "created"))
		tell_status(events, job, job->state);
	if (!strcmp(job->state, "pending"))
		tell_pending(events, job);
}

/*
 * Another program removed the filter before this one saw the end. The job may have
 * completed, failed or been cancelled, so a client must not take it for a backup, nor
 * for a cancel that was requested.
 */
static void job_gone(struct events *events, struct seen *seen)
{
	struct job last = seen->job;

	seen->has_job = false;
	job_forget_gone(last.node);
	if (last.silent)
		return;
	if (strcmp(last.state, "concluded")) {
		strcpy(last.error, JOB_END_UNSEEN);
		strcpy(last.state, "concluded");
		job_moved(events, seen->job.state, &last);
	}
	tell_status(events, &last, "null");
}

/*
 * If an earlier job of this name existed and is gone, its remembered settings do not
 * apply to this one.
 */
static void look_at_job(struct events *events, struct seen *seen)
{
	const char *name = seen->dev.name;
	struct job before = seen->job, now;
	int found = job_look(&now, name);

	if (found >= 0 && seen->has_job &&
	    !(found && job_is_same(&now, &before))) {
		job_gone(events, seen);
		found = job_look(&now, name);
	}
	if (found < 0)
		return;
	if (!seen->has_job)
		before = (struct job){ 0 };
	seen->has_job = found;
	seen->job = now;
	if (!found || !events->begun)
		return;
	if (now.broken && !before.broken)
		tell_broken(events, &now);
	if (strcmp(before.state, now.state) && !now.silent)
		job_moved(events, before.state, &now);
}

/*
 * Looking
 */

static struct seen *find(struct events *events, const char *name)
{
	size_t i;

	for (i = 0; i < events->nr; i++)
		if (!strcmp(node_name(&events->seen[i].dev), name))
			return &events->seen[i];
	events->seen = more(events->seen, events->nr, sizeof(*events->seen));
	events->seen[events->nr] = (struct seen){ .fresh = true };
	return &events->seen[events->nr++];
}

static void look_at(struct events *events, struct seen *seen)
{
	struct error ignored = { 0 };
	struct kdm_table status;

	if (kdm_status(seen->dev.name, &status, &ignored))
		return;
	seen->kind = status.nr ? kind_of_target(status.line[0].type) :
				 KIND_DEVICE;
	/* still being made, so its kind is not known yet */
	seen->fresh = !status.nr;
	if (seen->kind == KIND_THRESHOLD)
		look_at_threshold(events, seen, status.line[0].params);
	if (seen->kind == KIND_BACKUP)
		look_at_job(events, seen);
	else if (seen->has_job)
		job_gone(events, seen);
	kdm_table_free(&status);
}

/* A message can pause a job, which raises no event. */
static bool is_worth_a_look(const struct seen *seen,
			    const struct kdm_device *now)
{
	return seen->fresh || seen->kind == KIND_BACKUP ||
	       seen->dev.event_nr != now->event_nr ||
	       !same_devno(seen->dev.devno, now->devno);
}

static void look_at_name(struct events *events, const char *name)
{
	struct error ignored = { 0 };
	struct kdm_device now;
	struct seen *seen;
	bool worth;

	if (kdm_find(name, &now, &ignored) != 1)
		return;
	seen = find(events, node_name(&now));
	worth = is_worth_a_look(seen, &now);
	if (!seen->fresh && !same_devno(seen->dev.devno, now.devno))
		seen->threshold_seq = 0;
	seen->dev = now;
	seen->fresh = false;
	seen->there = true;
	if (worth)
		look_at(events, seen);
}

static void drop_gone(struct events *events)
{
	size_t i = events->nr;

	while (i--) {
		if (events->seen[i].there)
			continue;
		if (events->seen[i].has_job)
			job_gone(events, &events->seen[i]);
		events->seen[i] = events->seen[--events->nr];
	}
	if (events->nr)
		return;
	free(events->seen);
	events->seen = NULL;
}

int events_look(struct events *events, struct error *error)
{
	char (*names)[KDM_NAME_LEN];
	size_t nr, i;

	if (kdm_list(&names, &nr, error))
		return -1;
	for (i = 0; i < events->nr; i++)
		events->seen[i].there = false;
	for (i = 0; i < nr; i++)
		look_at_name(events, names[i]);
	free(names);
	drop_gone(events);
	events->begun = true;
	return 0;
}

void events_job_error(struct events *events, const char *node,
		      const char *operation, const char *action)
{
	struct json_object *data = json_object_new_object();
	struct job job = { 0 };

	job_name(&job, node);
	json_put_string(data, "device", job.id);
	json_put_string(data, "operation", operation);
	json_put_string(data, "action", action);
	tell(events, "BLOCK_JOB_ERROR", data);
}

/*
 * A write to the device failed because its old data was not copied: @operation is the
 * copy's, @name the error's. The filter is no device in QEMU's sense, and has no QOM
 * path.
 */
void events_io_error(struct events *events, const char *node,
		     const char *operation, const char *action,
		     const char *name)
{
	struct json_object *data = json_object_new_object();
	struct job job = { 0 };
	char *reason;

	snprintf(job.error, sizeof(job.error), "%s", name);
	reason = print("copy-before-write: %s of old data failed: %s",
		       operation, job_error_text(&job));
	json_put_string(data, "qom-path", "");
	json_put_string(data, "device", "");
	json_put_string(data, "node-name", node);
	json_put_string(data, "operation", "write");
	json_put_string(data, "action", action);
	json_put_bool(data, "nospace", !strcmp(name, "ENOSPC"));
	json_put_string(data, "reason", reason);
	free(reason);
	tell(events, "BLOCK_IO_ERROR", data);
}

void events_free(struct events *events)
{
	free(events->seen);
	events->seen = NULL;
	events->nr = 0;
}
