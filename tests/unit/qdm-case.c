// SPDX-License-Identifier: GPL-2.0-or-later
/* What tests of commands have in common; see qdm-case.h. */
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "kernel/groups.h"
#include "qdm-case.h"
#include "qdm-fake-dm.h"
#include "qmp/execute.h"

#define LEN	262144

/* In memory where there is such a place: thousands of short-lived files wait for no disk. */
static char folder[] = "/dev/shm/qdm-test-XXXXXX";

const char *case_folder(void)
{
	return folder;
}

static int remove_one(const char *path, const struct stat *info, int type,
		      struct FTW *place)
{
	(void)info;
	(void)type;
	return place->level ? remove(path) : 0;
}

static void empty_folder(void)
{
	nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void case_no_groups(void)
{
	nftw(groups_dir(), remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* With the folders on the way there. */
void case_file(const char *name, const void *bytes, size_t len)
{
	char path[256];
	char *slash;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	for (slash = path + strlen(folder) + 1; (slash = strchr(slash, '/'));
	     slash++) {
		*slash = '\0';
		mkdirat(AT_FDCWD, path, 0755);
		*slash = '/';
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0 || write(fd, bytes, len) != (ssize_t)len ||
	    (!strchr(name, '/') && ftruncate(fd, CASE_SECTORS * 512)))
		abort();
	close(fd);
}

void case_text(const char *path, const char *text)
{
	case_file(path, text, strlen(text));
}

void case_group(const char *name, const char *limits)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/groups/%s", folder, name);
	mkdirat(AT_FDCWD, path, 0755);
	strcat(path, "/limits");
	file = fopen(path, "w");
	if (!file)
		abort();
	fputs(limits, file);
	fclose(file);
}

const char *case_limits(const char *name)
{
	static char text[1024];
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/groups/%s/limits", folder, name);
	file = fopen(path, "r");
	if (!file)
		return "";
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	return text;
}

static int make_folder(void)
{
	if (mkdtemp(folder))
		return 0;
	strcpy(folder, "/tmp/qdm-test-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

int case_set_up(void **state)
{
	char path[64];

	(void)state;
	if (!strcmp(folder + strlen(folder) - 6, "XXXXXX") && make_folder())
		return -1;
	snprintf(path, sizeof(path), "%s/groups", folder);
	mkdir(path, 0755);
	setenv("QDM_CONFIGFS", path, 1);
	snprintf(path, sizeof(path), "%s/lvm", folder);
	mkdir(path, 0755);
	setenv("QDM_LVM_LOCKS", path, 1);
	snprintf(path, sizeof(path), "%s/proc", folder);
	setenv("QDM_PROC", path, 1);
	snprintf(path, sizeof(path), "%s/sys", folder);
	setenv("QDM_SYS", path, 1);
	snprintf(path, sizeof(path), "%s/lock", folder);
	setenv("QDM_LOCK", path, 1);
	setenv("QDM_RUN", folder, 1);
	snprintf(path, sizeof(path), "%s/extend.conf", folder);
	setenv("QDM_EXTEND_CONF", path, 1);
	case_group("g", "iops-total=700\niops-total-max=0\n");
	fake_reset();
	case_leaf(4000, 48);
	fake_add("vg-lv", "LVM-x", CASE_SECTORS, "linear", "4000:16 2048");
	return 0;
}

int case_tear_down(void **state)
{
	(void)state;
	fake_reset();
	empty_folder();
	return 0;
}

int case_end(void **state)
{
	(void)state;
	return rmdir(folder);
}

/* The system's log, in a file that all processes of a test add to. */
void __wrap_syslog(int priority, const char *format, ...)
{
	char *path = print("%s/log", folder);
	FILE *out = fopen(path, "a");
	va_list args;

	free(path);
	if (!out)
		return;
	fprintf(out, "<%d>", priority);
	va_start(args, format);
	vfprintf(out, format, args);
	va_end(args);
	fputc('\n', out);
	fclose(out);
}

const char *case_log(void)
{
	static char text[65536];
	char *path = print("%s/log", folder);
	FILE *in = fopen(path, "r");

	free(path);
	if (!in)
		return "";
	text[fread(text, 1, sizeof(text) - 1, in)] = '\0';
	fclose(in);
	return text;
}

const char *case_reply(const char *text)
{
	static char reply_text[LEN];
	enum qmp_mode mode = QMP_FREE;
	struct json_object *reply = qmp_execute(text, strlen(text), &mode,
						NULL);

	if (!reply)
		return "";
	snprintf(reply_text, sizeof(reply_text), "%s",
		 json_object_to_json_string_ext(reply, JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(reply);
	return reply_text;
}
