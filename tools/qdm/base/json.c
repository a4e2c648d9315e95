// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reading JSON from outside. json-c builds the values, but it has two traps: of two
 * equal keys the last one silently wins, and an integer too large for 64 bits silently
 * becomes the largest that fits. Both would turn a mistake into another device's
 * limits. So the text is checked first: the grammar (JSON, and strings in single
 * quotes, which QMP servers accept), the depth, the keys and the integers.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

struct walk {
	const char *text;
	const char *at;
	const char *end;
	unsigned int depth;
	struct error *error;
};

static bool walk_value(struct walk *walk);

static bool bad(struct walk *walk, const char *what)
{
	refuse(walk->error, "JSON parse error, %s at byte %zu", what,
	       (size_t)(walk->at - walk->text));
	return false;
}

static char peek(const struct walk *walk)
{
	return walk->at < walk->end ? *walk->at : '\0';
}

static void skip_space(struct walk *walk)
{
	while (walk->at < walk->end && strchr(" \t\r\n", *walk->at) &&
	       *walk->at)
		walk->at++;
}

static bool take(struct walk *walk, char wanted)
{
	skip_space(walk);
	if (peek(walk) != wanted)
		return false;
	walk->at++;
	return true;
}

/* The number behind "u" in an escape; 0 if there is none. */
static unsigned long read_code(const struct walk *walk)
{
	char hex[5] = "";

	if (walk->end - walk->at < 5 || *walk->at != 'u')
		return 0;
	memcpy(hex, walk->at + 1, 4);
	return strspn(hex, "0123456789abcdefABCDEF") == 4 ?
	       strtoul(hex, NULL, 16) : 0;
}

/* Half of a pair alone stands for no character. */
static bool walk_code(struct walk *walk)
{
	unsigned long code = read_code(walk);

	if (code >= 0xd800 && code < 0xdc00) {
		walk->at += 5;
		code = walk->at < walk->end && *walk->at++ == '\\' ?
		       read_code(walk) : 0;
		code = code >= 0xdc00 && code < 0xe000 ? 1 : 0;
	}
	if (!code || (code >= 0xd800 && code < 0xe000))
		return bad(walk, "invalid escape in string");
	walk->at += 5;
	return true;
}

/* After a backslash. A NUL is refused: C strings would end there. */
static bool walk_escape(struct walk *walk)
{
	if (!peek(walk) || !strchr("\"'\\/bfnrt", peek(walk)))
		return walk_code(walk);
	walk->at++;
	return true;
}

static bool walk_string(struct walk *walk)
{
	char quote = *walk->at++;

	while (walk->at < walk->end && *walk->at != quote) {
		if ((unsigned char)*walk->at < 0x20)
			return bad(walk, "control character in string");
		if (*walk->at++ == '\\' && !walk_escape(walk))
			return false;
	}
	if (walk->at >= walk->end)
		return bad(walk, "string without an end");
	walk->at++;
	return true;
}

static bool is_integer(const char *from, const char *to)
{
	while (from < to)
		if (strchr(".eE", *from++))
			return false;
	return true;
}

static size_t skip_digits(struct walk *walk)
{
	const char *from = walk->at;

	while (isdigit((unsigned char)peek(walk)))
		walk->at++;
	return walk->at - from;
}

/* As JSON has them: an id goes back as it came, and has to be JSON there, too. */
static bool walk_digits(struct walk *walk)
{
	bool zero;

	walk->at += peek(walk) == '-';
	zero = peek(walk) == '0';
	if (skip_digits(walk) != 1 && zero)
		return false;
	if (!isdigit((unsigned char)walk->at[-1]))
		return false;
	if (peek(walk) == '.' && (walk->at++, !skip_digits(walk)))
		return false;
	if (peek(walk) != 'e' && peek(walk) != 'E')
		return true;
	walk->at++;
	walk->at += peek(walk) == '+' || peek(walk) == '-';
	return skip_digits(walk);
}

static bool walk_number(struct walk *walk)
{
	const char *from = walk->at;
	char digits[32] = "";
	size_t len;

	if (!walk_digits(walk))
		return bad(walk, "invalid number");
	len = walk->at - from;
	if (!is_integer(from, walk->at))
		return true;
	if (len >= sizeof(digits))
		return bad(walk, "number out of range");
	memcpy(digits, from, len);
	errno = 0;
	if (digits[0] == '-')
		strtoll(digits, NULL, 10);
	else
		strtoull(digits, NULL, 10);
	if (errno) {
		refuse(walk->error, "JSON parse error, number %s is out of range [-9223372036854775808, 18446744073709551615]",
		       digits);
		return false;
	}
	return true;
}

static bool walk_word(struct walk *walk)
{
	static const char * const words[] = { "true", "false", "null" };
	size_t left = walk->end - walk->at;
	size_t i, len;

	for (i = 0; i < sizeof(words) / sizeof(*words); i++) {
		len = strlen(words[i]);
		if (left >= len && !memcmp(walk->at, words[i], len)) {
			walk->at += len;
			return true;
		}
	}
	return bad(walk, peek(walk) ? "unexpected character" :
		   "expecting value");
}

static bool walk_array(struct walk *walk)
{
	walk->at++;
	if (take(walk, ']'))
		return true;
	do {
		if (!walk_value(walk))
			return false;
	} while (take(walk, ','));
	return take(walk, ']') || bad(walk, "expecting ',' or ']'");
}

