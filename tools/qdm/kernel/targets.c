// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Table lines of targets: the words that name devices, and the targets that may be
 * active twice during a swap.
 *
 * Moving a table down makes a second device with the same table; until the swap both
 * exist, the upper one in use and the lower one idle. That is harmless for targets that
 * only map (linear, striped, crypt), and for thin, whose pool counts openers. It is not
 * for targets with a journal, a log or a cache of their own, nor for a running backup,
 * whose job belongs to its device. A target that is not in this list is refused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "kernel/targets.h"

/* The devices are word @first and every @step words after it, @count times. */
struct shape {
	const char *type;
	unsigned int first;
	unsigned int step;
	unsigned int count;
	bool movable;
	bool secret;
	bool same;	/* shows the data of its first device */
};

#define MANY	1000000

static const struct shape shapes[] = {
	{ "linear", 0, 1, 1, true, false, true },
	{ SHAPE_GUARD, 0, 1, 1, true, false, true },
	{ "striped", 2, 2, MANY, true, false, false },
	{ "crypt", 3, 1, 1, true, true, false },
	{ "delay", 0, 3, 3, true, false, false },
	{ "flakey", 0, 1, 1, true, false, false },
	{ "zero", 0, 1, 0, true, false, false },
	{ "error", 0, 1, 0, true, false, false },
	{ "thin", 0, 1, 0, true, false, false },
	{ "qthrottle", 0, 1, 1, true, false, true },
	{ "wthreshold", 0, 1, 1, true, false, true },
	{ "backupcow", 0, 2, 2, false, false, true },
};

static const struct shape *shape_of(const char *type)
{
	size_t i;

	for (i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
		if (!strcmp(shapes[i].type, type))
			return &shapes[i];
	return NULL;
}

const char *shape_immovable(const struct kdm_table *table)
{
	const struct shape *shape;
	size_t i;

	for (i = 0; i < table->nr; i++) {
		shape = shape_of(table->line[i].type);
		if (!shape || !shape->movable)
			return table->line[i].type;
	}
	return NULL;
}

bool shape_is_secret(const struct kdm_table *table)
{
	const struct shape *shape;
	size_t i;

	for (i = 0; i < table->nr; i++) {
		shape = shape_of(table->line[i].type);
		if (!shape || shape->secret)
			return true;
	}
	return false;
}

static bool is_device_word(const struct shape *shape, unsigned int at)
{
	return at >= shape->first && (at - shape->first) % shape->step == 0 &&
	       (at - shape->first) / shape->step < shape->count;
}

/* The line with the device replaced; adds the replacements to *@hits. */
static char *replace_words(const struct shape *shape, const char *params,
			   const char *old, const char *new, int *hits)
{
	char *words = copy(params);
	char *result = copy("");
	char *save = NULL;
	unsigned int at = 0;
	char *word, *longer;

	for (word = strtok_r(words, " ", &save); word;
	     word = strtok_r(NULL, " ", &save), at++) {
		if (is_device_word(shape, at) && !strcmp(word, old)) {
			word = (char *)new;
			(*hits)++;
		}
		longer = print("%s%s%s", result, at ? " " : "", word);
		wipe(result);
		result = longer;
	}
	/* modified by strtok */
	explicit_bzero(words, strlen(params));
	free(words);
	return result;
}

static bool names_device(const char *params, const char *device)
{
	size_t len = strlen(device);
	const char *at = params;

	while ((at = strstr(at, device))) {
		if ((at == params || at[-1] == ' ') &&
		    (!at[len] || at[len] == ' '))
			return true;
		at += len;
	}
	return false;
}

static int replace_line(struct kdm_table *to, const struct kdm_line *line,
			const char *old, const char *new, const char **stuck)
{
	const struct shape *shape = shape_of(line->type);
	char *params;
	int hits = 0;

	if (!shape) {
		if (names_device(line->params, old))
			*stuck = line->type;
		kdm_table_add(to, line->start, line->len, line->type,
			      line->params);
		return 0;
	}
	params = replace_words(shape, line->params, old, new, &hits);
	kdm_table_add(to, line->start, line->len, line->type, params);
	wipe(params);
	return hits;
}

int shape_replace(struct kdm_table *to, const struct kdm_table *from,
		  struct devno old, const char *new, const char **stuck)
{
	char word[32];
	int hits = 0;
	size_t i;

	*to = (struct kdm_table){ 0 };
	*stuck = NULL;
	snprintf(word, sizeof(word), "%u:%u", old.major, old.minor);
	for (i = 0; i < from->nr; i++)
		hits += replace_line(to, &from->line[i], word, new, stuck);
	if (*stuck)
		hits = 0;
	if (!hits)
		kdm_table_free(to);
	return hits;
}

bool shape_is_same(const struct kdm_table *table, struct devno *below)
{
	const struct shape *shape = table->nr == 1 ?
				    shape_of(table->line->type) : NULL;
	unsigned long long offset;

	return shape && shape->same && !table->line->start &&
	       sscanf(table->line->params, "%u:%u %llu", &below->major,
		      &below->minor, &offset) == 3 && !offset;
}

bool shape_is_straight(const struct kdm_table *table, struct devno *below)
{
	return shape_is_same(table, below) &&
	       (!strcmp(table->line->type, "linear") ||
		!strcmp(table->line->type, SHAPE_GUARD));
}

static void add_once(struct devno **below, size_t *nr, struct devno devno)
{
	size_t i;

	for (i = 0; i < *nr; i++)
		if ((*below)[i].major == devno.major &&
		    (*below)[i].minor == devno.minor)
			return;
	*below = more(*below, *nr, sizeof(**below));
	(*below)[(*nr)++] = devno;
}

/* A dash means no device. */
static bool add_line(const struct shape *shape, const char *params,
		     struct devno **below, size_t *nr)
{
	struct devno devno;
	unsigned int at;
	char rest = ' ';

	for (at = 0; *params; at++) {
		if (is_device_word(shape, at) && strncmp(params, "- ", 2)) {
			if (sscanf(params, "%u:%u%c", &devno.major,
				   &devno.minor, &rest) < 2 || rest != ' ')
				return false;
			add_once(below, nr, devno);
		}
		params += strcspn(params, " ");
		params += strspn(params, " ");
	}
	return true;
}

bool shape_below(const struct kdm_table *table, struct devno **below,
		 size_t *nr)
{
	const struct shape *shape;
	size_t i;

	*below = NULL;
	*nr = 0;
	for (i = 0; i < table->nr; i++) {
		shape = shape_of(table->line[i].type);
		if (shape && (shape->count || !*table->line[i].params) &&
		    add_line(shape, table->line[i].params, below, nr))
			continue;
		free(*below);
		*below = NULL;
		*nr = 0;
		return false;
	}
	return true;
}
