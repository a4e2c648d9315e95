// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Output for clients: in ASCII and with blanks, as QEMU writes it.
 * json-c's own writer formats each number by printf and handles each character
 * separately; for a reply about a hundred nodes that costs as much as collecting the
 * data.
 */
#include <stdio.h>
#include <string.h>

#include "base/json.h"

static void add_text(struct buffer *out, const char *text)
{
	buffer_add(out, text, strlen(text));
}

/* In UTF-16, as JSON requires. */
static void add_code(struct buffer *out, unsigned int code)
{
	char text[16];

	if (code >= 0x10000) {
		add_code(out, 0xd800 + ((code - 0x10000) >> 10));
		code = 0xdc00 + (code & 0x3ff);
	}
	snprintf(text, sizeof(text), "\\u%04x", code);
	buffer_add(out, text, 6);
}

static size_t decode(const char *text, unsigned int *code)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t len = *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : 4;
	size_t i;

	*code = *at & (0xff >> (len + 1));
	for (i = 1; i < len; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 1;
		*code = *code << 6 | (at[i] & 0x3f);
	}
	return len;
}

static bool is_plain(char byte)
{
	return (signed char)byte >= 0x20 && byte != '"' && byte != '\\';
}

static size_t add_special(struct buffer *out, const char *text)
{
	static const char shorts[] = "\bb\ff\nn\rr\tt\"\"\\\\";
	char escape[2] = { '\\' };
	unsigned int code = *text;
	const char *at;
	size_t taken = 1;

	for (at = shorts; *at && *at != *text;)
		at += 2;
	if (*text && *at) {
		escape[1] = at[1];
		buffer_add(out, escape, 2);
		return 1;
	}
	if ((signed char)*text < 0)
		taken = decode(text, &code);
	add_code(out, code);
	return taken;
}

static void add_string(struct buffer *out, const char *text, size_t len)
{
	const char *end = text + len;
	size_t plain;

	buffer_add(out, "\"", 1);
	while (text < end) {
		for (plain = 0; text + plain < end && is_plain(text[plain]);)
			plain++;
		buffer_add(out, text, plain);
		text += plain;
		if (text < end)
			text += add_special(out, text);
	}
	buffer_add(out, "\"", 1);
}

static void add_int(struct buffer *out, struct json_object *value)
{
	int64_t number = json_object_get_int64(value);
	uint64_t left = number < 0 ? -(uint64_t)number :
				     json_object_get_uint64(value);
	char text[24];
	char *at = text + sizeof(text);

	do {
		*--at = '0' + left % 10;
		left /= 10;
	} while (left);
	if (number < 0)
		*--at = '-';
	buffer_add(out, at, text + sizeof(text) - at);
}

static void add_object(struct buffer *out, struct json_object *value)
{
	const char *before = "{";

	json_object_object_foreach(value, name, member) {
		add_text(out, before);
		add_string(out, name, strlen(name));
		buffer_add(out, ": ", 2);
		json_write(out, member);
		before = ", ";
	}
	add_text(out, *before == '{' ? "{}" : "}");
}

static void add_array(struct buffer *out, struct json_object *value)
{
	size_t i;

	for (i = 0; i < json_object_array_length(value); i++) {
		add_text(out, i ? ", " : "[");
		json_write(out, json_object_array_get_idx(value, i));
	}
	add_text(out, i ? "]" : "[]");
}

void json_write(struct buffer *out, struct json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_object:
		add_object(out, value);
		break;
	case json_type_array:
		add_array(out, value);
		break;
	case json_type_string:
		add_string(out, json_object_get_string(value),
			   json_object_get_string_len(value));
		break;
	case json_type_int:
		add_int(out, value);
		break;
	default:
		add_text(out, json_object_to_json_string(value));
	}
}
