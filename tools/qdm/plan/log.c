// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * For the analysis of an incident each edit is one line in the system's log, by syslog,
 * and so in journald, for clients of the server as for the command line:
 *
 *	block_set_io_throttle {"id":"vg-lv",...}: vg-lv-throttle, vg-lv: done, for process 812 (virtqemud) of user 0
 *
 * The line has the command's own words and the names of devices, and never a table:
 * other targets' tables contain keys. Queries, dry runs and commands that are refused
 * for their arguments change nothing and are not logged.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/alloc.h"
#include "plan/log.h"

#define WORDS_MAX	400
#define NAMES_MAX	8

static char command[WORDS_MAX] = "edit";
static struct ucred client;

/* Replaces control characters, so that it stays a single line. */
static void make_plain(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

void log_command(const char *name, const char *arguments)
{
	size_t room = sizeof(command);
	int len = snprintf(command, room, "%s%s%s", name,
			   *arguments ? " " : "", arguments);

	if (len >= (int)room)
		strcpy(command + room - sizeof("..."), "...");
	make_plain(command);
}

void log_client(const struct ucred *peer)
{
	client = *peer;
}

static unsigned int login_user(void)
{
	FILE *in = fopen("/proc/self/loginuid", "re");
	unsigned int user = getuid();

	if (in && (fscanf(in, "%u", &user) != 1 || user == (unsigned int)-1))
		user = getuid();
	if (in)
		fclose(in);
	return user;
}

static char *process_name(pid_t pid)
{
	char *path = print("/proc/%d/comm", pid);
	FILE *in = fopen(path, "re");
	char name[32] = "gone";

	if (in && fgets(name, sizeof(name), in))
		name[strcspn(name, "\n")] = '\0';
	if (in)
		fclose(in);
	free(path);
	make_plain(name);
	return copy(name);
}

/* For the caller to free. */
static char *whom(void)
{
	pid_t pid = client.pid ? client.pid : getpid();
	char *name = process_name(pid);
	char *text = print("process %d (%s) of user %u", pid, name,
			   client.pid ? client.uid : login_user());

	free(name);
	return text;
}

static bool is_named(const struct plan *plan, size_t at)
{
	size_t i;

	for (i = 0; i < at; i++)
		if (!strcmp(plan->step[i].name, plan->step[at].name))
			return true;
	return false;
}

/* The nodes and groups that the plan changes, for the caller to free. */
static char *names(const struct plan *plan)
{
	char *text = copy(""), *longer;
	size_t i, nr = 0;

	for (i = 0; i < plan->nr && nr <= NAMES_MAX; i++) {
		if (is_named(plan, i) || !*plan->step[i].name)
			continue;
		longer = print("%s%s%s", text, nr ? ", " : "",
			       nr == NAMES_MAX ? "..." : plan->step[i].name);
		free(text);
		text = longer;
		nr++;
	}
	make_plain(text);
	return text;
}

static void put(const struct plan *plan, const struct error *error)
{
	char *changed = names(plan), *by = whom();

	syslog(error ? LOG_WARNING : LOG_NOTICE, "%s: %s%s%s%s, for %s",
	       command, changed, *changed ? ": " : "",
	       error ? "failed: " : "done", error ? error->text : "", by);
	free(changed);
	free(by);
}

void log_edit(const struct plan *plan, const struct error *error)
{
	put(plan, error);
}

void log_mended(const char *what)
{
	char *by = whom();

	syslog(LOG_NOTICE, "%s: mended: %s, for %s", command, what, by);
	free(by);
}

void log_refused(const struct error *error)
{
	const struct plan nothing = { 0 };

	put(&nothing, error);
}

void log_rescue(const struct plan *plan, const char *ended,
		const struct error *error)
{
	char *changed = names(plan);

	syslog(LOG_WARNING, "%s: %s: its process was killed, and it %s%s%s",
	       command, changed, ended, error ? ": " : "",
	       error ? error->text : "");
	free(changed);
}
