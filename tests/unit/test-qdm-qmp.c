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

#include "base/json.h"
#include "qdm-case.h"
#include "qdm-fake-dm.h"
#include "qmp/execute.h"
#include "qmp/reference.h"

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
	refused("{'exec-oob':'query-version'}", "GenericError",
		"QMP input member 'exec-oob' is unexpected");
	refused("{'execute':'a'}", "CommandNotFound",
		"The command a has not been found");
	refused("{'execute':'query-version','arguments':{'a':1}}",
		"GenericError", "Parameter 'a' is unexpected");
}

static void ids(void **state)
{
	(void)state;
	gives("{'execute':'query-version','id':{'a':[1,null]}}",
	      "{\"return\":{\"qemu\":{\"major\":0,\"minor\":2,\"micro\":0},\"package\":\"qdm\"},\"id\":{\"a\":[1,null]}}");
	gives("{'execute':1,'id':[5]}",
	      "{\"error\":{\"class\":\"GenericError\",\"desc\":\"QMP input member 'execute' must be a string\"},\"id\":[5]}");
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
	refused("{'execute':'blockdev-add','arguments':{'driver':'raw','node-name':'r','file':'vg-lv'}}",
		"GenericError",
		"Driver 'raw' does nothing and has no node of its own here; name in its place what is below it");
	refused("{'execute':'blockdev-add','arguments':{'driver':'qcow2'}}",
		"GenericError",
		"Parameter 'driver' does not accept value 'qcow2' (accepted: copy-before-write, host_device, throttle, write-threshold)");
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

#define HOST(name, file) \
	"{'execute':'blockdev-add','arguments':{'driver':'host_device','node-name':'" name "','filename':'" file "'}}"
#define OVER(name, file) \
	"{'execute':'blockdev-add','arguments':{'driver':'throttle','node-name':'" name "','throttle-group':'g','file':" file "}}"
#define DELETE(name) \
	"{'execute':'blockdev-del','arguments':{'node-name':'" name "'}}"
#define RESIZE(node, size) \
	"{'execute':'block_resize','arguments':{" node ",'size':" size "}}"

/* A leaf's node stays until it is deleted itself, whatever lay on it. */
static void hosts(void **state)
{
	(void)state;
	gives(HOST("d", CASE_LEAF), "{\"return\":{}}");
	assert_string_equal(fake_device("d")->uuid, "stratis-1-private-QDM-leaf-d");
	assert_string_equal(fake_table("d")->line[0].type, "linear");
	assert_string_equal(fake_table("d")->line[0].params, CASE_LEAF_NUMBER " 0");
	refused(HOST("d", CASE_LEAF), "GenericError",
		"Duplicate nodes with node-name='d'");
	refused(HOST("e", "/dev/nosuch"), "GenericError",
		"Could not open '/dev/nosuch': No such file or directory");
	refused(HOST("e", "dev"), "GenericError",
		"Could not open 'dev': the path has to begin with a slash");
	refused("{'execute':'blockdev-add','arguments':{'driver':'host_device','node-name':'e'}}",
		"GenericError", "Parameter 'filename' is missing");
	refused(HOST("e", CASE_LEAF "','read-only':true,'discard':'unmap"),
		"GenericError",
		"Parameter 'read-only' does not accept value 'true' (accepted: false)");
	gives(HOST("e", CASE_LEAF "','read-only':false,'cache':{'direct':true},'aio':'native','discard':'unmap"),
	      "{\"return\":{}}");
	gives(DELETE("e"), "{\"return\":{}}");
	gives(OVER("t0", "'d'"), "{\"return\":{}}");
	assert_string_equal(fake_table("t0")->line[0].params, "253:1 0 g");
	refused(DELETE("d"), "GenericError", "Node d is in use");
	refused("{'execute':'block-insert-node','arguments':{'parent':'vg-lv','child':'vg-lv','node':'d'}}",
		"GenericError",
		"Block format 'host_device' used by node 'd' does not support insertion");
	refused("{'execute':'blockdev-reopen','arguments':{'options':[{'driver':'host_device','node-name':'d','filename':'" CASE_LEAF "'}]}}",
		"GenericError",
		"Block format 'host_device' used by node 'd' does not support reopening");
	gives(DELETE("t0"), "{\"return\":{}}");
	assert_non_null(fake_device("d"));
	gives(DELETE("d"), "{\"return\":{}}");
	assert_null(fake_device("d"));
}

/* A leaf within the filter's arguments, as clients of QEMU may write it. */
static void leaves(void **state)
{
	(void)state;
	gives(OVER("t0", "{'driver':'host_device','filename':'" CASE_LEAF "'}"),
	      "{\"return\":{}}");
	assert_string_equal(fake_table("t0")->line[0].params, CASE_LEAF_NUMBER " 0 g");
	refused(OVER("t1", "{'driver':'qcow2','filename':'x'}"), "GenericError",
		"Parameter 'driver' does not accept value 'qcow2' (accepted: host_device, raw)");
	refused(OVER("t1", "{'driver':'host_device'}"), "GenericError",
		"Parameter 'file.filename' is missing");
	refused(OVER("t1", "[]"), "GenericError",
		"Invalid parameter type for 'file', expected: BlockdevRef");
	refused(OVER("t1", "null"), "GenericError",
		"Invalid parameter type for 'file', expected: BlockdevRef");
	gives(DELETE("t0"), "{\"return\":{}}");
	gives("{'execute':'blockdev-add','arguments':{'driver':'copy-before-write','node-name':'b','file':'vg-lv',"
	      "'target':{'driver':'host_device','filename':'" CASE_LEAF "'}}}",
	      "{\"return\":{}}");
	assert_non_null(strstr(fake_table("b")->line[0].params,
			       " " CASE_LEAF_NUMBER " 0 "));
}

/* What QEMU's clients say of any node is taken where it changes nothing. */
static void generic_options(void **state)
{
	(void)state;
	gives("{'execute':'blockdev-add','arguments':{'driver':'throttle','node-name':'t','throttle-group':'g',"
	      "'read-only':false,'auto-read-only':true,'discard':'unmap','detect-zeroes':'off','force-share':false,"
	      "'cache':{'direct':true,'no-flush':false},"
	      "'file':{'driver':'raw','node-name':'format','discard':'unmap',"
	      "'file':{'driver':'host_device','node-name':'storage','filename':'" CASE_LEAF "','pr-manager':null}}}}",
	      "{\"return\":{}}");
	assert_string_equal(fake_table("t")->line[0].params, CASE_LEAF_NUMBER " 0 g");
	gives(OVER("u", "{'driver':'raw','file':'vg-lv'}"), "{\"return\":{}}");
	refused(OVER("v", "{'driver':'raw','file':7}"), "GenericError",
		"Invalid parameter type for 'file.file', expected: BlockdevRef");
	refused("{'execute':'blockdev-add','arguments':{'driver':'throttle','node-name':'v','throttle-group':'g','file':'vg-lv','detect-zeroes':'unmap'}}",
		"GenericError", "Parameter 'detect-zeroes' does not accept value 'unmap' (accepted: off)");
	refused("{'execute':'blockdev-add','arguments':{'driver':'throttle','node-name':'v','throttle-group':'g','file':'vg-lv','force-share':true}}",
		"GenericError", "Parameter 'force-share' does not accept value 'true' (accepted: false)");
	refused(OVER("v", "{'driver':'host_device','filename':'" CASE_LEAF "','pr-manager':'pr0'}"), "GenericError",
		"Parameter 'pr-manager' does not accept value 'pr0' (accepted: null)");
	refused("{'execute':'blockdev-add','arguments':{'driver':'throttle','throttle-group':'g','file':'vg-lv'}}",
		"GenericError", "'node-name' must be specified for the root node");
}

/* Before a client does anything it asks these. */
static void asked_first(void **state)
{
	(void)state;
	gives("{'execute':'query-status'}",
	      "{\"return\":{\"status\":\"running\",\"singlestep\":false,\"running\":true}}");
	gives("{'execute':'query-name'}", "{\"return\":{}}");
	gives("{'execute':'query-block-exports'}", "{\"return\":[]}");
	gives("{'execute':'qom-get','arguments':{'path':'/objects/g','property':'type'}}",
	      "{\"return\":\"throttle-group\"}");
	gives("{'execute':'qom-get','arguments':{'path':'/objects','property':'type'}}",
	      "{\"return\":\"container\"}");
	assert_non_null(strstr(case_reply("{'execute':'qom-list-properties','arguments':{'typename':'throttle-group'}}"),
			       "{\"name\":\"limits\",\"type\":\"ThrottleLimits\"}"));
	refused("{'execute':'qom-list-properties','arguments':{'typename':'iothread'}}",
		"DeviceNotFound", "Class 'iothread' not found");
	refused("{'execute':'qom-get','arguments':{'path':'/objects/x','property':'limits'}}",
		"DeviceNotFound", "Device '/objects/x' not found");
	refused("{'execute':'qom-list','arguments':{'path':''}}", "GenericError",
		"Path '' is ambiguous");
}

/* By the device's name, which needs no filter; the device shows what was set. */
static void threshold_of_device(void **state)
{
	char *reply;

	(void)state;
	gives("{'execute':'block-set-write-threshold','arguments':{'node-name':'vg-lv','write-threshold':0}}",
	      "{\"return\":{}}");
	assert_null(fake_device("vg-lv-threshold"));
	gives("{'execute':'block-set-write-threshold','arguments':{'node-name':'vg-lv','write-threshold':4096}}",
	      "{\"return\":{}}");
	fake_status("vg-lv-threshold", "armed 4096 0 1536 0 0");
	reply = strstr(case_reply("{'execute':'query-named-block-nodes'}"),
		       "{\"node-name\":\"vg-lv\",");
	assert_non_null(reply);
	reply = strstr(reply, "\"write_threshold\":");
	assert_non_null(reply);
	assert_int_equal(strncmp(reply, "\"write_threshold\":4096,", 23), 0);
	assert_non_null(strstr(case_reply("{'execute':'query-blockstats'}"),
			       "\"wr_highest_offset\":1536"));
}

/* QEMU keeps no node for what a device's own commands make. */
static void top_of_device(void **state)
{
	(void)state;
	gives("{'execute':'block_set_io_throttle','arguments':{'id':'vg-lv','bps':0,'bps_rd':0,'bps_wr':0,'iops':5,'iops_rd':0,'iops_wr':0}}",
	      "{\"return\":{}}");
	assert_non_null(strstr(case_reply("{'execute':'query-block'}"),
			       "\"inserted\":{\"node-name\":\"vg-lv\""));
	gives(OVER("t", "'vg-lv-throttle'"), "{\"return\":{}}");
	gives("{'execute':'block-insert-node','arguments':{'parent':'vg-lv','child':'vg-lv-throttle','node':'t'}}",
	      "{\"return\":{}}");
	assert_non_null(strstr(case_reply("{'execute':'query-block'}"),
			       "\"inserted\":{\"node-name\":\"t\""));
}

/* A filter that copies before writes is a node, and no job. */
static void filters_are_no_jobs(void **state)
{
	(void)state;
	fake_add("target", "", CASE_SECTORS, "linear", "8:32 0");
	gives("{'execute':'blockdev-add','arguments':{'driver':'copy-before-write','node-name':'b','file':'vg-lv','target':'target'}}",
	      "{\"return\":{}}");
	gives("{'execute':'query-jobs'}", "{\"return\":[]}");
	gives("{'execute':'query-block-jobs'}", "{\"return\":[]}");
	refused("{'execute':'job-cancel','arguments':{'id':'b'}}", "GenericError",
		"Job not found");
}

static void sizes(void **state)
{
	(void)state;
	gives(HOST("d", CASE_LEAF), "{\"return\":{}}");
	gives(OVER("t0", "'d'"), "{\"return\":{}}");
	gives(RESIZE("'node-name':'d'", "134217728"), "{\"return\":{}}");
	assert_int_equal(fake_table("t0")->line[0].len, 262144);
	gives(RESIZE("'device':'t0'", "67108864"), "{\"return\":{}}");
	assert_int_equal(fake_table("t0")->line[0].len, 131072);
	refused(RESIZE("'node-name':'x'", "512"), "GenericError",
		"Cannot find device='' nor node-name='x'");
	refused("{'execute':'block_resize','arguments':{'size':512}}",
		"GenericError", "Cannot find device='' nor node-name=''");
	refused(RESIZE("'device':'t0'", "-1"), "GenericError",
		"Parameter 'size' expects a >0 size");
	refused(RESIZE("'device':'t0'", "0"), "GenericError",
		"Parameter 'size' expects a >0 size");
	refused(RESIZE("'device':'t0'", "513"), "GenericError",
		"Parameter 'size' expects a multiple of 512");
	refused(RESIZE("'device':'vg-lv'", "512"), "GenericError",
		"'vg-lv' is no throttle, write-threshold or host_device node; only these can be resized");
	refused(RESIZE("'node-name':'d'", "512"), "GenericError",
		"'d' is beneath 't0' and cannot become smaller; remove it from there first");
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
		"GenericError", "Device 'x' not found");
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
		"destination 'small' is smaller (33554432 bytes) than 'vg-lv' (67108864 bytes)");
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

