/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The commands. One table (qmp/commands/table.c) has each command's name, arguments,
 * types, defaults, handler and a sentence about it; the checks, the use of the lock,
 * query-commands, query-qmp-schema, completion and the reference page all derive from
 * it.
 */
#ifndef QDM_QMP_COMMAND_H
#define QDM_QMP_COMMAND_H

#include <json-c/json.h>

#include "graph/graph.h"
#include "plan/plan.h"
#include "qmp/args.h"

/* A command in progress; the handler adds to the plan or fills the result. */
struct call {
	struct json_object *args;	/* checked */
	const struct arg *table;	/* the table that they were checked with */
	struct graph graph;
	struct plan plan;
	struct json_object *result;	/* NULL means {} */
	bool dry_run;			/* no settings may be remembered either */
};

enum {
	COMMAND_EDITS = 1,	/* plans changes: runs under the lock */
	COMMAND_GRAPH = 2,	/* reads the graph first */
	COMMAND_EARLY = 4,	/* allowed before the negotiation, and only then */
	COMMAND_ANSWERS = 8,	/* has a result */
};

struct command {
	const char *name;
	const struct arg *args;
	unsigned int flags;
	int (*handle)(struct call *call, struct error *error);
	const char *what;
};

extern const struct command commands[];
extern const size_t commands_nr;

/* The events. */
struct event_type {
	const char *name;
	const struct arg *data;
	const char *what;
};

extern const struct event_type event_types[];
extern const size_t event_types_nr;

const struct command *command_find(const char *name);

/* An argument as text: the one given, else the default, else NULL. */
const char *call_word(const struct call *call, const char *name);
uint64_t call_size(const struct call *call, const char *name);
bool call_flag(const struct call *call, const char *name);
/* The argument itself, or NULL. */
struct json_object *call_value(const struct call *call, const char *name);

#endif /* QDM_QMP_COMMAND_H */
