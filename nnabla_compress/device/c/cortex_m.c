/* Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
 *
 * See board.h. Start-up of a Cortex-M and semihosting: vectors, floating-point unit, memory that the program expects, code that can't
 * be written to, a timer, and a stack that shows how deep it went. BOARD_IMAGE_START and BOARD_IMAGE_END bound code and network.
 * With BOARD_HAS_C_LIBRARY memory and printing are newlib's, else memory.c's and those at the end of this file. */
#include "board.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef BOARD_HAS_C_LIBRARY
#include "memory.h"
#endif

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define SYSTICK_CONTROL REGISTER(0xE000E010)
#define SYSTICK_RELOAD REGISTER(0xE000E014)
#define SYSTICK_CURRENT REGISTER(0xE000E018)
#define INTERRUPT_STATE REGISTER(0xE000ED04)
#define CONFIGURATION_CONTROL REGISTER(0xE000ED14)
#define HANDLER_CONTROL REGISTER(0xE000ED24)
#define FAULT_STATUS REGISTER(0xE000ED28)
#define MEMORY_FAULT_ADDRESS REGISTER(0xE000ED34)
#define BUS_FAULT_ADDRESS REGISTER(0xE000ED38)
#define COPROCESSOR_ACCESS REGISTER(0xE000ED88)
#define MPU_TYPE REGISTER(0xE000ED90)
#define MPU_CONTROL REGISTER(0xE000ED94)
#define MPU_NUMBER REGISTER(0xE000ED98)
#define MPU_BASE REGISTER(0xE000ED9C)
#define MPU_SIZE REGISTER(0xE000EDA0) /* the limit in ARMv8-M */
#define MPU_ATTRIBUTES REGISTER(0xE000EDC0)

#define TIMER_MASK 0xFFFFFFu
#define STACK_PAINT 0xA5A5A5A5u

extern uint32_t data_load[], data_start[], data_end[], bss_start[], bss_end[];
extern uint32_t heap_start[], stack_limit[], stack_top[];

int main(void);
#ifdef BOARD_HAS_C_LIBRARY
void initialise_monitor_handles(void); /* of newlib, for its files by semihosting */
#endif
void reset(void);
void fault(void);
void fault_at(const uint32_t *frame);
void timer(void);

/* ------------------------------------------------------- semihosting -- */

enum { OPEN = 1, CLOSE = 2, PRINT = 4, WRITE = 5, READ = 6, EXIT_EXTENDED = 0x20 };