#define DONE	"{\"return\":{}}"

static void add_threshold(const char *name)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "{'execute':'blockdev-add','arguments':{'driver':'write-threshold','node-name':'%s','write-threshold':0,'file':'vg-lv'}}",
		 name);
	gives(text, DONE);
}

static void has_params(const char *name, const char *params)
{
	assert_string_equal(fake_table(name)->line[0].params, params);
}

#define REOPEN(options)	\
	"{'execute':'blockdev-reopen','arguments':{'options':[" options "]}}"

static void reopens(void **state)
{
	char text[256];

	(void)state;
	case_group("h", "");
	snprintf(text, sizeof(text), THROTTLE, "g");
	gives(text, DONE);
	add_threshold("w");
	gives(REOPEN("{'driver':'throttle','node-name':'t0','throttle-group':'h','file':'vg-lv-root'},"
		     "{'driver':'write-threshold','node-name':'w','write-threshold':9,'file':'t0'}"),
	      DONE);
	has_params("t0", "253:1 0 h");
	has_params("w", "253:2 0 9");
	assert_non_null(strstr(fake_log(), "load t0;load w;resume t0;resume w;"));
	refused(REOPEN("{'driver':'write-threshold','node-name':'w','write-threshold':8,'file':'t0'},"
		       "{'driver':'throttle','node-name':'t0','throttle-group':'h','file':'w'}"),
		"GenericError", "'w' is on top of 't0' already");
	refused(REOPEN("{'driver':'write-threshold','node-name':'t0','write-threshold':8,'file':'vg-lv-root'}"),
		"GenericError", "Cannot change the option 'driver' of node 't0'");
	refused(REOPEN("{'driver':'throttle','throttle-group':'g','file':'vg-lv'}"), "GenericError",
		"node-name not specified");
	refused(REOPEN("5"), "GenericError",
		"Invalid parameter type for 'options[0]', expected: object");
	has_params("w", "253:2 0 9");
}

