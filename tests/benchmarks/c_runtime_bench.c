/* Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
 *
 * Times a network on the NNabla C Runtime: c_runtime_bench exact|fast net.nnb. The inputs are seeded random numbers.
 * Prints the least nanoseconds of a forward, bytes of context memory, and the bits of the first output's values. */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "packed_nnablart.h"

#ifndef ROUNDS
#define ROUNDS 15
#endif

static size_t allocated;

static void *count(size_t bytes) {
  allocated += bytes;
  return malloc(bytes);
}

static double nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return 1e9 * (double)now.tv_sec + (double)now.tv_nsec;
}

static void report(int function, const char *message) { fprintf(stderr, "%d: %s\n", function, message); }

static void fill_inputs(rt_context_pointer context) {
  uint32_t seed = 313;
  int i, k;
  for (i = 0; i < rt_num_of_input(context); i++)
    for (k = 0; k < rt_input_size(context, (size_t)i); k++) {
      seed = seed * 1664525u + 1013904223u;
      if (rt_input_variable(context, (size_t)i)->type == NN_DATA_TYPE_INT8)
        ((int8_t *)rt_input_buffer(context, (size_t)i))[k] = (int8_t)(seed >> 24);
      else
        ((float *)rt_input_buffer(context, (size_t)i))[k] = (float)(seed >> 8) / (1 << 23) - 1.0f;
    }
}

int main(int argc, char **argv) {
  rt_context_pointer context;
  double best = 1e30;
  FILE *file = argc == 3 ? fopen(argv[2], "rb") : NULL;
  const size_t most = (size_t)1 << 24;
  char *image = malloc(most);
  const float *y;
  size_t bytes;
  int i;
  if (!file || !image) return 2;
  bytes = fread(image, 1, most, file);
  fclose(file);
  rt_set_malloc(count);
  packed_keep_decoded((size_t)-1);
  if (packed_start(&context, image, bytes, strcmp(argv[1], "fast") ? packed_register_exact : packed_register_fast,
                   report) != RT_RET_NOERROR)
    return 1;
  for (i = 0; i < ROUNDS; i++) {
    double start;
    fill_inputs(context);
    start = nanoseconds();
    if (rt_forward(context) != RT_RET_NOERROR) return 1;
    start = nanoseconds() - start;
    if (start < best) best = start;
  }
  printf("%.0f %lu", best, (unsigned long)allocated);
  y = rt_output_buffer(context, 0);
  for (i = 0; i < rt_output_size(context, 0); i++) printf(" %a", (double)y[i]);
  printf("\n");
  rt_free_context(&context);
  free(image);
  return 0;
}
