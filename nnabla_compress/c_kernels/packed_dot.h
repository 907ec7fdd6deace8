/* Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
 *
 * A part of packed_kernels.c: sums of products of 8-bit numbers, as the processor has them. Every build defines
 *
 *   dot_t       how an activation or a weight is held
 *   DOT_DEPTH   products of one sum that an instruction adds; what is summed comes in multiples of it
 *   DOT_MAPS    output maps that are computed together
 *   DOT_PLACES  places of the output that are computed together
 *   DOT_GROUPED 0: weights lie map after map; 1: in groups of DOT_DEPTH, those of all maps before the next group
 *   DOT_OFFSET  what an activation is held plus; the sums begin with as much less
 *   dot_run     adds to the sums [DOT_PLACES][DOT_MAPS] the products of n numbers (a multiple of DOT_DEPTH) at each place
 *
 * All builds give the same sums. -DPACKED_PORTABLE takes the plain C, which needs no alignment of words. */
#ifndef PACKED_DOT_H
#define PACKED_DOT_H

#include <stdint.h>
#include <string.h>

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
#elif defined(__AVX512VNNI__) && defined(__AVX512BW__)
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
#define DOT_GROUPED 0
#define DOT_OFFSET 0

static void dot_run(const dot_t *const *x, const dot_t *w, size_t pitch, int32_t n, int32_t *sums) {
  const dot_t *x0 = x[0], *x1 = x[1], *w0 = w, *w1 = w + pitch;
  int32_t a = sums[0], b = sums[1], c = sums[2], d = sums[3], i;
  for (i = 0; i < n; i += 16) {
    const int8x16_t u = vld1q_s8(x0 + i), v = vld1q_s8(x1 + i), s = vld1q_s8(w0 + i), t = vld1q_s8(w1 + i);
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

/* Two numbers to a word: a load, and a multiplication that adds two products. */
typedef int16_t dot_t;
#define DOT_DEPTH 2
#define DOT_MAPS 2
#define DOT_PLACES 2
#define DOT_GROUPED 0
#define DOT_OFFSET 0

static inline int16x2_t dot_pair(const dot_t *p) {
  int16x2_t pair;
  memcpy(&pair, p, sizeof pair);
  return pair;
}

static void dot_run(const dot_t *const *x, const dot_t *w, size_t pitch, int32_t n, int32_t *sums) {
  const dot_t *x0 = x[0], *x1 = x[1], *w0 = w, *w1 = w + pitch, *end = w + n;
  int32_t a = sums[0], b = sums[1], c = sums[2], d = sums[3];
#define DOT_STEP(i)                                                                                                    \
  {                                                                                                                    \
    const int16x2_t u = dot_pair(x0 + 2 * i), v = dot_pair(x1 + 2 * i), s = dot_pair(w0 + 2 * i);                      \
    const int16x2_t t = dot_pair(w1 + 2 * i);                                                                          \
    a = __smlad(u, s, a);                                                                                              \
    b = __smlad(u, t, b);                                                                                              \
    c = __smlad(v, s, c);                                                                                              \
    d = __smlad(v, t, d);                                                                                              \
  }
  for (; w0 + 8 <= end; x0 += 8, x1 += 8, w0 += 8, w1 += 8) {
    DOT_STEP(0)
    DOT_STEP(1)
    DOT_STEP(2)
    DOT_STEP(3)
  }
  for (; w0 < end; x0 += 2, x1 += 2, w0 += 2, w1 += 2) DOT_STEP(0)
#undef DOT_STEP
  sums[0] = a;
  sums[1] = b;
  sums[2] = c;
  sums[3] = d;
}

#elif defined(DOT_NEON)

typedef int8_t dot_t;
#define DOT_DEPTH 4
#define DOT_MAPS 4
#define DOT_PLACES 4
#define DOT_GROUPED 1
#define DOT_OFFSET 0

static inline int8x16_t dot_four(const dot_t *p) {
  int32_t four;
  memcpy(&four, p, sizeof four);
  return vreinterpretq_s8_s32(vdupq_n_s32(four));
}

static void dot_run(const dot_t *const *x, const dot_t *w, size_t pitch, int32_t n, int32_t *sums) {
  const dot_t *x0 = x[0], *x1 = x[1], *x2 = x[2], *x3 = x[3];
  int32x4_t a = vld1q_s32(sums), b = vld1q_s32(sums + 4), c = vld1q_s32(sums + 8), d = vld1q_s32(sums + 12);
  int32_t i;
  (void)pitch;
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
#define DOT_GROUPED 1
#define DOT_OFFSET 128

static inline __m512i dot_four(const dot_t *p) {
  int32_t four;
  memcpy(&four, p, sizeof four);
  return _mm512_set1_epi32(four);
}

#define DOT_FOR_PLACES(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)

static void dot_run(const dot_t *const *x, const dot_t *w, size_t pitch, int32_t n, int32_t *sums) {
  int32_t i;
  (void)pitch;
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

#elif defined(DOT_AVX2)

typedef int16_t dot_t;
#define DOT_DEPTH 2
#define DOT_MAPS 8
#define DOT_PLACES 6
#define DOT_GROUPED 1
#define DOT_OFFSET 0

static inline __m256i dot_pair(const dot_t *p) {
  int32_t pair;
  memcpy(&pair, p, sizeof pair);
  return _mm256_set1_epi32(pair);
}

#define DOT_FOR_PLACES(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5)

static void dot_run(const dot_t *const *x, const dot_t *w, size_t pitch, int32_t n, int32_t *sums) {
  int32_t i;
  (void)pitch;
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
#define DOT_GROUPED 0
#define DOT_OFFSET 0

static void dot_run(const dot_t *const *x, const dot_t *w, size_t pitch, int32_t n, int32_t *sums) {
  const dot_t *x0 = x[0], *x1 = x[1], *w0 = w, *w1 = w + pitch;
  int32_t a = sums[0], b = sums[1], c = sums[2], d = sums[3], i;
  for (i = 0; i < n; i++) {
    a += x0[i] * w0[i];
    b += x0[i] * w1[i];
    c += x1[i] * w0[i];
    d += x1[i] * w1[i];
  }
  sums[0] = a;
  sums[1] = b;
  sums[2] = c;
  sums[3] = d;
}

#endif

#endif
