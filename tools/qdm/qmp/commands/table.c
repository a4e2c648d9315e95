// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of commands and that of events; see qmp/command.h. */
#include <string.h>

#include "qmp/commands/handlers.h"

#define EDITS	COMMAND_EDITS
#define GRAPH	COMMAND_GRAPH
#define ANSWERS	COMMAND_ANSWERS

const struct command commands[] = {
	{ "block-insert-node", edge_args, EDITS | GRAPH, block_insert_node,
	  "Inserts a filter node between a parent and its child." },
	{ "block-job-cancel", job_cancel_args, EDITS | GRAPH, job_cancel,
	  "Cancels a backup and releases deferred writes immediately." },
	{ "block-job-complete", block_job_args, EDITS | GRAPH, job_complete,
	  "Always refused: a backup completes by itself." },
	{ "block-job-dismiss", block_job_id_args, EDITS | GRAPH, job_dismiss,
	  "Deletes the filter of a job that has concluded." },
	{ "block-job-finalize", block_job_id_args, EDITS | GRAPH,
	  job_finalize_it, "Concludes a pending job." },
	{ "block-job-pause", block_job_args, EDITS | GRAPH, job_pause,
	  "Pauses the background copy; copies before writes continue." },
	{ "block-job-resume", block_job_args, EDITS | GRAPH, job_resume,
	  "Resumes a paused job, also after an error that stopped it." },
	{ "block-job-set-speed", set_speed_args, EDITS | GRAPH,
	  block_job_set_speed, "Limits the rate of the background copy." },
	{ "block-remove-node", edge_args, EDITS | GRAPH, block_remove_node,
	  "Removes a node from between its parent and child; it remains and can be deleted." },
	{ "block-set-write-threshold", threshold_set_args, EDITS | GRAPH,
	  block_set_write_threshold,
	  "Sets or resets the threshold of a write-threshold filter." },
	{ "block_resize", resize_args, EDITS | GRAPH, block_resize,
	  "Resizes a throttle, write-threshold or host_device node, after the device beneath has grown." },
	{ "block_set_io_throttle", io_throttle_args, EDITS | GRAPH,
	  block_set_io_throttle,
	  "Limits a device by a filter that is made and deleted automatically; all rates 0 remove it." },
	{ "blockdev-add", blockdev_add_args, EDITS | GRAPH, blockdev_add,
	  "Makes a filter, or a node for a device outside device-mapper." },
	{ "blockdev-backup", backup_args, EDITS | GRAPH, blockdev_backup,
	  "Begins a backup of a device in use, as it is at this instant." },
	{ "blockdev-del", node_name_args, EDITS | GRAPH, blockdev_del,
	  "Deletes a node with nothing on top of it." },
	{ "blockdev-reopen", reopen_args, EDITS | GRAPH, blockdev_reopen,
	  "Changes the options, the group or the place of nodes; all or none." },
	{ "blockdev-replace", replace_args, EDITS | GRAPH, blockdev_replace,
	  "Replaces a node by another one with the same data." },
	{ "job-cancel", job_id_args, EDITS | GRAPH, job_cancel,
	  "Cancels a job." },
	{ "job-complete", job_id_args, EDITS | GRAPH, job_complete,
	  "Always refused: a backup completes by itself." },
	{ "job-dismiss", job_id_args, EDITS | GRAPH, job_dismiss,
	  "Deletes the filter of a job that has concluded." },
	{ "job-finalize", job_id_args, EDITS | GRAPH, job_finalize_it,
	  "Concludes a pending job." },
	{ "job-pause", job_id_args, EDITS | GRAPH, job_pause,
	  "Pauses the background copy; copies before writes continue." },
	{ "job-resume", job_id_args, EDITS | GRAPH, job_resume,
	  "Resumes a paused job, also after an error that stopped it." },
	{ "object-add", object_add_args, EDITS, object_add,
	  "Makes a throttle group." },
	{ "object-del", object_del_args, EDITS, object_del,
	  "Deletes a throttle group that no node uses." },
	{ "qmp_capabilities", capabilities_args, COMMAND_EARLY,
	  qmp_capabilities,
	  "Ends the negotiation. The first command on a connection." },
	{ "qom-get", qom_get_args, ANSWERS, qom_get,
	  "Reads a property of a throttle group." },
	{ "qom-list", qom_list_args, ANSWERS, qom_list,
	  "Lists throttle groups, or the properties of one." },
	{ "qom-list-properties", qom_type_args, ANSWERS, qom_list_properties,
	  "Lists the properties that a throttle group has." },
	{ "qom-set", qom_set_args, EDITS, qom_set,
	  "Changes limits of a throttle group; those not given are unchanged." },
	{ "query-block", no_args, GRAPH | ANSWERS, query_block,
	  "Lists devices, each with its topmost node." },
	{ "query-block-exports", no_args, ANSWERS, query_block_exports,
	  "Lists nothing: nothing is exported." },
	{ "query-block-jobs", no_args, GRAPH | ANSWERS, query_block_jobs,
	  "Lists backups." },
	{ "query-blockstats", blockstats_args, GRAPH | ANSWERS,
	  query_blockstats, "Shows I/O statistics of devices." },
	{ "query-command-line-options", option_args, ANSWERS,
	  query_command_line_options,
	  "Always empty: qdm has no command line like QEMU's." },
	{ "query-commands", no_args, ANSWERS, query_commands,
	  "Lists the commands." },
	{ "query-jobs", no_args, GRAPH | ANSWERS, query_jobs,
	  "Lists jobs, that is backups, with their progress." },
	{ "query-name", no_args, ANSWERS, query_name,
	  "Says nothing: a host has no name as a guest has." },
	{ "query-named-block-nodes", flat_args, GRAPH | ANSWERS,
	  query_named_block_nodes, "Lists all nodes and devices." },
	{ "query-qmp-schema", no_args, ANSWERS, query_qmp_schema,
	  "Describes commands, arguments and events, in QEMU's form." },
	{ "query-status", no_args, ANSWERS, query_status,
	  "Always says that all is running." },
	{ "query-version", no_args, ANSWERS, query_version,
	  "Shows the version." },
	{ "quit", no_args, 0, quit,
	  "Ends the server. Devices and jobs are not affected." },
	{ "transaction", transaction_args, EDITS | GRAPH, transaction,
	  "Begins backups of several devices at one instant; all or none." },
	{ "x-blockdev-change", change_args, EDITS | GRAPH, x_blockdev_change,
	  "Always refused: no node has a variable number of children." },
	{ "x-debug-query-block-graph", no_args, GRAPH | ANSWERS,
	  query_block_graph, "Lists nodes and the edges between them." },
};

