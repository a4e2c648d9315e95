/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What tests of commands have in common: a device vg-lv, a group g, and a
 * folder of their own that stands in for configfs and holds the lock.
 */
#ifndef QDM_CASE_H
#define QDM_CASE_H

#include <stddef.h>

#define CASE_SECTORS	131072
/* A disk that is no dm device; see qdm-fake-leaf.c. */
#define CASE_LEAF	"/dev/fake-leaf"
#define CASE_LEAF_NUMBER	"4000:48"
/* It is another disk until the end of the test. */
void case_leaf(unsigned int major, unsigned int minor);
/* Somebody has that device for himself until then. */
void case_claim(unsigned int major, unsigned int minor);
/*
 * A file of /proc or /sys with that text, "proc/swaps", or a device's first bytes,
 * "253:1".
 */
void case_file(const char *path, const void *bytes, size_t len);
void case_text(const char *path, const char *text);

/* For cmocka: before and after each test, and after all. */
int case_set_up(void **state);
int case_tear_down(void **state);
int case_end(void **state);

const char *case_folder(void);
/* The reply to one command, without negotiation; overwritten by the next. */
const char *case_reply(const char *text);
/* The folder's file is there with this content. */
void case_group(const char *name, const char *limits);
/* None is there any more, whatever it is used by. */
void case_no_groups(void);
/* Reads a group's limits file as it is now. */
const char *case_limits(const char *name);

/* What has been written to the system's log, each line with its <priority>. */
const char *case_log(void);

#define CASE(name) \
	cmocka_unit_test_setup_teardown(name, case_set_up, case_tear_down)

#endif /* QDM_CASE_H */