static int semihost(int operation, const void *block) {
  register int r0 __asm__("r0") = operation;
  register const void *r1 __asm__("r1") = block;
  __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

void board_print(const char *text) { (void)semihost(PRINT, text); }

int board_open(const char *name, int writes) {
  const uint32_t block[3] = {(uint32_t)name, writes ? 5u : 1u, (uint32_t)strlen(name)};
  return semihost(OPEN, block);
}

int board_read(int handle, void *to, size_t bytes) {
  const uint32_t block[3] = {(uint32_t)handle, (uint32_t)to, (uint32_t)bytes};
  return semihost(READ, block);
}

int board_write(int handle, const void *from, size_t bytes) {
  const uint32_t block[3] = {(uint32_t)handle, (uint32_t)from, (uint32_t)bytes};
  return semihost(WRITE, block);
}

void board_close(int handle) {
  const uint32_t block[1] = {(uint32_t)handle};
  (void)semihost(CLOSE, block);
}

void board_exit(int status) {
  const uint32_t block[2] = {0x20026, (uint32_t)status};
  for (;;) (void)semihost(EXIT_EXTENDED, block);
}

/* ------------------------------------------------------------- timer -- */

static volatile uint32_t wraps;

void timer(void) { wraps++; }

uint64_t board_ticks(void) {
  uint32_t before, current;
  do {
    before = wraps;
    current = SYSTICK_CURRENT;
  } while (before != wraps);
  return (uint64_t)before * (TIMER_MASK + 1u) + (TIMER_MASK - current);
}

/* ------------------------------------------------------------ memory -- */

void *board_heap(size_t *bytes) {
  *bytes = (size_t)((char *)stack_limit - (char *)heap_start);
  return heap_start;
}

size_t board_static_bytes(void) { return (size_t)((char *)heap_start - (char *)data_start); }

size_t board_stack_bytes(void) {
  const uint32_t *word = stack_limit;
  while (word < stack_top && *word == STACK_PAINT) word++;
  return (size_t)((const char *)stack_top - (const char *)word);
}

/* ---------------------------------------------------------- start-up -- */

static void print_hex(const char *name, uint32_t value) {
  char text[10] = "00000000\n";
  int i;
  for (i = 7; i >= 0; i--, value >>= 4) text[i] = "0123456789abcdef"[value & 15];
  board_print(name);
  board_print(text);
}

void fault_at(const uint32_t *frame) {
  board_print("the processor stopped with a fault\n");
  print_hex("status of the fault ", FAULT_STATUS);
  print_hex("memory address      ", MEMORY_FAULT_ADDRESS);
  print_hex("bus address         ", BUS_FAULT_ADDRESS);
  if (frame >= heap_start && frame < stack_top) {
    print_hex("program counter     ", frame[6]);
    print_hex("called from         ", frame[5]);
  }
  board_exit(4);
}

__attribute__((naked)) void fault(void) { __asm__ volatile("mov r0, sp\n bl fault_at\n"); }

__attribute__((section(".vectors"), used)) static void *const vectors[16] = {
    stack_top, (void *)reset, (void *)fault, (void *)fault, (void *)fault, (void *)fault, (void *)fault, (void *)fault,
    0, 0, 0, (void *)fault, (void *)fault, 0, (void *)fault, (void *)timer,
};

/* Code and network may be read and run, not written to; the rest is as without the unit. */
static void protect_image(void) {
  if (((MPU_TYPE >> 8) & 255) == 0) return;
  MPU_NUMBER = 0;
#if defined(__ARM_ARCH_8M_MAIN__) || defined(__ARM_ARCH_8_1M_MAIN__) || __ARM_ARCH >= 8
  MPU_ATTRIBUTES = 0xFF;
  MPU_BASE = BOARD_IMAGE_START | 3u << 1;
  MPU_SIZE = ((BOARD_IMAGE_END - 1u) & ~31u) | 1u;
#else
  {
    uint32_t bits = 4;
    while (bits < 31 && BOARD_IMAGE_END - BOARD_IMAGE_START > 1u << (bits + 1)) bits++;
    MPU_BASE = BOARD_IMAGE_START;
    MPU_SIZE = 6u << 24 | 2u << 16 | bits << 1 | 1u;
  }
#endif
  MPU_CONTROL = 5;
  __asm__ volatile("dsb\n isb" ::: "memory");
}

__attribute__((noinline, used)) static void start(void) {
  const uint32_t *from = data_load;
  uint32_t *to;
#if defined(__ARM_FP)
  COPROCESSOR_ACCESS |= 0xFu << 20;
  __asm__ volatile("dsb\n isb" ::: "memory");
#endif
  for (to = data_start; to < data_end;) *to++ = *from++;
  for (to = bss_start; to < bss_end;) *to++ = 0;
  {
    uint32_t *here;
    __asm__ volatile("mov %0, sp" : "=r"(here));
    for (to = stack_limit; to < here - 16;) *to++ = STACK_PAINT;
  }
#if __ARM_ARCH == 6
  CONFIGURATION_CONTROL |= 1u << 3; /* these cores stop at words that are not aligned */
#endif
  HANDLER_CONTROL |= 7u << 16;
  protect_image();
  SYSTICK_RELOAD = TIMER_MASK;
  SYSTICK_CURRENT = 0;
  SYSTICK_CONTROL = 7;
#ifdef BOARD_HAS_C_LIBRARY
  initialise_monitor_handles();
#endif
  board_exit(main());
}

__attribute__((naked)) void reset(void) {
  __asm__ volatile("ldr r0, =stack_top\n mov sp, r0\n bl start\n");
}

/* ------------------------------------------- what the runtime may ask -- */

#ifndef BOARD_HAS_C_LIBRARY

void *malloc(size_t bytes) { return memory_for_context(bytes); }

/* Compilers make it of malloc and memset. */
void *calloc(size_t count, size_t bytes) { return memset(memory_for_context(count * bytes), 0, count * bytes); }

void free(void *memory) { memory_free(memory); }

/* Of messages only the fixed text: their numbers would bring the C library's printing along. */
int printf(const char *format, ...) {
  board_print(format);
  return 0;
}

int puts(const char *text) {
  board_print(text);
  board_print("\n");
  return 0;
}

int putchar(int c) {
  const char text[2] = {(char)c, 0};
  board_print(text);
  return c;
}

void abort(void) {
  board_print("the program gave up\n");
  board_exit(5);
  for (;;) {
  }
}

void __assert_func(const char *file, int line, const char *function, const char *condition) {
  (void)line;
  board_print("assertion failed: ");
  board_print(condition ? condition : "");
  board_print(" in ");
  board_print(function ? function : file);
  board_print("\n");
  board_exit(5);
  for (;;) {
  }
}

#endif
