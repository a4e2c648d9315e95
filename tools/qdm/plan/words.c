// SPDX-License-Identifier: GPL-2.0-or-later
/* A step's table with current device numbers, and comparing tables. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/alloc.h"
#include "graph/graph.h"
#include "plan/plan.h"
#include "plan/run.h"

#define MAPPER	"/dev/mapper/"

/*
 * A table line's word that is a device: the device of that name when the plan was made,
 * or the one that the plan itself has made.
 */
static bool is_device(const struct plan *plan, const char *word,
		      struct devno *devno)
{
	const struct sight *seen = sights_find(&plan->seen, word);
	struct error ignored = { 0 };
	struct kdm_device device;
	struct stat info;

	if (seen) {
		*devno = seen->devno;
		return true;
	}
	if (!strncmp(word, MAPPER, strlen(MAPPER)) &&
	    kdm_find(word + strlen(MAPPER), &device, &ignored) == 1) {
		*devno = device.devno;
		return true;
	}
	if (*word != '/' || stat(word, &info) || !S_ISBLK(info.st_mode))
		return false;
	*devno = (struct devno){ major(info.st_rdev), minor(info.st_rdev) };
	return true;
}

/* Our tables name devices by path, to be readable; the kernel gets numbers. */
static char *number_words(const struct plan *plan, const char *params)
{
	char *words = copy(params);
	char *result = copy("");
	char *save = NULL;
	char *word, *longer;
	struct devno devno;

	for (word = strtok_r(words, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		if (is_device(plan, word, &devno))
			longer = print("%s%s%u:%u", result, *result ? " " : "",
				       devno.major, devno.minor);
		else
			longer = print("%s%s%s", result, *result ? " " : "",
				       word);
		wipe(result);
		result = longer;
	}
	explicit_bzero(words, strlen(params));
	free(words);
	return result;
}

/* Is the word one of the line's? */
bool names_word(const char *params, const char *word)
{
	size_t len = strlen(word);
	const char *at = params;

	while ((at = strstr(at, word))) {
		if ((at == params || at[-1] == ' ') &&
		    (!at[len] || at[len] == ' '))
			return true;
		at += len;
	}
	return false;
}

/* The copied table must be the one that the plan was based on. */
static int copied_table(const struct step *step, struct kdm_table *table,
			struct error *error)
{
	if (kdm_table(step->copy_of, table, error))
		return -1;
	if (!step->original.nr || same_place(&step->original, table))
		return 0;
	kdm_table_free(table);
	return refuse_changed(step->copy_of, error);
}

int step_table(const struct plan *plan, const struct step *step,
	       struct kdm_table *table, struct error *error)
{
	char *params;
	size_t i;

	if (step->copy_of)
		return copied_table(step, table, error);
	kdm_table_copy(table, &step->table);
	for (i = 0; i < table->nr; i++) {
		params = number_words(plan, table->line[i].params);
		wipe(table->line[i].params);
		table->line[i].params = params;
	}
	return 0;
}

bool same_line(const struct kdm_line *a, const struct kdm_line *b)
{
	bool filter = kind_of_target(a->type) != KIND_DEVICE;
	size_t len = strcspn(a->params, " ");

	if (a->start != b->start || a->len != b->len || strcmp(a->type, b->type))
		return false;
	return filter ? !strncmp(a->params, b->params, len) :
			!strcmp(a->params, b->params);
}

bool same_place(const struct kdm_table *a, const struct kdm_table *b)
{
	size_t i;

	for (i = 0; a->nr == b->nr && i < a->nr; i++)
		if (!same_line(&a->line[i], &b->line[i]))
			return false;
	return a->nr == b->nr;
}

int refuse_changed(const char *name, struct error *error)
{
	return refuse(error, "Device '%s' was changed by someone else at this moment; nothing was done, try again",
		      name);
}
