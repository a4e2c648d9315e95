/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * State that belongs to a mapped device rather than to one of its tables. A
 * reload constructs the new table while the old one is live, so the new one
 * finds the state by its device and takes a reference; the last table that
 * refers to it frees the state when destroyed.
 */
#ifndef QDM_DEVICE_STATE_H
#define QDM_DEVICE_STATE_H

#include <linux/device-mapper.h>
#include <linux/list.h>
#include <linux/mutex.h>

/**
 * struct qdm_device_state - head of a state that outlives one table; embed it
 * @node: in the registry
 * @md: the mapped device, alive while one of its tables refers to the state
 * @begin: the target's first sector in the table, as a table may hold several
 * @users: number of such tables, guarded by the registry's lock
 */
struct qdm_device_state {
	struct list_head node;
	struct mapped_device *md;
	sector_t begin;
	unsigned int users;
};

/**
 * struct qdm_state_registry - all states of one kind
 * @lock: guards @all and every @users; taken in process context only
 * @all: the states
 * @create: allocates one, or returns NULL if out of memory
 * @destroy: frees one without users; may sleep
 */
struct qdm_state_registry {
	struct mutex lock; /* guards the list and its users */
	struct list_head all;
	struct qdm_device_state *(*create)(void);
	void (*destroy)(struct qdm_device_state *state);
};

#define QDM_STATE_REGISTRY_INIT(name, make, unmake) {			\
		.lock = __MUTEX_INITIALIZER((name).lock),		\
		.all = LIST_HEAD_INIT((name).all),			\
		.create = make, .destroy = unmake,			\
	}

struct qdm_device_state *
qdm_device_state_get(struct qdm_state_registry *registry, struct dm_target *ti);
void qdm_device_state_put(struct qdm_state_registry *registry,
			  struct qdm_device_state *state);

#endif /* QDM_DEVICE_STATE_H */
