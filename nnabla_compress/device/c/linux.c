/* Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
 *
 * See board.h: a program of Linux, run by itself or by an emulator of its processor. */
#include "board.h"

#include <stdio.h>
#include <stdlib.h>

#define MOST_FILES 8
#define HEAP_BYTES ((size_t)1 << 28)

static FILE *files[MOST_FILES];

void board_print(const char *text) { fputs(text, stderr); }

int board_open(const char *name, int writes) {
  int i;
  for (i = 0; i < MOST_FILES; i++)
    if (!files[i]) {
      files[i] = fopen(name, writes ? "wb" : "rb");
      return files[i] ? i : -1;
    }
  return -1;
}

int board_read(int handle, void *to, size_t bytes) { return fread(to, 1, bytes, files[handle]) != bytes; }

int board_write(int handle, const void *from, size_t bytes) { return fwrite(from, 1, bytes, files[handle]) != bytes; }

void board_close(int handle) {
  fclose(files[handle]);
  files[handle] = NULL;
}

uint64_t board_ticks(void) { return 0; }

void *board_heap(size_t *bytes) {
  *bytes = HEAP_BYTES;
  return malloc(HEAP_BYTES);
}

size_t board_static_bytes(void) { return 0; }

size_t board_stack_bytes(void) { return 0; }

void board_exit(int status) { exit(status); }
