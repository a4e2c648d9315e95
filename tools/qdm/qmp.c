// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * QMP commands. One table has each command's name, arguments and handler; all
 * else is driven by it: the checks, query-commands, and what is under a lock.
 * A handler gets checked arguments and adds to a plan; running or printing
 * the plan is the same for all. Nothing here knows what a dm table looks
 * like.
 */
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "args.h"
#include "describe.h"
#include "edit.h"
#include "group.h"
#include "json.h"
#include "qmp.h"

#define CLUSTER_BYTES_MIN	65536
#define CLUSTER_BYTES_MAX	(1024u * 1024 * 1024)
#define CBW_TIMEOUT_MAX		1000000
#define SECTOR			512

struct call {
	struct json_object *args;
	const struct arg *table;
	struct graph graph;
	struct plan plan;
	struct json_object *result;	/* NULL stands for {} */
};

struct command {
	const char *name;
	const struct arg *args;
	int (*handle)(struct call *call, struct error *error);
	bool edits;		/* plans changes */
	bool reads_graph;
};

static const char *word(struct call *call, const char *name)
{
	return arg_string(call->table, call->args, name);
}

/*
 * Throttle groups
 */

static const struct arg limits_members[] = {
#define LIMIT(limit)	{ .name = limit, .type = ARG_INT }
#define LIMIT3(rate) \
	LIMIT(rate), LIMIT(rate "-max"), LIMIT(rate "-max-length")
	LIMIT3("bps-total"), LIMIT3("bps-read"), LIMIT3("bps-write"),
	LIMIT3("iops-total"), LIMIT3("iops-read"), LIMIT3("iops-write"),
	LIMIT("iops-size"),
#undef LIMIT3
#undef LIMIT
	{ 0 }
};

static const char * const qom_types[] = { "throttle-group", NULL };

static const struct arg object_add_args[] = {
	{ .name = "qom-type", .type = ARG_WORD, .must = true,
	  .words = qom_types },
	{ .name = "id", .type = ARG_STRING, .must = true },
	{ .name = "limits", .type = ARG_OBJECT, .members = limits_members },
	{ 0 }
};

static const struct arg id_args[] = {
	{ .name = "id", .type = ARG_STRING, .must = true },
	{ 0 }
};

static const struct arg qom_get_args[] = {
	{ .name = "path", .type = ARG_STRING, .must = true },
	{ .name = "property", .type = ARG_STRING, .must = true },
	{ 0 }
};

static const struct arg qom_set_args[] = {
	{ .name = "path", .type = ARG_STRING, .must = true },
	{ .name = "property", .type = ARG_STRING, .must = true },
	{ .name = "value", .type = ARG_ANY, .must = true },
	{ 0 }
};

static int overlay_limits(struct limits *limits, struct json_object *given,
			  struct error *error)
{
	json_object_object_foreach(given, name, value)
		if (limits_set(limits, name, json_object_get_int64(value),
			       error))
			return -1;
	return limits_check(limits, error);
}

static int check_id(const char *id, struct error *error)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	if (*id && strlen(id) <= 63 && !id[strspn(id, letters)] &&
	    *id != '-' && *id != '.')
		return 0;
	return refuse(error, "Parameter 'id' expects an identifier ('%s': 1 to 63 letters, digits, '-', '.' and '_', not beginning with '-' or '.')",
		      id);
}

static void plan_limits(struct plan *plan, const char *group,
			const struct limits *now, const struct limits *before)
{
	char text[1024];

	limits_write(now, before, text, sizeof(text));
	if (*text)
		plan_add(plan, STEP_LIMITS, group)->text = copy(text);
}

static int object_add(struct call *call, struct error *error)
{
	const char *id = word(call, "id");
	struct json_object *given;
	struct limits limits, none;

	limits_init(&none);
	limits_init(&limits);
	if (check_id(id, error))
		return -1;
	if (group_exists(id))
		return refuse(error, "A group with this name already exists");
	if (json_object_object_get_ex(call->args, "limits", &given) &&
	    overlay_limits(&limits, given, error))
		return -1;
	plan_add(&call->plan, STEP_GROUPS, "");
	plan_add(&call->plan, STEP_MKGROUP, id);
	plan_limits(&call->plan, id, &limits, &none);
	return 0;
}

