// SPDX-License-Identifier: GPL-2.0-or-later
/* What a node's UUID says, and whose root a root is. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "graph/resolve.h"
#include "graph/uuid.h"
#include "qdm-fake-dm.h"

#define LEN	131072
#define LONG	"vg-0123456789012345678901234567890123456789012345678901234567890" \
		"123456789012345678901234567890123456789012345678901234567890123"

static int set_up(void **state)
{
	(void)state;
	fake_reset();
	fake_add("vg-lv", "LVM-x", LEN, "linear", "4000:16 0");
	fake_add("plain", "", LEN, "linear", "4000:17 0");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fake_reset();
	return 0;
}

static struct uuid read_back(char *text)
{
	static char kept[256];
	struct uuid uuid;

	assert_true(strlen(text) < KDM_UUID_LEN);
	snprintf(kept, sizeof(kept), "%s", text);
	free(text);
	uuid_read(&uuid, kept);
	return uuid;
}

static void forms(void **state)
{
	struct uuid uuid;

	(void)state;
	uuid = read_back(uuid_of_filter(KIND_BACKUP, "a-backup", false));
	assert_int_equal(uuid.kind, KIND_BACKUP);
	assert_false(uuid.private);
	assert_string_equal(uuid.name, "a-backup");
	uuid = read_back(uuid_of_filter(KIND_THROTTLE, "t0", true));
	assert_int_equal(uuid.kind, KIND_THROTTLE);
	assert_true(uuid.private);
	assert_string_equal(uuid.name, "t0");
	uuid = read_back(uuid_of_leaf("disk"));
	assert_int_equal(uuid.kind, KIND_ROOT);
	assert_true(uuid.leaf);
	assert_string_equal(uuid.name, "disk");
	uuid = read_back(uuid_of_root(fake_device("vg-lv")));
	assert_int_equal(uuid.kind, KIND_ROOT);
	assert_true(uuid.private && uuid.identified && !uuid.leaf);
	assert_string_equal(uuid.name, "vg-lv");
	assert_true(uuid.identity == uuid_identity(fake_device("vg-lv")));
}

static void others(void **state)
{
	static const char * const none[] = {
		"", "LVM-x", "CRYPT-SUBDEV-QDM-root-a", "QDM-", "QDM-leaf-a",
		"QDM-roots-a", "stratis-1-private-x", "stratis-1-private-QDM-",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(none) / sizeof(*none); i++)
		assert_int_equal(kind_of(none[i]), KIND_DEVICE);
}

static void long_names(void **state)
{
	struct kdm_device device = { .name = LONG, .uuid = "LVM-long" };
	struct uuid uuid;
	char *a, *b;

	(void)state;
	uuid = read_back(uuid_of_root(&device));
	assert_true(uuid.identified);
	assert_memory_equal(uuid.name, LONG, strlen(uuid.name));
	a = uuid_of_filter(KIND_THRESHOLD, LONG "a", true);
	b = uuid_of_filter(KIND_THRESHOLD, LONG "b", true);
	assert_string_not_equal(a, b);
	free(b);
	assert_int_equal(read_back(a).kind, KIND_THRESHOLD);
	strcpy(device.name, "a b/\xc3\xa9");
	assert_string_equal(read_back(uuid_of_root(&device)).name, "a_b___");
}

static bool is_root(const char *root, const char *device)
{
	struct error error = { 0 };
	struct graph graph;
	bool is;

	assert_int_equal(graph_read(&graph, &error), 0);
	is = is_root_of(graph_find(&graph, root), graph_find(&graph, device));
	graph_free(&graph);
	return is;
}

static void add_root(const char *name, const char *device)
{
	char *uuid = uuid_of_root(fake_device(device));

	fake_add(name, uuid, LEN, "linear", "4000:16 0");
	free(uuid);
}

static void identities(void **state)
{
	(void)state;
	add_root("vg-lv-root", "vg-lv");
	add_root("plain-root", "plain");
	assert_true(is_root("vg-lv-root", "vg-lv"));
	assert_true(is_root("plain-root", "plain"));
	assert_false(is_root("vg-lv-root", "plain"));
	strcpy(fake_device("vg-lv")->name, "vg-new");
	assert_true(is_root("vg-lv-root", "vg-new"));
	fake_add("vg-lv", "LVM-y", LEN, "linear", "4000:18 0");
	assert_false(is_root("vg-lv-root", "vg-lv"));
	*fake_device("plain")->name = '\0';
	fake_add("plain", "", LEN, "linear", "4000:18 0");
	assert_false(is_root("plain-root", "plain"));
}

/* As an older qdm has made it, which is asked by its name alone. */
static void old_forms(void **state)
{
	(void)state;
	fake_add("vg-lv-root", "QDM-root-vg-lv", LEN, "linear", "4000:16 0");
	fake_add("disk", "QDM-root-disk", LEN, "linear", "4000:48 0");
	assert_int_equal(kind_of("QDM-throttle-t0"), KIND_THROTTLE);
	assert_true(is_root("vg-lv-root", "vg-lv"));
	assert_false(is_root("vg-lv-root", "plain"));
	assert_false(is_root("disk", "vg-lv"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(forms),
		TEST(others),
		TEST(long_names),
		TEST(identities),
		TEST(old_forms),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("qdm-uuid", tests, NULL, NULL);
}
