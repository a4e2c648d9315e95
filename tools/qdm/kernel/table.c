// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tables in memory. Apart from dm.c, because it needs no device-mapper.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "kernel/dm.h"

void kdm_table_add(struct kdm_table *table, uint64_t start, uint64_t len,
		   const char *type, const char *params)
{
	struct kdm_line *line;

	table->line = more(table->line, table->nr, sizeof(*line));
	line = &table->line[table->nr++];
	line->start = start;
	line->len = len;
	line->type = copy(type);
	line->params = copy(params);
}

void kdm_table_copy(struct kdm_table *to, const struct kdm_table *from)
{
	const struct kdm_line *line;
	size_t i;

	*to = (struct kdm_table){ 0 };
	for (i = 0; i < from->nr; i++) {
		line = &from->line[i];
		kdm_table_add(to, line->start, line->len, line->type,
			      line->params);
	}
}

/* Tables can contain keys (dm-crypt), so they are wiped before they are freed. */
void kdm_table_free(struct kdm_table *table)
{
	size_t i;

	for (i = 0; i < table->nr; i++) {
		wipe(table->line[i].params);
		free(table->line[i].type);
	}
	free(table->line);
	*table = (struct kdm_table){ 0 };
}

bool kdm_table_same(const struct kdm_table *a, const struct kdm_table *b)
{
	size_t i;

	if (a->nr != b->nr)
		return false;
	for (i = 0; i < a->nr; i++)
		if (a->line[i].start != b->line[i].start ||
		    a->line[i].len != b->line[i].len ||
		    strcmp(a->line[i].type, b->line[i].type) ||
		    strcmp(a->line[i].params, b->line[i].params))
			return false;
	return true;
}

uint64_t kdm_table_len(const struct kdm_table *table)
{
	const struct kdm_line *last;

	if (!table->nr)
		return 0;
	last = &table->line[table->nr - 1];
	return last->start + last->len;
}
