/* Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
 *
 * A part of packed_kernels.c: sums of products of 8-bit numbers in vectors, each of whose numbers of 32 bits belongs to another
 * place of the output. Every build defines
 *
 *   wide_t         how an activation is held, wide_weight_t how a weight is
 *   WIDE_DEPTH     the numbers of what is summed that an instruction multiplies and adds for a place; they take 4 bytes
 *   WIDE_LANES     places of a vector
 *   WIDE_VECTORS   vectors that are computed together, for WIDE_MAPS output maps
 *   WIDE_OFFSET    what an activation is held plus; the sums begin with as much less
 *   wide_load, wide_spread, wide_add, wide_store, wide_all     what vectors do
 *   wide_bytes_t   16 bytes of a row; wide_row loads them, wide_put stores those of WIDE_DEPTH rows, one number of each after the other
 *
 * All builds give the same sums. */
#ifndef PACKED_WIDE_H
#define PACKED_WIDE_H

#include "packed_dot.h"

#define WIDE_MAPS 4
#define WIDE_COLUMNS 16 /* of a row that are filled at once */

#if defined(DOT_AVX512)

/* The instruction multiplies unsigned activations by signed weights. */
typedef uint8_t wide_t;
typedef int8_t wide_weight_t;
typedef __m512i wide_vector_t;
#define WIDE_DEPTH 4
#define WIDE_LANES 16
#define WIDE_VECTORS 4
#define WIDE_OFFSET 128
#define wide_load(p) _mm512_loadu_si512(p)
#define wide_all(x) _mm512_set1_epi32(x)
#define wide_add(sum, x, w) _mm512_dpbusd_epi32(sum, x, w)
#define wide_store(p, x) _mm512_storeu_si512(p, x)

#elif defined(DOT_AVX2)

typedef int16_t wide_t;
typedef int16_t wide_weight_t;
typedef __m256i wide_vector_t;
#define WIDE_DEPTH 2
#define WIDE_LANES 8
#define WIDE_VECTORS 2
#define WIDE_OFFSET 0
#define wide_load(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define wide_all(x) _mm256_set1_epi32(x)
#define wide_add(sum, x, w) _mm256_add_epi32(sum, _mm256_madd_epi16(x, w))
#define wide_store(p, x) _mm256_storeu_si256((__m256i *)(void *)(p), x)

#else

typedef int8_t wide_t;
typedef int8_t wide_weight_t;
typedef int32x4_t wide_vector_t;
#define WIDE_DEPTH 4
#define WIDE_LANES 4
#define WIDE_VECTORS 4
#define WIDE_OFFSET 0
#define wide_load(p) vreinterpretq_s32_s8(vld1q_s8(p))
#define wide_all(x) vdupq_n_s32(x)
#define wide_add(sum, x, w) vdotq_s32(sum, vreinterpretq_s8_s32(x), vreinterpretq_s8_s32(w))
#define wide_store(p, x) vst1q_s32(p, x)

#endif

#define WIDE_PLACES (WIDE_LANES * WIDE_VECTORS)
#define WIDE_STEP_BYTES (4 * WIDE_MAPS) /* of the weights of WIDE_DEPTH numbers of what is summed */

static inline wide_vector_t wide_spread(const wide_weight_t *p) {
  int32_t word;
  memcpy(&word, p, sizeof word);
  return wide_all(word);
}

/* ------------------------------------------------------------------ sums -- */

/* What an output sums over: so many rows of a kernel, in each of which there are groups of WIDE_DEPTH numbers. */
typedef struct {
  const int32_t *offsets; /* of the rows of the kernel, in the image */
  int32_t rows, groups;
  size_t pitch;           /* between the groups */
} wide_runs_t;

