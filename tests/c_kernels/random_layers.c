/* Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
 *
 * Runs random layers with every array in memory of just its size, for the sanitizers, and compares the kernels. The
 * argument is the number of layers. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "packed_kernels.h"

typedef void float_kernel_t(const packed_layer_t *, const packed_weights_t *, const float *, const float *, float *,
                            void *);
typedef void integer_kernel_t(const packed_layer_t *, const packed_weights_t *, const void *, const float *, float *,
                              void *);

typedef void int8_kernel_t(const packed_layer_t *, const packed_weights_t *, const int8_t *, int8_t *, void *);

static float_kernel_t *const exact[3] = {packed_convolution, packed_deconvolution, packed_affine};
static float_kernel_t *const fast[3] = {packed_convolution_fast, packed_deconvolution_fast, packed_affine_fast};
static integer_kernel_t *const integer[3] = {packed_convolution_integer, packed_deconvolution_integer,
                                             packed_affine_integer};
static uint32_t seed = 1;

/* A number of [low, high]. */
static int32_t draw(int32_t low, int32_t high) {
  seed = seed * 1664525u + 1013904223u;
  return low + (int32_t)((seed >> 8) % (uint32_t)(high - low + 1));
}

static float power_of_two(void) { return draw(0, 6) ? (draw(0, 1) ? 1.0f : -1.0f) * (float)(1 << draw(0, 6)) : 0.0f; }

static void *exactly(size_t bytes) {
  void *memory = malloc(bytes ? bytes : 1);
  if (!memory) abort();
  memset(memory, 0xff, bytes);
  return memory;
}

static float *powers_of_two(size_t n) {
  float *values = exactly(n * sizeof *values);
  size_t i;
  for (i = 0; i < n; i++) values[i] = power_of_two();
  return values;
}

static void draw_layer(packed_layer_t *layer) {
  int32_t reach;
  int d, depthwise;
  memset(layer, 0, sizeof *layer);
  layer->kind = draw(0, 2);
  layer->type = PACKED_FLOAT;
  layer->coefficient = 0.25f;
  layer->batch = draw(1, 2);
  layer->groups = layer->kind == PACKED_AFFINE ? 1 : draw(1, 3);
  layer->in_maps = draw(1, layer->kind == PACKED_AFFINE ? 200 : 20);
  layer->out_maps = draw(1, 20);
  depthwise = layer->kind == PACKED_CONVOLUTION && draw(0, 3) == 0;
  for (d = 0; d < 2; d++) {
    layer->in_size[d] = draw(1, d == 0 ? 9 : 36);
    layer->kernel[d] = draw(1, 4);
    layer->pad[d] = draw(0, 3);
    layer->stride[d] = draw(1, 3);
    layer->dilation[d] = draw(1, 3);
    if (depthwise) {
      layer->in_maps = layer->out_maps = layer->stride[d] = layer->dilation[d] = 1;
      layer->pad[d] = layer->kernel[d] / 2;
    }
    reach = layer->dilation[d] * (layer->kernel[d] - 1) + 1;
    if (layer->kind == PACKED_DECONVOLUTION)
      layer->out_size[d] = layer->stride[d] * (layer->in_size[d] - 1) + reach - 2 * layer->pad[d];
    else
      layer->out_size[d] = (layer->in_size[d] + 2 * layer->pad[d] - reach) / layer->stride[d] + 1;
  }
}

/* Whether a layer from int8 to int8 gives its sums, which are whole numbers in float, rounded. */
static int rounds(packed_layer_t layer, packed_weights_t w, const int8_t *x, size_t count, size_t maps) {
  static int8_kernel_t *const int8[3] = {packed_convolution_int8, packed_deconvolution_int8, packed_affine_int8};
  const float *scales = w.scales;
  const size_t plane = layer.kind == PACKED_AFFINE ? 1 : (size_t)layer.out_size[0] * layer.out_size[1];
  float *sums = exactly(count * sizeof *sums);
  int32_t *biases = exactly(maps * sizeof *biases);
  int8_t *y = exactly(count);
  void *scratch, *decoded = NULL;
  int failed = 0;
  size_t i;
  layer.coefficient = 1.0f;
  w.scales = NULL;
  scratch = exactly(packed_scratch_bytes_integer(&layer, &w));
  integer[layer.kind](&layer, &w, x, NULL, sums, scratch);
  free(scratch);
  w.scales = scales;
  w.low = (int8_t)-draw(0, 128);
  w.high = (int8_t)draw(0, 127);
  for (i = 0; i < maps; i++) biases[i] = draw(-(1 << 22), 1 << 22);
  w.biases = biases;
  layer.fraction = draw(-15, 8);
  layer.rows = draw(0, 3);
  if (packed_check(&layer, &w) != PACKED_OK) abort();
  if (draw(0, 1) && packed_decoded_bytes_int8(&layer, &w) > 0) {
    decoded = exactly(packed_decoded_bytes_int8(&layer, &w));
    packed_decode_int8(&layer, &w, decoded);
    w.decoded = decoded;
  }
  scratch = exactly(packed_scratch_bytes_int8(&layer, &w));
  int8[layer.kind](&layer, &w, x, y, scratch);
  free(scratch);
  for (i = 0; i < count; i++) {
    const size_t map = i / plane % maps;
    const double scale = scales ? scales[w.scale_per_map ? map : 0] : 1.0;
    double exact = floor(ldexp(sums[i] * scale, layer.fraction) + ldexp(biases[map], -16));
    exact = exact < w.low ? w.low : exact > w.high ? w.high : exact;
    if (exact != y[i]) failed = 1;
  }
  free(sums), free(biases), free(y), free(decoded);
  return !failed;
}

