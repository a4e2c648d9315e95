/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arguments described by tables and checked against them; see args.c. */
#ifndef QDM_QMP_ARGS_H
#define QDM_QMP_ARGS_H

#include <stdbool.h>
#include <stdint.h>
#include <json-c/json.h>

#include "base/error.h"

enum arg_type {
	ARG_STRING,
	ARG_INT,	/* signed 64 bits: the handler knows the range */
	ARG_SIZE,	/* 0 up to @max, or up to 2^64 - 1 when @max is 0 */
	ARG_BOOL,
	ARG_WORD,	/* one of @words */
	ARG_OBJECT,	/* with @members; any members when that is NULL */
	ARG_LIST,	/* of objects with @members, or of @words */
	ARG_ANY,
};

/* Further members that depend on the word of an ARG_WORD. */
struct arg_case {
	const char *word;
	const struct arg *args;
};

/* A table ends with an entry without a name. */
struct arg {
	const char *name;
	enum arg_type type;
	bool must;
	bool hush;		/* always refused, with QEMU's words: not offered */
	const char *def;
	uint64_t max;
	const char * const *words;
	const char * const *hushed;	/* further ones, always refused: not offered */
	const struct arg *members;
	const struct arg_case *cases;	/* one for each of @words, if any */
	const char *what;		/* for the reference page */
};

int args_check(const struct arg *args, struct json_object *given,
	       const char *prefix, struct error *error);
/* The further members for @given's words, or NULL; @args was checked. */
const struct arg *args_case(const struct arg *args, struct json_object *given);
const char *arg_type_name(const struct arg *arg);

/* For checked arguments: the value given, else the default. */
const char *arg_string(const struct arg *args, struct json_object *given,
		       const char *name);
uint64_t arg_size(const struct arg *args, struct json_object *given,
		  const char *name);
bool arg_bool(const struct arg *args, struct json_object *given,
	      const char *name);

#endif /* QDM_QMP_ARGS_H */