#define REPLACE(parent, child, new) \
	"{'execute':'blockdev-replace','arguments':{'parent':'" parent "','child':'" child "','new-child':'" new "'}}"

static void replaces(void **state)
{
	(void)state;
	add_threshold("w");
	add_threshold("v");
	fake_add("other", "QDM-threshold-other", CASE_SECTORS, "wthreshold", "4000:17 0");
	gives(REPLACE("vg-lv", "root", "w"), DONE);
	has_params("vg-lv", "253:2 0");
	refused(REPLACE("vg-lv", "root", "other"), "GenericError",
		"'other' is no filter over 'w' nor the other way round, so it may show other data");
	refused(REPLACE("vg-lv", "file", "v"), "GenericError",
		"Devices and exports may have only 'root' child");
	refused(REPLACE("w", "backing", "v"), "GenericError",
		"Block driver node 'w' doesn't have child named 'backing'");
	refused(REPLACE("x", "file", "v"), "GenericError",
		"Neither device, nor export, nor block-node exist with name 'x'");
	refused(REPLACE("w", "file", "x"), "GenericError",
		"Node 'x' not found");
	gives(REPLACE("w", "file", "v"), DONE);
	has_params("w", "253:3 0 0");
	refused(REPLACE("v", "file", "w"), "GenericError",
		"'w' is on top of 'v' already");
	gives(REPLACE("vg-lv", "root", "v"), DONE);
	has_params("vg-lv", "253:3 0");
}

