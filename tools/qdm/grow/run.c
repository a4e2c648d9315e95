// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * LVM's commands, independent of lvm.conf and the language: the command line, which
 * overrides both, selects the fields and their format, the output is parsed as JSON,
 * and sizes that the kernel has are not queried.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/json.h"
#include "grow/run.h"

#define CONFIG \
	"report{output_format=\"basic\" prefixes=0} " \
	"global{units=\"b\" suffix=0} " \
	"log{verbose=0 silent=0 command_names=0 prefix=\"\" report_command_log=0}"

static void run_child(const char * const *argv, int out)
{
	const char *path = getenv("PATH");
	char *longer = print("%s:/usr/sbin:/sbin:/usr/bin:/bin",
			     path ? path : "");

	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	setenv("PATH", longer, 1);
	setenv("LC_ALL", "C", 1);
	setenv("LVM_SUPPRESS_FD_WARNINGS", "1", 1);
	execvp(argv[0], (char * const *)argv);
	dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static void read_all(int fd, struct buffer *said)
{
	char some[4096];
	ssize_t nr;

	while ((nr = read(fd, some, sizeof(some))) > 0 ||
	       (nr < 0 && errno == EINTR))
		if (nr > 0)
			buffer_add(said, some, nr);
	buffer_add(said, "", 1);
}

/* Its output, for the caller to free, and its exit status. */
static char *run(const char * const *argv, int *status)
{
	struct buffer said = { 0 };
	int ends[2];
	pid_t pid;

	*status = -1;
	if (pipe2(ends, O_CLOEXEC))
		return copy(strerror(errno));
	fflush(NULL);
	pid = fork();
	if (!pid)
		run_child(argv, ends[1]);
	close(ends[1]);
	read_all(ends[0], &said);
	close(ends[0]);
	while (pid > 0 && waitpid(pid, status, 0) < 0 && errno == EINTR)
		;
	return said.bytes;
}

static const char *last_line(char *text)
{
	size_t len = strlen(text);
	char *line;

	while (len && strchr(" \n\r\t", text[len - 1]))
		text[--len] = '\0';
	line = strrchr(text, '\n');
	line = line ? line + 1 : text;
	return line + strspn(line, " \t");
}

/* A value may be in quotes; anything but a number is an error. */
static bool read_number(struct json_object *row, const char *key,
			uint64_t *value)
{
	const char *text = json_string(row, key, "");
	char *end;

	*value = strtoull(text, &end, 10);
	return end != text && (!*end || !strcmp(end, "B"));
}

static struct json_object *first(struct json_object *object, const char *key)
{
	struct json_object *list;

	if (!json_object_object_get_ex(object, key, &list) ||
	    !json_object_is_type(list, json_type_array))
		return NULL;
	return json_object_array_get_idx(list, 0);
}

static bool read_at(const char *begin, uint64_t *extent, uint64_t *free_bytes)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *report, *row;
	bool good;

	report = json_tokener_parse_ex(tokener, begin, strlen(begin));
	json_tokener_free(tokener);
	row = report ? first(report, "report") : NULL;
	row = row ? first(row, "lv") : NULL;
	good = row && read_number(row, "vg_extent_size", extent) &&
	       read_number(row, "vg_free", free_bytes) && *extent;
	if (good && strstr(json_string(row, "lv_layout", ""), "thin"))
		*free_bytes = UINT64_MAX; /* it uses no space of the group */
	json_object_put(report);
	return good;
}

/* Other text, with braces, too, may surround it. */
bool read_report(const char *text, uint64_t *extent, uint64_t *free_bytes)
{
	while ((text = strchr(text, '{')))
		if (read_at(text++, extent, free_bytes))
			return true;
	return false;
}

int run_lvs(const char *volume, uint64_t *extent, uint64_t *free_bytes,
	    struct error *error)
{
	char *path = print("/dev/mapper/%s", volume);
	const char *const argv[] = {
		"lvs", "--config", CONFIG, "--reportformat", "json",
		"--units", "b", "--nosuffix", "-o",
		"vg_extent_size,vg_free,lv_layout",
		path, NULL,
	};
	int status, result = 0;
	char *said = run(argv, &status);

	if (!read_report(said, extent, free_bytes))
		result = refuse(error, "lvs does not show %s: %s", path,
				last_line(said));
	free(said);
	free(path);
	return result;
}

static int lvextend(const char *volume, const char *option,
		    const char *value, struct error *error)
{
	char *path = print("/dev/mapper/%s", volume);
	const char *const argv[] = {
		"lvextend", "--config", CONFIG, "--noudevsync", option, value,
		path, NULL,
	};
	int status;
	char *said = run(argv, &status);

	if (status)
		refuse(error, "%s", last_line(said));
	free(said);
	free(path);
	return status ? -1 : 0;
}

/*
 * A longer volume has no new name, so there is no wait for udev, which reads the volume
 * behind all writes in progress.
 */
int run_lvextend(const char *volume, uint64_t bytes, struct error *error)
{
	char *size = print("%llub", (unsigned long long)bytes);
	int result = lvextend(volume, "--size", size, error);

	free(size);
	return result;
}

int run_lvextend_all(const char *volume, struct error *error)
{
	return lvextend(volume, "--extents", "+100%FREE", error);
}

void run_units(void)
{
	static const char * const argv[] = {
		"systemctl", "--no-block", "start", "qdm-grow.path",
		"qdm-grow.timer", NULL,
	};
	int status;

	if (!access("/run/systemd/system", F_OK))
		free(run(argv, &status));
}
