/* Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
 *
 * A part of packed_kernels.c, for AVX-512 and AVX2: layers whose outputs read one map each, where output and input are equally wide and
 * steps are 1. Output number i then reads numbers i + k of the map, rows one after another, but for those that belong to another row. */
#ifndef PACKED_DEPTHWISE_H
#define PACKED_DEPTHWISE_H

#include "packed_wide.h"

#define FLAT_COLUMNS 4 /* the most columns of a kernel */

/* What all maps share. */
typedef struct {
  const uint8_t *map;   /* what output number 0 reads first, in the rows before and after padding */
  const uint8_t *inside; /* for each column of the kernel, which outputs read a number of their own row */
  size_t inside_pitch;
  int32_t rows, columns, pitch; /* of the kernel; numbers between its rows */
} flat_plan_t;

#ifdef DOT_AVX512

#define FLAT_OUTPUTS 64
#define FLAT_OFFSET 128
#define FLAT_INSIDE_BYTES(outputs) (((outputs) + 63) / 64 * 8)

static inline void flat_mark_outside(uint8_t *inside, size_t output) {
  inside[output / 8] = (uint8_t)(inside[output / 8] & ~(1u << output % 8));
}

static void flat_outputs(const flat_plan_t *plan, const int8_t *weights, int32_t start, const requantizer_t *r,
                         int32_t n, int8_t *y) {
  const __m512i zero = _mm512_set1_epi8((char)FLAT_OFFSET);
  const int simple = r->shift >= 32;
  wide_requantizer_t wide = {{0}};
  int32_t i, row, column, sums[FLAT_OUTPUTS];
  if (simple) wide = wide_requantizer_of(r);
  for (i = 0; i < n; i += FLAT_OUTPUTS, y += FLAT_OUTPUTS) {
    const int32_t here = n - i < FLAT_OUTPUTS ? n - i : FLAT_OUTPUTS;
    __m512i a = _mm512_set1_epi32(start), b = a, c = a, d = a, x[FLAT_COLUMNS] = {zero, zero, zero, zero};
    __mmask64 inside[FLAT_COLUMNS];
    for (column = 0; column < plan->columns; column++)
      memcpy(inside + column, plan->inside + column * plan->inside_pitch + i / 8, sizeof *inside);
    for (row = 0; row < plan->rows; row++) {
      const uint8_t *from = plan->map + i + (size_t)row * plan->pitch;
      const __m512i w = wide_spread(weights + FLAT_COLUMNS * row);
      __m512i low, high, low2, high2;
      for (column = 0; column < plan->columns; column++)
        x[column] = _mm512_mask_loadu_epi8(zero, inside[column], from + column);
      low = _mm512_unpacklo_epi8(x[0], x[1]);
      high = _mm512_unpackhi_epi8(x[0], x[1]);
      low2 = _mm512_unpacklo_epi8(x[2], x[3]);
      high2 = _mm512_unpackhi_epi8(x[2], x[3]);
      a = _mm512_dpbusd_epi32(a, _mm512_unpacklo_epi16(low, low2), w);
      b = _mm512_dpbusd_epi32(b, _mm512_unpackhi_epi16(low, low2), w);
      c = _mm512_dpbusd_epi32(c, _mm512_unpacklo_epi16(high, high2), w);
      d = _mm512_dpbusd_epi32(d, _mm512_unpackhi_epi16(high, high2), w);
    }
    if (simple) {
      const __m512i bytes = wide_results(&wide, a, b, c, d);
      if (here == FLAT_OUTPUTS)
        _mm512_storeu_si512(y, bytes);
      else
        _mm512_mask_storeu_epi8(y, ((__mmask64)1 << here) - 1, bytes);
      continue;
    }
    /* Each vector has four sums of each 16. */
    for (row = 0; row < 4; row++) {
      _mm_storeu_si128((__m128i *)(void *)(sums + 16 * row), _mm512_extracti32x4_epi32(a, 0));
      _mm_storeu_si128((__m128i *)(void *)(sums + 16 * row + 4), _mm512_extracti32x4_epi32(b, 0));
      _mm_storeu_si128((__m128i *)(void *)(sums + 16 * row + 8), _mm512_extracti32x4_epi32(c, 0));
      _mm_storeu_si128((__m128i *)(void *)(sums + 16 * row + 12), _mm512_extracti32x4_epi32(d, 0));
      a = _mm512_shuffle_i32x4(a, a, 0x39);
      b = _mm512_shuffle_i32x4(b, b, 0x39);
      c = _mm512_shuffle_i32x4(c, c, 0x39);
      d = _mm512_shuffle_i32x4(d, d, 0x39);
    }
    requantize(r, sums, here, y);
  }
}

