/* Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
 *
 * A part of packed_kernels.c: sums of products of 8-bit numbers, as the processor has them. Every build defines
 *
 *   DOT_WIDE    1: the processor has vectors, see packed_wide.h. 0: two output maps are computed together at two places, with
 *   dot_t       how an activation or a weight is held
 *   DOT_DEPTH   the numbers of what is summed come in groups of so many; a group of weights is followed by that of the other map
 *   dot_run     adds to the sums [2][2] the products of n numbers (a multiple of DOT_DEPTH) at each place
 *
 * and for layers whose outputs read one map each
 *
 *   plane_t     how an activation or a weight is held
 *   PLANE_WIDTH what the columns of a kernel are a multiple of, with weights of zero
 *   PLANE_LANES outputs beside each other that are computed together; an image is followed by as many numbers
 *   plane_sums  the sums of n outputs; of a row where PLANE_LANES is more than 1, and then of those up to a multiple of it
 *
 * All builds give the same sums. -DPACKED_PORTABLE takes the plain C, which needs no alignment of words. */
#ifndef PACKED_DOT_H
#define PACKED_DOT_H

#include <stdint.h>
#include <string.h>

#ifdef __GNUC__
#define DOT_NOINLINE static __attribute__((noinline))
#else
#define DOT_NOINLINE static
#endif

#if defined(PACKED_PORTABLE)
#define DOT_PORTABLE
#elif defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1)
#include <arm_mve.h>
#define DOT_MVE
#elif defined(__ARM_FEATURE_DSP) && defined(__ARM_FEATURE_SIMD32) && defined(__ARM_FEATURE_UNALIGNED)
#include <arm_acle.h>
#define DOT_DSP
#elif defined(__ARM_NEON) && defined(__ARM_FEATURE_DOTPROD)
#include <arm_neon.h>
#define DOT_NEON
#elif defined(__AVX512VNNI__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#include <immintrin.h>
#define DOT_AVX512
#elif defined(__AVX2__)
#include <immintrin.h>
#define DOT_AVX2
#else
#define DOT_PORTABLE
#endif

#if defined(DOT_NEON) || defined(DOT_AVX512) || defined(DOT_AVX2)
#define DOT_WIDE 1
#else
#define DOT_WIDE 0
#endif

#if !DOT_WIDE

#define DOT_MAPS 2

#if defined(DOT_MVE)

typedef int8_t dot_t;
#define DOT_DEPTH 16

static inline void dot_run(const dot_t *x0, const dot_t *x1, const dot_t *w, int32_t n, int32_t *sums) {
  int32_t a = sums[0], b = sums[1], c = sums[2], d = sums[3], i;
  for (i = 0; i < n; i += 16, w += 32) {
    const int8x16_t u = vld1q_s8(x0 + i), v = vld1q_s8(x1 + i), s = vld1q_s8(w), t = vld1q_s8(w + 16);
    a = vmladavaq_s8(a, u, s);
    b = vmladavaq_s8(b, u, t);
    c = vmladavaq_s8(c, v, s);
    d = vmladavaq_s8(d, v, t);
  }
  sums[0] = a;
  sums[1] = b;
  sums[2] = c;
  sums[3] = d;
}

#elif defined(DOT_DSP)

/* Two numbers to a word, two words to a load, and a multiplication that adds two products. */
typedef int16_t dot_t;
#define DOT_DEPTH 4

static inline int16x2_t dot_pair(const dot_t *p) {
  int16x2_t pair;
  memcpy(&pair, p, sizeof pair);
  return pair;
}

/* Loads two words, from where words are aligned, and goes on behind them. */
#ifdef __GNUC__
#define DOT_LOAD(p, low, high) __asm__("ldrd %0, %1, [%2], #8" : "=r"(low), "=r"(high), "+r"(p) : : "memory")
#else
#define DOT_LOAD(p, low, high) (low = dot_pair(p), high = dot_pair((p) + 2), p += 4)
#endif
#define DOT_LOAD_ANYWHERE(p, low, high) (low = dot_pair(p), high = dot_pair((p) + 2), p += 4)

