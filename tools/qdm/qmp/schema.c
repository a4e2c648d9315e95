// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table of commands in the form of query-qmp-schema: a flat list of entities that
 * refer to each other by name. As in QEMU the names of argument types are numbers
 * without a meaning; to find an argument, start at the command and follow them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/json.h"
#include "qmp/command.h"
#include "qmp/schema.h"

#define NUMBER_LEN	21
#define NAME_LEN	(NUMBER_LEN + 2)

/* Each table of arguments or words becomes a single entity, however often it is used. */
struct build {
	struct json_object *list;
	const void **seen;
	size_t nr;
};

static const char * const builtins[][2] = {
	{ "str", "string" },
	{ "int", "int" },
	{ "bool", "boolean" },
	{ "any", "value" },
};

static const char * const plain_types[] = {
	[ARG_STRING] = "str",
	[ARG_INT] = "int",
	[ARG_SIZE] = "int",
	[ARG_BOOL] = "bool",
	[ARG_WORD] = NULL,
	[ARG_OBJECT] = "any",
	[ARG_LIST] = "any",
	[ARG_ANY] = "any",
};

static void describe_object(struct build *build, const char *name,
			    const struct arg *args);

static struct json_object *entity(struct build *build, const char *name,
				  const char *meta)
{
	struct json_object *one = json_object_new_object();

	json_put_string(one, "name", name);
	json_put_string(one, "meta-type", meta);
	json_object_array_add(build->list, one);
	return one;
}

/* True if @table has just got its name and needs a description. */
static bool name_of(struct build *build, const void *table, char *name)
{
	size_t i;

	for (i = 0; i < build->nr; i++)
		if (build->seen[i] == table)
			break;
	snprintf(name, NUMBER_LEN, "%zu", i);
	if (i < build->nr)
		return false;
	build->seen = more(build->seen, build->nr, sizeof(*build->seen));
	build->seen[build->nr++] = table;
	return true;
}

static void name_object(struct build *build, const struct arg *args,
			char *name)
{
	if (name_of(build, args, name))
		describe_object(build, name, args);
}

static void name_words(struct build *build, const char * const *words,
		       char *name)
{
	struct json_object *values, *members, *one;

	if (!name_of(build, words, name))
		return;
	values = json_object_new_array();
	members = json_object_new_array();
	for (; *words; words++) {
		json_object_array_add(values, json_object_new_string(*words));
		one = json_object_new_object();
		json_put_string(one, "name", *words);
		json_object_array_add(members, one);
	}
	one = entity(build, name, "enum");
	json_object_object_add(one, "members", members);
	json_object_object_add(one, "values", values);
}

static void name_list(struct build *build, const struct arg *arg, char *name)
{
	char element[NUMBER_LEN];

	if (arg->words)
		name_words(build, arg->words, element);
	else
		name_object(build, arg->members, element);
	snprintf(name, NAME_LEN, "[%s]", element);
	json_put_string(entity(build, name, "array"), "element-type", element);
}

static void name_type(struct build *build, const struct arg *arg, char *name)
{
	if (arg->type == ARG_LIST)
		name_list(build, arg, name);
	else if (arg->words)
		name_words(build, arg->words, name);
	else if (arg->type == ARG_OBJECT && arg->members)
		name_object(build, arg->members, name);
	else
		snprintf(name, NAME_LEN, "%s", plain_types[arg->type]);
}

static struct json_object *describe_member(struct build *build,
					   const struct arg *arg)
{
	struct json_object *one = json_object_new_object();
	char type[NAME_LEN];

	name_type(build, arg, type);
	json_put_string(one, "name", arg->name);
	json_put_string(one, "type", type);
	if (!arg->must)
		json_object_object_add(one, "default", NULL);
	return one;
}

static void describe_cases(struct build *build, struct json_object *object,
			   const struct arg *tag)
{
	static const struct arg nothing[] = { { 0 } };
	struct json_object *variants = json_object_new_array();
	struct json_object *one;
	const struct arg_case *at;
	char type[NAME_LEN];

	for (at = tag->cases; at->word; at++) {
		name_object(build, at->args ? at->args : nothing, type);
		one = json_object_new_object();
		json_put_string(one, "case", at->word);
		json_put_string(one, "type", type);
		json_object_array_add(variants, one);
	}
	json_put_string(object, "tag", tag->name);
	json_object_object_add(object, "variants", variants);
}

static void describe_object(struct build *build, const char *name,
			    const struct arg *args)
{
	struct json_object *object = entity(build, name, "object");
	struct json_object *members = json_object_new_array();
	const struct arg *arg;

	for (arg = args; arg->name; arg++) {
		json_object_array_add(members, describe_member(build, arg));
		if (arg->cases)
			describe_cases(build, object, arg);
	}
	json_object_object_add(object, "members", members);
}

static void describe_command(struct build *build,
			     const struct command *command)
{
	static const struct arg nothing[] = { { 0 } };
	struct json_object *object = entity(build, command->name, "command");
	char type[NAME_LEN];

	name_object(build, command->args, type);
	json_put_string(object, "arg-type", type);
	if (command->flags & COMMAND_ANSWERS)
		snprintf(type, sizeof(type), "any");
	else
		name_object(build, nothing, type);
	json_put_string(object, "ret-type", type);
	json_put_bool(object, "allow-oob", false);
}

static void describe_event(struct build *build, const struct event_type *event)
{
	struct json_object *object = entity(build, event->name, "event");
	char type[NAME_LEN];

	name_object(build, event->data, type);
	json_put_string(object, "arg-type", type);
}

struct json_object *schema_build(void)
{
	struct build build = { .list = json_object_new_array() };
	size_t i;

	for (i = 0; i < commands_nr; i++)
		describe_command(&build, &commands[i]);
	for (i = 0; i < event_types_nr; i++)
		describe_event(&build, &event_types[i]);
	for (i = 0; i < sizeof(builtins) / sizeof(*builtins); i++)
		json_put_string(entity(&build, builtins[i][0], "builtin"),
				"json-type", builtins[i][1]);
	free(build.seen);
	return build.list;
}
