/* Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
 *
 * A heap that counts: first fit, a header of 8 bytes (16 where pointers have 8), memory filled with 0xCD. */
#ifndef MEMORY_H
#define MEMORY_H

#include <stddef.h>

void memory_start(void *start, size_t bytes);

/* For the runtime's buffers of variables, and for all else. The program ends where there is not enough. */
void *memory_for_variables(size_t bytes);
void *memory_for_context(size_t bytes);
void memory_free(void *memory);

/* Bytes that are asked for now, of each kind; the largest extent that the heap had, headers included; its size. */
size_t memory_of_variables(void);
size_t memory_of_context(void);
size_t memory_extent(void);

/* Called where memory is short; does not return. */
void memory_is_short(size_t bytes, size_t extent, size_t all);

#endif
