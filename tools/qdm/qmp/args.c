// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The argument checker. Commands describe their arguments in tables; checks, lists and
 * documentation all use the same table, so a handler never meets a wrong type, a
 * missing or an unknown argument. The error texts are those that QMP clients expect.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "qmp/args.h"

static const char * const type_names[] = {
	[ARG_STRING] = "string",
	[ARG_INT] = "integer",
	[ARG_SIZE] = "integer",
	[ARG_BOOL] = "boolean",
	[ARG_WORD] = "string",
	[ARG_OBJECT] = "object",
	[ARG_LIST] = "array",
	[ARG_ANY] = "value",
};

static const enum json_type json_types[] = {
	[ARG_STRING] = json_type_string,
	[ARG_INT] = json_type_int,
	[ARG_SIZE] = json_type_int,
	[ARG_BOOL] = json_type_boolean,
	[ARG_WORD] = json_type_string,
	[ARG_OBJECT] = json_type_object,
	[ARG_LIST] = json_type_array,
	[ARG_ANY] = json_type_null,
};

const char *arg_type_name(const struct arg *arg)
{
	return type_names[arg->type];
}

static const struct arg *find_own(const struct arg *args, const char *name)
{
	for (; args->name; args++)
		if (!strcmp(args->name, name))
			return args;
	return NULL;
}

static const struct arg *case_of(const struct arg *arg, const char *word)
{
	const struct arg_case *one;

	for (one = arg->cases; one && one->word; one++)
		if (!strcmp(one->word, word))
			return one->args;
	return NULL;
}

const struct arg *args_case(const struct arg *args, struct json_object *given)
{
	const char *word;

	while (args->name && !args->cases)
		args++;
	if (!args->name)
		return NULL;
	word = json_string(given, args->name, args->def);
	return word ? case_of(args, word) : NULL;
}

static const struct arg *find(const struct arg *args,
			      struct json_object *given, const char *name)
{
	const struct arg *found = find_own(args, name);
	const struct arg *further = found ? NULL : args_case(args, given);

	return further ? find_own(further, name) : found;
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

static bool is_among(const char * const *words, const char *given)
{
	while (words && *words)
		if (!strcmp(*words++, given))
			return true;
	return false;
}

/* QEMU says of a word only its own name, not whose member it is. */
static int check_word(const struct arg *arg, struct json_object *value,
		      struct error *error)
{
	const char *given = json_object_get_string(value);
	const char * const *word;
	char allowed[256] = "";

	if (is_among(arg->words, given) || is_among(arg->hushed, given))
		return 0;
	for (word = arg->words; *word; word++) {
		if (*allowed)
			strncat(allowed, ", ",
				sizeof(allowed) - strlen(allowed) - 1);
		strncat(allowed, *word, sizeof(allowed) - strlen(allowed) - 1);
	}
	return refuse(error, "Parameter '%s' does not accept value '%s' (accepted: %s)",
		      arg->name, given, allowed);
}

static int check_element(const struct arg *arg, struct json_object *element,
			 const char *path, struct error *error)
{
	enum arg_type type = arg->words ? ARG_WORD : ARG_OBJECT;

	if (!json_object_is_type(element, json_types[type]))
		return refuse(error, "Invalid parameter type for '%s', expected: %s",
			      path, type_names[type]);
	return arg->words ? check_word(arg, element, error) :
			    args_check(arg->members, element, path, error);
}

static int check_list(const struct arg *arg, struct json_object *list,
		      const char *path, struct error *error)
{
	char spelt[160];
	size_t i;

	for (i = 0; i < json_object_array_length(list); i++) {
		snprintf(spelt, sizeof(spelt), "%s[%zu]", path, i);
		if (check_element(arg, json_object_array_get_idx(list, i),
				  spelt, error))
			return -1;
	}
	return 0;
}

/* json-c also accepts values above the range of a signed integer. */
static bool is_of_type(const struct arg *arg, struct json_object *value)
{
	return json_object_is_type(value, json_types[arg->type]) &&
	       (arg->type != ARG_INT ||
		json_object_get_uint64(value) <= INT64_MAX);
}

static int check_one(const struct arg *arg, struct json_object *value,
		     const char *path, struct error *error)
{
	if (arg->type == ARG_ANY)
		return 0;
	if (!is_of_type(arg, value) && arg->type == ARG_SIZE)
		return refuse(error, "Parameter '%s' expects uint64", path);
	if (!is_of_type(arg, value))
		return refuse(error, "Invalid parameter type for '%s', expected: %s",
			      path, arg_type_name(arg));
	if (arg->type == ARG_SIZE)
		return check_size(arg, value, path, error);
	if (arg->type == ARG_WORD)
		return check_word(arg, value, error);
	if (arg->type == ARG_OBJECT && arg->members)
		return args_check(arg->members, value, path, error);
	if (arg->type == ARG_LIST)
		return check_list(arg, value, path, error);
	return 0;
}

static int check_known(const struct arg *args, struct json_object *given,
		       const char *prefix, struct error *error)
{
	char path[128];

	json_object_object_foreach(given, name, value) {
		(void)value;
		spell(path, sizeof(path), prefix, name);
		if (!find(args, given, name))
			return refuse(error, "Parameter '%s' is unexpected",
				      path);
	}
	return 0;
}

static int check_table(const struct arg *args, struct json_object *given,
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
	return 0;
}

int args_check(const struct arg *args, struct json_object *given,
	       const char *prefix, struct error *error)
{
	const struct arg *further;

	if (check_table(args, given, prefix, error))
		return -1;
	further = args_case(args, given);
	if (further && check_table(further, given, prefix, error))
		return -1;
	return check_known(args, given, prefix, error);
}

const char *arg_string(const struct arg *args, struct json_object *given,
		       const char *name)
{
	const struct arg *arg = find(args, given, name);

	return json_string(given, name, arg ? arg->def : NULL);
}

uint64_t arg_size(const struct arg *args, struct json_object *given,
		  const char *name)
{
	const char *text = arg_string(args, given, name);

	return text ? strtoull(text, NULL, 10) : 0;
}

bool arg_bool(const struct arg *args, struct json_object *given,
	      const char *name)
{
	const char *text = arg_string(args, given, name);

	return text && !strcmp(text, "true");
}