#define WIDE_TWO(DO, m) DO(m, 0) DO(m, 1)
#define WIDE_THREE(DO, m) WIDE_TWO(DO, m) DO(m, 2)
#define WIDE_FOUR(DO, m) WIDE_THREE(DO, m) DO(m, 3)
#define WIDE_ONE(DO, m) DO(m, 0)
#define WIDE_START(m, v) a##m##v = wide_all(starts[m]);
#define WIDE_LOAD(m, v) const wide_vector_t x##v = wide_load(from + v * WIDE_LANES * WIDE_DEPTH);
#define WIDE_ADD(m, v) a##m##v = wide_add(a##m##v, x##v, s);
#define WIDE_STORE(m, v) wide_store(sums + m * WIDE_PLACES + v * WIDE_LANES, a##m##v);
#define WIDE_DECLARE(m, v) wide_vector_t a##m##v;
#define WIDE_OF_MAP(EACH, m)                                                                                           \
  {                                                                                                                    \
    const wide_vector_t s = wide_spread(w + m * WIDE_DEPTH);                                                           \
    EACH(WIDE_ADD, m)                                                                                                  \
  }

/* The sums [WIDE_MAPS][WIDE_PLACES] of some vectors of places, of which the first begins at x. */
#define DEFINE_WIDE_SUMS(name, EACH)                                                                                   \
  DOT_NOINLINE void name(const wide_runs_t *runs, const wide_t *x, const int32_t *starts, const wide_weight_t *w,      \
                         int32_t *sums) {                                                                              \
    int32_t row, group;                                                                                                \
    EACH(WIDE_DECLARE, 0) EACH(WIDE_DECLARE, 1) EACH(WIDE_DECLARE, 2) EACH(WIDE_DECLARE, 3)                            \
    EACH(WIDE_START, 0) EACH(WIDE_START, 1) EACH(WIDE_START, 2) EACH(WIDE_START, 3)                                    \
    for (row = 0; row < runs->rows; row++) {                                                                           \
      const wide_t *from = x + runs->offsets[row];                                                                     \
      for (group = runs->groups; group > 0; group--, from += runs->pitch, w += WIDE_MAPS * WIDE_DEPTH) {               \
        EACH(WIDE_LOAD, 0)                                                                                             \
        WIDE_OF_MAP(EACH, 0)                                                                                           \
        WIDE_OF_MAP(EACH, 1)                                                                                           \
        WIDE_OF_MAP(EACH, 2)                                                                                           \
        WIDE_OF_MAP(EACH, 3)                                                                                           \
      }                                                                                                                \
    }                                                                                                                  \
    EACH(WIDE_STORE, 0) EACH(WIDE_STORE, 1) EACH(WIDE_STORE, 2) EACH(WIDE_STORE, 3)                                    \
  }

DEFINE_WIDE_SUMS(wide_sums_1, WIDE_ONE)
DEFINE_WIDE_SUMS(wide_sums_2, WIDE_TWO)
#if WIDE_VECTORS == 4
DEFINE_WIDE_SUMS(wide_sums_3, WIDE_THREE)
DEFINE_WIDE_SUMS(wide_sums_4, WIDE_FOUR)
#define WIDE_SUMS {wide_sums_1, wide_sums_2, wide_sums_3, wide_sums_4}
#else
#define WIDE_SUMS {wide_sums_1, wide_sums_2}
#endif

typedef void wide_sums_t(const wide_runs_t *, const wide_t *, const int32_t *, const wide_weight_t *, int32_t *);

/* --------------------------------------------------------------- results -- */

/* What makes results of sums; the shift has 32 bits at least. */
#if defined(DOT_AVX512)

typedef struct {
  __m512i multiplier, addend, low, high;
  __m128i beyond;
} wide_requantizer_t;

static inline wide_requantizer_t wide_requantizer_of(const requantizer_t *r) {
  wide_requantizer_t found;
  found.multiplier = _mm512_set1_epi64(r->multiplier);
  found.addend = _mm512_set1_epi64(r->addend);
  found.low = _mm512_set1_epi8((char)r->low);
  found.high = _mm512_set1_epi8((char)r->high);
  found.beyond = _mm_cvtsi32_si128(r->shift - 32);
  return found;
}

