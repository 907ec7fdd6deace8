/* Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
 *
 * See memory.h. */
#include "memory.h"

#include <stdint.h>
#include <string.h>

typedef struct {
  uint32_t bytes; /* of the block with this header */
  uint32_t asked; /* 0: free */
} __attribute__((aligned(2 * sizeof(void *)))) header_t;

#define OF_CONTEXT 0x80000000u

static char *heap;
static size_t heap_bytes, extent, of_variables, of_context;

void memory_start(void *start, size_t bytes) {
  const size_t step = sizeof(header_t), skipped = (step - (uintptr_t)start % step) % step;
  heap = (char *)start + skipped;
  heap_bytes = (bytes - skipped) / step * step;
  extent = 0;
}

/* The first block that is free and large enough, its neighbours joined; at the end of the heap, what is left of it. */
static char *first_fit(size_t wanted) {
  char *block = heap, *end = heap + extent;
  while (block < end) {
    header_t *header = (header_t *)(void *)block;
    if (!header->asked) {
      const header_t *next;
      while (block + header->bytes < end && !(next = (header_t *)(void *)(block + header->bytes))->asked)
        header->bytes += next->bytes;
      if (header->bytes >= wanted) return block;
      if (block + header->bytes == end) return block; /* may grow */
    }
    block += header->bytes;
  }
  return block;
}

static void *allocate(size_t bytes, uint32_t kind) {
  const size_t step = sizeof(header_t), wanted = step + ((bytes ? bytes : 1) + step - 1) / step * step;
  char *block = first_fit(wanted);
  header_t *header = (header_t *)(void *)block;
  if (bytes >= OF_CONTEXT || wanted > heap_bytes - (size_t)(block - heap)) {
    memory_is_short(bytes, extent, heap_bytes);
    return NULL;
  }
  if (block + wanted > heap + extent) {
    extent = (size_t)(block - heap) + wanted;
    header->bytes = (uint32_t)wanted;
  } else if (header->bytes > wanted) {
    header_t *rest = (header_t *)(void *)(block + wanted);
    rest->bytes = header->bytes - (uint32_t)wanted;
    rest->asked = 0;
    header->bytes = (uint32_t)wanted;
  }
  header->asked = (uint32_t)(bytes ? bytes : 1) | kind;
  *(kind ? &of_context : &of_variables) += bytes ? bytes : 1;
  memset(block + step, 0xCD, wanted - step);
  return block + step;
}

void *memory_for_variables(size_t bytes) { return allocate(bytes, 0); }

void *memory_for_context(size_t bytes) { return allocate(bytes, OF_CONTEXT); }

void memory_free(void *memory) {
  header_t *header = (header_t *)memory - 1;
  if (!memory) return;
  *(header->asked & OF_CONTEXT ? &of_context : &of_variables) -= header->asked & ~OF_CONTEXT;
  header->asked = 0;
}

size_t memory_of_variables(void) { return of_variables; }

size_t memory_of_context(void) { return of_context; }

size_t memory_extent(void) { return extent; }
