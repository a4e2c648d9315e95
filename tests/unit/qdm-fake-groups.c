// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A configfs made of a plain folder. What the tool does there comes by here (the
 * linker's --wrap): a group has its files as soon as it is made, a write changes
 * the limits that it names and keeps the others, and the process can be killed
 * before each call. Tables make groups and end them, as in the kernel; these have
 * a file "ours", and nobody can remove them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "kernel/limits.h"
#include "qdm-fake-dm.h"
#include "qdm-fake-groups.h"

#define USES	64

/* The groups that tables name, with how many of those are live. */
static struct use {
	char group[64];
	int members;
} uses[USES];

static int nr_uses;

static const char *folder(void)
{
	const char *dir = getenv("QDM_CONFIGFS");

	return dir ? dir : "";
}

static char *path_of(const char *group, const char *file)
{
	return print("%s/%s/%s", folder(), group, file);
}

static void put_file(const char *group, const char *file, const char *text)
{
	char *path = path_of(group, file);
	FILE *out = fopen(path, "w");

	if (out) {
		fputs(text, out);
		fclose(out);
	}
	free(path);
}

static void read_limits(const char *group, struct limits *limits)
{
	char *path = path_of(group, "limits");
	struct error ignored = { 0 };
	FILE *in = fopen(path, "r");
	char text[1024] = "";

	if (in) {
		text[fread(text, 1, sizeof(text) - 1, in)] = '\0';
		fclose(in);
	}
	free(path);
	limits_init(limits);
	limits_read(limits, text, &ignored);
}

static void put_limits(const char *group, const struct limits *limits)
{
	struct limits none;
	char text[1024];

	limits_init(&none);
	limits_write(limits, &none, text, sizeof(text));
	put_file(group, "limits", text);
}

static bool has_file(const char *group, const char *file)
{
	char *path = path_of(group, file);
	bool there = !access(path, F_OK);

	free(path);
	return there;
}

static int make(const char *group)
{
	char *path = path_of(group, "");
	int result = mkdirat(AT_FDCWD, path, 0755);

	free(path);
	if (result)
		return -1;
	put_file(group, "limits", "");
	put_file(group, "members", "");
	return 0;
}

static int drop(const char *group)
{
	static const char * const files[] = { "limits", "members", "ours", "" };
	int result = 0;
	char *path;
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(*files); i++) {
		path = path_of(group, files[i]);
		result = unlinkat(AT_FDCWD, path,
				  *files[i] ? 0 : AT_REMOVEDIR);
		free(path);
	}
	return result;
}

/*
 * What tables do
 */

static struct use *use_of(const char *group)
{
	int i;

	for (i = 0; i < nr_uses; i++)
		if (!strcmp(uses[i].group, group))
			return &uses[i];
	return NULL;
}

static bool read_group(const struct kdm_table *table, char *group)
{
	return table->nr && !strcmp(table->line[0].type, "qthrottle") &&
	       sscanf(table->line[0].params, "%*s %*s %63s", group) == 1 &&
	       strcmp(group, "-");
}

static void use(const struct kdm_table *table, bool live)
{
	struct use *use;
	char group[64];

	if (!read_group(table, group))
		return;
	use = use_of(group);
	if (!use && nr_uses == USES)
		abort();
	if (!use) {
		use = &uses[nr_uses++];
		*use = (struct use){ 0 };
		strcpy(use->group, group);
	}
	use->members += live;
}

static int is_group(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
}

static void end_unused(void)
{
	struct dirent **found;
	struct use *use;
	int nr = scandir(folder(), &found, is_group, alphasort);
	int i;

	for (i = 0; i < nr; i++) {
		use = use_of(found[i]->d_name);
		if (!use && has_file(found[i]->d_name, "ours"))
			drop(found[i]->d_name);
		else
			put_file(found[i]->d_name, "members",
				 use && use->members ? "253:9 100\n" : "");
		free(found[i]);
	}
	if (nr >= 0)
		free(found);
}

void fake_groups_begin(void)
{
	nr_uses = 0;
}

void fake_groups_use(const struct kdm_table *live,
		     const struct kdm_table *loaded)
{
	use(live, true);
	use(loaded, false);
}

void fake_groups_end(void)
{
	int i;

	for (i = 0; i < nr_uses; i++)
		if (!make(uses[i].group))
			put_file(uses[i].group, "ours", "");
	end_unused();
}

void fake_groups_resume(const struct kdm_table *table)
{
	struct error ignored = { 0 };
	struct limits limits;
	char group[64], *words, *word, *value, *save = NULL;
	int at = 0;

	limits_init(&limits);
	if (!read_group(table, group))
		return;
	words = copy(table->line[0].params);
	for (word = strtok_r(words, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		if (at++ < 4)
			continue;
		value = strtok_r(NULL, " ", &save);
		limits_set(&limits, word, value ? atoll(value) : 0, &ignored);
	}
	free(words);
	if (at > 4)
		put_limits(group, &limits);
}

/*
 * What the tool does
 */

int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);
int __real_rmdir(const char *path);
int __wrap_rmdir(const char *path);
ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);

/* The group that the path is of, or NULL when it leads elsewhere. */
static const char *group_at(const char *path)
{
	size_t len = strlen(folder());

	return len && !strncmp(path, folder(), len) && path[len] == '/' ?
	       path + len + 1 : NULL;
}

int __wrap_mkdir(const char *path, mode_t mode)
{
	const char *group = group_at(path);

	if (!group)
		return __real_mkdir(path, mode);
	if (!fake_step("mkdir", group))
		return make(group);
	errno = EIO;
	return -1;
}

static int why_not_rmdir(const char *group)
{
	if (fake_step("rmdir", group))
		return EIO;
	if (has_file(group, "ours"))
		return EPERM;
	return use_of(group) ? EBUSY : 0;
}

int __wrap_rmdir(const char *path)
{
	const char *group = group_at(path);

	if (!group)
		return __real_rmdir(path);
	errno = why_not_rmdir(group);
	return errno ? -1 : drop(group);
}

static ssize_t write_limits(const char *group, const char *text, size_t len)
{
	struct error ignored = { 0 };
	struct limits limits;
	char *words = print("%.*s", (int)len, text);
	int result;

	read_limits(group, &limits);
	result = fake_step("limits", group) ||
		 limits_read(&limits, words, &ignored) ||
		 limits_check(&limits, &ignored);
	free(words);
	errno = EINVAL;
	if (result)
		return -1;
	put_limits(group, &limits);
	return len;
}

ssize_t __wrap_write(int fd, const void *data, size_t len)
{
	char link[64], path[512];
	const char *group;
	char *slash;
	ssize_t got;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	got = readlink(link, path, sizeof(path) - 1);
	path[got < 0 ? 0 : got] = '\0';
	group = group_at(path);
	slash = group ? strrchr(path, '/') : NULL;
	if (!slash || strcmp(slash, "/limits"))
		return __real_write(fd, data, len);
	*slash = '\0';
	return write_limits(group, data, len);
}
