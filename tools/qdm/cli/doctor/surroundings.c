// SPDX-License-Identifier: GPL-2.0-or-later
/* Kernel modules, udev and configfs. */
#include <sys/utsname.h>
#include <unistd.h>

#include "cli/doctor/check.h"
#include "kernel/groups.h"
#include "kernel/targets.h"

static void check_target(struct check *check, const char *type)
{
	struct error error = { 0 };

	if (kdm_need_target(type, &error))
		say(check, TROUBLE, "%s; is the module built for this kernel (dkms status), and its key enrolled (mokutil --list-enrolled) if Secure Boot is on?",
			error.text);
}

void check_surroundings(struct check *check)
{
	check_target(check, "qthrottle");
	check_target(check, "wthreshold");
	check_target(check, "backupcow");
	check_target(check, SHAPE_GUARD);
	if (access("/run/udev/control", F_OK))
		say(check, TROUBLE, "udevd does not run: links and BLOCK_JOB_ERROR events are missing");
	if (access(groups_dir(), F_OK))
		say(check, TROUBLE, "%s is not there: configfs is not mounted, or qthrottle is not loaded; the first group mends it",
			groups_dir());
}
