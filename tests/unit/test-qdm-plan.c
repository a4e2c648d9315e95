// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Edits of the graph: what is planned, what the script says, and that each
 * step may fail and leaves the graph as before or as after.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "edit/edit.h"
#include "qdm-fake-dm.h"

#define LEN	131072
#define INNER	"stratis-1-private-QDM-"

enum verb { ADD, INSERT, REMOVE, DELETE, PUT_UNDER, TAKE_OUT };

static int plan_one(enum verb verb, const char *parent, const char *child,
		    const char *node, struct plan *plan, struct error *error)
{
	struct filter filter = {
		.name = node, .kind = KIND_THROTTLE, .file = child, .tail = "g",
	};
	struct graph graph;
	int result;

	assert_int_equal(graph_read(&graph, error), 0);
	if (verb == INSERT)
		result = edit_insert(&graph, parent, child, node, plan, error);
	else if (verb == REMOVE)
		result = edit_remove(&graph, parent, child, node, plan, error);
	else if (verb == DELETE)
		result = edit_delete(&graph, node, plan, error);
	else if (verb == PUT_UNDER)
		result = edit_put_under(&graph, &filter, plan, error);
	else if (verb == TAKE_OUT)
		result = edit_take_out(&graph, node, plan, error);
	else
		result = edit_add(&graph, &filter, plan, error);
	graph_free(&graph);
	return result;
}

static int try(enum verb verb, const char *parent, const char *child,
	       const char *node, struct error *error)
{
	struct plan plan = { 0 };
	int result = plan_one(verb, parent, child, node, &plan, error);

	if (!result)
		result = plan_run(&plan, error);
	plan_free(&plan);
	return result;
}

static void edit(enum verb verb, const char *parent, const char *child,
		 const char *node)
{
	struct error error = { 0 };

	if (try(verb, parent, child, node, &error))
		fail_msg("%s", error.text);
}

static void refused(enum verb verb, const char *parent, const char *child,
		    const char *node, const char *text)
{
	struct error error = { 0 };

	assert_int_equal(try(verb, parent, child, node, &error), -1);
	assert_string_equal(error.text, text);
	assert_string_equal(error.class, ERROR_GENERIC);
}

static void has_table(const char *name, const char *type, const char *params)
{
	struct kdm_table *table = fake_table(name);

	assert_int_equal(table->nr, 1);
	assert_string_equal(table->line[0].type, type);
	assert_string_equal(table->line[0].params, params);
	assert_int_equal(table->line[0].len, LEN);
}

static int volume(void **state)
{
	(void)state;
	fake_reset();
	fake_add("vg-lv", "LVM-x", LEN, "linear", "8:16 2048");
	return 0;
}

static int forget(void **state)
{
	(void)state;
	fake_reset();
	return 0;
}

static void first_filter(void **state)
{
	(void)state;
	edit(ADD, NULL, "vg-lv", "t0");
	assert_string_equal(fake_log(), "create vg-lv-root;create t0;");
	assert_string_equal(fake_device("vg-lv-root")->uuid, INNER "root-c8c874a43990d6a3-vg-lv");
	assert_string_equal(fake_device("t0")->uuid, INNER "throttle-t0");
	has_table("vg-lv", "linear", "8:16 2048");
	has_table("vg-lv-root", "linear", "8:16 2048");
	has_table("t0", "qthrottle", "253:1 0 g");
	edit(INSERT, "vg-lv", "vg-lv", "t0");
	has_table("vg-lv", "qguard", "253:2 0");
	edit(REMOVE, "vg-lv", "vg-lv-root", "t0");
	has_table("vg-lv", "linear", "8:16 2048");
	edit(DELETE, NULL, NULL, "t0");
	assert_null(fake_device("t0"));
	assert_null(fake_device("vg-lv-root"));
}

static void more_filters(void **state)
{
	(void)state;
	edit(ADD, NULL, "vg-lv", "t0");
	edit(INSERT, "vg-lv", "vg-lv-root", "t0");
	edit(ADD, NULL, "vg-lv", "t1");
	has_table("t1", "qthrottle", "253:2 0 g");
	refused(INSERT, "vg-lv", "vg-lv-root", "t1",
		"'vg-lv-root' not a child of 't1'");
	edit(INSERT, "vg-lv", "t0", "t1");
	has_table("vg-lv", "qguard", "253:3 0");
	edit(ADD, NULL, "vg-lv-root", "t2");
	edit(INSERT, "t0", "vg-lv-root", "t2");
	has_table("t0", "qthrottle", "253:4 0 g");
	refused(DELETE, NULL, NULL, "t2", "Node t2 is in use");
	edit(REMOVE, "t1", "t2", "t0");
	has_table("t1", "qthrottle", "253:4 0 g");
	edit(DELETE, NULL, NULL, "t0");
	edit(REMOVE, "vg-lv", "t2", "t1");
	has_table("vg-lv", "qguard", "253:4 0");
	edit(REMOVE, "vg-lv", "vg-lv", "t2");
	has_table("vg-lv", "linear", "8:16 2048");
}

