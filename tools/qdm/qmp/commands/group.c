// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Commands on throttle groups, which QMP calls objects. A group is a folder in
 * configfs; one write changes all its limits or none. But a new group exists before it
 * has its limits, and a group without limits may have been made by hand: so a marker
 * exists next to it while it is being made.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "kernel/groups.h"
#include "qmp/commands/handlers.h"

#define LIMIT(limit, text)	{ .name = limit, .type = ARG_INT, .what = text }
#define LIMIT3(rate, text) \
	LIMIT(rate, text), LIMIT(rate "-max", text), \
	LIMIT(rate "-max-length", text)
#define LIMITS(x, text) \
	LIMIT3(x "bps-total", text), LIMIT3(x "bps-read", text), \
	LIMIT3(x "bps-write", text), LIMIT3(x "iops-total", text), \
	LIMIT3(x "iops-read", text), LIMIT3(x "iops-write", text), \
	LIMIT(x "iops-size", text)

static const struct arg limits_members[] = { LIMITS("", NULL), { 0 } };

static const char * const qom_types[] = { "throttle-group", NULL };

const struct arg object_add_args[] = {
	{ .name = "qom-type", .type = ARG_WORD, .must = true,
	  .words = qom_types, .what = "the type of object" },
	{ .name = "id", .type = ARG_STRING, .must = true,
	  .what = "the group's name" },
	{ .name = "limits", .type = ARG_OBJECT, .members = limits_members,
	  .what = "limits; those not given are off" },
	LIMITS("x-", "the same limit, in the form of QEMU's older clients"),
	{ 0 }
};

#undef LIMITS
#undef LIMIT3
#undef LIMIT

const struct arg object_del_args[] = {
	{ .name = "id", .type = ARG_STRING, .must = true,
	  .what = "the group's name" },
	{ 0 }
};

const struct arg qom_get_args[] = {
	{ .name = "path", .type = ARG_STRING, .must = true,
	  .what = "the group's name, also as /objects/NAME" },
	{ .name = "property", .type = ARG_STRING, .must = true,
	  .what = "limits, or one of them with x- before its name" },
	{ 0 }
};

const struct arg qom_set_args[] = {
	{ .name = "path", .type = ARG_STRING, .must = true,
	  .what = "the group's name, also as /objects/NAME" },
	{ .name = "property", .type = ARG_STRING, .must = true,
	  .what = "limits" },
	{ .name = "value", .type = ARG_ANY, .must = true,
	  .what = "an object of the limits to change" },
	{ 0 }
};

