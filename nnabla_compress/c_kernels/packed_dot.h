/* Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
 *
 * A part of packed_kernels.c: sums of products of 8-bit numbers, as the processor has them. Every build defines
 *
 *   dot_t       how an activation or a weight is held
 *   DOT_DEPTH   the numbers of what is summed come in groups of so many; a group of weights is followed by those of the next map
 *   DOT_MAPS    output maps that are computed together
 *   DOT_PLACES  places of the output that are computed together
 *   DOT_WIDE    1: the maps fill a vector. 0: they are two, as the places
 *   DOT_OFFSET  what an activation is held plus; the sums begin with as much less
 *   dot_run     adds to the sums [DOT_PLACES][DOT_MAPS] the products of n numbers (a multiple of DOT_DEPTH) at each place
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

#if defined(DOT_MVE)

typedef int8_t dot_t;
#define DOT_DEPTH 16
#define DOT_MAPS 2
#define DOT_PLACES 2
#define DOT_WIDE 0
#define DOT_OFFSET 0

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
#define DOT_MAPS 2
#define DOT_PLACES 2
#define DOT_WIDE 0
#define DOT_OFFSET 0

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

#elif defined(DOT_NEON)

typedef int8_t dot_t;
#define DOT_DEPTH 4
#define DOT_MAPS 4
#define DOT_PLACES 4
#define DOT_WIDE 1
#define DOT_OFFSET 0

static inline int8x16_t dot_four(const dot_t *p) {
  int32_t four;
  memcpy(&four, p, sizeof four);
  return vreinterpretq_s8_s32(vdupq_n_s32(four));
}

static void dot_run(const dot_t *const *x, const dot_t *w, int32_t n, int32_t *sums) {
  const dot_t *x0 = x[0], *x1 = x[1], *x2 = x[2], *x3 = x[3];
  int32x4_t a = vld1q_s32(sums), b = vld1q_s32(sums + 4), c = vld1q_s32(sums + 8), d = vld1q_s32(sums + 12);
  int32_t i;
  for (i = 0; i < n; i += 4, w += 16) {
    const int8x16_t s = vld1q_s8(w);
    a = vdotq_s32(a, s, dot_four(x0 + i));
    b = vdotq_s32(b, s, dot_four(x1 + i));
    c = vdotq_s32(c, s, dot_four(x2 + i));
    d = vdotq_s32(d, s, dot_four(x3 + i));
  }
  vst1q_s32(sums, a);
  vst1q_s32(sums + 4, b);
  vst1q_s32(sums + 8, c);
  vst1q_s32(sums + 12, d);
}

#elif defined(DOT_AVX512)

/* The instruction multiplies unsigned activations by signed weights. */
typedef uint8_t dot_t;
#define DOT_DEPTH 4
#define DOT_MAPS 16
#define DOT_PLACES 8
#define DOT_WIDE 1
#define DOT_OFFSET 128

static inline __m512i dot_four(const dot_t *p) {
  int32_t four;
  memcpy(&four, p, sizeof four);
  return _mm512_set1_epi32(four);
}

#define DOT_FOR_PLACES(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)

static void dot_run(const dot_t *const *x, const dot_t *w, int32_t n, int32_t *sums) {
  int32_t i;
#define DECLARE(p)                                                                                                     \
  const dot_t *x##p = x[p];                                                                                            \
  __m512i a##p = _mm512_loadu_si512(sums + 16 * p);
  DOT_FOR_PLACES(DECLARE)
#undef DECLARE
  for (i = 0; i < n; i += 4, w += 64) {
    const __m512i s = _mm512_loadu_si512(w);
#define ADD(p) a##p = _mm512_dpbusd_epi32(a##p, dot_four(x##p + i), s);
    DOT_FOR_PLACES(ADD)
#undef ADD
  }
#define STORE(p) _mm512_storeu_si512(sums + 16 * p, a##p);
  DOT_FOR_PLACES(STORE)
#undef STORE
}