#define DOT_ADD(LOAD)                                                                                                  \
  {                                                                                                                    \
    int16x2_t s, t, u, v, k, m;                                                                                        \
    DOT_LOAD(w, s, t);                                                                                                 \
    DOT_LOAD(w, u, v);                                                                                                 \
    LOAD(x0, k, m);                                                                                                    \
    a = __smlad(k, s, a);                                                                                              \
    b = __smlad(k, u, b);                                                                                              \
    a = __smlad(m, t, a);                                                                                              \
    b = __smlad(m, v, b);                                                                                              \
    LOAD(x1, k, m);                                                                                                    \
    c = __smlad(k, s, c);                                                                                              \
    d = __smlad(k, u, d);                                                                                              \
    c = __smlad(m, t, c);                                                                                              \
    d = __smlad(m, v, d);                                                                                              \
  }

static inline void dot_run(const dot_t *x0, const dot_t *x1, const dot_t *w, int32_t n, int32_t *sums) {
  const dot_t *const end = w + 2 * n;
  int32_t a = sums[0], b = sums[1], c = sums[2], d = sums[3];
  if ((((uintptr_t)(const void *)x0 | (uintptr_t)(const void *)x1) & 3) == 0) {
    if (n & 4) DOT_ADD(DOT_LOAD)
    while (w < end) {
      DOT_ADD(DOT_LOAD)
      DOT_ADD(DOT_LOAD)
    }
  } else
    while (w < end) DOT_ADD(DOT_LOAD_ANYWHERE)
  sums[0] = a;
  sums[1] = b;
  sums[2] = c;
  sums[3] = d;
}

#undef DOT_ADD
#undef DOT_LOAD
#undef DOT_LOAD_ANYWHERE

#else

typedef int8_t dot_t;
#define DOT_DEPTH 1

static inline void dot_run(const dot_t *x0, const dot_t *x1, const dot_t *w, int32_t n, int32_t *sums) {
  int32_t a = sums[0], b = sums[1], c = sums[2], d = sums[3], i;
  for (i = 0; i < n; i++, w += 2) {
    a += x0[i] * w[0];
    b += x0[i] * w[1];
    c += x1[i] * w[0];
    d += x1[i] * w[1];
  }
  sums[0] = a;
  sums[1] = b;
  sums[2] = c;
  sums[3] = d;
}

#endif

/* Goes through the places of an output, row by row. */
typedef struct {
  const dot_t *row, *next;
  int32_t row_step, column_step, columns, left; /* left in this row */
} places_t;

static inline const dot_t *next_place(places_t *places) {
  const dot_t *x = places->next;
  places->next += places->column_step;
  if (--places->left == 0) {
    places->left = places->columns;
    places->row += places->row_step;
    places->next = places->row;
  }
  return x;
}

/* The runs of numbers that an output sums over: where each begins, how many there are, and how long they are. */
typedef struct {
  const int32_t *offsets;
  int32_t count, length;
} dot_runs_t;

/* The sums of all runs at n places, for each of two maps; they may be written for one place more. */
DOT_NOINLINE void dot_runs(places_t *places, int32_t n, const dot_t *weights, const dot_runs_t *runs, int32_t *first,
                           int32_t *second) {
  const int32_t length = runs->length;
  for (; n > 0; n -= 2, first += 2, second += 2) {
    const dot_t *x0 = next_place(places), *x1 = n > 1 ? next_place(places) : x0, *w = weights;
    const int32_t *offset = runs->offsets;
    int32_t sums[4] = {0, 0, 0, 0}, left = runs->count;
    for (; left > 0; left--, offset++, w += 2 * length) dot_run(x0 + *offset, x1 + *offset, w, length, sums);
    first[0] = sums[0];
    second[0] = sums[1];
    first[1] = sums[2];
    second[1] = sums[3];
  }
}

/* ------------------------------------------------- outputs of one map each -- */