static struct json_object *build(const char *text, size_t len,
				 struct error *error);

/* The key as json-c will spell it, so that "a" and "\u0061" are the same. */
static bool note_key(struct walk *walk, struct json_object *keys,
		     const char *from, size_t len)
{
	struct error ignored = { 0 };
	struct json_object *key = build(from, len, &ignored);
	bool ok = key;

	if (!ok)
		return bad(walk, "invalid key");
	if (json_object_object_get_ex(keys, json_object_get_string(key), NULL)) {
		refuse(walk->error, "JSON parse error, duplicate key '%s'",
		       json_object_get_string(key));
		ok = false;
	} else {
		json_object_object_add(keys, json_object_get_string(key), NULL);
	}
	json_object_put(key);
	return ok;
}

static bool walk_member(struct walk *walk, struct json_object *keys)
{
	const char *from;

	skip_space(walk);
	from = walk->at;
	if (peek(walk) != '"' && peek(walk) != '\'')
		return bad(walk, "key is not a string");
	if (!walk_string(walk) || !note_key(walk, keys, from, walk->at - from))
		return false;
	if (!take(walk, ':'))
		return bad(walk, "expecting ':'");
	return walk_value(walk);
}

static bool walk_object(struct walk *walk)
{
	struct json_object *keys = json_object_new_object();
	bool ok = true;

	walk->at++;
	if (!take(walk, '}')) {
		do {
			ok = walk_member(walk, keys);
		} while (ok && take(walk, ','));
		if (ok && !take(walk, '}'))
			ok = bad(walk, "expecting ',' or '}'");
	}
	json_object_put(keys);
	return ok;
}

static bool walk_nested(struct walk *walk, bool (*step)(struct walk *walk))
{
	bool ok;

	if (++walk->depth > JSON_MAX_DEPTH)
		return bad(walk, "nested too deeply");
	ok = step(walk);
	walk->depth--;
	return ok;
}

static bool walk_value(struct walk *walk)
{
	skip_space(walk);
	switch (peek(walk)) {
	case '{':
		return walk_nested(walk, walk_object);
	case '[':
		return walk_nested(walk, walk_array);
	case '"':
	case '\'':
		return walk_string(walk);
	case '-':
	case '0' ... '9':
		return walk_number(walk);
	}
	return walk_word(walk);
}

/* An escaped single quote, which only QMP has, in JSON's words. */
static void spell_quotes(struct buffer *out, const char *text, size_t len)
{
	const char *end = text + len;

	for (; text < end; text++) {
		if (*text == '\\' && text[1] == '\'') {
			buffer_add(out, "\\u0027", 6);
			text++;
		} else if (*text == '\\') {
			buffer_add(out, text++, 2);
		} else {
			buffer_add(out, text, 1);
		}
	}
}

/* A number alone could go on, if nothing came behind it. */
static struct json_object *build(const char *text, size_t len,
				 struct error *error)
{
	struct json_tokener *reader = json_tokener_new_ex(JSON_MAX_DEPTH + 1);
	struct buffer spelt = { 0 };
	struct json_object *value;

	json_tokener_set_flags(reader, JSON_TOKENER_VALIDATE_UTF8);
	if (memmem(text, len, "\\'", 2)) {
		spell_quotes(&spelt, text, len);
		text = spelt.bytes;
		len = spelt.len;
	}
	value = json_tokener_parse_ex(reader, text, len);
	if (!value && json_tokener_get_error(reader) == json_tokener_continue)
		value = json_tokener_parse_ex(reader, "", 1);
	buffer_free(&spelt);
	if (!value && json_tokener_get_error(reader) == json_tokener_success)
		refuse(error, "QMP input must be a JSON object");
	else if (!value)
		refuse(error, "JSON parse error, %s",
		       json_tokener_error_desc(json_tokener_get_error(reader)));
	json_tokener_free(reader);
	return value;
}

struct json_object *json_read(const char *text, size_t len,
			      struct error *error)
{
	struct walk walk = {
		.text = text, .at = text, .end = text + len, .error = error,
	};

	if (len > JSON_MAX_BYTES) {
		refuse(error, "JSON parse error, %zu bytes are more than the %u allowed",
		       len, JSON_MAX_BYTES);
		return NULL;
	}
	if (!walk_value(&walk))
		return NULL;
	skip_space(&walk);
	if (walk.at != walk.end) {
		bad(&walk, "something follows the value");
		return NULL;
	}
	return build(text, walk.at - text, error);
}

const char *json_string(struct json_object *object, const char *key,
			const char *def)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value))
		return def;
	return json_object_get_string(value);
}

/* Neither looked up nor copied, which halves the cost of a large reply. */
void json_put(struct json_object *object, const char *key,
	      struct json_object *value)
{
	json_object_object_add_ex(object, key, value,
				  JSON_C_OBJECT_ADD_KEY_IS_NEW |
				  JSON_C_OBJECT_ADD_CONSTANT_KEY);
}

void json_put_string(struct json_object *object, const char *key,
		     const char *value)
{
	json_put(object, key, json_object_new_string(value));
}

void json_put_number(struct json_object *object, const char *key,
		     unsigned long long value)
{
	json_put(object, key, json_object_new_uint64(value));
}

void json_put_bool(struct json_object *object, const char *key, bool value)
{
	json_put(object, key, json_object_new_boolean(value));
}
