// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The QMP server on a device-mapper made of memory, for clients to be tried on:
 * a device vg-lv, a write-threshold node w whose threshold fires on SIGUSR1.
 */
#include <signal.h>
#include <stdio.h>
#include <stddef.h>

#include "qdm-case.h"
#include "qdm-fake-dm.h"
#include "server/server.h"

static void fire(int signal)
{
	(void)signal;
	fake_status("w", "fired 0 512 5000 1 4096");
}

int main(int argc, char **argv)
{
	struct error error = { 0 };
	int result;

	if (argc != 2)
		return 2;
	signal(SIGUSR1, fire);
	case_set_up(NULL);
	fake_add("w", "QDM-threshold-w", CASE_SECTORS, "wthreshold",
		 "4000:16 0");
	fake_status("w", "armed 4096 0 0 0 0");
	fake_share();	/* with those who carry out edits */
	result = server_on_socket(argv[1], &error);
	if (result)
		fprintf(stderr, "fake-server: %s\n", error.text);
	case_tear_down(NULL);
	case_end(NULL);
	return !!result;
}
