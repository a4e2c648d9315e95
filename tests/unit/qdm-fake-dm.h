/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A device-mapper made of memory, behind tools/qdm/kernel/dm.h; see qdm-fake-dm.c. */
#ifndef QDM_FAKE_DM_H
#define QDM_FAKE_DM_H

#include "kernel/dm.h"

/* Nothing but the devices added since. */
void fake_reset(void);
/* A live device with one table line; the number is 253:<order of adding>. */
void fake_add(const char *name, const char *uuid, uint64_t len,
	      const char *type, const char *params);
/* Gives it a linear table, as LVM does that knows nothing of a filter. */
void fake_swap(const char *name, uint64_t len, const char *params);
struct kdm_device *fake_device(const char *name);
struct kdm_table *fake_table(const char *name);
/* The name of the device that a table line calls "253:<minor>". */
const char *fake_at(const char *number);
/* Its status line from now on, with which it raises an event. */
void fake_status(const char *name, const char *status);
/*
 * Who waits for events arms the descriptor before each look: @act is called then, with 0
 * before the first look, and something has happened each time.
 */
void fake_when_armed(void (*act)(int nr));
/* The one of all disks that are not device-mapper's. */
void fake_diskseq(uint64_t seq);
/* It is another device of the same name and number from now on. */
void fake_replace(const char *name);
/* Before each look at a device. */
void fake_when_looked(void (*act)(const char *name));
/* The @nr-th change from now on fails; 0 is the next one. */
void fake_fail_at(int nr);
/*
 * The process is killed instead of the @nr-th change, or within the making of a
 * device; QDM_FAKE_STATE names a file that then keeps what there was, which
 * fake_restore() brings back.
 */
void fake_save(const char *path);
void fake_restore(const char *path);
void fake_die_at(int nr);
/* When the change is made, instead of before it. */
void fake_die_later(bool yes);
/* So is the process that goes on in its place, instead of its @nr-th change. */
void fake_heir_dies_at(int nr);
/* That process is killed before the @nr-th change, and this one is not. */
void fake_heir_dies_first_at(int nr);
/*
 * All processes made from now on see the same devices, and each other's changes to
 * them: a server and those who carry out its edits, and the test. Not for the guards
 * of a test that kills.
 */
void fake_share(void);
/* The resume of @name waits in whichever process until NULL is given, or is killed. */
void fake_hang(const char *name);
/* Is a process waiting there? */
bool fake_hangs(void);
/* Of all processes: how many have begun to tell udev and have not ended. */
int fake_cookies(void);
/* ^C comes before the @nr-th change of this process. */
void fake_interrupt_at(int nr);
/* A change that is made elsewhere; other than 0 if it is to fail. */
int fake_step(const char *verb, const char *name);
/* Before the @nr-th change somebody else gives @name a linear table. */
void fake_meddle_at(int nr, const char *name, const char *params);
/* After it he loads that table and, if @suspends, suspends it, as LVM begins a swap. */
void fake_load_at(int nr, const char *name, const char *params, bool suspends);
/* The suspend of @name takes so long, and the guard does what it does meanwhile. */
void fake_slow_suspend(const char *name);
/* A resume that fails leaves the device suspended, as the kernel's may. */
void fake_suspend_on_failure(void);
/* A semaphore is left over from now on. */
void fake_leave_cookie(uint32_t cookie);
/* The device can be accessed past device-mapper. */
void fake_make_direct(const char *name);
/* The messages that its target got, as "pause,resume," */
const char *fake_said(const char *name);
/* From now on a backup does what it is told: it pauses, resumes and is cancelled. */
void fake_jobs_obey(void);
/* All changes since fake_reset(), as "create a;load b;resume b;" */
const char *fake_log(void);

#endif /* QDM_FAKE_DM_H */