static void changed_table(void **state)
{
	(void)state;
	edit(ADD, NULL, "vg-lv", "t0");
	kdm_table_free(fake_table("vg-lv"));
	kdm_table_add(fake_table("vg-lv"), 0, LEN, "linear", "8:32 4096");
	edit(INSERT, "vg-lv", "vg-lv", "t0");
	has_table("vg-lv-root", "linear", "8:32 4096");
	edit(REMOVE, "vg-lv", "vg-lv", "t0");
	has_table("vg-lv", "linear", "8:32 4096");
}

/* Somebody else's table that comes while the edit runs is not swapped away. */
static void changed_meanwhile(void **state)
{
	static const char text[] =
		"Device 'vg-lv' was changed by someone else at this moment; nothing was done, try again";
	int at;

	(void)state;
	for (at = 0; at < 3; at++) {
		volume(NULL);
		fake_meddle_at(at, "vg-lv", "8:32 4096");
		refused(PUT_UNDER, NULL, "vg-lv", "t0", text);
		has_table("vg-lv", "linear", "8:32 4096");
		assert_false(fake_device("vg-lv")->pending);
		assert_null(fake_device("t0"));
		assert_null(fake_device("vg-lv-root"));
	}
	volume(NULL);
	edit(ADD, NULL, "vg-lv", "t0");
	fake_meddle_at(0, "vg-lv", "8:32 4096");
	refused(INSERT, "vg-lv", "vg-lv", "t0", text);
	has_table("vg-lv", "linear", "8:32 4096");
	edit(INSERT, "vg-lv", "vg-lv", "t0");
	has_table("vg-lv-root", "linear", "8:32 4096");
	fake_meddle_at(0, "vg-lv", "8:48 0");
	refused(TAKE_OUT, NULL, NULL, "t0", text);
	has_table("vg-lv", "linear", "8:48 0");
}

static void refusals(void **state)
{
	(void)state;
	fake_add("mp", "mpath-x", LEN, "multipath", "0 0 1 1 round-robin");
	refused(ADD, NULL, "mp", "t0",
		"Device 'mp' is a multipath device, which takes requests and not bios, so no filter can be under it; put the filter on top of it (\"file\": \"/dev/mapper/mp\")");
	fake_add("mirror", "", LEN, "mirror", "core 2 64 nosync 2 8:0 0 8:16 0");
	refused(ADD, NULL, "mirror", "t0",
		"Device 'mirror' has a table with target 'mirror', which cannot be moved under a filter; put the filter on top of it (\"file\": \"/dev/mapper/mirror\") or under it");
	fake_add("pm", "", LEN, "linear", "259:0 0");
	fake_make_direct("pm");
	refused(ADD, NULL, "pm", "t0",
		"Device 'pm' can be accessed directly (DAX), past any filter under it; put the filter on top of it (\"file\": \"/dev/mapper/pm\") and use that instead");
	refused(ADD, NULL, "nosuch", "t0",
		"Cannot find device='nosuch' nor node-name='nosuch' (a device that is not under device-mapper is named by its path)");
	refused(ADD, NULL, "vg-lv", "vg-lv",
		"node-name=vg-lv is conflicting with a device id");
	refused(ADD, NULL, "vg-lv", "-x",
		"Invalid node-name: '-x' (a letter, then letters, digits, '-', '.' and '_')");
	refused(INSERT, "vg-lv", "vg-lv", "t0", "Node 't0' not found");
	refused(INSERT, "vg-lv", "vg-lv", "mp",
		"Node 'mp' is not owned by the monitor");
	edit(ADD, NULL, "vg-lv", "t0");
	refused(REMOVE, "vg-lv", "vg-lv", "t0",
		"'t0' not a child of device 'vg-lv'");
	refused(INSERT, "mp", "vg-lv-root", "t0",
		"'vg-lv-root' not a child of device 'mp'");
	refused(INSERT, "vg-lv", "vg-lv-root", "vg-lv-root",
		"Block format 'host_device' used by node 'vg-lv-root' does not support insertion");
	refused(REMOVE, "vg-lv", "vg-lv-root", "vg-lv-root",
		"Block format 'host_device' used by node 'vg-lv-root' does not support removal");
	refused(DELETE, NULL, NULL, "vg-lv",
		"Node vg-lv is not owned by the monitor");
	fake_device("vg-lv")->read_only = true;
	refused(INSERT, "vg-lv", "vg-lv", "t0", "Device 'vg-lv' is read-only");
	assert_string_equal(fake_log(), "create vg-lv-root;create t0;");
}

