// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The short verbs are QMP commands with less to type: they build a command from words,
 * carry it out like any other, and print the result with units. So they have no
 * abilities beyond QMP, the same refusals, and --dry-run without extra code.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/alloc.h"
#include "base/size.h"
#include "cli/words.h"
#include "qmp/ask.h"

char *people_node(const struct graph *graph, const char *word)
{
	const struct node *node;
	struct stat info;

	if (*word != '/' || stat(word, &info) || !S_ISBLK(info.st_mode))
		return copy(word);
	node = graph_at(graph, (struct devno){ major(info.st_rdev),
					       minor(info.st_rdev) });
	return copy(node ? node->dev.name : word);
}

int people_named(struct options *options, struct error *error)
{
	struct graph graph;
	char *name;

	if (!options->nr || *options->word[0] != '/')
		return 0;
	if (graph_read(&graph, error))
		return -1;
	name = people_node(&graph, options->word[0]);
	if (*name != '/') {
		snprintf(options->name, sizeof(options->name), "%s", name);
		options->word[0] = options->name;
	}
	free(name);
	graph_free(&graph);
	return 0;
}

struct json_object *people_ask(const char *command, struct json_object *args,
			       const struct options *options,
			       struct error *error)
{
	return qmp_ask(command, args,
		       options && options->dry_run ? stdout : NULL, error);
}

int people_tell(const char *command, struct json_object *args,
		const struct options *options, struct error *error)
{
	json_object_put(people_ask(command, args, options, error));
	return error->class ? -1 : 0;
}

const char *people_discard(const char *word)
{
	static const char key[] = "discard=";
	const size_t len = sizeof(key) - 1;

	return strncmp(word, key, len) ? NULL : word + len;
}

int people_check_discard(const char *word, const char * const *words,
			 struct error *error)
{
	if (!word || !strcmp(word, words[0]) || !strcmp(word, words[1]))
		return 0;
	return misuse(error, "unknown value '%s' for discard, allowed are %s and %s",
		      word, words[0], words[1]);
}

static bool ends_with(const char *name, const char *tail)
{
	size_t len = strlen(name), n = strlen(tail);

	return len >= n && !strcmp(name + len - n, tail);
}

static int refuse_name(const char *name, struct error *error)
{
	char all[512] = "";
	size_t i;

	for (i = 0; i < LIMITS_NR; i++) {
		strcat(all, " ");
		strcat(all, limit_names[i]);
	}
	return misuse(error, "'%s' is no limit; there are%s", name, all);
}

static bool is_limit(const char *name)
{
	size_t i;

	for (i = 0; i < LIMITS_NR; i++)
		if (!strcmp(name, limit_names[i]))
			return true;
	return false;
}

/* Operations have units of 1000, bytes of 1024. */
static bool read_limit(const char *name, const char *text, uint64_t *value)
{
	if (ends_with(name, "-length") ||
	    (!strncmp(name, "iops-", 5) && strcmp(name, "iops-size")))
		return read_count(text, value);
	return read_size(text, value);
}

char *people_limit(const char *word, uint64_t *value, struct error *error)
{
	const char *equals = strchr(word, '=');
	char *name;

	if (!equals) {
		misuse(error, "'%s' is not limit=value (for example iops-total=500 or bps-write=10M)",
		       word);
		return NULL;
	}
	name = print("%.*s", (int)(equals - word), word);
	if (!is_limit(name))
		refuse_name(name, error);
	else if (read_limit(name, equals + 1, value) && *value <= INT64_MAX)
		return name;
	else
		misuse(error, "'%s' is no value for %s: %s", equals + 1, name,
		       strncmp(name, "bps-", 4) ? "a number, also like 10k or 1.5M" :
						  SIZE_UNITS);
	free(name);
	return NULL;
}

int people_limits(struct json_object *object, const char * const *word,
		  size_t nr, struct error *error)
{
	uint64_t value;
	char *name;
	size_t i;

	for (i = 0; i < nr; i++) {
		name = people_limit(word[i], &value, error);
		if (!name)
			return -1;
		json_object_object_add(object, name,
				       json_object_new_uint64(value));
		free(name);
	}
	return 0;
}

static void print_limit(FILE *out, const char *name, uint64_t value)
{
	char text[SIZE_TEXT];

	if (ends_with(name, "-length"))
		fprintf(out, " %s=%llus", name, (unsigned long long)value);
	else if (!strncmp(name, "bps", 3))
		fprintf(out, " %s=%s/s", name, size_text(text, value));
	else if (!strcmp(name, "iops-size"))
		fprintf(out, " %s=%s", name, size_text(text, value));
	else
		fprintf(out, " %s=%llu/s", name, (unsigned long long)value);
}

void people_print_limits(FILE *out, struct json_object *limits)
{
	int shown = 0;

	json_object_object_foreach(limits, name, value) {
		if (json_object_get_uint64(value) == ends_with(name, "-length"))
			continue;
		print_limit(out, name, json_object_get_uint64(value));
		shown++;
	}
	if (!shown)
		fputs(" unlimited", out);
}

void people_print_json(struct json_object *value)
{
	puts(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PRETTY |
					    JSON_C_TO_STRING_NOSLASHESCAPE));
}

unsigned long long people_number(struct json_object *object, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value))
		return 0;
	return json_object_get_uint64(value);
}
