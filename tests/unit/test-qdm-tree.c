// SPDX-License-Identifier: GPL-2.0-or-later
/* What people see of the graph. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cli/tree.h"
#include "qdm-fake-dm.h"

#define LEN	131072

static void shows(const char *wanted)
{
	struct error error = { 0 };
	struct graph graph;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_int_equal(graph_read(&graph, &error), 0);
	tree_print(&graph, out);
	graph_free(&graph);
	fclose(out);
	assert_string_equal(text, wanted);
	free(text);
}

static int set_up(void **state)
{
	(void)state;
	fake_reset();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fake_reset();
	return 0;
}

static void filters(void **state)
{
	(void)state;
	fake_add("w", "QDM-threshold-w", LEN, "wthreshold", "4000:16 0 4096");
	fake_status("w", "armed 4096 0 1024 0 0");
	fake_add("b", "QDM-backup-b", LEN, "backupcow", "253:0 0 4000:32 0 128");
	fake_status("b", "running 5/10 50/100 - intact ok 0 0 0 0");
	fake_add("t", "QDM-throttle-t", LEN, "qthrottle",
		 "4000:17 0 - 4 iops-total 500 bps-write 10485760");
	shows("b                                backup    64M backupcow, running 50% (50B of 100B), intact\n"
	      "  w                              threshold 64M wthreshold, armed at 4K, written up to 1K\n"
	      "    4000:16\n"
	      "  4000:32\n"
	      "t                                throttle  64M qthrottle, private limits bps-write=10M/s iops-total=500/s, 0 waiting\n"
	      "  4000:17\n");
}

static void another_table_than_the_uuid_says(void **state)
{
	(void)state;
	fake_add("t0", "QDM-throttle-t0", LEN, "linear", "4000:16 0");
	fake_add("w", "QDM-throttle-w", LEN, "wthreshold", "4000:16 0");
	fake_status("w", "off 0 0 0 0 0");
	shows("t0                               throttle  64M linear, NO LONGER a throttle\n"
	      "  4000:16\n"
	      "w                                throttle  64M wthreshold, off, written up to 0B, NO LONGER a throttle\n"
	      "  4000:16\n");
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(filters),
		TEST(another_table_than_the_uuid_says),
	};

	return cmocka_run_group_tests_name("qdm-tree", tests, NULL, NULL);
}