static void new_length(void **state)
{
	(void)state;
	edit(ADD, NULL, "vg-lv", "t0");
	fake_table("vg-lv")->line[0].len = 2 * LEN;
	refused(INSERT, "vg-lv", "vg-lv", "t0",
		"node 't0' has 67108864 bytes and 'vg-lv' has 134217728; delete the node and add it again over 'vg-lv'");
}

static void is_as_before(void)
{
	has_table("vg-lv", "linear", "8:16 2048");
	assert_false(fake_device("vg-lv")->pending);
	assert_false(fake_device("vg-lv")->suspended);
}

static void add_may_fail(void **state)
{
	struct error error;
	int step;

	for (step = 0; step < 2; step++) {
		volume(state);
		error = (struct error){ 0 };
		fake_fail_at(step);
		assert_int_equal(try(ADD, NULL, "vg-lv", "t0", &error), -1);
		is_as_before();
		assert_null(fake_device("t0"));
		assert_null(fake_device("vg-lv-root"));
	}
}

static void insert_may_fail(void **state)
{
	struct error error;
	int step;

	for (step = 0; step < 2; step++) {
		volume(state);
		edit(ADD, NULL, "vg-lv", "t0");
		error = (struct error){ 0 };
		fake_fail_at(step);
		fake_suspend_on_failure();
		assert_int_equal(try(INSERT, "vg-lv", "vg-lv", "t0", &error),
				 -1);
		assert_non_null(strstr(error.text, "made to fail"));
		is_as_before();
	}
}

static void in_one_plan(void **state)
{
	(void)state;
	edit(PUT_UNDER, NULL, "vg-lv", "t0");
	assert_string_equal(fake_log(),
			    "create vg-lv-root;create t0;load vg-lv;resume vg-lv;");
	has_table("vg-lv", "qguard", "253:2 0");
	edit(PUT_UNDER, NULL, "vg-lv", "t1");
	has_table("vg-lv", "qguard", "253:3 0");
	has_table("t1", "qthrottle", "253:2 0 g");
	edit(TAKE_OUT, NULL, NULL, "t0");
	has_table("t1", "qthrottle", "253:1 0 g");
	edit(TAKE_OUT, NULL, NULL, "t1");
	is_as_before();
	assert_null(fake_device("t0"));
	assert_null(fake_device("t1"));
	assert_null(fake_device("vg-lv-root"));
	refused(PUT_UNDER, NULL, "/dev/null", "t0",
		"'/dev/null' is no device of device-mapper, so nothing can be put under it; on top of it: blockdev-add");
}

static void one_plan_may_fail(void **state)
{
	struct error error;
	int step;

	for (step = 0; step < 4; step++) {
		volume(state);
		error = (struct error){ 0 };
		fake_fail_at(step);
		fake_suspend_on_failure();
		assert_int_equal(try(PUT_UNDER, NULL, "vg-lv", "t0", &error),
				 -1);
		is_as_before();
		assert_null(fake_device("t0"));
		assert_null(fake_device("vg-lv-root"));
	}
}

static void says(enum verb verb, const char *parent, const char *child,
		 const char *node, const char *wanted)
{
	struct error error = { 0 };
	struct plan plan = { 0 };
	char *script = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&script, &len);

	assert_int_equal(plan_one(verb, parent, child, node, &plan, &error),
			 0);
	plan_print(&plan, out);
	fclose(out);
	assert_string_equal(script, wanted);
	free(script);
	plan_free(&plan);
}

#define HEAD	"#!/bin/bash\nset -euo pipefail\n"

