/* Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
 *
 * What a program has of its board: files of the computer that emulates it, instructions, memory. */
#ifndef BOARD_H
#define BOARD_H

#include <stddef.h>
#include <stdint.h>

void board_print(const char *text);

/* Files of the emulator's working folder. A handle below 0: it can't be opened. */
int board_open(const char *name, int writes);
int board_read(int handle, void *to, size_t bytes); /* 0: all of them were read */
int board_write(int handle, const void *from, size_t bytes);
void board_close(int handle);

/* Ticks of the board's timer since the start: so many instructions each as the board's table says. 0 where none counts. */
uint64_t board_ticks(void);

/* The heap's memory. */
void *board_heap(size_t *bytes);

/* Bytes of static memory, and the most that the stack has taken; 0 where it is not known. */
size_t board_static_bytes(void);
size_t board_stack_bytes(void);

void board_exit(int status);

#endif