const struct arg qom_list_args[] = {
	{ .name = "path", .type = ARG_STRING, .must = true,
	  .what = "/objects, or a group's name" },
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

static int overlay_old_names(struct limits *limits, const struct call *call,
			     struct error *error)
{
	struct json_object *value;
	char name[64];
	int i;

	for (i = 0; i < LIMITS_NR; i++) {
		snprintf(name, sizeof(name), "x-%s", limit_names[i]);
		value = call_value(call, name);
		if (value && json_object_get_int64(value) < 0)
			return refuse(error, "Property values cannot be negative");
		if (value && limits_set(limits, limit_names[i],
					json_object_get_int64(value), error))
			return -1;
	}
	return limits_check(limits, error);
}

static void plan_limits(struct plan *plan, const char *group,
			const struct limits *now, const struct limits *before)
{
	char text[1024];

	limits_write(now, before, text, sizeof(text));
	if (*text)
		plan_add(plan, STEP_LIMITS, group)->text = copy(text);
}

/* An existing marker was left by a kill, and is taken over. */
static void plan_group(struct plan *plan, const char *id,
		       const struct limits *limits)
{
	char *marker = group_marker(id);
	bool marked = group_exists(marker);
	struct limits none;
	bool limited;

	limits_init(&none);
	limited = memcmp(limits, &none, sizeof(none));
	plan_add(plan, STEP_GROUPS, "");
	if (limited && !marked)
		plan_add(plan, STEP_MKGROUP, marker);
	plan_add(plan, STEP_MKGROUP, id);
	plan_limits(plan, id, limits, &none);
	if (limited || marked)
		plan_add(plan, STEP_RMGROUP, marker);
	free(marker);
}

static int check_new(const char *id, struct error *error)
{
	if (!group_exists(id))
		return 0;
	if (group_is_adding(id))
		return refuse(error, "group '%s' is being added, or that command was killed (qdm doctor --repair)",
			      id);
	return refuse(error, "A group with this name already exists");
}

int object_add(struct call *call, struct error *error)
{
	const char *id = call_word(call, "id");
	struct json_object *given;
	struct limits limits;

	limits_init(&limits);
	if (group_check_name(id, error) ||
	    overlay_old_names(&limits, call, error) || check_new(id, error))
		return -1;
	if (json_object_object_get_ex(call->args, "limits", &given) &&
	    overlay_limits(&limits, given, error))
		return -1;
	plan_group(&call->plan, id, &limits);
	return 0;
}

int object_del(struct call *call, struct error *error)
{
	const char *id = call_word(call, "id");
	struct error ignored = { 0 };
	char *marker;

	if (group_check_name(id, &ignored) || !group_exists(id))
		return refuse(error, "object '%s' not found", id);
	plan_add(&call->plan, STEP_RMGROUP, id);
	marker = group_marker(id);
	if (group_exists(marker))
		plan_add(&call->plan, STEP_RMGROUP, marker);
	free(marker);
	return 0;
}

/* Objects are named by their id, or by QEMU's path. */
static const char *object_id(struct call *call)
{
	const char *path = call_word(call, "path");

	return strncmp(path, "/objects/", 9) ? path : path + 9;
}

/* The place of x-NAME among the limits; LIMITS_NR is all of them, -1 none. */
static int property_nr(const char *property)
{
	int i;

	if (!strcmp(property, "limits"))
		return LIMITS_NR;
	for (i = LIMITS_NR - 1; i >= 0; i--)
		if (!strncmp(property, "x-", 2) &&
		    !strcmp(property + 2, limit_names[i]))
			break;
	return i;
}

static int find_property(struct call *call, const char *id, int *nr,
			 struct limits *limits, struct error *error)
{
	struct error ignored = { 0 };

	if (group_check_name(id, &ignored) || !group_exists(id))
		return refuse_as(error, ERROR_NOT_FOUND,
				 "Device '%s' not found",
				 call_word(call, "path"));
	*nr = property_nr(call_word(call, "property"));
	if (*nr < 0)
		return refuse(error, "Property 'throttle-group.%s' not found",
			      call_word(call, "property"));
	return group_read_limits(id, limits, error);
}

/* Whatever there is has a type. */
static const char *type_of(const char *path)
{
	struct error ignored = { 0 };

	if (!strcmp(path, "/") || !strcmp(path, "/objects"))
		return "container";
	if (!strncmp(path, "/objects/", 9))
		path += 9;
	return !group_check_name(path, &ignored) && group_exists(path) ?
	       qom_types[0] : NULL;
}

int qom_get(struct call *call, struct error *error)
{
	const char *type = type_of(call_word(call, "path"));
	struct limits limits;
	int i, nr;

	if (type && !strcmp(call_word(call, "property"), "type")) {
		call->result = json_object_new_string(type);
		return 0;
	}
	if (find_property(call, object_id(call), &nr, &limits, error))
		return -1;
	if (nr < LIMITS_NR) {
		call->result = json_object_new_int64(limits.value[nr]);
		return 0;
	}
	call->result = json_object_new_object();
	for (i = 0; i < LIMITS_NR; i++)
		json_put_number(call->result, limit_names[i],
				limits.value[i]);
	return 0;
}

int qom_set(struct call *call, struct error *error)
{
	static const struct arg value_args[] = {
		{ .name = "limits", .type = ARG_OBJECT, .must = true,
		  .members = limits_members },
		{ 0 }
	};
	const char *id = object_id(call);
	struct json_object *wrapped, *given;
	struct limits limits, before;
	int result, nr;

	if (find_property(call, id, &nr, &before, error))
		return -1;
	if (nr < LIMITS_NR)
		return refuse(error, "Property cannot be set after initialization");
	json_object_object_get_ex(call->args, "value", &given);
	wrapped = json_object_new_object();
	json_object_object_add(wrapped, "limits", json_object_get(given));
	result = args_check(value_args, wrapped, "", error);
	json_object_put(wrapped);
	limits = before;
	if (result || overlay_limits(&limits, given, error))
		return -1;
	plan_limits(&call->plan, id, &limits, &before);
	return 0;
}

static void add_property(struct json_object *list, const char *name,
			 const char *type)
{
	struct json_object *one = json_object_new_object();

	json_put_string(one, "name", name);
	json_put_string(one, "type", type);
	json_object_array_add(list, one);
}

static int list_groups(struct json_object *list, struct error *error)
{
	char **names;
	size_t nr, i;

	if (groups_list(&names, &nr, error))
		return -1;
	for (i = 0; i < nr; i++) {
		add_property(list, names[i], "child<throttle-group>");
		free(names[i]);
	}
	free(names);
	return 0;
}

static void list_properties(struct json_object *list)
{
	char name[64];
	int i;

	add_property(list, "type", "string");
	add_property(list, "limits", "ThrottleLimits");
	for (i = 0; i < LIMITS_NR; i++) {
		snprintf(name, sizeof(name), "x-%s", limit_names[i]);
		add_property(list, name, "int");
	}
}

int qom_list(struct call *call, struct error *error)
{
	const char *path = call_word(call, "path");
	const char *type = type_of(path);

	if (!*path)
		return refuse(error, "Path '' is ambiguous");
	call->result = json_object_new_array();
	if (!strcmp(path, "/")) {
		add_property(call->result, "type", "string");
		add_property(call->result, "objects", "child<container>");
		return 0;
	}
	if (!strcmp(path, "/objects") || !strcmp(path, "/objects/"))
		return list_groups(call->result, error);
	if (!type)
		return refuse_as(error, ERROR_NOT_FOUND,
				 "Device '%s' not found", path);
	list_properties(call->result);
	return 0;
}

const struct arg qom_type_args[] = {
	{ .name = "typename", .type = ARG_STRING, .must = true,
	  .what = "throttle-group" },
	{ 0 }
};

int qom_list_properties(struct call *call, struct error *error)
{
	const char *type = call_word(call, "typename");

	if (strcmp(type, qom_types[0]))
		return refuse_as(error, ERROR_NOT_FOUND, "Class '%s' not found",
				 type);
	call->result = json_object_new_array();
	list_properties(call->result);
	return 0;
}