#if defined(DOT_DSP)
typedef int16_t plane_t;
#define PLANE_WIDTH 2
#define PLANE_LANES 1
#elif defined(DOT_MVE)
typedef int8_t plane_t;
#define PLANE_WIDTH 1
#define PLANE_LANES 4
#else
typedef int8_t plane_t;
#define PLANE_WIDTH 1
#define PLANE_LANES 1
#endif

/* Where the outputs of a map are, in its image. */
typedef struct {
  const plane_t *x; /* what the next output reads first */
  int32_t pitch;    /* between the rows of the kernel */
  int32_t step;     /* to the next output of the row, */
  int32_t skip;     /* and how much farther it is from the last one of a row to the first one of the next */
  int32_t columns, left;
} plane_places_t;

/* The kernel. */
typedef struct {
  const plane_t *weights;
  int32_t rows, width;
} plane_kernel_t;

#if PLANE_LANES == 1
static inline const plane_t *next_output(plane_places_t *places) {
  const plane_t *x = places->x;
  places->x += places->step;
  if (--places->left == 0) {
    places->left = places->columns;
    places->x += places->skip;
  }
  return x;
}
#endif

#if defined(DOT_DSP)

DOT_NOINLINE void plane_sums(plane_places_t *where, const plane_kernel_t *kernel, int32_t n, int32_t *sums) {
  const int32_t pitch = where->pitch, width = kernel->width;
  const plane_t *w = kernel->weights;
  plane_places_t places = *where;
  int32_t row, i;
  if (kernel->rows == 3 && width == 4) {
    const int16x2_t a = dot_pair(w), b = dot_pair(w + 2), c = dot_pair(w + 4), d = dot_pair(w + 6), e = dot_pair(w + 8);
    const int16x2_t f = dot_pair(w + 10);
    for (; n > 0; n--) {
      const plane_t *x = next_output(&places);
      int32_t sum = __smlad(dot_pair(x), a, __smlad(dot_pair(x + 2), b, 0));
      x += pitch;
      sum = __smlad(dot_pair(x), c, __smlad(dot_pair(x + 2), d, sum));
      x += pitch;
      *sums++ = __smlad(dot_pair(x), e, __smlad(dot_pair(x + 2), f, sum));
    }
  }
  for (; n > 0; n--) {
    const plane_t *x = next_output(&places), *weight = w;
    int32_t sum = 0;
    for (row = kernel->rows; row > 0; row--, x += pitch, weight += width)
      for (i = 0; i < width; i += 2) sum = __smlad(dot_pair(x + i), dot_pair(weight + i), sum);
    *sums++ = sum;
  }
  *where = places;
}

#elif defined(DOT_MVE)

DOT_NOINLINE void plane_sums(plane_places_t *where, const plane_kernel_t *kernel, int32_t n, int32_t *sums) {
  const int32_t step = where->step;
  const uint32x4_t places = vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)step);
  int32_t row, i;
  for (; n > 0; n -= 4, where->x += 4 * step, sums += 4) {
    const plane_t *x = where->x, *w = kernel->weights;
    int32x4_t a = vdupq_n_s32(0);
    for (row = 0; row < kernel->rows; row++, x += where->pitch)
      for (i = 0; i < kernel->width; i++)
        a = vmlaq_n_s32(a, step == 1 ? vldrbq_s32(x + i) : vldrbq_gather_offset_s32(x + i, places), *w++);
    vst1q_s32(sums, a);
  }
}

#else

DOT_NOINLINE void plane_sums(plane_places_t *where, const plane_kernel_t *kernel, int32_t n, int32_t *sums) {
  int32_t row, i;
  for (; n > 0; n--) {
    const plane_t *x = next_output(where), *w = kernel->weights;
    int32_t sum = 0;
    for (row = kernel->rows; row > 0; row--, x += where->pitch)
      for (i = 0; i < kernel->width; i++) sum += x[i] * *w++;
    *sums++ = sum;
  }
}

#endif

#endif /* !DOT_WIDE */

#endif