static inline __m512i wide_shifted(const wide_requantizer_t *r, __m512i sums) {
  const __m512i even = _mm512_add_epi64(_mm512_mul_epi32(sums, r->multiplier), r->addend);
  const __m512i odd = _mm512_add_epi64(_mm512_mul_epi32(_mm512_srli_epi64(sums, 32), r->multiplier), r->addend);
  return _mm512_sra_epi32(_mm512_mask_shuffle_epi32(odd, 0x5555, even, _MM_PERM_DDBB), r->beyond);
}

/* Of 64 sums, 16 bytes of four vectors after one another. */
static inline __m512i wide_results(const wide_requantizer_t *r, __m512i a, __m512i b, __m512i c, __m512i d) {
  const __m512i first = _mm512_packs_epi32(wide_shifted(r, a), wide_shifted(r, b));
  const __m512i second = _mm512_packs_epi32(wide_shifted(r, c), wide_shifted(r, d));
  const __m512i bytes = _mm512_packs_epi16(first, second);
  return _mm512_min_epi8(_mm512_max_epi8(bytes, r->low), r->high);
}

static void wide_requantize(const requantizer_t *r, const int32_t *sums, int32_t n, int8_t *y) {
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  wide_requantizer_t wide;
  if (r->shift < 32) {
    requantize(r, sums, n, y);
    return;
  }
  wide = wide_requantizer_of(r);
  if (n == 64)
    _mm512_storeu_si512(y, _mm512_permutexvar_epi32(order, wide_results(&wide, wide_load(sums), wide_load(sums + 16),
                                                                        wide_load(sums + 32), wide_load(sums + 48))));
  else
    for (; n > 0; n -= 16, sums += 16, y += 16) {
      __m128i bytes = _mm512_cvtsepi32_epi8(wide_shifted(&wide, wide_load(sums)));
      bytes = _mm_min_epi8(_mm_max_epi8(bytes, _mm512_castsi512_si128(wide.low)), _mm512_castsi512_si128(wide.high));
      if (n < 16)
        _mm_mask_storeu_epi8(y, (__mmask16)((1u << n) - 1), bytes);
      else
        _mm_storeu_si128((__m128i *)(void *)y, bytes);
    }
}

#elif defined(DOT_AVX2)

typedef struct {
  __m256i multiplier, addend;
  __m128i beyond, low, high;
} wide_requantizer_t;

static inline wide_requantizer_t wide_requantizer_of(const requantizer_t *r) {
  wide_requantizer_t found;
  found.multiplier = _mm256_set1_epi64x(r->multiplier);
  found.addend = _mm256_set1_epi64x(r->addend);
  found.low = _mm_set1_epi8((char)r->low);
  found.high = _mm_set1_epi8((char)r->high);
  found.beyond = _mm_cvtsi32_si128(r->shift - 32);
  return found;
}

static inline __m256i wide_shifted(const wide_requantizer_t *r, __m256i sums) {
  const __m256i even = _mm256_add_epi64(_mm256_mul_epi32(sums, r->multiplier), r->addend);
  const __m256i odd = _mm256_add_epi64(_mm256_mul_epi32(_mm256_srli_epi64(sums, 32), r->multiplier), r->addend);
  return _mm256_sra_epi32(_mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa), r->beyond);
}

/* Of 16 sums, 4 of either vector and then the next 4. */
static inline __m128i wide_results(const wide_requantizer_t *r, __m256i a, __m256i b) {
  const __m256i words = _mm256_packs_epi32(wide_shifted(r, a), wide_shifted(r, b));
  const __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  return _mm_min_epi8(_mm_max_epi8(bytes, r->low), r->high);
}

static void wide_requantize(const requantizer_t *r, const int32_t *sums, int32_t n, int8_t *y) {
  wide_requantizer_t wide;
  if (r->shift < 32 || n < 16) {
    requantize(r, sums, n, y);
    return;
  }
  wide = wide_requantizer_of(r);
  {
    const __m128i bytes = wide_results(&wide, wide_load(sums), wide_load(sums + 8));
    _mm_storeu_si128((__m128i *)(void *)y, _mm_shuffle_epi32(bytes, _MM_SHUFFLE(3, 1, 2, 0)));
  }
}

