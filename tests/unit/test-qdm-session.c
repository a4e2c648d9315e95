// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What comes in on a connection, good and bad: each is answered or ends the
 * connection, none changes a device, and what follows is understood again.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "qdm-case.h"
#include "qdm-fake-dm.h"
#include "server/session.h"

#define VERSION		"{\"execute\":\"query-version\"}"
#define ANSWER		"{\"return\": {\"qemu\": {\"major\": 0, \"minor\": 2, \"micro\": 0}, \"package\": \"qdm\"}}\r\n"
#define PARSE_ERROR(text) \
	"{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error, " text "\"}}\r\n"
#define CUT_ERROR(text) \
	"{\"error\": {\"class\": \"GenericError\", \"desc\": \"" text "\"}}\r\n"

static struct session session;

static void feed(const char *text, size_t len)
{
	/* a copy of exact size, so that reading past it is seen */
	char *exact = malloc(len ? len : 1);
	size_t at = 0;

	memcpy(exact, text, len);
	while (at < len && !session.closing)
		at += session_feed(&session, exact + at, len - at);
	free(exact);
}

/* Takes what has been said so far; overwritten by the next call. */
static const char *said(void)
{
	static char *text;

	free(text);
	text = malloc(session.out.len + 1);
	if (session.out.len)
		memcpy(text, session.out.bytes, session.out.len);
	text[session.out.len] = '\0';
	buffer_clear(&session.out);
	return text;
}

static void begin(void)
{
	session_begin(&session, NULL, NULL);
	said();
	feed("{'execute':'qmp_capabilities'}", 30);
	assert_string_equal(said(), "{\"return\": {}}\r\n");
}

static void gives(const char *text, const char *wanted)
{
	feed(text, strlen(text));
	assert_string_equal(said(), wanted);
}

static void understands(void)
{
	gives("\n" VERSION "\r\n", ANSWER);
	assert_false(session_is_half(&session));
}

static void complains(const char *text, size_t len)
{
	feed(text, len);
	if (!strstr(said(), "{\"error\": {\"class\": "))
		fail_msg("no error for %s", text);
}

static void greeting(void **state)
{
	struct json_object *event;

	(void)state;
	session_begin(&session, NULL, NULL);
	assert_string_equal(said(),
			    "{\"QMP\": {\"version\": {\"qemu\": {\"major\": 0, \"minor\": 2, \"micro\": 0}, \"package\": \"qdm\"}, \"capabilities\": []}}\r\n");
	gives(VERSION,
	      "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"Expecting capabilities negotiation with 'qmp_capabilities'\"}}\r\n");
	event = json_object_new_object();
	session_tell(&session, event);
	json_object_put(event);
	assert_int_equal(session.out.len, 0);
	session_end(&session);
}

/* Who does not wait for the replies gets them in order all the same. */
static void queued(void **state)
{
	(void)state;
	session_begin(&session, NULL, NULL);
	said();
	gives(VERSION "{'execute':'qmp_capabilities','id':1}" VERSION
	      "{'execute':'qmp_capabilities'}" VERSION,
	      "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"Expecting capabilities negotiation with 'qmp_capabilities'\"}}\r\n"
	      "{\"return\": {}, \"id\": 1}\r\n" ANSWER
	      "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"Capabilities negotiation is already complete, command ignored\"}}\r\n"
	      ANSWER);
	session_end(&session);
}

static void cuts(void **state)
{
	const char *text = VERSION VERSION " \t\r\n" VERSION;
	size_t i;

	(void)state;
	begin();
	gives(text, ANSWER ANSWER ANSWER);
	for (i = 0; i < strlen(text); i++)
		feed(text + i, 1);
	assert_string_equal(said(), ANSWER ANSWER ANSWER);
	gives("{'execute':'query-version','id':'}{\"'}",
	      "{\"return\": {\"qemu\": {\"major\": 0, \"minor\": 2, \"micro\": 0}, \"package\": \"qdm\"}, \"id\": \"}{\\\"\"}\r\n");
	gives("{'execute':'query-version','id':'\u00e4\U0001f600'}",
	      "{\"return\": {\"qemu\": {\"major\": 0, \"minor\": 2, \"micro\": 0}, \"package\": \"qdm\"}, \"id\": \"\\u00e4\\ud83d\\ude00\"}\r\n");
	session_end(&session);
}

