/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Byte queues; see buffer.c. */
#ifndef QDM_BASE_BUFFER_H
#define QDM_BASE_BUFFER_H

#include <stddef.h>

struct buffer {
	char *bytes;
	size_t len;
	size_t room;
};

void buffer_add(struct buffer *buffer, const char *bytes, size_t len);
/* Drops the first @len bytes. */
void buffer_take(struct buffer *buffer, size_t len);
/* Drops all bytes, and frees a large allocation. */
void buffer_clear(struct buffer *buffer);
void buffer_free(struct buffer *buffer);

#endif /* QDM_BASE_BUFFER_H */
