// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds, creates and frees state of a mapped device. One mutex per registry
 * serializes everything: it is taken in constructors and destructors only,
 * which dm runs in process context, and is never held over I/O: allocations
 * under it cause none, as the destructor that waits may be that of a device
 * which others need resumed.
 */
#include <linux/device-mapper.h>
#include <linux/module.h>
#include <linux/sched/mm.h>

#include "device-state.h"

static struct qdm_device_state *find_state(struct qdm_state_registry *registry,
					   struct mapped_device *md,
					   sector_t begin)
{
	struct qdm_device_state *state;

	lockdep_assert_held(&registry->lock);
	list_for_each_entry(state, &registry->all, node)
		if (state->md == md && state->begin == begin)
			return state;
	return NULL;
}

static struct qdm_device_state *make_state(struct qdm_state_registry *registry,
					   struct mapped_device *md,
					   sector_t begin)
{
	struct qdm_device_state *state = registry->create();

	lockdep_assert_held(&registry->lock);
	if (!state)
		return NULL;
	state->md = md;
	state->begin = begin;
	state->users = 0;
	list_add(&state->node, &registry->all);
	return state;
}

/**
 * qdm_device_state_get - find or create the state of a target's device
 * @registry: all states of the kind
 * @ti: target under construction
 *
 * Return: the state, with one more user, or NULL if out of memory.
 */
struct qdm_device_state *
qdm_device_state_get(struct qdm_state_registry *registry, struct dm_target *ti)
{
	struct mapped_device *md = dm_table_get_md(ti->table);
	struct qdm_device_state *state;
	unsigned int noio;

	mutex_lock(&registry->lock);
	noio = memalloc_noio_save();
	state = find_state(registry, md, ti->begin);
	if (!state)
		state = make_state(registry, md, ti->begin);
	if (state)
		state->users++;
	memalloc_noio_restore(noio);
	mutex_unlock(&registry->lock);
	return state;
}
EXPORT_SYMBOL_GPL(qdm_device_state_get);

/**
 * qdm_device_state_put - drop a user; the last one frees the state
 * @registry: all states of the kind
 * @state: the state
 */
void qdm_device_state_put(struct qdm_state_registry *registry,
			  struct qdm_device_state *state)
{
	bool last;

	mutex_lock(&registry->lock);
	last = !--state->users;
	if (last)
		list_del(&state->node);
	mutex_unlock(&registry->lock);
	if (last)
		registry->destroy(state);
}
EXPORT_SYMBOL_GPL(qdm_device_state_put);