const size_t commands_nr = sizeof(commands) / sizeof(*commands);

/*
 * Events
 */

static const char * const job_states[] = {
	"created", "running", "paused", "waiting", "pending", "aborting",
	"concluded", "null", NULL
};

static const struct arg threshold_data[] = {
	{ .name = "node-name", .type = ARG_STRING, .must = true,
	  .what = "the write-threshold node" },
	{ .name = "amount-exceeded", .type = ARG_SIZE, .must = true,
	  .what = "bytes that the write reached beyond it" },
	{ .name = "write-threshold", .type = ARG_SIZE, .must = true,
	  .what = "the threshold that was passed; it is off now" },
	{ 0 }
};

static const struct arg status_data[] = {
	{ .name = "id", .type = ARG_STRING, .must = true, .what = "the job" },
	{ .name = "status", .type = ARG_WORD, .must = true,
	  .words = job_states, .what = "its new state" },
	{ 0 }
};

static const struct arg pending_data[] = {
	{ .name = "type", .type = ARG_STRING, .must = true, .what = "backup" },
	{ .name = "id", .type = ARG_STRING, .must = true, .what = "the job" },
	{ 0 }
};

static const struct arg end_data[] = {
	{ .name = "type", .type = ARG_STRING, .must = true, .what = "backup" },
	{ .name = "device", .type = ARG_STRING, .must = true,
	  .what = "the job's id" },
	{ .name = "len", .type = ARG_SIZE, .must = true,
	  .what = "bytes in all" },
	{ .name = "offset", .type = ARG_SIZE, .must = true,
	  .what = "bytes whose old data is safe" },
	{ .name = "speed", .type = ARG_SIZE, .must = true,
	  .what = "the limit, bytes per second" },
	{ .name = "error", .type = ARG_STRING,
	  .what = "the error, if it failed" },
	{ 0 }
};