static int run(void) {
  packed_layer_t layer;
  packed_weights_t w;
  float *dictionary = NULL, *scales = NULL, *bias, *x, *y[3];
  size_t in_count, out_count, maps, i;
  int8_t *x8;
  uint8_t *codes;
  void *scratch;
  int failed = 0;
  draw_layer(&layer);
  memset(&w, 0, sizeof w);
  maps = (size_t)layer.groups * layer.out_maps;
  w.bits = (uint8_t)draw(1, 8);
  w.dictionary_per_map = (uint8_t)draw(0, 1);
  w.scale_per_map = (uint8_t)draw(0, 1);
  w.dictionary = dictionary = powers_of_two((w.dictionary_per_map ? maps : 1) << w.bits);
  if (draw(0, 1)) w.scales = scales = powers_of_two(w.scale_per_map ? maps : 1);
  w.code_bytes = (uint32_t)(((uint64_t)packed_number_of_weights(&layer) * w.bits + 7) / 8);
  w.codes = codes = exactly(w.code_bytes);
  for (i = 0; i < w.code_bytes; i++) codes[i] = (uint8_t)draw(0, 255);
  if (packed_check(&layer, &w) != PACKED_OK) {
    free(dictionary), free(scales), free(codes);
    return -1;
  }
  in_count = (size_t)layer.batch * layer.groups * layer.in_maps;
  out_count = (size_t)layer.batch * maps;
  if (layer.kind != PACKED_AFFINE) {
    in_count *= (size_t)layer.in_size[0] * layer.in_size[1];
    out_count *= (size_t)layer.out_size[0] * layer.out_size[1];
  }
  x = exactly(in_count * sizeof *x);
  x8 = exactly(in_count);
  for (i = 0; i < in_count; i++) {
    x8[i] = (int8_t)draw(-128, 127);
    x[i] = (float)x8[i] * layer.coefficient;
  }
  bias = exactly(maps * sizeof *bias);
  for (i = 0; i < maps; i++) bias[i] = (float)draw(-100, 100);
  for (i = 0; i < 3; i++) y[i] = exactly(out_count * sizeof *y[i]);

  scratch = exactly(packed_scratch_bytes(&layer, &w));
  exact[layer.kind](&layer, &w, x, bias, y[0], scratch);
  free(scratch);
  scratch = exactly(packed_scratch_bytes_fast(&layer, &w));
  fast[layer.kind](&layer, &w, x, bias, y[1], scratch);
  free(scratch);
  layer.type = PACKED_INT8;
  if (packed_check(&layer, &w) == PACKED_OK) {
    scratch = exactly(packed_scratch_bytes_integer(&layer, &w));
    integer[layer.kind](&layer, &w, x8, bias, y[2], scratch);
    free(scratch);
    failed = !rounds(layer, w, x8, out_count, maps);
  } else
    memcpy(y[2], y[0], out_count * sizeof *y[2]);
  /* Small integers times powers of two: every order gives nearly the same, and mostly just the same. */
  for (i = 0; i < out_count; i++)
    if (!(fabsf(y[0][i] - y[1][i]) <= 1e-3f * fabsf(y[0][i]) + 1e-2f) ||
        !(fabsf(y[0][i] - y[2][i]) <= 1e-3f * fabsf(y[0][i]) + 1e-2f))
      failed = 1;
  free(dictionary), free(scales), free(codes), free(x), free(x8), free(bias), free(y[0]), free(y[1]), free(y[2]);
  return failed;
}

int main(int argc, char **argv) {
  const int layers = argc > 1 ? atoi(argv[1]) : 100;
  int i, ran = 0;
  for (i = 0; i < layers; i++) {
    const int result = run();
    if (result > 0) {
      fprintf(stderr, "the kernels differ in layer %d\n", i);
      return 1;
    }
    ran += result == 0;
  }
  printf("%d\n", ran);
  return 0;
}