static void scripts(void **state)
{
	(void)state;
	says(ADD, NULL, "vg-lv", "t0", HEAD
	     "dmsetup table --showkeys vg-lv |\n"
	     "\tdmsetup create vg-lv-root --uuid " INNER "root-c8c874a43990d6a3-vg-lv\n"
	     "printf '%s\\n' \\\n"
	     "\t'0 131072 qthrottle /dev/mapper/vg-lv-root 0 g' |\n"
	     "\tdmsetup create t0 --uuid " INNER "throttle-t0\n");
	edit(ADD, NULL, "vg-lv", "t0");
	says(INSERT, "vg-lv", "vg-lv", "t0", HEAD
	     "printf '%s\\n' \\\n"
	     "\t'0 131072 qguard /dev/mapper/t0 0' |\n"
	     "\tdmsetup load vg-lv\n"
	     "dmsetup resume --nolockfs --readahead 256 vg-lv\n"
	     "dmsetup remove --deferred vg-lv-root\n"
	     "dmsetup mknodes vg-lv-root\n");
	edit(INSERT, "vg-lv", "vg-lv", "t0");
	says(REMOVE, "vg-lv", "vg-lv", "t0", HEAD
	     "dmsetup table --showkeys vg-lv-root |\n"
	     "\tdmsetup load vg-lv\n"
	     "dmsetup message vg-lv-root 0 @cancel_deferred_remove\n"
	     "dmsetup resume --nolockfs --readahead 256 vg-lv\n");
	edit(REMOVE, "vg-lv", "vg-lv", "t0");
	says(DELETE, NULL, NULL, "t0", HEAD
	     "dmsetup remove --retry t0\n"
	     "dmsetup remove --retry vg-lv-root\n");
}

static void keys_are_not_printed(void **state)
{
	(void)state;
	fake_add("low", "QDM-throttle-low", LEN, "qthrottle", "8:16 0 g");
	fake_add("luks", "CRYPT-x", LEN, "crypt",
		 "aes-xts-plain64 0123456789abcdef 0 253:1 4096");
	fake_add("t0", "QDM-throttle-t0", LEN, "qthrottle", "253:1 0 g");
	says(INSERT, "luks", "low", "t0", HEAD
	     "dmsetup table --showkeys luks |\n"
	     "\tsed 's# 253:1 # /dev/mapper/t0 #' |\n"
	     "\tdmsetup load luks\n"
	     "dmsetup resume --nolockfs --readahead 256 luks\n");
	edit(INSERT, "luks", "low", "t0");
	has_table("luks", "crypt",
		  "aes-xts-plain64 0123456789abcdef 0 253:3 4096");
}

static int try_resize(const char *node, uint64_t sectors, struct error *error)
{
	struct plan plan = { 0 };
	struct graph graph;
	int result;

	assert_int_equal(graph_read(&graph, error), 0);
	result = edit_resize(&graph, node, sectors * 512, &plan, error);
	if (!result)
		result = plan_run(&plan, error);
	graph_free(&graph);
	plan_free(&plan);
	return result;
}

/* Filters on top grow too, from the bottom up; what is not ours stays. */
static void stack_grows(void **state)
{
	struct error error = { 0 };

	(void)state;
	fake_add("mark", "QDM-threshold-mark", LEN, "wthreshold", "253:0 0 0");
	fake_add("slow", "QDM-throttle-slow", LEN, "qthrottle", "253:1 0 g");
	fake_add("luks", "CRYPT-x", LEN, "crypt", "aes - 0 253:2 0");
	fake_table("vg-lv")->line[0].len = 2 * LEN;
	assert_int_equal(try_resize("mark", 2 * LEN, &error), 0);
	assert_string_equal(fake_log(),
			    "load mark;resume mark;load slow;resume slow;");
	assert_int_equal(fake_table("mark")->line[0].len, 2 * LEN);
	assert_int_equal(fake_table("slow")->line[0].len, 2 * LEN);
	assert_int_equal(fake_table("luks")->line[0].len, LEN);
	assert_int_equal(try_resize("mark", LEN, &error), -1);
	assert_string_equal(error.text, "'mark' is beneath 'slow' and cannot become smaller; remove it from there first");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(first_filter, volume, forget),
		cmocka_unit_test_setup_teardown(more_filters, volume, forget),
		cmocka_unit_test_setup_teardown(changed_table, volume, forget),
		cmocka_unit_test_setup_teardown(changed_meanwhile, volume, forget),
		cmocka_unit_test_setup_teardown(refusals, volume, forget),
		cmocka_unit_test_setup_teardown(new_length, volume, forget),
		cmocka_unit_test_setup_teardown(add_may_fail, volume, forget),
		cmocka_unit_test_setup_teardown(insert_may_fail, volume,
						forget),
		cmocka_unit_test_setup_teardown(in_one_plan, volume, forget),
		cmocka_unit_test_setup_teardown(one_plan_may_fail, volume,
						forget),
		cmocka_unit_test_setup_teardown(scripts, volume, forget),
		cmocka_unit_test_setup_teardown(keys_are_not_printed, volume,
						forget),
		cmocka_unit_test_setup_teardown(stack_grows, volume, forget),
	};

	return cmocka_run_group_tests_name("qdm-plan", tests, NULL, NULL);
}
