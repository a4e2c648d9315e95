/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading JSON from outside; see json.c. */
#ifndef QDM_BASE_JSON_H
#define QDM_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <json-c/json.h>

#include "base/buffer.h"
#include "base/error.h"

#define JSON_MAX_BYTES	(1u << 20)
#define JSON_MAX_DEPTH	32

/* One whole value from @text, or NULL with @error filled in. */
struct json_object *json_read(const char *text, size_t len,
			      struct error *error);

/* The member's string, or @def if it is missing. */
const char *json_string(struct json_object *object, const char *key,
			const char *def);

/*
 * Adds a new value to @object. The key must be a string constant, and must not exist
 * yet.
 */
void json_put(struct json_object *object, const char *key,
	      struct json_object *value);
void json_put_string(struct json_object *object, const char *key,
		     const char *value);
void json_put_number(struct json_object *object, const char *key,
		     unsigned long long value);
void json_put_bool(struct json_object *object, const char *key, bool value);

/* Appends the value as text for a client. */
void json_write(struct buffer *out, struct json_object *value);

#endif /* QDM_BASE_JSON_H */
