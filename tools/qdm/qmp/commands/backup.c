// SPDX-License-Identifier: GPL-2.0-or-later
/* Starting backups: blockdev-backup, and several at one instant by transaction. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "edit/edit.h"
#include "graph/job-memory.h"
#include "graph/job.h"
#include "graph/resolve.h"
#include "qmp/commands/handlers.h"

#define SECTOR			512
#define CLUSTER_BYTES_MIN	65536
#define CLUSTER_BYTES_MAX	(64u << 20)
#define WORKERS_MAX		1024
#define ID_MAX			56	/* with "-backup" still a node's name */

static const char * const syncs[] = {
	"full", "top", "none", "incremental", "bitmap", NULL
};

static const char * const bitmap_modes[] = {
	"on-success", "never", "always", NULL
};

static const char * const on_errors[] = {
	"report", "ignore", "enospc", "stop", "auto", NULL
};

static const char * const policies[] = {
	"break-guest-write", "break-snapshot", NULL
};

static const struct arg perf_args[] = {
	{ .name = "use-copy-range", .type = ARG_BOOL, .def = "false",
	  .what = "accepted for compatibility with QEMU" },
	{ .name = "max-workers", .type = ARG_INT,
	  .what = "number of parallel background copies, from 1; more than 1024 mean 1024" },
	{ .name = "max-chunk", .type = ARG_INT, .def = "0",
	  .what = "accepted for compatibility with QEMU" },
	{ .name = "min-cluster-size", .type = ARG_SIZE,
	  .max = CLUSTER_BYTES_MAX, .def = "0",
	  .what = "bytes, a power of two; less than 64 KiB means 64 KiB" },
	{ 0 }
};

const struct arg backup_args[] = {
	{ .name = "device", .type = ARG_STRING, .must = true,
	  .what = "the device to back up, by its name" },
	{ .name = "target", .type = ARG_STRING, .must = true,
	  .what = "the destination: a node, or a device by its path" },
	{ .name = "sync", .type = ARG_WORD, .must = true, .words = syncs,
	  .what = "full copies everything (top has the same effect), none only the clusters that are overwritten" },
	{ .name = "job-id", .type = ARG_STRING,
	  .what = "the device's name if not given" },
	{ .name = "filter-node-name", .type = ARG_STRING,
	  .what = "the filter's name, JOB-backup if not given; it names the job if there is no job-id" },
	{ .name = "speed", .type = ARG_INT, .def = "0",
	  .what = "bytes per second for the background copy; 0 is no limit" },
	{ .name = "on-source-error", .type = ARG_WORD, .words = on_errors,
	  .def = "report", .what = "for the background copy" },
	{ .name = "on-target-error", .type = ARG_WORD, .words = on_errors,
	  .def = "report", .what = "for the background copy" },
	{ .name = "on-cbw-error", .type = ARG_WORD, .words = policies,
	  .def = "break-guest-write",
	  .what = "which side fails on a copy-before-write error: break-guest-write fails the write, and a file system becomes read-only; break-snapshot ends the backup" },
	{ .name = "auto-finalize", .type = ARG_BOOL, .def = "true",
	  .what = "if false the job waits for job-finalize at its end" },
	{ .name = "auto-dismiss", .type = ARG_BOOL, .def = "true",
	  .what = "if true the server deletes the filter at the end" },
	{ .name = "x-overwrite", .type = ARG_BOOL, .def = "true",
	  .what = "if false, a destination with data other than an earlier backup of the device is refused" },
	{ .name = "x-perf", .type = ARG_OBJECT, .members = perf_args },
	{ .name = "bitmap", .type = ARG_STRING, .what = "no bitmaps yet" },
	{ .name = "bitmap-mode", .type = ARG_WORD, .words = bitmap_modes,
	  .what = "no bitmaps yet" },
	{ .name = "compress", .type = ARG_BOOL, .def = "false",
	  .what = "only false" },
	{ .name = "discard-source", .type = ARG_BOOL, .def = "false",
	  .what = "only false" },
	{ 0 }
};

static int check_bitmap(const struct call *call, struct error *error)
{
	const char *bitmap = call_word(call, "bitmap");
	const char *mode = call_word(call, "bitmap-mode");
	const char *sync = call_word(call, "sync");
	bool incremental = !strcmp(sync, "incremental");

	if (!bitmap && (incremental || !strcmp(sync, "bitmap")))
		return refuse(error, "must provide a valid bitmap name for '%s' sync mode",
			      sync);
	if (!bitmap && mode)
		return refuse(error, "Cannot specify bitmap sync mode without a bitmap");
	if (!bitmap)
		return 0;
	if (incremental && mode && strcmp(mode, "on-success"))
		return refuse(error, "Bitmap sync mode must be 'on-success' when using sync mode 'incremental'");
	return refuse(error, "Bitmap '%s' could not be found", bitmap);
}

