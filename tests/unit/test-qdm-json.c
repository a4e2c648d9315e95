// SPDX-License-Identifier: GPL-2.0-or-later
/* Reading JSON from outside: json-c's traps, QMP's liberties, and limits. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/json.h"

static void accepts(const char *text, const char *wanted)
{
	struct error error = { 0 };
	struct json_object *value = json_read(text, strlen(text), &error);

	assert_null(error.class);
	assert_non_null(value);
	assert_string_equal(json_object_to_json_string_ext(value, 0), wanted);
	json_object_put(value);
}

static void refuses(const char *text, size_t len, const char *wanted)
{
	struct error error = { 0 };

	assert_null(json_read(text, len, &error));
	assert_string_equal(error.class, ERROR_GENERIC);
	if (!strstr(error.text, wanted))
		fail_msg("'%s' gives '%s', not '%s'", text, error.text, wanted);
}

static void refuses_text(const char *text, const char *wanted)
{
	refuses(text, strlen(text), wanted);
}

static void values(void **state)
{
	(void)state;
	accepts("{\"a\": [1, -2, 3.5, true, false, null, \"x\"]}",
		"{\"a\":[1,-2,3.5,true,false,null,\"x\"]}");
	accepts(" {'execute' : 'a\\nb'} \r\n", "{\"execute\":\"a\\nb\"}");
	accepts("{}", "{}");
	accepts("['it\\'s', \"it\\'s\", '\\\\']", "[\"it's\",\"it's\",\"\\\\\"]");
	accepts("{'it\\'s':1}", "{\"it's\":1}");
	accepts("[\"\\ud83d\\ude00\"]", "[\"\xf0\x9f\x98\x80\"]");
	accepts("[]", "[]");
	accepts("{\"a\":{\"a\":1},\"b\":{\"a\":2}}",
		"{\"a\":{\"a\":1},\"b\":{\"a\":2}}");
}

static void numbers(void **state)
{
	(void)state;
	accepts("[18446744073709551615]", "[18446744073709551615]");
	accepts("[-9223372036854775808]", "[-9223372036854775808]");
	refuses_text("[18446744073709551616]",
		     "number 18446744073709551616 is out of range");
	refuses_text("[-9223372036854775809]",
		     "number -9223372036854775809 is out of range");
	refuses_text("[1111111111111111111111111111111111111111]",
		     "out of range");
	accepts("[1e30]", "[1e30]");
	accepts("[0, -0.5, 1.50E+2, 10]", "[0,-0.5,1.50E+2,10]");
	accepts("5", "5");
}

static void keys(void **state)
{
	(void)state;
	refuses_text("{\"a\":1,\"a\":2}", "duplicate key 'a'");
	refuses_text("{\"a\":1,'a':2}", "duplicate key 'a'");
	refuses_text("{\"a\":1,\"\\u0061\":2}", "duplicate key 'a'");
	refuses_text("{\"x\":{\"b\":1,\"c\":2,\"b\":3}}", "duplicate key 'b'");
	refuses_text("{\"a\\u0000b\":1}", "invalid escape");
	refuses_text("{1:2}", "key is not a string");
}

static void grammar(void **state)
{
	static const char * const wrong[] = {
		"", "{", "[", "[1", "[1,", "[1,]", "{\"a\"", "{\"a\":",
		"{\"a\":1", "{\"a\":1,}", "\"", "'a\"", "nul", "truth", "[1 2]",
		"{\"a\" 1}", "]", "NaN", "[Infinity]", "/* */ {}", "[-]",
		"[\"\\x41\"]", "[\"\\u12\"]", "{} {}", "{}x",
		"[01]", "[-01]", "[1.]", "[.5]", "[1e]", "[1e+]", "[+1]",
		"[\"\\ud800\"]", "[\"\\ud800\\u0041\"]", "[\"\\udc00\"]",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		refuses_text(wrong[i], "JSON parse error");
	refuses_text("[\"a\nb\"]", "control character");
	refuses_text("[\"\xff\xfe\"]", "JSON parse error");
	refuses("{}\0{}", 5, "something follows");
}

static void bounds(void **state)
{
	char *deep = calloc(2 * JSON_MAX_DEPTH + 3, 1);
	char *large = malloc(JSON_MAX_BYTES + 2);

	(void)state;
	memset(deep, '[', JSON_MAX_DEPTH + 1);
	memset(deep + JSON_MAX_DEPTH + 1, ']', JSON_MAX_DEPTH + 1);
	refuses_text(deep, "nested too deeply");
	deep[2 * JSON_MAX_DEPTH + 1] = '\0';
	accepts(deep + 1, deep + 1);
	memset(large, ' ', JSON_MAX_BYTES + 1);
	refuses(large, JSON_MAX_BYTES + 1, "are more than");
	free(large);
	free(deep);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),
		cmocka_unit_test(numbers),
		cmocka_unit_test(keys),
		cmocka_unit_test(grammar),
		cmocka_unit_test(bounds),
	};

	return cmocka_run_group_tests_name("qdm-json", tests, NULL, NULL);
}
