/* Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
 *
 * Starts and runs each file of a batch in a process of its own, with exact and with fast kernels:
 *   packed_driver BATCH LOGS
 * The batch is, for each file, its size as uint32 and its bytes. For each file and mode a line "number mode outcome" is
 * printed; what the sanitizers wrote of a process that ended otherwise is LOGS/number_mode. The image lies in memory that
 * can't be written to and whose surroundings can't be read. */
#define _GNU_SOURCE
#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "packed_nnablart.h"

#define LARGEST_BUFFER ((size_t)64 << 20)
#define CPU_SECONDS 10
#define LOG_NAME 4096

/* Exit statuses of a child. The sanitizers have their own, 99. */
enum { RAN, REFUSED_AT_START, REFUSED_AT_FORWARD, LARGE_BUFFER };

/* The machine has memory for larger ones, but not the time. */
static void *allocate_buffer(size_t bytes) {
  if (bytes > LARGEST_BUFFER) _exit(LARGE_BUFFER);
  return malloc(bytes);
}

static void *place(const uint8_t *content, size_t bytes) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (bytes + page - 1) / page * page + 2 * page;
  uint8_t *memory = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) abort();
  memcpy(memory + page, content, bytes);
  if (mprotect(memory, whole, PROT_READ) != 0) abort();
  ASAN_POISON_MEMORY_REGION(memory, whole);
  ASAN_UNPOISON_MEMORY_REGION(memory + page, bytes);
  return memory + page;
}

/* Bytes that are extreme as integers, or any. */
static void fill_inputs(rt_context_pointer context, uint32_t seed) {
  int i, k;
  for (i = 0; i < rt_num_of_input(context); i++) {
    const nn_variable_t *variable = rt_input_variable(context, (size_t)i);
    const int size = variable->type == NN_DATA_TYPE_FLOAT ? 4 : variable->type == NN_DATA_TYPE_INT16 ? 2 : 1;
    const int bytes = variable->type == NN_DATA_TYPE_SIGN ? 0 : rt_input_size(context, (size_t)i) * size;
    uint8_t *buffer = rt_input_buffer(context, (size_t)i);
    uint32_t state = seed;
    for (k = 0; k < bytes; k++) {
      state = state * 1664525u + 1013904223u;
      buffer[k] = seed % 2 ? (uint8_t)(state >> 24) : k % size == size - 1 ? 0x80 : 0;
    }
  }
}

static int start_and_run(const uint8_t *content, size_t bytes, int fast, uint32_t seed) {
  void *image = place(content, bytes);
  rt_context_pointer context;
  int i;
  if (packed_start(&context, image, bytes, fast ? packed_register_fast : packed_register_exact, NULL) !=
      RT_RET_NOERROR)
    return REFUSED_AT_START;
  for (i = 0; i < 2; i++) {
    fill_inputs(context, seed); /* again: maps behind the inputs use their memory */
    if (rt_forward(context) != RT_RET_NOERROR) return REFUSED_AT_FORWARD;
  }
  (void)rt_free_context(&context);
  return RAN;
}

static void try_one(const uint8_t *content, uint32_t bytes, int number, int fast, const char *logs) {
  char log[LOG_NAME];
  pid_t child;
  int status;
  snprintf(log, sizeof log, "%s/%d_%d", logs, number, fast);
  fflush(stdout);
  child = fork();
  if (child == 0) {
    const struct rlimit limit = {CPU_SECONDS, CPU_SECONDS};
    setrlimit(RLIMIT_CPU, &limit);
    if (!freopen(log, "w", stderr) || !freopen("/dev/null", "w", stdout)) abort();
    _exit(start_and_run(content, bytes, fast, (uint32_t)number));
  }
  if (child < 0 || waitpid(child, &status, 0) != child) abort();
  if (WIFEXITED(status) && WEXITSTATUS(status) <= LARGE_BUFFER) remove(log);
  printf("%d %d %d\n", number, fast, WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

int main(int argc, char **argv) {
  FILE *batch;
  uint8_t *content = NULL;
  uint32_t bytes;
  int number;
  if (argc != 3 || !(batch = fopen(argv[1], "rb"))) return 2;
  rt_set_variable_malloc(allocate_buffer);
  for (number = 0; fread(&bytes, sizeof bytes, 1, batch) == 1; number++) {
    content = realloc(content, bytes + 1);
    if (!content || fread(content, 1, bytes, batch) != bytes) return 2;
    try_one(content, bytes, number, 0, argv[2]);
    try_one(content, bytes, number, 1, argv[2]);
  }
  free(content);
  fclose(batch);
  return 0;
}