static void changes_no_children(void **state)
{
	(void)state;
	refused("{'execute':'x-blockdev-change','arguments':{'parent':'vg-lv'}}",
		"GenericError", "Either child or node must be specified");
	refused("{'execute':'x-blockdev-change','arguments':{'parent':'vg-lv','child':'a','node':'b'}}",
		"GenericError", "The parameters child and node are in conflict");
	refused("{'execute':'x-blockdev-change','arguments':{'parent':'vg-lv','node':'b'}}",
		"GenericError", "Node 'b' not found");
	refused("{'execute':'x-blockdev-change','arguments':{'parent':'vg-lv','node':'vg-lv'}}",
		"GenericError",
		"The node vg-lv does not support adding a child; use block-insert-node, block-remove-node or blockdev-replace");
}

#define LIMIT(more) \
	"{'execute':'block_set_io_throttle','arguments':{'bps':0,'bps_rd':0,'bps_wr':0,'iops_rd':0,'iops_wr':0," more "}}"

/* As QEMU does for limits of this kind: in what query-block says. */
static void shows_limits(const char *wanted)
{
	const char *reply = case_reply("{'execute':'query-block'}");

	if (!strstr(reply, wanted))
		fail_msg("no %s in %s", wanted, reply);
}

static void limits_devices(void **state)
{
	(void)state;
	refused(LIMIT("'iops':5"), "GenericError",
		"Need exactly one of 'device' and 'id'");
	refused(LIMIT("'id':'x','iops':5"), "DeviceNotFound",
		"Device 'x' not found");
	refused(LIMIT("'id':'vg-lv','iops':-5"), "GenericError",
		"bps/iops/max values must be within [0, 1000000000000000]");
	gives(LIMIT("'id':'vg-lv','iops':0"), DONE);
	assert_string_equal(fake_log(), "");
	gives(LIMIT("'id':'vg-lv','iops':5,'iops_max':9"), DONE);
	has_params("vg-lv-throttle", "253:1 0 - 4 iops-total 5 iops-total-max 9");
	shows_limits("\"bps\":0,\"bps_rd\":0,\"bps_wr\":0,\"iops\":5,");
	shows_limits("\"iops_max\":9,\"iops_max_length\":1,\"group\":\"vg-lv\"");
	gives(LIMIT("'device':'vg-lv','iops':6"), DONE);
	assert_non_null(strstr(fake_log(), "message vg-lv-throttle limits bps-total 0 "));
	assert_non_null(strstr(fake_log(), " iops-total 6 iops-total-max 0 "));
	gives(LIMIT("'device':'vg-lv','iops':123,'group':'g'"), DONE);
	has_params("vg-lv-throttle", "253:1 0 g 2 iops-total 123");
	assert_string_equal(case_limits("g"), "iops-total=123");
	shows_limits("\"iops\":123,");
	shows_limits("\"group\":\"g\"");
	gives(LIMIT("'device':'vg-lv','iops':8"), DONE);
	assert_string_equal(case_limits("g"), "iops-total=8");
	gives(LIMIT("'device':'vg-lv','iops':9,'group':'new'"), DONE);
	has_params("vg-lv-throttle", "253:1 0 new 2 iops-total 9");
	assert_string_equal(case_limits("new"), "iops-total=9");
	refused("{'execute':'object-del','arguments':{'id':'new'}}",
		"GenericError", "object 'new' is in use, can not be deleted");
	gives(LIMIT("'device':'vg-lv','iops':0"), DONE);
	assert_null(fake_device("vg-lv-throttle"));
	has_params("vg-lv", "4000:16 2048");
	refused("{'execute':'object-del','arguments':{'id':'new'}}",
		"GenericError", "object 'new' not found");
	shows_limits("\"iops\":0,");
	assert_null(strstr(case_reply("{'execute':'query-block'}"), "\"group\""));
	assert_string_equal(case_limits("g"), "iops-total=8");
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
	assert_non_null(strstr(script, "dmsetup create w --uuid stratis-1-private-QDM-threshold-w"));
	free(script);
	assert_string_equal(fake_log(), "");
}

