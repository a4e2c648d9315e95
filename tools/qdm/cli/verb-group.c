// SPDX-License-Identifier: GPL-2.0-or-later
/* qdm group: throttle groups. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/verb-limit.h"
#include "cli/verbs.h"
#include "cli/words.h"

static struct json_object *ask_limits(const char *group, struct error *error)
{
	struct json_object *args = named_args("path", group);

	json_put_string(args, "property", "limits");
	return people_ask("qom-get", args, NULL, error);
}

static int show_group(const char *group, const struct options *options,
		      struct error *error)
{
	struct json_object *limits = ask_limits(group, error);

	if (!limits)
		return -1;
	if (options->json) {
		people_print_json(limits);
	} else {
		printf("%s:", group);
		people_print_limits(stdout, limits);
		putchar('\n');
	}
	json_object_put(limits);
	return 0;
}

static void add_group(struct json_object *all, const char *name,
		      struct error *error)
{
	struct json_object *limits = ask_limits(name, error);
	struct json_object *one = named_args("id", name);

	json_object_object_add(one, "limits", limits);
	json_object_array_add(all, one);
}

static int show_groups(const struct options *options, struct error *error)
{
	struct json_object *list = people_ask("qom-list",
					      named_args("path", "/objects"), NULL,
					      error);
	struct json_object *all = json_object_new_array();
	const char *name;
	size_t i;

	for (i = 0; list && i < json_object_array_length(list); i++) {
		name = json_string(json_object_array_get_idx(list, i), "name",
				   "");
		if (options->json)
			add_group(all, name, error);
		else
			show_group(name, options, error);
	}
	if (options->json)
		people_print_json(all);
	json_object_put(all);
	json_object_put(list);
	return error->class ? -1 : 0;
}

/* add and set: prints the limits in force afterwards. */
static int change_group(const struct options *options, bool is_new,
			struct error *error)
{
	const char *group = options->word[1];
	struct json_object *limits = json_object_new_object();
	struct json_object *args = named_args(is_new ? "id" : "path", group);

	if (people_limits(limits, options->word + 2, options->nr - 2, error)) {
		json_object_put(limits);
		json_object_put(args);
		return -1;
	}
	json_put_string(args, is_new ? "qom-type" : "property",
			is_new ? "throttle-group" : "limits");
	json_object_object_add(args, is_new ? "limits" : "value", limits);
	if (people_tell(is_new ? "object-add" : "qom-set", args, options,
			error))
		return -1;
	return options->dry_run ? 0 : show_group(group, options, error);
}

static int delete_group(const struct options *options, struct error *error)
{
	struct json_object *told = named_args("id", options->word[1]);
	int result = people_tell("object-del", json_object_get(told), options,
				 error);

	if (!result && options->json && !options->dry_run)
		people_print_json(told);
	json_object_put(told);
	return result;
}

int verb_group(int argc, char **argv, struct error *error)
{
	struct options options;
	const char *what;

	if (options_read(&options, argc, argv, "--json --dry-run", error))
		return -1;
	what = options.nr ? options.word[0] : "show";
	if (!strcmp(what, "show") && options.nr < 2)
		return show_groups(&options, error);
	if (options.nr < 2)
		return misuse(error, "group %s: give the group's name", what);
	if ((!strcmp(what, "show") || !strcmp(what, "del")) && options.nr > 2)
		return misuse(error, "group %s: '%s' is one word too many",
			      what, options.word[2]);
	if (!strcmp(what, "show"))
		return show_group(options.word[1], &options, error);
	if (!strcmp(what, "add") || !strcmp(what, "set"))
		return change_group(&options, *what == 'a', error);
	if (!strcmp(what, "del"))
		return delete_group(&options, error);
	return misuse(error, "group: '%s' is unknown; there are add, set, show and del",
		      what);
}