/* An id comes back as it was, in ASCII. */
static void writes(void **state)
{
	static const char id[] =
		"[-9223372036854775808, 18446744073709551615, 0, 1.5, null, true, [], {}, [[1]], {\"a\": {\"b\": \"\"}}, \"\\u0001\\b\\f\\n\\r\\t\\\"\\\\/\\u001f\\u20ac\\ud83d\\ude00\"]";
	char *text = print("{\"execute\":\"nosuch\",\"id\":%s}", id);
	char *wanted = print("{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"The command nosuch has not been found\"}, \"id\": %s}\r\n",
			     id);

	(void)state;
	begin();
	gives(text, wanted);
	session_end(&session);
	free(text);
	free(wanted);
}

static void not_objects(void **state)
{
	static const char * const wrong[] = {
		"[]", "5 ", "\"x\"", "'x'", "true\n", "null ", "-1e3\n", "nul ",
		"[{'execute':'query-version'}]", "{}", "{'execute':1}",
		"{'execute':'query-version','arguments':[]}",
		"{'execute':'query-version','more':1}",
		"{'execute':'query-version','execute':'quit'}",
		"{'execute':'blockdev-del','arguments':{'node-name':{}}}",
		"{'execute':'blockdev-del','arguments':{'node-name':null}}",
		"{'execute':'blockdev-del','arguments':{}}",
		"{'execute':'blockdev-del','arguments':{'node-name':'x','x':1}}",
		"{'execute':'blockdev-del','arguments':{'node-name':'x','node-name':'y'}}",
		"{\"execute\":}", "{,}", "{\"a\"}", "{'execute' 'x'}",
	};
	size_t i;

	(void)state;
	begin();
	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		complains(wrong[i], strlen(wrong[i]));
		understands();
	}
	session_end(&session);
}

static void numbers(void **state)
{
	static const char * const wrong[] = {
		"18446744073709551616", "-1", "1e30", "1.5", "-9223372036854775809",
		"99999999999999999999999999999999999999999999999", "'7'", "0x10",
		"+1", "01e", "--1", "true", "[7]",
	};
	char text[256];
	size_t i;

	(void)state;
	begin();
	gives("{'execute':'blockdev-add','arguments':{'driver':'write-threshold','node-name':'w','file':'vg-lv','write-threshold':0}}",
	      "{\"return\": {}}\r\n");
	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		snprintf(text, sizeof(text),
			 "{'execute':'block-set-write-threshold','arguments':{'node-name':'w','write-threshold':%s}}",
			 wrong[i]);
		complains(text, strlen(text));
		understands();
	}
	assert_null(strstr(fake_log(), "message"));
	session_end(&session);
}

static void brackets(void **state)
{
	char deep[4096];

	(void)state;
	begin();
	gives("}", PARSE_ERROR("unexpected bracket"));
	gives("] more of this line, {'execute':'quit'}", "");
	understands();
	gives("{'a':[}", PARSE_ERROR("unexpected bracket"));
	understands();
	memset(deep, '[', sizeof(deep));
	feed(deep, sizeof(deep));
	assert_string_equal(said(), PARSE_ERROR("nested too deeply"));
	understands();
	memset(deep, '[', 32);
	memset(deep + 32, ']', 32);
	feed(deep, 64);
	assert_string_equal(said(),
			    CUT_ERROR("QMP input must be a JSON object"));
	session_end(&session);
}

#define COMPLAINS(text)	complains(text, sizeof(text) - 1)