static void objects(void **state)
{
	(void)state;
	gives("{'execute':'qom-list','arguments':{'path':'/objects'}}",
	      "{\"return\":[{\"name\":\"g\",\"type\":\"child<throttle-group>\"}]}");
	assert_non_null(strstr(case_reply("{'execute':'qom-list','arguments':{'path':'/objects/g'}}"),
			       "[{\"name\":\"type\",\"type\":\"string\"},{\"name\":\"limits\",\"type\":\"ThrottleLimits\"},{\"name\":\"x-bps-total\",\"type\":\"int\"},"));
	refused("{'execute':'qom-list','arguments':{'path':'..'}}",
		"DeviceNotFound", "Device '..' not found");
}

#define OLD(more) \
	"{'execute':'object-add','arguments':{'qom-type':'throttle-group','id':'old'," more "}}"

/* The limits as properties of their own, from before there was one of all. */
static void old_properties(void **state)
{
	(void)state;
	refused(OLD("'x-iops-total':10,'limits':{'iops-read':10}"), "GenericError",
		"bps/iops/max total values and read/write values cannot be used at the same time");
	refused(OLD("'x-iops-total':-1"), "GenericError",
		"Property values cannot be negative");
	gives(OLD("'x-iops-total':100,'x-iops-total-max':200,'limits':{'bps-read':5}"), DONE);
	assert_string_equal(case_limits("old"),
			    "bps-read=5 iops-total=100 iops-total-max=200");
	gives("{'execute':'qom-get','arguments':{'path':'old','property':'x-iops-total-max'}}",
	      "{\"return\":200}");
	refused("{'execute':'qom-set','arguments':{'path':'old','property':'x-iops-total','value':5}}",
		"GenericError", "Property cannot be set after initialization");
	refused("{'execute':'qom-get','arguments':{'path':'old','property':'x-iops'}}",
		"GenericError", "Property 'throttle-group.x-iops' not found");
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

/* The members that QEMU's schema promises; optional ones are not here. */
static const struct {
	const char *command;
	const char *inner;	/* the member whose members these are */
	const char *members[32];
} shapes[] = {
	{ "query-block", NULL, { "device", "type", "removable", "locked" } },
	{ "query-block", "inserted",
	  { "file", "ro", "drv", "backing_file_depth", "encrypted",
	    "detect_zeroes", "bps", "bps_rd", "bps_wr", "iops", "iops_rd",
	    "iops_wr", "image", "cache", "write_threshold", "active",
	    "node-name", "children" } },
	{ "query-named-block-nodes", NULL,
	  { "file", "ro", "drv", "backing_file_depth", "encrypted",
	    "detect_zeroes", "bps", "bps_rd", "bps_wr", "iops", "iops_rd",
	    "iops_wr", "image", "cache", "write_threshold", "active",
	    "node-name", "children" } },
	{ "query-named-block-nodes", "image",
	  { "filename", "format", "virtual-size" } },
	{ "query-named-block-nodes", "cache",
	  { "writeback", "direct", "no-flush" } },
	{ "query-blockstats", NULL, { "device", "node-name", "stats" } },
	{ "query-blockstats", "stats",
	  { "rd_bytes", "wr_bytes", "zone_append_bytes", "unmap_bytes",
	    "rd_operations", "wr_operations", "zone_append_operations",
	    "flush_operations", "unmap_operations", "rd_total_time_ns",
	    "wr_total_time_ns", "zone_append_total_time_ns",
	    "flush_total_time_ns", "unmap_total_time_ns",
	    "wr_highest_offset", "rd_merged", "wr_merged",
	    "zone_append_merged", "unmap_merged" } },
	{ "query-blockstats", "stats",
	  { "failed_rd_operations", "failed_wr_operations",
	    "failed_zone_append_operations", "failed_flush_operations",
	    "failed_unmap_operations", "invalid_rd_operations",
	    "invalid_wr_operations", "invalid_zone_append_operations",
	    "invalid_flush_operations", "invalid_unmap_operations",
	    "account_invalid", "account_failed", "timed_stats" } },
	{ "query-jobs", NULL,
	  { "id", "type", "status", "current-progress", "total-progress" } },
	{ "query-block-jobs", NULL,
	  { "type", "device", "len", "offset", "busy", "paused", "speed",
	    "io-status", "ready", "status", "auto-finalize",
	    "auto-dismiss" } },
};

static void has_shape(size_t nr)
{
	struct json_object *list = query(shapes[nr].command);
	struct json_object *one = json_object_array_get_idx(list, 0);
	const char * const *name = shapes[nr].members;

	assert_non_null(one);
	if (shapes[nr].inner)
		assert_true(json_object_object_get_ex(one, shapes[nr].inner,
						      &one));
	for (; *name; name++)
		if (!json_object_object_get_ex(one, *name, NULL))
			fail_msg("%s lacks %s", shapes[nr].command, *name);
	json_object_put(list);
}

static void query_shapes(void **state)
{
	size_t i;

	(void)state;
	fake_add("vg-lv-backup", "QDM-backup-vg-lv-backup", CASE_SECTORS,
		 "backupcow", "253:0 0 4000:17 0 128");
	for (i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
		has_shape(i);
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
	static const char wrong[] =
		"{'execute':'qmp_capabilities','arguments':{'enable':['x']}}";
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
	assert_non_null(strstr(json_object_to_json_string(reply),
			       "Capability oob not available"));
	json_object_put(reply);
	reply = qmp_execute(wrong, strlen(wrong), &mode, NULL);
	assert_non_null(strstr(json_object_to_json_string(reply),
			       "Parameter 'enable' does not accept value 'x' (accepted: oob)"));
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
		CASE(hosts),
		CASE(leaves),
		CASE(generic_options),
		CASE(asked_first),
		CASE(threshold_of_device),
		CASE(top_of_device),
		CASE(filters_are_no_jobs),
		CASE(sizes),
		CASE(thresholds),
		CASE(backups),
		CASE(groups),
		CASE(reopens),
		CASE(replaces),
		CASE(changes_no_children),
		CASE(limits_devices),
		CASE(dry_runs),
		CASE(objects),
		CASE(old_properties),
		CASE(schema),
		CASE(query_shapes),
		CASE(negotiation),
		CASE(reference_page),
	};

	return cmocka_run_group_tests_name("qdm-qmp", tests, NULL, case_end);
}