#else

#define FLAT_OUTPUTS 16
#define FLAT_OFFSET 0
#define FLAT_INSIDE_BYTES(outputs) (((outputs) + 15) / 16 * 16)

static inline void flat_mark_outside(uint8_t *inside, size_t output) { inside[output] = 0; }

static void flat_outputs(const flat_plan_t *plan, const int8_t *weights, int32_t start, const requantizer_t *r,
                         int32_t n, int8_t *y) {
  const int simple = r->shift >= 32;
  wide_requantizer_t wide = {{0}};
  int32_t i, row, column, sums[FLAT_OUTPUTS];
  if (simple) wide = wide_requantizer_of(r);
  for (i = 0; i < n; i += FLAT_OUTPUTS, y += FLAT_OUTPUTS) {
    __m256i a = _mm256_set1_epi32(start), b = a, x[FLAT_COLUMNS];
    __m128i inside[FLAT_COLUMNS], bytes;
    for (column = 0; column < FLAT_COLUMNS; column++) x[column] = _mm256_setzero_si256();
    for (column = 0; column < plan->columns; column++)
      inside[column] = wide_bytes(plan->inside + column * plan->inside_pitch + i);
    for (row = 0; row < plan->rows; row++) {
      const uint8_t *from = plan->map + i + (size_t)row * plan->pitch;
      const __m256i w = _mm256_cvtepi8_epi16(_mm_set1_epi32(*(const int32_t *)(const void *)(weights + FLAT_COLUMNS * row)));
      const __m256i first = _mm256_shuffle_epi32(w, 0), second = _mm256_shuffle_epi32(w, 0x55);
      for (column = 0; column < plan->columns; column++)
        x[column] = _mm256_cvtepi8_epi16(_mm_and_si128(wide_bytes(from + column), inside[column]));
      a = wide_add(a, _mm256_unpacklo_epi16(x[0], x[1]), first);
      b = wide_add(b, _mm256_unpackhi_epi16(x[0], x[1]), first);
      if (plan->columns > 2) {
        a = wide_add(a, _mm256_unpacklo_epi16(x[2], x[3]), second);
        b = wide_add(b, _mm256_unpackhi_epi16(x[2], x[3]), second);
      }
    }
    if (simple && n - i >= FLAT_OUTPUTS) {
      bytes = wide_results(&wide, a, b);
      _mm_storeu_si128((__m128i *)(void *)y, bytes);
      continue;
    }
    for (row = 0; row < 2; row++) {
      _mm_storeu_si128((__m128i *)(void *)(sums + 8 * row), _mm256_extracti128_si256(a, 0));
      _mm_storeu_si128((__m128i *)(void *)(sums + 8 * row + 4), _mm256_extracti128_si256(b, 0));
      a = _mm256_permute4x64_epi64(a, 0x4e);
      b = _mm256_permute4x64_epi64(b, 0x4e);
    }
    requantize(r, sums, n - i < FLAT_OUTPUTS ? n - i : FLAT_OUTPUTS, y);
  }
}

#endif

#endif
