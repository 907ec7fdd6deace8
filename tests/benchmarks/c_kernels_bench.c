/* Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
 *
 * Times the packed kernels on layers that the standard input describes, one a line:
 *   kind groups in_maps out_maps height width kernel pad stride bits
 * kind 0 is a convolution, 2 an affine layer; bits 32 are float32 weights. Prints for every layer the least time of a
 * call in nanoseconds of the exact and of the fast kernel, the bytes of scratch memory that they want, and the time of the kernel from int8
 * to int8 whose weights are decoded already (0 for float32 weights). The kernels run in turn. The argument is the number of rounds.
 * With "once" as second argument every layer runs once, "exact" or "fast" as the third says: for counting instructions. */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "packed_kernels.h"

typedef void kernel_t(const packed_layer_t *, const packed_weights_t *, const float *, const float *, float *, void *);

enum { EXACT, FAST, INT8, KERNELS };

typedef struct {
  packed_layer_t layer, int8_layer;
  packed_weights_t w, int8_w;
  kernel_t *kernels[2];
  float *x, *y, *bias;
  int8_t *x8, *y8;
  void *scratch;
} case_t;

static void call(const case_t *c, int which) {
  if (which < INT8)
    c->kernels[which](&c->layer, &c->w, c->x, c->bias, c->y, c->scratch);
  else if (c->layer.kind == PACKED_AFFINE)
    packed_affine_int8(&c->int8_layer, &c->int8_w, c->x8, c->y8, c->scratch);
  else
    packed_convolution_int8(&c->int8_layer, &c->int8_w, c->x8, c->y8, c->scratch);
}

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

/* The same layer from int8 to int8, with levels of 8 bits and weights that are decoded. */
static void prepare_int8(case_t *c, size_t inputs, size_t outputs, size_t maps, size_t *scratch_bytes) {
  const size_t entries = (size_t)1 << c->w.bits;
  float *levels = malloc(entries * sizeof *levels);
  size_t i, bytes;
  for (i = 0; i < entries; i++) levels[i] = (float)((int)(next_random() % 255) - 127);
  c->int8_layer.type = PACKED_INT8;
  c->int8_layer.coefficient = 1.0f;
  c->int8_layer.fraction = -10;
  c->int8_w.dictionary = levels;
  c->int8_w.low = -128;
  c->int8_w.high = 127;
  c->int8_w.biases = calloc(maps, sizeof *c->int8_w.biases);
  c->x8 = malloc(inputs);
  c->y8 = malloc(outputs);
  for (i = 0; i < inputs; i++) c->x8[i] = (int8_t)next_random();
  if (packed_check(&c->int8_layer, &c->int8_w) != PACKED_OK) abort();
  bytes = packed_decoded_bytes_int8(&c->int8_layer, &c->int8_w);
  if (bytes) {
    void *decoded = malloc(bytes);
    packed_decode_int8(&c->int8_layer, &c->int8_w, decoded);
    c->int8_w.decoded = decoded;
  }
  bytes = packed_scratch_bytes_int8(&c->int8_layer, &c->int8_w);
  if (bytes > *scratch_bytes) *scratch_bytes = bytes;
}

int main(int argc, char **argv) {
  const int rounds = argc > 1 ? atoi(argv[1]) : 20;
  const char *only = argc > 3 ? argv[3] : "";
  int kind, groups, in, out, height, width, kernel, pad, stride, bits;
  while (scanf("%d %d %d %d %d %d %d %d %d %d", &kind, &groups, &in, &out, &height, &width, &kernel, &pad, &stride,
               &bits) == 10) {
    case_t c;
    packed_layer_t layer = {0};
    packed_weights_t w = {0};
    double best[KERNELS] = {1e30, 1e30, 1e30};
    size_t i, scratch_bytes, inputs, outputs, maps;
    int round, k, count, repeats[KERNELS] = {1, 1, 1};
    uint8_t *codes;
    memset(&c, 0, sizeof c);
    c.kernels[EXACT] = kind == 2 ? packed_affine : packed_convolution;
    c.kernels[FAST] = kind == 2 ? packed_affine_fast : packed_convolution_fast;
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
    inputs = (size_t)groups * in * height * width;
    maps = (size_t)groups * out;
    outputs = maps * layer.out_size[0] * layer.out_size[1];
    c.layer = c.int8_layer = layer;
    c.w = c.int8_w = w;
    c.x = random_floats(inputs);
    c.y = random_floats(outputs);
    c.bias = random_floats(maps);
    scratch_bytes = packed_scratch_bytes_fast(&layer, &w) + packed_scratch_bytes(&layer, &w);
    count = bits == 32 ? INT8 : KERNELS;
    if (count == KERNELS) prepare_int8(&c, inputs, outputs, maps, &scratch_bytes);
    c.scratch = malloc(scratch_bytes);
    if (argc > 2) {
      call(&c, strcmp(only, "fast") == 0 ? FAST : EXACT);
      continue;
    }
    for (k = 0; k < count; k++)
      for (;;) { /* long enough for the clock */
        const double start = nanoseconds();
        for (round = 0; round < repeats[k]; round++) call(&c, k);
        if (nanoseconds() - start > 1e5) break;
        repeats[k] *= 2;
      }
    for (round = 0; round < rounds; round++)
      for (k = 0; k < count; k++) {
        const double start = nanoseconds();
        double time;
        int r;
        for (r = 0; r < repeats[k]; r++) call(&c, k);
        time = (nanoseconds() - start) / repeats[k];
        if (time < best[k]) best[k] = time;
      }
    printf("%.0f %.0f %lu %lu %.0f\n", best[EXACT], best[FAST], (unsigned long)packed_scratch_bytes(&layer, &w),
           (unsigned long)packed_scratch_bytes_fast(&layer, &w), count == KERNELS ? best[INT8] : 0.0);
    fflush(stdout);
    free((void *)w.dictionary), free(codes), free(c.x), free(c.y), free(c.bias), free(c.scratch);
    free((void *)c.int8_w.dictionary), free((void *)c.int8_w.biases), free((void *)c.int8_w.decoded), free(c.x8), free(c.y8);
  }
  return 0;
}
