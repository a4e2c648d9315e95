// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The QMP server on a device-mapper made of memory, for clients to be tried on:
 * a device vg-lv, a place for its backup, a write-threshold node w whose threshold
 * fires on SIGUSR1. Lines on standard input say what the devices do:
 *
 *	status vg-lv-backup concluded 10/10 100/100 - intact ok 0 0 0 1
 */
#include <signal.h>
#include <stdio.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "qdm-case.h"
#include "qdm-fake-dm.h"
#include "server/server.h"

#define LINE	512

static void fire(int signal)
{
	(void)signal;
	fake_status("w", "fired 0 512 5000 1 4096");
}

/* All processes see the same devices. */
static void obey_lines(void)
{
	char line[LINE], name[KDM_NAME_LEN];
	int at;

	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		at = 0;
		sscanf(line, "status %127s %n", name, &at);
		if (at && fake_device(name))
			fake_status(name, line + at);
		else
			fprintf(stderr, "fake-server: what is '%s'?\n", line);
	}
	_exit(0);
}

static void make_devices(void)
{
	fake_add("w", "QDM-threshold-w", CASE_SECTORS, "wthreshold",
		 "4000:16 0");
	fake_status("w", "armed 4096 0 0 0 0");
	fake_add("target", "", CASE_SECTORS, "linear", "4000:32 0");
	fake_add("small", "", CASE_SECTORS / 2, "linear", "4000:64 0");
	fake_share();	/* with those who carry out edits */
	fake_jobs_obey();
}

int main(int argc, char **argv)
{
	struct error error = { 0 };
	int result;

	if (argc != 2)
		return 2;
	signal(SIGUSR1, fire);
	case_set_up(NULL);
	make_devices();
	if (!fork())
		obey_lines();
	result = server_on_socket(argv[1], &error);
	if (result)
		fprintf(stderr, "fake-server: %s\n", error.text);
	case_tear_down(NULL);
	case_end(NULL);
	return !!result;
}