static void bytes(void **state)
{
	(void)state;
	begin();
	COMPLAINS("\xff");
	understands();
	COMPLAINS("{\"execute\":\"query-version\",\"id\":\"\x80\xc3\"}");
	understands();
	COMPLAINS("{\"execute\":\"\xed\xa0\x80\"}");
	understands();
	COMPLAINS("{'execute':'\\u0000'}");
	understands();
	/* the rest of these is the beginning of a string, which the newline ends */
	COMPLAINS("{'execute':'query-\0version'}");
	COMPLAINS("\n");
	understands();
	COMPLAINS("{'execute':'a\nb'}");
	COMPLAINS("\n");
	understands();
	/* known to clients as a way to begin anew: a bad byte, then a command */
	gives("{'execute':'blockdev-del','argu\xff" VERSION,
	      PARSE_ERROR("control character") ANSWER);
	gives("\x01\x01\x02\x03" VERSION,
	      PARSE_ERROR("control character") ANSWER);
	session_end(&session);
}

static void every_byte(void **state)
{
	char byte;
	int i;

	(void)state;
	begin();
	for (i = 0; i < 256; i++) {
		byte = i;
		feed(&byte, 1);
		feed("\xff", 1);
		said();
		understands();
	}
	session_end(&session);
}

static void long_lines(void **state)
{
	char chunk[65536];
	size_t sent;

	(void)state;
	begin();
	memset(chunk, 'x', sizeof(chunk));
	feed("{'execute':'", 12);
	for (sent = 0; sent < 100u << 20; sent += sizeof(chunk)) {
		feed(chunk, sizeof(chunk));
		assert_true(session.in.room <= 2 * JSON_MAX_BYTES);
	}
	assert_string_equal(said(), PARSE_ERROR("the command is too long"));
	assert_true(session.closing);
	session_end(&session);

	begin();
	memset(chunk, ' ', sizeof(chunk));
	for (sent = 0; sent < 100u << 20; sent += sizeof(chunk))
		feed(chunk, sizeof(chunk));
	assert_int_equal(session.in.room > sizeof(chunk), 0);
	understands();
	session_end(&session);
}

static void half_commands(void **state)
{
	static const char * const halves[] = {
		"{", "{'execute':'query-version'", "[", "'x", "{\"a\\",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(halves) / sizeof(*halves); i++) {
		begin();
		feed(halves[i], strlen(halves[i]));
		assert_true(session_is_half(&session));
		assert_string_equal(said(), "");
		session_feed_end(&session);
		assert_string_equal(said(),
				    PARSE_ERROR("the command has no end"));
		assert_true(session.closing);
		session_end(&session);
	}
	begin();
	session_feed_end(&session);
	assert_string_equal(said(), "");
	session_end(&session);
}

/* Whatever is cut out of a command, or doubled, it is answered. */
static void mutilated(void **state)
{
	static const char whole[] =
		"{\"execute\":\"block-set-write-threshold\",\"id\":[1,{\"a\":null}],\"arguments\":{\"node-name\":\"\\u0077\",\"write-threshold\":4096}}";
	size_t len = strlen(whole);
	size_t from, to;
	char *text;

	(void)state;
	begin();
	for (from = 0; from < len; from++)
		for (to = from + 1; to <= len; to += 7) {
			text = print("%.*s%s\xff", (int)from, whole,
				     whole + to);
			feed(text, strlen(text));
			said();
			free(text);
		}
	understands();
	assert_string_equal(fake_log(), "");
	session_end(&session);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(greeting),
		CASE(queued),
		CASE(cuts),
		CASE(writes),
		CASE(not_objects),
		CASE(numbers),
		CASE(brackets),
		CASE(bytes),
		CASE(every_byte),
		CASE(long_lines),
		CASE(half_commands),
		CASE(mutilated),
	};

	return cmocka_run_group_tests_name("qdm-session", tests, NULL, case_end);
}
