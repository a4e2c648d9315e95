// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From a command's text to its reply: what is no command, what is echoed, and
 * that a handler's plan is run, or only printed.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "qdm-case.h"
#include "qdm-fake-dm.h"
#include "json.h"
#include "qmp.h"
#include "reference.h"

static void gives(const char *text, const char *wanted)
{
	assert_string_equal(case_reply(text), wanted);
}

static void refused(const char *text, const char *class, const char *desc)
{
	char wanted[512];

	snprintf(wanted, sizeof(wanted),
		 "{\"error\":{\"class\":\"%s\",\"desc\":\"%s\"}}", class, desc);
	gives(text, wanted);
}

static void no_commands(void **state)
{
	(void)state;
	refused("[]", "GenericError", "QMP input must be a JSON object");
	refused("{}", "GenericError", "QMP input lacks member 'execute'");
	refused("{'execute':null}", "GenericError",
		"QMP input member 'execute' must be a string");
	refused("{'execute':'a','arguments':1}", "GenericError",
		"QMP input member 'arguments' must be an object");
	refused("{'execute':'a','exec':1}", "GenericError",
		"QMP input member 'exec' is unexpected");
	refused("{'execute':'a'}", "CommandNotFound",
		"The command a has not been found");
	refused("{'execute':'query-version','arguments':{'a':1}}",
		"GenericError", "Parameter 'a' is unexpected");
}

static void ids(void **state)
{
	(void)state;
	gives("{'execute':'query-version','id':{'a':[1,null]}}",
	      "{\"return\":{\"qemu\":{\"major\":0,\"minor\":1,\"micro\":0},\"package\":\"qdm\"},\"id\":{\"a\":[1,null]}}");
	gives("{'execute':'a','id':null}",
	      "{\"error\":{\"class\":\"CommandNotFound\",\"desc\":\"The command a has not been found\"},\"id\":null}");
}

#define THROTTLE	"{'execute':'blockdev-add','arguments':{'driver':'throttle'," \
			"'node-name':'t0','throttle-group':'%s','file':'vg-lv'}}"

static void drivers(void **state)
{
	char text[256];

	(void)state;
	refused("{'execute':'blockdev-add'}", "GenericError",
		"Parameter 'driver' is missing");
	refused("{'execute':'blockdev-add','arguments':{'driver':'raw'}}",
		"GenericError",
		"Parameter 'driver' does not accept value 'raw' (accepted: copy-before-write, throttle, write-threshold)");
	refused("{'execute':'blockdev-add','arguments':{'driver':'throttle','node-name':'t','file':'f'}}",
		"GenericError", "Parameter 'throttle-group' is missing");
	snprintf(text, sizeof(text), THROTTLE, "nosuch");
	refused(text, "GenericError", "Throttle group 'nosuch' does not exist");
	snprintf(text, sizeof(text), THROTTLE, "..");
	refused(text, "GenericError", "Throttle group '..' does not exist");
	assert_string_equal(fake_log(), "");
	snprintf(text, sizeof(text), THROTTLE, "g");
	gives(text, "{\"return\":{}}");
	assert_string_equal(fake_table("t0")->line[0].params, "253:1 0 g");
}

static void thresholds(void **state)
{
	(void)state;
	gives("{'execute':'blockdev-add','arguments':{'driver':'write-threshold',"
	      "'node-name':'w','write-threshold':18446744073709551615,'file':'vg-lv'}}",
	      "{\"return\":{}}");
	assert_string_equal(fake_table("w")->line[0].params,
			    "253:1 0 18446744073709551615");
	gives("{'execute':'block-set-write-threshold','arguments':{'node-name':'w','write-threshold':7}}",
	      "{\"return\":{}}");
	assert_non_null(strstr(fake_log(), "message w set-threshold 7;"));
	refused("{'execute':'block-set-write-threshold','arguments':{'node-name':'x','write-threshold':7}}",
		"DeviceNotFound", "Device 'x' not found");
}

