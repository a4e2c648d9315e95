// SPDX-License-Identifier: GPL-2.0-or-later
/* Semaphores of killed commands that waited for udev. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>

#include "cli/doctor/check.h"

static enum outcome drop_cookie(struct check *check, uint32_t cookie)
{
	struct error ignored = { 0 };

	if (!check->options->repair)
		return TROUBLE;
	if (check->options->dry_run)
		printf("ipcrm -S 0x%08x\n", cookie);
	else if (kdm_drop_cookie(cookie, &ignored))
		return TROUBLE;
	return REPAIRED;
}

void check_cookies(struct check *check)
{
	struct error error = { 0 };
	enum outcome outcome;
	uint32_t *cookies;
	size_t nr, i;

	if (kdm_stale_cookies(&cookies, &nr, &error)) {
		say(check, TROUBLE, "%s", error.text);
		return;
	}
	for (i = 0; i < nr; i++) {
		outcome = drop_cookie(check, cookies[i]);
		say(check, outcome, "semaphore 0x%08x is left over: the process that waited for udev with it was killed",
		    cookies[i]);
	}
	free(cookies);
}