/* Rows of 16 bytes to columns. */
static inline void dot_transpose(__m128i *rows) {
  __m128i turned[16];
  int round, i;
  for (round = 0; round < 4; round++) {
    for (i = 0; i < 8; i++) {
      turned[2 * i] = _mm_unpacklo_epi8(rows[i], rows[i + 8]);
      turned[2 * i + 1] = _mm_unpackhi_epi8(rows[i], rows[i + 8]);
    }
    memcpy(rows, turned, sizeof turned);
  }
}

#elif defined(DOT_AVX2)

typedef int16_t dot_t;
#define DOT_DEPTH 2
#define DOT_MAPS 8
#define DOT_PLACES 6
#define DOT_WIDE 1
#define DOT_OFFSET 0

static inline __m256i dot_pair(const dot_t *p) {
  int32_t pair;
  memcpy(&pair, p, sizeof pair);
  return _mm256_set1_epi32(pair);
}

#define DOT_FOR_PLACES(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5)

static void dot_run(const dot_t *const *x, const dot_t *w, int32_t n, int32_t *sums) {
  int32_t i;
#define DECLARE(p)                                                                                                     \
  const dot_t *x##p = x[p];                                                                                            \
  __m256i a##p = _mm256_loadu_si256((const __m256i *)(const void *)(sums + 8 * p));
  DOT_FOR_PLACES(DECLARE)
#undef DECLARE
  for (i = 0; i < n; i += 2, w += 16) {
    const __m256i s = _mm256_loadu_si256((const __m256i *)(const void *)w);
#define ADD(p) a##p = _mm256_add_epi32(a##p, _mm256_madd_epi16(dot_pair(x##p + i), s));
    DOT_FOR_PLACES(ADD)
#undef ADD
  }
#define STORE(p) _mm256_storeu_si256((__m256i *)(void *)(sums + 8 * p), a##p);
  DOT_FOR_PLACES(STORE)
#undef STORE
}

#else

typedef int8_t dot_t;
#define DOT_DEPTH 1
#define DOT_MAPS 2
#define DOT_PLACES 2
#define DOT_WIDE 0
#define DOT_OFFSET 0

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

#if !DOT_WIDE

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

#endif

/* ------------------------------------------------- outputs of one map each -- */

#if defined(DOT_DSP)
typedef int16_t plane_t;
#define PLANE_WIDTH 2
#define PLANE_LANES 1
#elif defined(DOT_MVE)
typedef int8_t plane_t;
#define PLANE_WIDTH 1
#define PLANE_LANES 4
#elif defined(__GNUC__) && DOT_WIDE
typedef int8_t plane_t;
#define PLANE_WIDTH 1
#define PLANE_LANES 16
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

#elif PLANE_LANES > 1

typedef int8_t plane_bytes_t __attribute__((vector_size(PLANE_LANES)));
typedef int32_t plane_words_t __attribute__((vector_size(4 * PLANE_LANES)));

DOT_NOINLINE void plane_sums(plane_places_t *where, const plane_kernel_t *kernel, int32_t n, int32_t *sums) {
  const int32_t step = where->step;
  int32_t row, i, k;
  for (; n > 0; n -= PLANE_LANES, where->x += PLANE_LANES * step, sums += PLANE_LANES) {
    const plane_t *x = where->x, *w = kernel->weights;
    plane_words_t a = {0};
    for (row = 0; row < kernel->rows; row++, x += where->pitch)
      for (i = 0; i < kernel->width; i++) {
        plane_bytes_t bytes;
        if (step == 1)
          memcpy(&bytes, x + i, sizeof bytes);
        else
          for (k = 0; k < PLANE_LANES; k++) bytes[k] = x[i + k * step];
        a += __builtin_convertvector(bytes, plane_words_t) * *w++;
      }
    memcpy(sums, &a, sizeof a);
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

#endif