static int object_del(struct call *call, struct error *error)
{
	const char *id = word(call, "id");

	if (check_id(id, error))
		return -1;
	if (!group_exists(id))
		return refuse(error, "object '%s' not found", id);
	plan_add(&call->plan, STEP_RMGROUP, id);
	return 0;
}

/* Objects are named by their id, or by the path QEMU gives them. */
static const char *object_id(struct call *call)
{
	const char *path = word(call, "path");

	return strncmp(path, "/objects/", 9) ? path : path + 9;
}

static int find_property(struct call *call, const char *id,
			 struct limits *limits, struct error *error)
{
	struct error ignored = { 0 };

	if (check_id(id, &ignored) || !group_exists(id))
		return refuse_as(error, ERROR_NOT_FOUND,
				 "Device '%s' not found", id);
	if (strcmp(word(call, "property"), "limits"))
		return refuse(error, "Property 'throttle-group.%s' not found",
			      word(call, "property"));
	return group_read_limits(id, limits, error);
}

static int qom_get(struct call *call, struct error *error)
{
	struct limits limits;
	int i;

	if (find_property(call, object_id(call), &limits, error))
		return -1;
	call->result = json_object_new_object();
	for (i = 0; i < LIMITS_NR; i++)
		json_put_number(call->result, limit_names[i],
				limits.value[i]);
	return 0;
}

static int qom_set(struct call *call, struct error *error)
{
	static const struct arg value_args[] = {
		{ .name = "value", .type = ARG_OBJECT, .must = true,
		  .members = limits_members },
		{ 0 }
	};
	const char *id = object_id(call);
	struct json_object *wrapped, *given;
	struct limits limits, before;
	int result;

	if (find_property(call, id, &before, error))
		return -1;
	json_object_object_get_ex(call->args, "value", &given);
	wrapped = json_object_new_object();
	json_object_object_add(wrapped, "value", json_object_get(given));
	result = args_check(value_args, wrapped, "", error);
	json_object_put(wrapped);
	limits = before;
	if (result || overlay_limits(&limits, given, error))
		return -1;
	plan_limits(&call->plan, id, &limits, &before);
	return 0;
}

/*
 * Nodes
 */

static const char * const policies[] = {
	"break-guest-write", "break-snapshot", NULL
};

static const struct arg throttle_args[] = {
	{ .name = "driver", .type = ARG_STRING, .must = true },
	{ .name = "node-name", .type = ARG_STRING, .must = true },
	{ .name = "throttle-group", .type = ARG_STRING, .must = true },
	{ .name = "file", .type = ARG_STRING, .must = true },
	{ 0 }
};

static const struct arg threshold_args[] = {
	{ .name = "driver", .type = ARG_STRING, .must = true },
	{ .name = "node-name", .type = ARG_STRING, .must = true },
	{ .name = "file", .type = ARG_STRING, .must = true },
	{ .name = "write-threshold", .type = ARG_SIZE, .must = true },
	{ 0 }
};

static const struct arg cbw_args[] = {
	{ .name = "driver", .type = ARG_STRING, .must = true },
	{ .name = "node-name", .type = ARG_STRING, .must = true },
	{ .name = "file", .type = ARG_STRING, .must = true },
	{ .name = "target", .type = ARG_STRING, .must = true },
	{ .name = "on-cbw-error", .type = ARG_WORD, .words = policies,
	  .def = "break-guest-write" },
	{ .name = "cbw-timeout", .type = ARG_SIZE, .max = CBW_TIMEOUT_MAX,
	  .def = "0" },
	{ .name = "min-cluster-size", .type = ARG_SIZE,
	  .max = CLUSTER_BYTES_MAX, .def = "0" },
	{ 0 }
};