static void backups(void **state)
{
	(void)state;
	fake_add("target", "", CASE_SECTORS, "linear", "8:32 0");
	gives("{'execute':'blockdev-add','arguments':{'driver':'copy-before-write',"
	      "'node-name':'b','file':'vg-lv','target':'target','on-cbw-error':'break-snapshot',"
	      "'cbw-timeout':45,'min-cluster-size':131072}}", "{\"return\":{}}");
	assert_string_equal(fake_table("b")->line[0].params,
			    "253:2 0 253:1 0 256 6 sync none on-cbw-error break-snapshot cbw-timeout 45");
	refused("{'execute':'blockdev-add','arguments':{'driver':'copy-before-write',"
		"'node-name':'c','file':'vg-lv','target':'target','min-cluster-size':70000}}",
		"GenericError", "min-cluster-size needs to be a power of 2");
	fake_add("small", "", CASE_SECTORS / 2, "linear", "8:32 0");
	refused("{'execute':'blockdev-add','arguments':{'driver':'copy-before-write',"
		"'node-name':'c','file':'vg-lv','target':'small'}}", "GenericError",
		"target 'small' is smaller (33554432 bytes) than 'vg-lv' (67108864 bytes)");
}

static void groups(void **state)
{
	(void)state;
	refused("{'execute':'object-add','arguments':{'qom-type':'throttle-group','id':'../x'}}",
		"GenericError",
		"Parameter 'id' expects an identifier ('../x': 1 to 63 letters, digits, '-', '.' and '_', not beginning with '-' or '.')");
	refused("{'execute':'object-add','arguments':{'qom-type':'iothread','id':'x'}}",
		"GenericError",
		"Parameter 'qom-type' does not accept value 'iothread' (accepted: throttle-group)");
	refused("{'execute':'object-add','arguments':{'qom-type':'throttle-group','id':'g'}}",
		"GenericError", "A group with this name already exists");
	refused("{'execute':'object-del','arguments':{'id':'h'}}",
		"GenericError", "object 'h' not found");
	assert_non_null(strstr(case_reply("{'execute':'qom-get','arguments':{'path':'/objects/g','property':'limits'}}"),
			       "\"iops-total\":700"));
	refused("{'execute':'qom-set','arguments':{'path':'g','property':'limits','value':{'iops-read':1}}}",
		"GenericError",
		"bps/iops/max total values and read/write values cannot be used at the same time");
	gives("{'execute':'qom-set','arguments':{'path':'g','property':'limits','value':{'iops-size':512}}}",
	      "{\"return\":{}}");
}

static void dry_runs(void **state)
{
	static const char text[] =
		"{'execute':'blockdev-add','arguments':{'driver':'write-threshold',"
		"'node-name':'w','write-threshold':0,'file':'vg-lv'}}";
	char *script = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&script, &len);
	enum qmp_mode mode = QMP_FREE;

	(void)state;
	assert_null(qmp_execute(text, strlen(text), &mode, out));
	fclose(out);
	assert_non_null(strstr(script, "dmsetup create w --uuid QDM-threshold-w"));
	free(script);
	assert_string_equal(fake_log(), "");
}

static void objects(void **state)
{
	(void)state;
	gives("{'execute':'qom-list','arguments':{'path':'/objects'}}",
	      "{\"return\":[{\"name\":\"g\",\"type\":\"child<throttle-group>\"}]}");
	gives("{'execute':'qom-list','arguments':{'path':'/objects/g'}}",
	      "{\"return\":[{\"name\":\"type\",\"type\":\"string\"},{\"name\":\"limits\",\"type\":\"ThrottleLimits\"}]}");
	refused("{'execute':'qom-list','arguments':{'path':'..'}}",
		"DeviceNotFound", "Device '..' not found");
}

static struct json_object *query(const char *command)
{
	char text[128];
	struct json_object *reply, *result;

	snprintf(text, sizeof(text), "{'execute':'%s'}", command);
	reply = json_tokener_parse(case_reply(text));
	assert_true(json_object_object_get_ex(reply, "return", &result));
	json_object_get(result);
	json_object_put(reply);
	return result;
}

