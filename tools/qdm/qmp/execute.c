// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From a command's text to its reply: parsed, checked with the table of commands,
 * planned, and the plan run under the lock or printed. This file does not depend on the
 * meaning of commands, nor on dm tables.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "plan/log.h"
#include "qmp/commands/handlers.h"
#include "qmp/execute.h"

/* QEMU's capabilities, so that its clients' words are recognised; none is offered. */
static const char * const capabilities[] = { "oob", NULL };

const struct arg capabilities_args[] = {
	{ .name = "enable", .type = ARG_LIST, .words = capabilities,
	  .what = "capabilities; none is offered, so it is empty" },
	{ 0 }
};

/* execute() has its effect on the connection. */
int qmp_capabilities(struct call *call, struct error *error)
{
	struct json_object *enable = call_value(call, "enable");

	if (!enable || !json_object_array_length(enable))
		return 0;
	return refuse(error, "Capability %s not available",
		      json_object_get_string(json_object_array_get_idx(enable, 0)));
}

static bool quitting;

int quit(struct call *call, struct error *error)
{
	(void)call;
	(void)error;
	quitting = true;
	return 0;
}

bool qmp_is_to_quit(void)
{
	return quitting;
}

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

static const struct command *find_command(const char *name, enum qmp_mode mode,
					  struct error *error)
{
	const struct command *command = command_find(name);
	bool early = command && command->flags & COMMAND_EARLY;

	if (mode == QMP_NEGOTIATING && !early) {
		refuse_as(error, ERROR_NO_COMMAND,
			  "Expecting capabilities negotiation with 'qmp_capabilities'");
		return NULL;
	}
	if (mode == QMP_COMMANDS && early) {
		refuse_as(error, ERROR_NO_COMMAND,
			  "Capabilities negotiation is already complete, command ignored");
		return NULL;
	}
	if (!command)
		refuse_as(error, ERROR_NO_COMMAND,
			  "The command %s has not been found", name);
	return command;
}

static bool edits(const struct command *command)
{
	return command->flags & COMMAND_EDITS;
}

/*
 * 1 if the plan is made and LVM's locks were not held meanwhile. All words must name
 * the same devices as @before, if that is given.
 */
static int handle(const struct command *command, struct call *call,
		  struct sights *before, struct error *error)
{
	struct sights now = { 0 };
	int result = 0;

	plan_free(&call->plan);
	graph_free(&call->graph);
	if (command->flags & COMMAND_GRAPH)
		result = graph_read(&call->graph, error);
	if (!result)
		sights_look_all(&now, &call->graph, call->args);
	if (!result)
		result = sights_compare(before, &now, error);
	sights_free(before);
	*before = now;
	if (!result)
		result = command->handle(call, error);
	if (!result && edits(command) && !call->dry_run)
		result = plan_lock(&call->plan, &call->graph, error);
	return result;
}

static int carry_out(const struct command *command, struct call *call,
		     FILE *script, struct error *error)
{
	struct sights before = { 0 };
	int result;

	do
		result = handle(command, call, &before, error);
	while (result > 0);
	sights_free(&before);
	if (!result && edits(command) && script)
		plan_print(&call->plan, script);
	else if (!result && edits(command))
		result = plan_run(&call->plan, error);
	plan_unlock();
	plan_free(&call->plan);
	graph_free(&call->graph);
	return result ? -1 : 0;
}

static int dispatch(const struct command *command, struct call *call,
		    FILE *script, struct error *error)
{
	bool locked = edits(command) && !script;
	int result;

	call->table = command->args;
	call->dry_run = script;
	if (args_check(command->args, call->args, "", error))
		return -1;
	if (locked)
		log_command(command->name,
			    json_object_to_json_string_ext(call->args,
							   JSON_C_TO_STRING_PLAIN |
							   JSON_C_TO_STRING_NOSLASHESCAPE));
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
				     struct call *call, enum qmp_mode *mode,
				     FILE *script, struct error *error)
{
	const struct command *command;
	struct json_object *given;

	if (check_input(input, error))
		return NULL;
	command = find_command(json_string(input, "execute", ""), *mode,
			       error);
	if (!command)
		return NULL;
	if (json_object_object_get_ex(input, "arguments", &given))
		call->args = json_object_get(given);
	else
		call->args = json_object_new_object();
	if (!dispatch(command, call, script, error) &&
	    *mode == QMP_NEGOTIATING)
		*mode = QMP_COMMANDS;
	json_object_put(call->args);
	return command;
}

struct json_object *qmp_execute(const char *text, size_t len,
				enum qmp_mode *mode, FILE *script)
{
	const struct command *command = NULL;
	struct json_object *input, *reply = NULL;
	struct error error = { 0 };
	struct call call = { 0 };

	input = json_read(text, len, &error);
	if (input)
		command = execute(input, &call, mode, script, &error);
	if (error.class) {
		json_object_put(call.result);
		call.result = NULL;
	}
	if (!script || !command || !edits(command) || error.class)
		reply = make_reply(input, call.result, &error);
	json_object_put(input);
	return reply;
}

/* A command that is refused for its arguments changes nothing, so it is no edit. */
bool qmp_edits(const char *text, size_t len, enum qmp_mode mode)
{
	struct error ignored = { 0 };
	struct json_object *input = json_read(text, len, &ignored);
	struct json_object *none = json_object_new_object();
	struct json_object *args = none;
	const struct command *command = NULL;
	bool result;

	if (input && !check_input(input, &ignored))
		command = find_command(json_string(input, "execute", ""), mode,
				       &ignored);
	if (command)
		json_object_object_get_ex(input, "arguments", &args);
	result = command && edits(command) &&
		 !args_check(command->args, args ? args : none, "", &ignored);
	json_object_put(input);
	json_object_put(none);
	return result;
}

struct json_object *qmp_refusal(const char *desc)
{
	struct error error = { 0 };

	refuse(&error, "%s", desc);
	return make_reply(NULL, NULL, &error);
}

struct json_object *qmp_failure(const char *text, size_t len,
				const struct error *error)
{
	struct error ignored = { 0 };
	struct json_object *input = json_read(text, len, &ignored);
	struct json_object *reply = make_reply(input, NULL, error);

	json_object_put(input);
	return reply;
}

struct json_object *qmp_version(void)
{
	struct json_object *both = json_object_new_object();
	struct json_object *version = json_object_new_object();

	json_put_number(version, "major", QDM_VERSION_MAJOR);
	json_put_number(version, "minor", QDM_VERSION_MINOR);
	json_put_number(version, "micro", QDM_VERSION_MICRO);
	json_object_object_add(both, "qemu", version);
	json_put_string(both, "package", "qdm");
	return both;
}

struct json_object *qmp_greeting(void)
{
	struct json_object *greeting = json_object_new_object();
	struct json_object *qmp = json_object_new_object();

	json_object_object_add(qmp, "version", qmp_version());
	json_object_object_add(qmp, "capabilities", json_object_new_array());
	json_object_object_add(greeting, "QMP", qmp);
	return greeting;
}

bool qmp_is_error(struct json_object *reply)
{
	return json_object_object_get_ex(reply, "error", NULL);
}

void qmp_print(struct json_object *reply, FILE *out)
{
	struct buffer text = { 0 };

	json_write(&text, reply);
	fprintf(out, "%.*s\n", (int)text.len, text.bytes);
	buffer_free(&text);
}