static int add_throttle(struct call *call, struct filter *filter,
			struct error *error)
{
	const char *group = word(call, "throttle-group");
	struct error ignored = { 0 };

	if (check_id(group, &ignored) || !group_exists(group))
		return refuse(error, "Throttle group '%s' does not exist",
			      group);
	filter->tail = group;
	return edit_add(&call->graph, filter, &call->plan, error);
}

static int add_threshold(struct call *call, struct filter *filter,
			 struct error *error)
{
	char tail[32];

	snprintf(tail, sizeof(tail), "%llu", (unsigned long long)
		 arg_size(call->table, call->args, "write-threshold"));
	filter->tail = tail;
	return edit_add(&call->graph, filter, &call->plan, error);
}

static int add_cbw(struct call *call, struct filter *filter,
		   struct error *error)
{
	uint64_t cluster = arg_size(call->table, call->args,
				    "min-cluster-size");
	char tail[160];

	if (cluster & (cluster - 1))
		return refuse(error, "min-cluster-size needs to be a power of 2");
	if (cluster < CLUSTER_BYTES_MIN)
		cluster = CLUSTER_BYTES_MIN;
	snprintf(tail, sizeof(tail),
		 "%llu 6 sync none on-cbw-error %s cbw-timeout %llu",
		 (unsigned long long)cluster / SECTOR,
		 word(call, "on-cbw-error"), (unsigned long long)
		 arg_size(call->table, call->args, "cbw-timeout"));
	filter->tail = tail;
	filter->target = word(call, "target");
	return edit_add(&call->graph, filter, &call->plan, error);
}

static const struct driver {
	const char *name;
	enum kind kind;
	const struct arg *args;
	int (*add)(struct call *call, struct filter *filter,
		   struct error *error);
} drivers[] = {
	{ "copy-before-write", KIND_BACKUP, cbw_args, add_cbw },
	{ "throttle", KIND_THROTTLE, throttle_args, add_throttle },
	{ "write-threshold", KIND_THRESHOLD, threshold_args, add_threshold },
	{ 0 }
};

static const char * const driver_names[] = {
	"copy-before-write", "throttle", "write-threshold", NULL
};

static const struct arg driver_args[] = {
	{ .name = "driver", .type = ARG_WORD, .must = true,
	  .words = driver_names },
	{ 0 }
};

/* The driver decides which further arguments there are. */
static const struct driver *find_driver(struct json_object *args,
					struct error *error)
{
	struct json_object *only = json_object_new_object();
	const struct driver *driver = NULL;
	struct json_object *name;

	if (json_object_object_get_ex(args, "driver", &name))
		json_object_object_add(only, "driver", json_object_get(name));
	if (!args_check(driver_args, only, "", error)) {
		driver = drivers;
		while (strcmp(driver->name, json_object_get_string(name)))
			driver++;
	}
	json_object_put(only);
	return driver;
}

static int blockdev_add(struct call *call, struct error *error)
{
	const struct driver *driver = find_driver(call->args, error);
	struct filter filter = { 0 };

	if (!driver || args_check(driver->args, call->args, "", error))
		return -1;
	call->table = driver->args;
	filter.name = word(call, "node-name");
	filter.kind = driver->kind;
	filter.file = word(call, "file");
	return driver->add(call, &filter, error);
}

static const struct arg node_name_args[] = {
	{ .name = "node-name", .type = ARG_STRING, .must = true },
	{ 0 }
};

static int blockdev_del(struct call *call, struct error *error)
{
	return edit_delete(&call->graph, word(call, "node-name"), &call->plan,
			   error);
}

static const struct arg edge_args[] = {
	{ .name = "parent", .type = ARG_STRING, .must = true },
	{ .name = "child", .type = ARG_STRING, .must = true },
	{ .name = "node", .type = ARG_STRING, .must = true },
	{ 0 }
};