static struct json_object *find_named(struct json_object *list,
				      const char *name)
{
	struct json_object *one;
	size_t i;

	for (i = 0; i < json_object_array_length(list); i++) {
		one = json_object_array_get_idx(list, i);
		if (!strcmp(json_string(one, "name", ""), name))
			return one;
	}
	return NULL;
}

/* Every name that an entity refers to is there. */
static void check_references(struct json_object *schema,
			     struct json_object *value)
{
	size_t i;

	if (json_object_is_type(value, json_type_array)) {
		for (i = 0; i < json_object_array_length(value); i++)
			check_references(schema,
					 json_object_array_get_idx(value, i));
		return;
	}
	if (!json_object_is_type(value, json_type_object))
		return;
	json_object_object_foreach(value, key, member) {
		if (strstr(key, "type") && strcmp(key, "meta-type") &&
		    strcmp(key, "json-type"))
			assert_non_null(find_named(schema,
						   json_object_get_string(member)));
		check_references(schema, member);
	}
}

static void schema(void **state)
{
	struct json_object *list = query("query-commands");
	struct json_object *schema = query("query-qmp-schema");
	struct json_object *one, *type;
	size_t i;

	(void)state;
	check_references(schema, schema);
	for (i = 0; i < json_object_array_length(list); i++) {
		one = find_named(schema, json_string(json_object_array_get_idx(list, i),
						     "name", ""));
		assert_non_null(one);
		assert_string_equal(json_string(one, "meta-type", ""),
				    "command");
	}
	one = find_named(schema, "BLOCK_WRITE_THRESHOLD");
	assert_string_equal(json_string(one, "meta-type", ""), "event");
	one = find_named(schema, "blockdev-add");
	type = find_named(schema, json_string(one, "arg-type", ""));
	assert_string_equal(json_string(type, "tag", ""), "driver");
	json_object_put(schema);
	json_object_put(list);
}

static void negotiation(void **state)
{
	static const char enable[] =
		"{'execute':'qmp_capabilities','arguments':{'enable':['oob']}}";
	static const char begin[] = "{'execute':'qmp_capabilities'}";
	static const char ask[] = "{'execute':'query-version'}";
	enum qmp_mode mode = QMP_NEGOTIATING;
	struct json_object *reply;

	(void)state;
	reply = qmp_execute(ask, strlen(ask), &mode, NULL);
	assert_non_null(strstr(json_object_to_json_string(reply),
			       "CommandNotFound"));
	json_object_put(reply);
	reply = qmp_execute(enable, strlen(enable), &mode, NULL);
	assert_true(qmp_is_error(reply));
	json_object_put(reply);
	assert_int_equal(mode, QMP_NEGOTIATING);
	json_object_put(qmp_execute(begin, strlen(begin), &mode, NULL));
	assert_int_equal(mode, QMP_COMMANDS);
	reply = qmp_execute(begin, strlen(begin), &mode, NULL);
	assert_non_null(strstr(json_object_to_json_string(reply),
			       "CommandNotFound"));
	json_object_put(reply);
}

/* The page in Documentation is what the table says now. */
static void reference_page(void **state)
{
	FILE *page = fopen(QDM_DOCUMENTATION "/qmp-reference.rst", "r");
	char *written, *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	reference_print(out);
	fclose(out);
	assert_non_null(page);
	written = calloc(1, len + 2);
	assert_int_equal(fread(written, 1, len + 1, page), len);
	fclose(page);
	if (strcmp(written, text))
		fail_msg("Documentation/qmp-reference.rst is not what 'qdm reference' prints");
	free(written);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(no_commands),
		CASE(ids),
		CASE(drivers),
		CASE(thresholds),
		CASE(backups),
		CASE(groups),
		CASE(dry_runs),
		CASE(objects),
		CASE(schema),
		CASE(negotiation),
		CASE(reference_page),
	};

	return cmocka_run_group_tests_name("qdm-qmp", tests, NULL, case_end);
}
