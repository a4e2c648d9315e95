// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The argument checker. Commands describe their arguments in tables; checking
 * them, listing them and documenting them all read the same table, so a
 * handler never meets a wrong type, a missing or an unknown argument. The
 * texts are the ones QMP clients know.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "json.h"

static const char * const type_names[] = {
	[ARG_STRING] = "string",
	[ARG_INT] = "integer",
	[ARG_SIZE] = "integer",
	[ARG_BOOL] = "boolean",
	[ARG_WORD] = "string",
	[ARG_OBJECT] = "object",
	[ARG_ANY] = "value",
};

static const enum json_type json_types[] = {
	[ARG_STRING] = json_type_string,
	[ARG_INT] = json_type_int,
	[ARG_SIZE] = json_type_int,
	[ARG_BOOL] = json_type_boolean,
	[ARG_WORD] = json_type_string,
	[ARG_OBJECT] = json_type_object,
	[ARG_ANY] = json_type_null,
};

const char *arg_type_name(const struct arg *arg)
{
	return type_names[arg->type];
}

static const struct arg *find(const struct arg *args, const char *name)
{
	for (; args->name; args++)
		if (!strcmp(args->name, name))
			return args;
	return NULL;
}

static void spell(char *path, size_t len, const char *prefix, const char *name)
{
	snprintf(path, len, "%s%s%s", prefix, *prefix ? "." : "", name);
}

static int check_size(const struct arg *arg, struct json_object *value,
		      const char *path, struct error *error)
{
	uint64_t max = arg->max ? arg->max : UINT64_MAX;

	if (json_object_get_int64(value) < 0 ||
	    json_object_get_uint64(value) > max)
		return refuse(error, "Parameter '%s' expects a value in the range [0, %llu]",
			      path, (unsigned long long)max);
	return 0;
}

static int check_word(const struct arg *arg, struct json_object *value,
		      const char *path, struct error *error)
{
	const char *given = json_object_get_string(value);
	const char * const *word;
	char allowed[256] = "";

	for (word = arg->words; *word; word++) {
		if (!strcmp(*word, given))
			return 0;
		if (*allowed)
			strncat(allowed, ", ",
				sizeof(allowed) - strlen(allowed) - 1);
		strncat(allowed, *word, sizeof(allowed) - strlen(allowed) - 1);
	}
	return refuse(error, "Parameter '%s' does not accept value '%s' (accepted: %s)",
		      path, given, allowed);
}

static int check_one(const struct arg *arg, struct json_object *value,
		     const char *path, struct error *error)
{
	if (arg->type == ARG_ANY)
		return 0;
	if (!json_object_is_type(value, json_types[arg->type]))
		return refuse(error, "Invalid parameter type for '%s', expected: %s",
			      path, arg_type_name(arg));
	if (arg->type == ARG_SIZE)
		return check_size(arg, value, path, error);
	if (arg->type == ARG_WORD)
		return check_word(arg, value, path, error);
	if (arg->type == ARG_OBJECT && arg->members)
		return args_check(arg->members, value, path, error);
	return 0;
}

static int check_known(const struct arg *args, struct json_object *given,
		       const char *prefix, struct error *error)
{
	char path[128];

	json_object_object_foreach(given, name, value) {
		(void)value;
		spell(path, sizeof(path), prefix, name);
		if (!find(args, name))
			return refuse(error, "Parameter '%s' is unexpected",
				      path);
	}
	return 0;
}

int args_check(const struct arg *args, struct json_object *given,
	       const char *prefix, struct error *error)
{
	const struct arg *arg;
	struct json_object *value;
	char path[128];

	for (arg = args; arg->name; arg++) {
		spell(path, sizeof(path), prefix, arg->name);
		if (!json_object_object_get_ex(given, arg->name, &value)) {
			if (arg->must)
				return refuse(error,
					      "Parameter '%s' is missing",
					      path);
			continue;
		}
		if (check_one(arg, value, path, error))
			return -1;
	}
	return check_known(args, given, prefix, error);
}

const char *arg_string(const struct arg *args, struct json_object *given,
		       const char *name)
{
	return json_string(given, name, find(args, name)->def);
}

uint64_t arg_size(const struct arg *args, struct json_object *given,
		  const char *name)
{
	const char *def = find(args, name)->def;
	struct json_object *value;

	if (json_object_object_get_ex(given, name, &value))
		return json_object_get_uint64(value);
	return def ? strtoull(def, NULL, 10) : 0;
}