static int check_backup(const struct call *call, struct error *error)
{
	const char *device = call_word(call, "device");

	if (call_flag(call, "compress"))
		return refuse(error, "Compression is not supported for this drive %s",
			      device);
	if (call_flag(call, "discard-source"))
		return refuse(error, "Parameter 'discard-source' does not accept value 'true' (the source is in use)");
	if (!strcmp(device, call_word(call, "target")))
		return refuse(error, "Source and target cannot be the same");
	return check_bitmap(call, error);
}

static uint64_t perf_size(const struct call *call, const char *name)
{
	struct json_object *perf = call_value(call, "x-perf");

	return perf ? arg_size(perf_args, perf, name) : 0;
}

static uint64_t cluster_sectors(const struct call *call)
{
	uint64_t cluster = perf_size(call, "min-cluster-size");

	if (cluster < CLUSTER_BYTES_MIN)
		cluster = CLUSTER_BYTES_MIN;
	return cluster / SECTOR;
}

/* QEMU's range; the kernel has as many as it can make use of. */
static int check_perf(const struct call *call, struct error *error)
{
	struct json_object *perf = call_value(call, "x-perf");
	struct json_object *value;
	int64_t number;

	if (json_object_object_get_ex(perf, "max-workers", &value)) {
		number = json_object_get_int64(value);
		if (number < 1 || number > INT32_MAX)
			return refuse(error, "max-workers must be between 1 and %d",
				      INT32_MAX);
	}
	if (!json_object_object_get_ex(perf, "max-chunk", &value))
		return 0;
	number = json_object_get_int64(value);
	if (number < 0)
		return refuse(error, "max-chunk must be zero (which means no limit) or positive");
	if (number && (uint64_t)number < cluster_sectors(call) * SECTOR)
		return refuse(error, "Required max-chunk (%lld) is less than backup cluster size (%llu)",
			      (long long)number, (unsigned long long)
			      cluster_sectors(call) * SECTOR);
	return 0;
}

static uint64_t workers(const struct call *call)
{
	uint64_t wanted = perf_size(call, "max-workers");

	return wanted < WORKERS_MAX ? wanted : WORKERS_MAX;
}

static void add_option(char **list, int *nr, const char *name,
		       const char *value)
{
	char *longer = print("%s %s %s", *list, name, value);

	free(*list);
	*list = longer;
	*nr += 2;
}

/* The options that differ from the kernel's defaults. */
static void add_words(const struct call *call, char **list, int *nr)
{
	static const char * const names[] = {
		"on-cbw-error", "on-source-error", "on-target-error",
	};
	const char *value;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		value = call_word(call, names[i]);
		if (!strcmp(value, "auto"))
			value = "enospc";
		if (strcmp(value, "report") &&
		    strcmp(value, "break-guest-write"))
			add_option(list, nr, names[i], value);
	}
}

static void add_number(char **list, int *nr, const char *name, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	if (value)
		add_option(list, nr, name, text);
}

static char *make_tail(const struct call *call, struct error *error)
{
	uint64_t cluster = perf_size(call, "min-cluster-size");
	const char *sync = call_word(call, "sync");
	char *list, *tail;
	int nr = 0;

	if (cluster & (cluster - 1)) {
		refuse(error, "min-cluster-size needs to be a power of 2");
		return NULL;
	}
	list = copy("");
	add_option(&list, &nr, "sync", strcmp(sync, "none") ? "full" : sync);
	add_words(call, &list, &nr);
	/*
	 * the job reads no data before the device is on top of the filter, nor without
	 * it
	 */
	add_option(&list, &nr, "guard", "required");
	add_number(&list, &nr, "speed", call_size(call, "speed"));
	add_number(&list, &nr, "max-workers", workers(call));
	tail = print("%llu %d%s", (unsigned long long)cluster_sectors(call), nr,
		     list);
	free(list);
	return tail;
}

static int check_job_id(const char *id, struct error *error)
{
	static const char letters[] = "0123456789-._"
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	if (!*id || strlen(id) > ID_MAX || id[strspn(id, letters)] ||
	    strspn(id, "0123456789-._"))
		return refuse(error, "Invalid job ID '%s'", id);
	return 0;
}

/* One name for both: the kernel stores no other. */
static char *name_backup(const struct call *call, struct error *error)
{
	const char *filter = call_word(call, "filter-node-name");
	const char *id = call_word(call, "job-id");
	char *name;

	if (filter && !id)
		return copy(filter);
	if (!id)
		id = call_word(call, "device");
	else if (check_job_id(id, error))
		return NULL;
	name = call_word(call, "job-id") ? job_node_name(id) :
					   derived_name(id, "backup");
	if (!filter || !strcmp(filter, name))
		return name;
	refuse(error, "job-id '%s' needs filter-node-name '%s'; give only one of them",
	       id, name);
	free(name);
	return NULL;
}

static int check_free(const struct graph *graph, const char *name,
		      struct error *error)
{
	struct job job, other;

	job_name(&job, name);
	if (job_find(&other, graph, job.id) && !strcmp(other.id, job.id))
		return refuse(error, "Job ID '%s' already in use", job.id);
	return 0;
}

