/* Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
 *
 * Times the packed kernels on layers that the standard input describes, one a line:
 *   kind groups in_maps out_maps height width kernel pad stride bits
 * kind 0 is a convolution, 2 an affine layer; bits 32 are float32 weights. Prints for every layer the least time of a
 * call in nanoseconds of the exact and of the fast kernel, which run in turn, and the bytes of scratch memory that they
 * want. The argument is the number of rounds. With "once" as second argument every layer runs once, "exact" or "fast" as
 * the third says: for counting instructions. */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "packed_kernels.h"

typedef void kernel_t(const packed_layer_t *, const packed_weights_t *, const float *, const float *, float *, void *);

static uint32_t seed = 313;

static uint32_t next_random(void) { return (seed = seed * 1664525u + 1013904223u) >> 8; }

static double nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return 1e9 * (double)now.tv_sec + (double)now.tv_nsec;
}

static float *random_floats(size_t n) {
  float *values = malloc((n + 1) * sizeof *values);
  size_t i;
  for (i = 0; i < n; i++) values[i] = (float)next_random() / (1 << 23) - 1.0f;
  return values;
}

int main(int argc, char **argv) {
  const int rounds = argc > 1 ? atoi(argv[1]) : 20;
  const char *only = argc > 3 ? argv[3] : "";
  int kind, groups, in, out, height, width, kernel, pad, stride, bits;
  while (scanf("%d %d %d %d %d %d %d %d %d %d", &kind, &groups, &in, &out, &height, &width, &kernel, &pad, &stride,
               &bits) == 10) {
    packed_layer_t layer = {0};
    packed_weights_t w = {0};
    kernel_t *const kernels[2] = {kind == 2 ? packed_affine : packed_convolution,
                                  kind == 2 ? packed_affine_fast : packed_convolution_fast};
    double best[2] = {1e30, 1e30};
    float *x, *y, *bias;
    size_t i, scratch_bytes;
    uint8_t *codes;
    void *scratch;
    int round, k, repeats[2] = {1, 1};
    layer.kind = kind;
    layer.batch = 1;
    layer.groups = groups;
    layer.in_maps = in;
    layer.out_maps = out;
    layer.in_size[0] = height;
    layer.in_size[1] = width;
    for (k = 0; k < 2; k++) {
      layer.kernel[k] = kernel;
      layer.pad[k] = pad;
      layer.stride[k] = stride;
      layer.dilation[k] = 1;
      layer.out_size[k] = (layer.in_size[k] + 2 * pad - kernel) / stride + 1;
    }
    w.bits = (uint8_t)bits;
    w.code_bytes = (uint32_t)(((uint64_t)packed_number_of_weights(&layer) * bits + 7) / 8);
    codes = malloc(w.code_bytes);
    for (i = 0; i < w.code_bytes; i++) codes[i] = (uint8_t)next_random();
    if (bits == 32) {
      float *values = random_floats(w.code_bytes / 4);
      memcpy(codes, values, w.code_bytes);
      free(values);
    } else
      w.dictionary = random_floats((size_t)1 << bits);
    w.codes = codes;
    if (packed_check(&layer, &w) != PACKED_OK) {
      fprintf(stderr, "%s\n", packed_message(packed_check(&layer, &w)));
      return 1;
    }
    x = random_floats((size_t)groups * in * height * width);
    y = random_floats((size_t)groups * out * layer.out_size[0] * layer.out_size[1]);
    bias = random_floats((size_t)groups * out);
    scratch_bytes = packed_scratch_bytes_fast(&layer, &w) + packed_scratch_bytes(&layer, &w);
    scratch = malloc(scratch_bytes);
    if (argc > 2) {
      kernels[strcmp(only, "fast") == 0](&layer, &w, x, bias, y, scratch);
      continue;
    }
    for (k = 0; k < 2; k++)
      for (;;) { /* long enough for the clock */
        const double start = nanoseconds();
        for (round = 0; round < repeats[k]; round++) kernels[k](&layer, &w, x, bias, y, scratch);
        if (nanoseconds() - start > 1e5) break;
        repeats[k] *= 2;
      }
    for (round = 0; round < rounds; round++)
      for (k = 0; k < 2; k++) {
        const double start = nanoseconds();
        double time;
        int r;
        for (r = 0; r < repeats[k]; r++) kernels[k](&layer, &w, x, bias, y, scratch);
        time = (nanoseconds() - start) / repeats[k];
        if (time < best[k]) best[k] = time;
      }
    printf("%.0f %.0f %lu %lu\n", best[0], best[1], (unsigned long)packed_scratch_bytes(&layer, &w),
           (unsigned long)packed_scratch_bytes_fast(&layer, &w));
    fflush(stdout);
    free((void *)w.dictionary), free(codes), free(x), free(y), free(bias), free(scratch);
  }
  return 0;
}
