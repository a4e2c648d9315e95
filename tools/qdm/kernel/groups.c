// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Access to throttle groups: a group is a folder in configfs, its limits a file in it.
 * QDM_CONFIGFS selects another folder, for tests.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "kernel/dm.h"
#include "kernel/groups.h"

#define NAME_MAX_LEN	63
#define MARKER		".adding-"
#define CONFIGFS	"/sys/kernel/config"
#define GROUPS_DIR	CONFIGFS "/qthrottle"

const char *groups_dir(void)
{
	const char *other = getenv("QDM_CONFIGFS");

	return other ? other : GROUPS_DIR;
}

static char *path_of(const char *group, const char *file)
{
	return print("%s/%s%s%s", groups_dir(), group, *file ? "/" : "", file);
}

/* The module loads configfs, but it may not be mounted yet. */
int groups_mount(struct error *error)
{
	if (!access(groups_dir(), F_OK))
		return 0;
	if (kdm_need_target("qthrottle", error))
		return -1;
	if (access(groups_dir(), F_OK) &&
	    mount("none", CONFIGFS, "configfs", 0, NULL))
		return refuse(error, "cannot mount configfs on %s: %s",
			      CONFIGFS, strerror(errno));
	if (access(groups_dir(), F_OK))
		return refuse(error, "%s is not there, although the target qthrottle is",
			      groups_dir());
	return 0;
}

int group_check_name(const char *name, struct error *error)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	if (*name && strlen(name) <= NAME_MAX_LEN &&
	    !name[strspn(name, letters)] && *name != '-' && *name != '.')
		return 0;
	return refuse(error, "Parameter 'id' expects an identifier ('%s': 1 to %d letters, digits, '-', '.' and '_', not beginning with '-' or '.')",
		      name, NAME_MAX_LEN);
}

bool group_exists(const char *name)
{
	char *path = path_of(name, "");
	bool there = !access(path, F_OK);

	free(path);
	return there;
}

/* A name of maximum length leaves no room for the prefix: a hash replaces its end. */
char *group_marker(const char *name)
{
	return print(MARKER "%016" PRIx64 "-%.38s", text_hash(name), name);
}

bool group_is_adding(const char *name)
{
	char *marker = group_marker(name);
	bool there = group_exists(marker);

	free(marker);
	return there;
}

static int is_group(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int is_marker(const struct dirent *entry)
{
	return !strncmp(entry->d_name, MARKER, strlen(MARKER));
}

static int list(int (*is)(const struct dirent *entry), char ***names,
		size_t *nr, struct error *error)
{
	struct dirent **found;
	int got = scandir(groups_dir(), &found, is, alphasort);
	int i;

	*names = NULL;
	*nr = 0;
	if (got < 0 && errno == ENOENT)
		return 0;
	if (got < 0)
		return refuse(error, "cannot list %s: %s", groups_dir(),
			      strerror(errno));
	for (i = 0; i < got; i++) {
		*names = more(*names, *nr, sizeof(**names));
		(*names)[(*nr)++] = copy(found[i]->d_name);
		free(found[i]);
	}
	free(found);
	return 0;
}

int groups_list(char ***names, size_t *nr, struct error *error)
{
	return list(is_group, names, nr, error);
}

int groups_markers(char ***names, size_t *nr, struct error *error)
{
	return list(is_marker, names, nr, error);
}

int group_make(const char *name, struct error *error)
{
	char *path = path_of(name, "");
	int code = mkdir(path, 0755) ? errno : 0;

	free(path);
	if (code == EEXIST)
		return refuse(error,
			      "A group with this name already exists");
	if (code)
		return refuse(error, "cannot make the group '%s': %s", name,
			      strerror(code));
	return 0;
}

int group_remove(const char *name, struct error *error)
{
	char *path = path_of(name, "");
	int code = rmdir(path) ? errno : 0;

	free(path);
	if (code == ENOENT)
		return refuse(error, "object '%s' not found", name);
	/* EPERM: a table line made it, and still refers to it */
	if (code == EBUSY || code == ENOTEMPTY || code == EPERM)
		return refuse(error, "object '%s' is in use, can not be deleted",
			      name);
	if (code)
		return refuse(error, "cannot remove the group '%s': %s", name,
			      strerror(code));
	return 0;
}

static ssize_t slurp(const char *path, char *text, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;
	int code;

	if (fd < 0)
		return -1;
	got = read(fd, text, len - 1);
	code = errno;
	close(fd);
	errno = code;
	if (got >= 0)
		text[got] = '\0';
	return got;
}

int group_read_limits(const char *name, struct limits *limits,
		      struct error *error)
{
	char *path = path_of(name, "limits");
	char text[4096];
	ssize_t got = slurp(path, text, sizeof(text));

	free(path);
	if (got < 0)
		return refuse(error, "cannot read the limits of group '%s': %s",
			      name, strerror(errno));
	limits_init(limits);
	return limits_read(limits, text, error);
}

bool group_has_members(const char *name)
{
	char *path = path_of(name, "members");
	char text[64];
	ssize_t got = slurp(path, text, sizeof(text));

	free(path);
	return got > 0;
}

/* One write: the kernel applies the whole change or none of it. */
int group_write_limits(const char *name, const char *text,
		       struct error *error)
{
	char *path = path_of(name, "limits");
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t wrote = -1;
	int code;

	free(path);
	if (fd >= 0)
		wrote = write(fd, text, strlen(text));
	code = errno;
	if (fd >= 0)
		close(fd);
	if (wrote < 0)
		return refuse(error, "cannot set the limits of group '%s' to '%s': %s (the kernel log has the reason)",
			      name, text, strerror(code));
	return 0;
}
