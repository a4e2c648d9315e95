// SPDX-License-Identifier: GPL-2.0-or-later
/* Byte queues: input of a client that is not parsed yet, output that is not sent yet. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"

#define KEEP	65536

void buffer_add(struct buffer *buffer, const char *bytes, size_t len)
{
	size_t room = buffer->room ? buffer->room : 256;

	while (room < buffer->len + len)
		room *= 2;
	if (room != buffer->room) {
		buffer->bytes = resize(buffer->bytes, room);
		buffer->room = room;
	}
	memcpy(buffer->bytes + buffer->len, bytes, len);
	buffer->len += len;
}

void buffer_take(struct buffer *buffer, size_t len)
{
	if (len == buffer->len) {
		buffer_clear(buffer);
		return;
	}
	memmove(buffer->bytes, buffer->bytes + len, buffer->len - len);
	buffer->len -= len;
}

void buffer_clear(struct buffer *buffer)
{
	buffer->len = 0;
	if (buffer->room > KEEP)
		buffer_free(buffer);
}

void buffer_free(struct buffer *buffer)
{
	free(buffer->bytes);
	*buffer = (struct buffer){ 0 };
}