static int block_insert_node(struct call *call, struct error *error)
{
	return edit_insert(&call->graph, word(call, "parent"),
			   word(call, "child"), word(call, "node"),
			   &call->plan, error);
}

static int block_remove_node(struct call *call, struct error *error)
{
	return edit_remove(&call->graph, word(call, "parent"),
			   word(call, "child"), word(call, "node"),
			   &call->plan, error);
}

static const struct arg threshold_set_args[] = {
	{ .name = "node-name", .type = ARG_STRING, .must = true },
	{ .name = "write-threshold", .type = ARG_SIZE, .must = true },
	{ 0 }
};

static int block_set_write_threshold(struct call *call, struct error *error)
{
	return edit_threshold(&call->graph, word(call, "node-name"),
			      arg_size(call->table, call->args,
				       "write-threshold"),
			      &call->plan, error);
}

static const struct arg resize_args[] = {
	{ .name = "node-name", .type = ARG_STRING, .must = true },
	{ .name = "size", .type = ARG_SIZE, .must = true },
	{ 0 }
};

static int block_resize(struct call *call, struct error *error)
{
	return edit_resize(&call->graph, word(call, "node-name"),
			   arg_size(call->table, call->args, "size"),
			   &call->plan, error);
}

static const struct arg flat_args[] = {
	{ .name = "flat", .type = ARG_BOOL, .def = "false" },
	{ 0 }
};

static int query_named_block_nodes(struct call *call, struct error *error)
{
	(void)error;
	call->result = describe_all(&call->graph);
	return 0;
}

/*
 * About the tool
 */

static const struct arg no_args[] = { { 0 } };

static int query_version(struct call *call, struct error *error)
{
	struct json_object *version = json_object_new_object();

	(void)error;
	json_put_number(version, "major", QDM_VERSION_MAJOR);
	json_put_number(version, "minor", QDM_VERSION_MINOR);
	json_put_number(version, "micro", QDM_VERSION_MICRO);
	call->result = json_object_new_object();
	json_object_object_add(call->result, "qemu", version);
	json_put_string(call->result, "package", "qdm");
	return 0;
}

static int query_commands(struct call *call, struct error *error);

static const struct command commands[] = {
	{ "block-insert-node", edge_args, block_insert_node, true, true },
	{ "block-remove-node", edge_args, block_remove_node, true, true },
	{ "block-set-write-threshold", threshold_set_args,
	  block_set_write_threshold, true, true },
	{ "block_resize", resize_args, block_resize, true, true },
	{ "blockdev-add", NULL, blockdev_add, true, true },
	{ "blockdev-del", node_name_args, blockdev_del, true, true },
	{ "object-add", object_add_args, object_add, true, false },
	{ "object-del", id_args, object_del, true, false },
	{ "qom-get", qom_get_args, qom_get, false, false },
	{ "qom-set", qom_set_args, qom_set, true, false },
	{ "query-commands", no_args, query_commands, false, false },
	{ "query-named-block-nodes", flat_args, query_named_block_nodes,
	  false, true },
	{ "query-version", no_args, query_version, false, false },
};

#define COMMANDS	(sizeof(commands) / sizeof(*commands))

static int query_commands(struct call *call, struct error *error)
{
	struct json_object *one;
	size_t i;

	(void)error;
	call->result = json_object_new_array();
	for (i = 0; i < COMMANDS; i++) {
		one = json_object_new_object();
		json_put_string(one, "name", commands[i].name);
		json_object_array_add(call->result, one);
	}
	return 0;
}

/*
 * From text to reply
 */

static const struct arg input_args[] = {
	{ .name = "execute", .type = ARG_STRING, .must = true },
	{ .name = "arguments", .type = ARG_OBJECT },
	{ .name = "id", .type = ARG_ANY },
	{ 0 }
};

