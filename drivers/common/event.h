/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Typed, numbered events: each is a dm event and a change uevent, sent in order
 * from process context. A source belongs to an object that outlives a table (a
 * job, a threshold), and is attached to the live table.
 */
#ifndef QDM_EVENT_H
#define QDM_EVENT_H

#include <linux/device-mapper.h>
#include <linux/dm-ioctl.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#define QDM_EVENT_KEYS		4
#define QDM_EVENT_KEY_LEN	48
#define QDM_EVENTS_WAITING	8

/**
 * struct qdm_event - an event
 * @action: DM_ACTION, a static string
 * @seq: its number, set when raised
 * @merged: number of events of its kind that it replaced, set when raised
 * @nr_keys: number of @key used
 * @key: further "KEY=value" strings
 */
struct qdm_event {
	const char *action;
	u64 seq;
	u64 merged;
	unsigned int nr_keys;
	char key[QDM_EVENT_KEYS][QDM_EVENT_KEY_LEN];
};

/**
 * struct qdm_envelope - buffers for the keys of an event
 * @target: DM_TARGET
 * @action: DM_ACTION
 * @seq: DM_SEQNUM
 * @name: DM_NAME
 * @uuid: DM_UUID
 * @merged: DM_MERGED, if not 0
 * @env: all of them, ended by NULL
 */
struct qdm_envelope {
	char target[32];
	char action[40];
	char seq[40];
	char name[8 + DM_NAME_LEN];
	char uuid[8 + DM_UUID_LEN];
	char merged[40];
	char *env[6 + QDM_EVENT_KEYS + 1];
};

/**
 * struct qdm_events - a source of events
 * @lock: guards @ring, @head, @count, @seq and @paid_until; taken with
 *	interrupts off
 * @ring: events not yet sent
 * @head: index of the oldest
 * @count: number waiting
 * @seq: number of the last event raised, from 1; a gap at the receiver means
 *	that later ones replaced some
 * @send_lock: held to use @ti, and to attach and detach
 * @ti: the live target, NULL while none is attached: events then wait
 * @md: last device attached to
 * @target: DM_TARGET
 * @work: sends events
 * @paid_until: time by which sent events are within the rate, in jiffies
 * @sending: event being sent, used by @work alone
 * @envelope: for its keys
 */
struct qdm_events {
	spinlock_t lock; /* guards the ring */
	struct qdm_event ring[QDM_EVENTS_WAITING];
	unsigned int head;
	unsigned int count;
	u64 seq;
	struct mutex send_lock; /* held while the target is used */
	struct dm_target *ti;
	struct mapped_device *md;
	const char *target;
	struct delayed_work work;
	unsigned long paid_until;
	struct qdm_event sending;
	struct qdm_envelope envelope;
};

void qdm_event_start(struct qdm_event *event, const char *action);
__printf(2, 3) void qdm_event_key(struct qdm_event *event, const char *fmt, ...);

void qdm_events_init(struct qdm_events *events);
void qdm_events_exit(struct qdm_events *events);
void qdm_events_attach(struct qdm_events *events, struct dm_target *ti);
void qdm_events_detach(struct qdm_events *events);
u64 qdm_events_seq(struct qdm_events *events);
void qdm_events_raise(struct qdm_events *events, const struct qdm_event *event);
void qdm_events_begin_anew(struct qdm_events *events);

#endif /* QDM_EVENT_H */