static const struct arg error_data[] = {
	{ .name = "device", .type = ARG_STRING, .must = true,
	  .what = "the job's id" },
	{ .name = "operation", .type = ARG_STRING, .must = true,
	  .what = "read or write" },
	{ .name = "action", .type = ARG_STRING, .must = true,
	  .what = "report, ignore or stop" },
	{ 0 }
};

static const struct arg io_error_data[] = {
	{ .name = "qom-path", .type = ARG_STRING, .must = true,
	  .what = "always empty" },
	{ .name = "device", .type = ARG_STRING, .must = true,
	  .what = "always empty" },
	{ .name = "node-name", .type = ARG_STRING, .must = true,
	  .what = "the copy-before-write node" },
	{ .name = "operation", .type = ARG_STRING, .must = true,
	  .what = "write" },
	{ .name = "action", .type = ARG_STRING, .must = true,
	  .what = "report" },
	{ .name = "nospace", .type = ARG_BOOL, .must = true,
	  .what = "the destination is full" },
	{ .name = "reason", .type = ARG_STRING, .must = true,
	  .what = "the error, as text" },
	{ 0 }
};

static const struct arg broken_data[] = {
	{ .name = "node-name", .type = ARG_STRING, .must = true,
	  .what = "the copy-before-write node" },
	{ .name = "id", .type = ARG_STRING, .must = true, .what = "its job" },
	{ .name = "error", .type = ARG_STRING, .must = true, .what = "the error" },
	{ 0 }
};

const struct event_type event_types[] = {
	{ "BLOCK_IO_ERROR", io_error_data,
	  "A write to a device failed because its old data could not be copied (break-guest-write). At most once a second. Requires udevd." },
	{ "BLOCK_JOB_CANCELLED", end_data, "A backup was cancelled." },
	{ "BLOCK_JOB_COMPLETED", end_data,
	  "A backup has ended, with or without an error." },
	{ "BLOCK_JOB_ERROR", error_data,
	  "A read or write of a backup failed. Requires udevd." },
	{ "BLOCK_JOB_PENDING", pending_data,
	  "A backup waits for job-finalize." },
	{ "BLOCK_SNAPSHOT_BROKEN", broken_data,
	  "Old data could not be copied, and the write was completed all the same: the point in time is lost. QEMU has no such event." },
	{ "BLOCK_WRITE_THRESHOLD", threshold_data,
	  "A write has passed a threshold." },
	{ "JOB_STATUS_CHANGE", status_data,
	  "The state of a job has changed." },
};

const size_t event_types_nr = sizeof(event_types) / sizeof(*event_types);

/*
 * Looking things up
 */

const struct command *command_find(const char *name)
{
	size_t i;

	for (i = 0; i < commands_nr; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

const char *call_word(const struct call *call, const char *name)
{
	return arg_string(call->table, call->args, name);
}

uint64_t call_size(const struct call *call, const char *name)
{
	return arg_size(call->table, call->args, name);
}

bool call_flag(const struct call *call, const char *name)
{
	return arg_bool(call->table, call->args, name);
}

struct json_object *call_value(const struct call *call, const char *name)
{
	struct json_object *value;

	return json_object_object_get_ex(call->args, name, &value) ? value :
								     NULL;
}