/* The filter's words before the job begins; with sync none there is no start. */
static char *idle_words(const struct call *call)
{
	return strcmp(call_word(call, "sync"), "none") ?
	       print("%llu", (unsigned long long)cluster_sectors(call)) : NULL;
}

/* Last, as QEMU does: what cannot be backed up has no speed. */
static int check_speed(const struct call *call, struct error *error)
{
	struct json_object *speed = call_value(call, "speed");

	if (speed && json_object_get_int64(speed) < 0)
		return refuse(error, "Parameter 'speed' expects a non-negative value");
	return 0;
}

static int plan_backup(struct call *call, struct error *error)
{
	struct filter filter = {
		.kind = KIND_BACKUP,
		.file = call_word(call, "device"),
		.target = call_word(call, "target"),
		.keep = !call_flag(call, "x-overwrite"),
	};
	char *idle = NULL, *name = NULL, *tail = NULL;
	int result = check_backup(call, error);

	if (!result)
		result = check_perf(call, error);
	if (!result) {
		name = name_backup(call, error);
		tail = make_tail(call, error);
	}
	idle = idle_words(call);
	filter.name = name;
	filter.derived = !call_word(call, "job-id") &&
			 !call_word(call, "filter-node-name");
	filter.tail = tail;
	filter.idle = idle;
	if (!name || !tail || check_free(&call->graph, name, error))
		result = -1;
	else
		result = edit_put_under(&call->graph, &filter, &call->plan,
					error);
	if (!result)
		result = check_speed(call, error);
	if (!result && !call->dry_run)
		job_remember(name, call_flag(call, "auto-finalize"),
			     call_flag(call, "auto-dismiss"));
	free(name);
	free(tail);
	free(idle);
	return result;
}

int blockdev_backup(struct call *call, struct error *error)
{
	if (plan_backup(call, error))
		return -1;
	if (strcmp(call_word(call, "sync"), "none"))
		plan_at_one_instant(&call->plan, &call->graph);
	return 0;
}

static const struct arg nothing_args[] = { { 0 } };

static const struct arg backup_data[] = {
	{ .name = "data", .type = ARG_OBJECT, .must = true,
	  .members = backup_args },
	{ 0 }
};

static const struct arg abort_data[] = {
	{ .name = "data", .type = ARG_OBJECT, .must = true,
	  .members = nothing_args },
	{ 0 }
};

static const char * const action_names[] = {
	"abort", "blockdev-backup", NULL
};

static const struct arg_case action_cases[] = {
	{ "abort", abort_data },
	{ "blockdev-backup", backup_data },
	{ 0 }
};

static const struct arg action_args[] = {
	{ .name = "type", .type = ARG_WORD, .must = true,
	  .words = action_names, .cases = action_cases,
	  .what = "the command; abort always fails" },
	{ 0 }
};

static const char * const completion_modes[] = {
	"individual", "grouped", NULL
};

static const struct arg properties_args[] = {
	{ .name = "completion-mode", .type = ARG_WORD,
	  .words = completion_modes, .def = "individual",
	  .what = "only individual: each job ends on its own" },
	{ 0 }
};

const struct arg transaction_args[] = {
	{ .name = "actions", .type = ARG_LIST, .must = true,
	  .members = action_args, .what = "the commands, with their arguments" },
	{ .name = "properties", .type = ARG_OBJECT,
	  .members = properties_args },
	{ 0 }
};

static int check_once(const struct plan *plan, const char *device,
		      struct error *error)
{
	size_t i;

	for (i = 0; i < plan->nr; i++)
		if (plan->step[i].kind == STEP_RESUME &&
		    !strcmp(plan->step[i].name, device))
			return refuse(error, "device '%s' is named twice in one transaction",
				      device);
	return 0;
}

/* Each plan sees the graph as planned by those before: edit_put_under() adds to it. */
static int run_action(struct call *call, struct json_object *action,
		      struct error *error)
{
	struct call one = {
		.table = backup_args, .graph = call->graph, .plan = call->plan,
	};
	int result;

	if (!strcmp(json_string(action, "type", ""), "abort"))
		return refuse(error, "Transaction aborted using Abort action");
	json_object_object_get_ex(action, "data", &one.args);
	if (check_once(&one.plan, call_word(&one, "device"), error))
		return -1;
	result = plan_backup(&one, error);
	call->graph = one.graph;
	call->plan = one.plan;
	return result;
}

int transaction(struct call *call, struct error *error)
{
	struct json_object *properties = call_value(call, "properties");
	struct json_object *actions = call_value(call, "actions");
	size_t i;

	if (properties && strcmp(arg_string(properties_args, properties,
					    "completion-mode"), "individual"))
		return refuse(error, "Parameter 'properties.completion-mode' does not accept value 'grouped' (accepted: individual)");
	for (i = 0; i < json_object_array_length(actions); i++)
		if (run_action(call, json_object_array_get_idx(actions, i),
			       error))
			return -1;
	plan_at_one_instant(&call->plan, &call->graph);
	plan_goes_back(&call->plan);
	return 0;
}
