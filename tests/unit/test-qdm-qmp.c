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
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "qdm-fake-dm.h"
#include "qmp.h"

#define LEN	131072

static char folder[] = "/tmp/qdm-test-XXXXXX";

static const char *reply_to(const char *text)
{
	static char text_of_reply[4096];
	struct json_object *reply = qmp_execute(text, strlen(text), NULL);

	assert_non_null(reply);
	snprintf(text_of_reply, sizeof(text_of_reply), "%s",
		 json_object_to_json_string_ext(reply, JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(reply);
	return text_of_reply;
}

static void gives(const char *text, const char *wanted)
{
	assert_string_equal(reply_to(text), wanted);
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
	fake_add("target", "", LEN, "linear", "8:32 0");
	gives("{'execute':'blockdev-add','arguments':{'driver':'copy-before-write',"
	      "'node-name':'b','file':'vg-lv','target':'target','on-cbw-error':'break-snapshot',"
	      "'cbw-timeout':45,'min-cluster-size':131072}}", "{\"return\":{}}");
	assert_string_equal(fake_table("b")->line[0].params,
			    "253:2 0 253:1 0 256 6 sync none on-cbw-error break-snapshot cbw-timeout 45");
	refused("{'execute':'blockdev-add','arguments':{'driver':'copy-before-write',"
		"'node-name':'c','file':'vg-lv','target':'target','min-cluster-size':70000}}",
		"GenericError", "min-cluster-size needs to be a power of 2");
	fake_add("small", "", LEN / 2, "linear", "8:32 0");
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
	assert_non_null(strstr(reply_to("{'execute':'qom-get','arguments':{'path':'/objects/g','property':'limits'}}"),
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

	(void)state;
	assert_null(qmp_execute(text, strlen(text), out));
	fclose(out);
	assert_non_null(strstr(script, "dmsetup create w --uuid QDM-threshold-w"));
	free(script);
	assert_string_equal(fake_log(), "");
}

static int set_up(void **state)
{
	char path[64];
	FILE *limits;

	(void)state;
	if (!strcmp(folder + strlen(folder) - 6, "XXXXXX") && !mkdtemp(folder))
		return -1;
	setenv("QDM_CONFIGFS", folder, 1);
	snprintf(path, sizeof(path), "%s/lock", folder);
	setenv("QDM_LOCK", path, 1);
	snprintf(path, sizeof(path), "%s/g", folder);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/g/limits", folder);
	limits = fopen(path, "w");
	fputs("iops-total=700\niops-total-max=0\n", limits);
	fclose(limits);
	fake_reset();
	fake_add("vg-lv", "LVM-x", LEN, "linear", "8:16 2048");
	return 0;
}

static int tear_down(void **state)
{
	char path[64];

	(void)state;
	fake_reset();
	snprintf(path, sizeof(path), "%s/g/limits", folder);
	unlink(path);
	snprintf(path, sizeof(path), "%s/g", folder);
	rmdir(path);
	snprintf(path, sizeof(path), "%s/lock", folder);
	unlink(path);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_commands),
		TEST(ids),
		TEST(drivers),
		TEST(thresholds),
		TEST(backups),
		TEST(groups),
		TEST(dry_runs),
	};

	return cmocka_run_group_tests_name("qdm-qmp", tests, NULL, remove_folder);
}