#else

#define wide_requantize requantize

#endif

/* ----------------------------------------------------------------- image -- */

/* A row of a map. Number i of what is filled is number first + i * step of it; those outside are zero. */
typedef struct {
  const int8_t *row;
  int32_t first;
} wide_lane_t;

/* The rows of all maps. */
typedef struct {
  const int8_t *begin, *end; /* what may be read */
  int32_t width, step;
} wide_source_t;

#if defined(DOT_NEON)
typedef int8x16_t wide_bytes_t;
#define wide_bytes(p) vld1q_s8(p)
#else
typedef __m128i wide_bytes_t;
#define wide_bytes(p) _mm_loadu_si128((const __m128i *)(const void *)(p))
#endif

/* WIDE_COLUMNS numbers one after another, wherever they are. */
DOT_NOINLINE wide_bytes_t wide_scattered(const wide_source_t *source, const int8_t *row, int32_t first) {
  int8_t bytes[WIDE_COLUMNS];
  int32_t i;
  for (i = 0; i < WIDE_COLUMNS; i++) {
    const int32_t at = first + i * source->step;
    bytes[i] = at >= 0 && at < source->width ? row[at] : 0;
  }
  return wide_bytes(bytes);
}

#ifdef DOT_AVX512

/* Which of 32 numbers lie in a row, the first of them at this place. */
static inline __mmask32 wide_inside(int32_t first, int32_t width) {
  const uint32_t from = first >= 0 ? ~0u : first <= -32 ? 0 : ~0u << -first;
  const uint32_t until = width - first >= 32 ? ~0u : width <= first ? 0 : (1u << (width - first)) - 1;
  return from & until;
}

static inline wide_bytes_t wide_masked(const int8_t *from, __mmask32 there, int32_t step) {
  if (step == 1) return _mm_maskz_loadu_epi8((__mmask16)there, from);
  return _mm256_cvtepi16_epi8(_mm256_maskz_loadu_epi8(there, from));
}

/* WIDE_COLUMNS numbers, the first of which is number first of its row. */
static inline wide_bytes_t wide_row(const wide_source_t *source, const int8_t *row, int32_t first) {
  if (source->step > 2) return wide_scattered(source, row, first);
  return wide_masked(row + first, wide_inside(first, source->width), source->step);
}

#else

static inline wide_bytes_t wide_row(const wide_source_t *source, const int8_t *row, int32_t first) {
  static const int8_t ones[3 * WIDE_COLUMNS] = {0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
                                                -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
                                                0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0};
  const int32_t left = first < 0 ? -first : 0, beyond = first + WIDE_COLUMNS - source->width;
  wide_bytes_t found, begun, ended;
  if (source->step != 1 || left > WIDE_COLUMNS || beyond > WIDE_COLUMNS || first + (row - source->begin) < 0 ||
      source->end - row < first + WIDE_COLUMNS)
    return wide_scattered(source, row, first);
  found = wide_bytes(row + first);
  begun = wide_bytes(ones + WIDE_COLUMNS - left);
  ended = wide_bytes(ones + WIDE_COLUMNS + (beyond > 0 ? beyond : 0));
#ifdef DOT_NEON
  return vandq_s8(found, vandq_s8(begun, ended));
#else
  return _mm_and_si128(found, _mm_and_si128(begun, ended));
#endif
}

#endif

#if defined(DOT_AVX512)

