/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Common parts of the short verbs; see words.c. */
#ifndef QDM_CLI_WORDS_H
#define QDM_CLI_WORDS_H

#include <stdio.h>
#include <json-c/json.h>

#include "base/error.h"
#include "cli/options.h"
#include "graph/graph.h"
#include "kernel/limits.h"

/*
 * By default a failed copy breaks the backup, not the write to the device, unlike in
 * QEMU.
 */
#define SAFE_POLICY	"break-snapshot"

/* The node's name for a name or path of a dm device, for the caller to free. */
char *people_node(const struct graph *graph, const char *word);
/* The same for a verb's first word, which is replaced; 0 or -1. */
int people_named(struct options *options, struct error *error);

/*
 * Carries out a QMP command; takes @args. The caller puts the reply; it is NULL on
 * error, or when a script has been printed: into @script, if that is not NULL.
 */
struct json_object *people_ask(const char *command, struct json_object *args,
			       const struct options *options,
			       struct error *error);
/* For a command without a result. */
int people_tell(const char *command, struct json_object *args,
		const struct options *options, struct error *error);

/* The value after "discard=", or NULL if @word is another. */
const char *people_discard(const char *word);
/* @word is one of the two, or NULL. */
int people_check_discard(const char *word, const char * const *words,
			 struct error *error);
/* Parses one such word: returns its name, for the caller to free, or NULL. */
char *people_limit(const char *word, uint64_t *value, struct error *error);
/* Adds words like iops-total=500 or bps-write=10M to @object. */
int people_limits(struct json_object *object, const char * const *word,
		  size_t nr, struct error *error);
/* "iops-total=500/s bps-write=10M/s", without limits that are off. */
void people_print_limits(FILE *out, struct json_object *limits);
void people_print_json(struct json_object *value);
unsigned long long people_number(struct json_object *object, const char *key);

#endif /* QDM_CLI_WORDS_H */
