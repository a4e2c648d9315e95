// SPDX-License-Identifier: GPL-2.0-or-later
#include <time.h>

#include "base/pause.h"

void pause_ms(int ms)
{
	const struct timespec pause = {
		.tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * 1000000L,
	};

	nanosleep(&pause, NULL);
}