static inline void wide_put(const wide_bytes_t *rows, wide_t *to) {
  const __m128i offset = _mm_set1_epi8((char)WIDE_OFFSET);
  const __m128i a = _mm_unpacklo_epi8(rows[0], rows[1]), b = _mm_unpackhi_epi8(rows[0], rows[1]);
  const __m128i c = _mm_unpacklo_epi8(rows[2], rows[3]), d = _mm_unpackhi_epi8(rows[2], rows[3]);
  __m128i *out = (__m128i *)(void *)to;
  _mm_storeu_si128(out, _mm_xor_si128(_mm_unpacklo_epi16(a, c), offset));
  _mm_storeu_si128(out + 1, _mm_xor_si128(_mm_unpackhi_epi16(a, c), offset));
  _mm_storeu_si128(out + 2, _mm_xor_si128(_mm_unpacklo_epi16(b, d), offset));
  _mm_storeu_si128(out + 3, _mm_xor_si128(_mm_unpackhi_epi16(b, d), offset));
}

#elif defined(DOT_AVX2)

static inline void wide_put(const wide_bytes_t *rows, wide_t *to) {
  const __m128i a = _mm_unpacklo_epi8(rows[0], rows[1]), b = _mm_unpackhi_epi8(rows[0], rows[1]);
  wide_store(to, _mm256_cvtepi8_epi16(a));
  wide_store(to + WIDE_COLUMNS, _mm256_cvtepi8_epi16(b));
}

#else

static inline void wide_put(const wide_bytes_t *rows, wide_t *to) {
  const int8x16x4_t four = {{rows[0], rows[1], rows[2], rows[3]}};
  vst4q_s8(to, four);
}

#endif

#ifdef DOT_AVX512
/* The same where all lanes begin alike. */
static inline void wide_fill_alike(const wide_lane_t *lanes, int32_t width, int32_t step, int32_t count, wide_t *to) {
  const int8_t *a = lanes[0].row, *b = lanes[1].row, *c = lanes[2].row, *d = lanes[3].row;
  int32_t first = lanes[0].first;
  for (; count > 0; count -= WIDE_COLUMNS, first += WIDE_COLUMNS * step, to += WIDE_COLUMNS * WIDE_DEPTH) {
    const __mmask32 there = wide_inside(first, width);
    wide_bytes_t rows[WIDE_DEPTH];
    rows[0] = wide_masked(a + first, there, step);
    rows[1] = wide_masked(b + first, there, step);
    rows[2] = wide_masked(c + first, there, step);
    rows[3] = wide_masked(d + first, there, step);
    wide_put(rows, to);
  }
}
#endif

/* Puts so many numbers of each lane beside each other, and up to a multiple of WIDE_COLUMNS what is to be overwritten. */
static void wide_fill(const wide_source_t *source, const wide_lane_t *lanes, int32_t count, wide_t *to) {
  int32_t column, j;
#ifdef DOT_AVX512
  if (source->step <= 2 && lanes[0].first == lanes[3].first) {
    if (source->step == 1)
      wide_fill_alike(lanes, source->width, 1, count, to);
    else
      wide_fill_alike(lanes, source->width, 2, count, to);
    return;
  }
#endif
  for (column = 0; column < count; column += WIDE_COLUMNS, to += WIDE_COLUMNS * WIDE_DEPTH) {
    wide_bytes_t rows[WIDE_DEPTH];
    for (j = 0; j < WIDE_DEPTH; j++)
      rows[j] = wide_row(source, lanes[j].row, lanes[j].first + column * source->step);
    wide_put(rows, to);
  }
}

/* Copies so many groups of WIDE_DEPTH numbers. */
static inline void wide_copy(const wide_t *from, int32_t count, wide_t *to) {
  for (; count >= WIDE_LANES; count -= WIDE_LANES, from += WIDE_LANES * WIDE_DEPTH, to += WIDE_LANES * WIDE_DEPTH)
    wide_store((void *)to, wide_load((const void *)from));
#ifdef DOT_AVX512
  if (count > 0)
    _mm512_mask_storeu_epi32(to, (__mmask16)((1u << count) - 1), _mm512_maskz_loadu_epi32((__mmask16)((1u << count) - 1), from));
#else
  for (; count > 0; count--, from += WIDE_DEPTH, to += WIDE_DEPTH) memcpy(to, from, WIDE_DEPTH * sizeof *to);
#endif
}

#endif
