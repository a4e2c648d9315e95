// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The volumes that grow by themselves: a line of words for each node. `qdm grow` writes
 * the line of one node into a file of its own, which takes precedence; so no program
 * edits a file written by hand, and the other way round. extend.conf has lines for
 * patterns of names, of which the first that matches counts. A node's own file is named
 * after it, so such a name may contain blanks.
 */
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "grow/conf.h"

#define CONF		"/etc/qdm/extend.conf"
#define FOLDER_END	".d"
#define FILE_END	".conf"

static const char *main_file(void)
{
	const char *path = getenv("QDM_EXTEND_CONF");

	return path ? path : CONF;
}

/* The folder of "/etc/qdm/extend.conf" is "/etc/qdm/extend.d". */
static char *folder(void)
{
	const char *path = main_file();
	size_t len = strlen(path), end = strlen(FILE_END);

	if (len > end && !strcmp(path + len - end, FILE_END))
		len -= end;
	return print("%.*s" FOLDER_END, (int)len, path);
}

char *conf_path(const char *node)
{
	char *dir = folder();
	char *path = print("%s/%s" FILE_END, dir, node);

	free(dir);
	return path;
}

/* The line's words after the name, if it is for the node; else NULL. */
static const char *words_for(char *line, const char *node)
{
	char *name = line + strspn(line, " \t\r\n");
	char *end = name + strcspn(name, " \t\r\n#");
	const char *words = *end ? end + 1 : end;

	if (name == end)
		return NULL;
	if (*end == '#')
		words = "";
	*end = '\0';
	return fnmatch(name, node, 0) ? NULL : words;
}

static int find_in(const char *path, const char *node,
		   struct grow_policy *policy, struct error *error)
{
	FILE *file = fopen(path, "re");
	const char *words = NULL;
	char *line = NULL;
	size_t room = 0;
	int found = 0;

	if (!file && errno == ENOENT)
		return 0;
	if (!file)
		return refuse(error, "cannot read %s: %s", path,
			      strerror(errno));
	while (!words && getline(&line, &room, file) > 0)
		words = words_for(line, node);
	if (words)
		found = grow_read(words, node, path, policy, error) ? -1 : 1;
	free(line);
	fclose(file);
	return found;
}

int conf_find_by_hand(const char *node, struct grow_policy *policy,
		      char **where, struct error *error)
{
	*where = copy(main_file());
	return find_in(*where, node, policy, error);
}

int conf_find(const char *node, struct grow_policy *policy, char **where,
	      struct error *error)
{
	int found;

	*where = conf_path(node);
	found = find_in(*where, node, policy, error);
	if (found)
		return found;
	free(*where);
	return conf_find_by_hand(node, policy, where, error);
}

static int write_file(const char *path, const char *node,
		      const struct grow_policy *policy)
{
	FILE *file = fopen(path, "we");
	char *words = grow_write(policy);
	int failed = 1;

	if (file) {
		fprintf(file, "# %s, by qdm grow: step, maximum, reserve, growths per hour\n* %s\n",
			node, words);
		failed = ferror(file) || fflush(file) || fsync(fileno(file));
		failed |= fclose(file);
	}
	free(words);
	return failed;
}

static int replace(const char *path, const char *node,
		   const struct grow_policy *policy)
{
	char *new = print("%s.new", path);
	int failed = write_file(new, node, policy) || rename(new, path);
	int why = errno;

	if (failed)
		unlink(new);
	free(new);
	errno = why;
	return failed;
}

static int make_folder(struct error *error)
{
	char *dir = folder();
	int result = 0;

	if (mkdir(dir, 0755) && errno == ENOENT) {
		*strrchr(dir, '/') = '\0';
		mkdir(dir, 0755);
		dir[strlen(dir)] = '/';
		mkdir(dir, 0755);
	}
	if (access(dir, W_OK))
		result = refuse(error, "cannot write to %s: %s", dir,
				strerror(errno));
	free(dir);
	return result;
}

int conf_write(const char *node, const struct grow_policy *policy,
	       struct error *error)
{
	char *path = conf_path(node);
	int result = make_folder(error);

	if (!result && replace(path, node, policy))
		result = refuse(error, "cannot write %s: %s", path,
				strerror(errno));
	free(path);
	return result;
}

int conf_remove(const char *node, struct error *error)
{
	char *path = conf_path(node);
	int result = 1;

	if (unlink(path) && errno == ENOENT)
		result = 0;
	else if (!access(path, F_OK))
		result = refuse(error, "cannot remove %s: %s", path,
				strerror(errno));
	free(path);
	return result;
}

void conf_each(void (*each)(const char *node, void *with), void *with)
{
	char *path = folder();
	DIR *files = opendir(path);
	size_t end = strlen(FILE_END), len;
	struct dirent *entry;
	char *name;

	free(path);
	while (files && (entry = readdir(files))) {
		len = strlen(entry->d_name);
		if (len <= end || strcmp(entry->d_name + len - end, FILE_END))
			continue;
		name = print("%.*s", (int)(len - end), entry->d_name);
		each(name, with);
		free(name);
	}
	if (files)
		closedir(files);
}
