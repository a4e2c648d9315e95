// SPDX-License-Identifier: GPL-2.0-or-later
/* The argument checker, and the rules on limits with QEMU's texts. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "base/json.h"
#include "kernel/limits.h"
#include "qmp/args.h"

static const char * const words[] = { "red", "green", NULL };

static const struct arg inner[] = {
	{ .name = "n", .type = ARG_INT },
	{ 0 }
};

static const struct arg table[] = {
	{ .name = "must", .type = ARG_STRING, .must = true },
	{ .name = "size", .type = ARG_SIZE, .def = "7" },
	{ .name = "small", .type = ARG_SIZE, .max = 9 },
	{ .name = "flag", .type = ARG_BOOL },
	{ .name = "word", .type = ARG_WORD, .words = words, .def = "red" },
	{ .name = "object", .type = ARG_OBJECT, .members = inner },
	{ .name = "any", .type = ARG_ANY },
	{ 0 }
};

static const char *check(const char *text)
{
	static struct error error;
	struct json_object *given;

	memset(&error, 0, sizeof(error));
	given = json_read(text, strlen(text), &error);
	assert_non_null(given);
	if (!args_check(table, given, "", &error))
		assert_null(error.class);
	json_object_put(given);
	return error.text;
}

static void types(void **state)
{
	(void)state;
	assert_string_equal(check("{'must':'x','any':null,'object':{}}"), "");
	assert_string_equal(check("{}"), "Parameter 'must' is missing");
	assert_string_equal(check("{'must':5}"),
			    "Invalid parameter type for 'must', expected: string");
	assert_string_equal(check("{'must':null}"),
			    "Invalid parameter type for 'must', expected: string");
	assert_string_equal(check("{'must':'x','size':1.5}"),
			    "Parameter 'size' expects uint64");
	assert_string_equal(check("{'must':'x','size':1e30}"),
			    "Parameter 'size' expects uint64");
	assert_string_equal(check("{'must':'x','flag':1}"),
			    "Invalid parameter type for 'flag', expected: boolean");
	assert_string_equal(check("{'must':'x','object':[]}"),
			    "Invalid parameter type for 'object', expected: object");
	assert_string_equal(check("{'must':'x','object':{'n':'1'}}"),
			    "Invalid parameter type for 'object.n', expected: integer");
}

static void ranges(void **state)
{
	(void)state;
	assert_string_equal(check("{'must':'x','size':18446744073709551615}"),
			    "");
	assert_string_equal(check("{'must':'x','size':-1}"),
			    "Parameter 'size' expects a value in the range [0, 18446744073709551615]");
	assert_string_equal(check("{'must':'x','object':{'n':9223372036854775807}}"), "");
	assert_string_equal(check("{'must':'x','object':{'n':9223372036854775808}}"),
			    "Invalid parameter type for 'object.n', expected: integer");
	assert_string_equal(check("{'must':'x','small':9}"), "");
	assert_string_equal(check("{'must':'x','small':10}"),
			    "Parameter 'small' expects a value in the range [0, 9]");
	assert_string_equal(check("{'must':'x','word':'green'}"), "");
	assert_string_equal(check("{'must':'x','word':'blue'}"),
			    "Parameter 'word' does not accept value 'blue' (accepted: red, green)");
}

static void unknown(void **state)
{
	(void)state;
	assert_string_equal(check("{'must':'x','musty':'x'}"),
			    "Parameter 'musty' is unexpected");
	assert_string_equal(check("{'must':'x','object':{'m':1}}"),
			    "Parameter 'object.m' is unexpected");
}

static void defaults(void **state)
{
	struct json_object *given = json_object_new_object();

	(void)state;
	assert_int_equal(arg_size(table, given, "size"), 7);
	assert_int_equal(arg_size(table, given, "small"), 0);
	assert_string_equal(arg_string(table, given, "word"), "red");
	assert_null(arg_string(table, given, "must"));
	json_put_number(given, "size", UINT64_MAX);
	assert_true(arg_size(table, given, "size") == UINT64_MAX);
	json_object_put(given);
}

struct pair {
	const char *name;
	int64_t value;
};

static const char *limits(struct pair a, struct pair b, struct pair c)
{
	static struct error error;
	const struct pair pairs[] = { a, b, c };
	struct limits set;
	int i;

	memset(&error, 0, sizeof(error));
	limits_init(&set);
	for (i = 0; i < 3; i++)
		if (pairs[i].name &&
		    limits_set(&set, pairs[i].name, pairs[i].value, &error))
			return error.text;
	limits_check(&set, &error);
	return error.text;
}

#define V	((int64_t)LIMIT_RATE_MAX)
#define P(name, value)	((struct pair){ name, value })
#define NONE		((struct pair){ NULL, 0 })

#define MIXED	"bps/iops/max total values and read/write values cannot be used at the same time"
#define RANGE	"bps/iops/max values must be within [0, 1000000000000000]"
#define NO_RATE	"bps_max/iops_max require corresponding bps/iops values"
#define LOWER	"bps_max/iops_max cannot be lower than bps/iops"
#define TOO_LONG	"burst length too high for this burst rate"

static void limit_conflicts(void **state)
{
	(void)state;
	assert_string_equal(limits(NONE, NONE, NONE), "");
	assert_string_equal(limits(P("bps-total", 1), P("iops-read", 1), NONE),
			    "");
	assert_string_equal(limits(P("bps-read", 1), P("bps-write", 1), NONE),
			    "");
	assert_string_equal(limits(P("bps-total", 1), P("bps-read", 1), NONE),
			    MIXED);
	assert_string_equal(limits(P("iops-total", 1), P("iops-write", 1),
				   NONE), MIXED);
	assert_string_equal(limits(P("iops-total-max", 1),
				   P("iops-write-max", 1), NONE), MIXED);
	assert_string_equal(limits(P("iops-size", 4096), NONE, NONE),
			    "iops size requires an iops value to be set");
	assert_string_equal(limits(P("iops-size", 4096), P("iops-write", 1),
				   NONE), "");
}

static void limit_ranges(void **state)
{
	(void)state;
	assert_string_equal(limits(P("bps-total", V), NONE, NONE), "");
	assert_string_equal(limits(P("bps-total", V), P("bps-total-max", V),
				   NONE), "");
	assert_string_equal(limits(P("bps-total", V + 1), NONE, NONE), RANGE);
	assert_string_equal(limits(P("bps-total", -1), NONE, NONE), RANGE);
	assert_string_equal(limits(P("bps-total", 1), P("bps-total-max", V + 1),
				   NONE), RANGE);
	assert_string_equal(limits(P("iops-read", 1), P("iops-read-max", 1),
				   P("iops-read-max-length", 0)),
			    "the burst length cannot be 0");
	assert_string_equal(limits(P("iops-read", 1), NONE,
				   P("iops-read-max-length", 2)),
			    "burst length set without burst rate");
	assert_string_equal(limits(P("iops-read", 1), P("iops-read-max", V),
				   P("iops-read-max-length", 1)), "");
	assert_string_equal(limits(P("iops-read", 1), P("iops-read-max", V),
				   P("iops-read-max-length", 2)), TOO_LONG);
	assert_string_equal(limits(P("iops-read", 1), P("iops-read-max", 100),
				   P("iops-read-max-length", 4294967295)), "");
	assert_string_equal(limits(P("iops-read-max-length", 4294967296), NONE,
				   NONE),
			    "iops-read-max-length value must be in the range [0, 4294967295]");
	assert_string_equal(limits(P("iops-read-max-length", -1), NONE, NONE),
			    "iops-read-max-length value must be in the range [0, 4294967295]");
}

static void limit_bursts(void **state)
{
	(void)state;
	assert_string_equal(limits(P("bps-read-max", 100), NONE, NONE),
			    NO_RATE);
	assert_string_equal(limits(P("bps-read-max", 30), P("bps-read", 100),
				   NONE), LOWER);
	assert_string_equal(limits(P("bps-read-max", 100), P("bps-read", 100),
				   NONE), "");
	assert_string_equal(limits(P("bps-read-max", 0), P("bps-read", 100),
				   NONE), "");
	assert_string_equal(limits(P("iops", 1), NONE, NONE),
			    "Parameter 'limits.iops' is unexpected");
}

static void limit_text(void **state)
{
	struct error error = { 0 };
	struct limits none, some, again;
	char text[1024];

	(void)state;
	limits_init(&none);
	limits_init(&again);
	some = none;
	limits_set(&some, "bps-read", 5, &error);
	limits_set(&some, "bps-read-max", 9, &error);
	limits_set(&some, "bps-read-max-length", 3, &error);
	limits_write(&some, &none, text, sizeof(text));
	assert_string_equal(text,
			    "bps-read=5 bps-read-max=9 bps-read-max-length=3");
	assert_int_equal(limits_read(&again, text, &error), 0);
	assert_memory_equal(&again, &some, sizeof(some));
	assert_int_equal(limits_read(&again, "bps-read=0\niops-size=8\n",
				     &error), 0);
	assert_null(error.class);
	assert_int_equal(limits_read(&again, "bps-read", &error), -1);
	assert_string_equal(error.text,
			    "'bps-read' is not of the form limit=value");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types),
		cmocka_unit_test(ranges),
		cmocka_unit_test(unknown),
		cmocka_unit_test(defaults),
		cmocka_unit_test(limit_conflicts),
		cmocka_unit_test(limit_ranges),
		cmocka_unit_test(limit_bursts),
		cmocka_unit_test(limit_text),
	};

	return cmocka_run_group_tests_name("qdm-args", tests, NULL, NULL);
}