static int check_input(struct json_object *input, struct error *error)
{
	const struct arg *arg;
	struct json_object *value;

	if (!json_object_is_type(input, json_type_object))
		return refuse(error, "QMP input must be a JSON object");
	json_object_object_foreach(input, name, ignored) {
		(void)ignored;
		for (arg = input_args; arg->name; arg++)
			if (!strcmp(arg->name, name))
				break;
		if (!arg->name)
			return refuse(error,
				      "QMP input member '%s' is unexpected",
				      name);
	}
	if (!json_object_object_get_ex(input, "execute", &value))
		return refuse(error, "QMP input lacks member 'execute'");
	if (!json_object_is_type(value, json_type_string))
		return refuse(error, "QMP input member 'execute' must be a string");
	if (json_object_object_get_ex(input, "arguments", &value) &&
	    !json_object_is_type(value, json_type_object))
		return refuse(error, "QMP input member 'arguments' must be an object");
	return 0;
}

static const struct command *find_command(const char *name,
					  struct error *error)
{
	size_t i;

	for (i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	refuse_as(error, ERROR_NO_COMMAND,
		  "The command %s has not been found", name);
	return NULL;
}

static int carry_out(const struct command *command, struct call *call,
		     FILE *script, struct error *error)
{
	int result = 0;

	if (command->reads_graph)
		result = graph_read(&call->graph, error);
	if (!result)
		result = command->handle(call, error);
	if (!result && command->edits && script)
		plan_print(&call->plan, script);
	else if (!result && command->edits)
		result = plan_run(&call->plan, error);
	plan_free(&call->plan);
	graph_free(&call->graph);
	return result ? -1 : 0;
}

static int dispatch(const struct command *command, struct call *call,
		    FILE *script, struct error *error)
{
	bool locked = command->edits && !script;
	int result;

	call->table = command->args;
	if (command->args && args_check(command->args, call->args, "", error))
		return -1;
	if (locked && edit_lock(error))
		return -1;
	result = carry_out(command, call, script, error);
	if (locked)
		edit_unlock();
	return result;
}

static struct json_object *make_reply(struct json_object *input,
				      struct json_object *result,
				      const struct error *error)
{
	struct json_object *reply = json_object_new_object();
	struct json_object *body = json_object_new_object();
	struct json_object *id;

	if (error->class) {
		json_put_string(body, "class", error->class);
		json_put_string(body, "desc", error->text);
		json_object_object_add(reply, "error", body);
	} else {
		if (result)
			json_object_put(body);
		json_object_object_add(reply, "return",
				       result ? result : body);
	}
	if (json_object_is_type(input, json_type_object) &&
	    json_object_object_get_ex(input, "id", &id))
		json_object_object_add(reply, "id", json_object_get(id));
	return reply;
}

static const struct command *execute(struct json_object *input,
				     struct call *call, FILE *script,
				     struct error *error)
{
	const struct command *command;
	struct json_object *given;

	if (check_input(input, error))
		return NULL;
	command = find_command(json_string(input, "execute", ""), error);
	if (!command)
		return NULL;
	if (json_object_object_get_ex(input, "arguments", &given))
		call->args = json_object_get(given);
	else
		call->args = json_object_new_object();
	dispatch(command, call, script, error);
	json_object_put(call->args);
	return command;
}

struct json_object *qmp_execute(const char *text, size_t len, FILE *script)
{
	const struct command *command = NULL;
	struct json_object *input, *reply;
	struct error error = { 0 };
	struct call call = { 0 };

	input = json_read(text, len, &error);
	if (input)
		command = execute(input, &call, script, &error);
	if (script && command && command->edits && !error.class)
		reply = NULL;
	else
		reply = make_reply(input, call.result, &error);
	json_object_put(input);
	return reply;
}

bool qmp_is_error(struct json_object *reply)
{
	return json_object_object_get_ex(reply, "error", NULL);
}

void qmp_print(struct json_object *reply, FILE *out)
{
	fprintf(out, "%s\n",
		json_object_to_json_string_ext(reply, JSON_C_TO_STRING_SPACED |
					       JSON_C_TO_STRING_NOSLASHESCAPE));
}
