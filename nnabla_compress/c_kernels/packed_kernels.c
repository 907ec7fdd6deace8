/* Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
 *
 * See packed_kernels.h. The file is in five parts: checks, exact float kernels, integer kernels, int8 kernels, fast float
 * kernels. */
#include "packed_kernels.h"

#include <string.h>

#ifdef __GNUC__
#define PACKED_NOINLINE __attribute__((noinline))
#else
#define PACKED_NOINLINE
#endif

/* The sums of the exact kernels must not be fused with their products. GCC's vectors keep the order of a sum, too, but
 * take twice the time of scalars for it. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC push_options
#pragma GCC optimize("fp-contract=off,no-tree-vectorize")
#endif

/* ---------------------------------------------------------------- checks -- */

#define LARGEST_COUNT ((uint64_t)1 << 27) /* elements of an array, so that no number of bytes leaves 32 bits */

const char *packed_message(packed_status_t status) {
  switch (status) {
  case PACKED_OK: return "no error";
  case PACKED_BAD_DESCRIPTION: return "the description of the packed weights is damaged or of another version";
  case PACKED_BAD_BITS: return "the bits of a weight are neither 1 to 8 nor 32";
  case PACKED_BAD_SHAPE: return "the shapes of input, output and weight do not fit together";
  case PACKED_BAD_SIZE: return "the packed weights or their table have another size than the shapes say";
  case PACKED_NOT_INTEGER: return "integer activations need weights that are integers times a scale";
  case PACKED_MAY_OVERFLOW: return "the integer sum may not fit 32 bits";
  case PACKED_NOT_POWER_OF_TWO: return "built without multiplication, but a weight is not a power of two";
  case PACKED_UNSUPPORTED: return "a function, data type or layout that the packed kernels do not have";
  case PACKED_BAD_RECORD: return "its record is damaged";
  case PACKED_BAD_SCRATCH: return "even a single row of it takes more scratch memory than the limit";
  case PACKED_NOT_INT8: return "int8 results need int8 inputs, weights of -128 to 127 times a scale, and no large scale";
  case PACKED_BAD_MEMORY: return "a variable has less memory than its shape says, or the output no buffer of its own";
  }
  return "unknown error";
}

static uint32_t read_u32(const uint8_t *p) {
  return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int is_number_of_bits(uint32_t bits) { return (bits >= 1 && bits <= 8) || bits == PACKED_FLOAT_BITS; }

packed_status_t packed_read_description(const void *description, size_t size, int32_t output_maps,
                                        packed_weights_t *w, uint32_t *number_of_codes) {
  const uint8_t *p = description;
  uint64_t entries, scales, numbers;
  uint8_t flags;
  if (size < PACKED_DESCRIPTION_BYTES || ((uintptr_t)description & 3) != 0 || output_maps < 1)
    return PACKED_BAD_DESCRIPTION;
  flags = p[2];
  if (p[0] != 1 || p[3] != 0 || flags > 31) return PACKED_BAD_DESCRIPTION;
  if ((flags & PACKED_DICTIONARY_PER_MAP) && !(flags & PACKED_HAS_DICTIONARY)) return PACKED_BAD_DESCRIPTION;
  if ((flags & PACKED_SCALE_PER_MAP) && !(flags & PACKED_HAS_SCALE)) return PACKED_BAD_DESCRIPTION;
  if (p[1] == PACKED_FLOAT_BITS && flags != 0) return PACKED_BAD_DESCRIPTION;
  if (!is_number_of_bits(p[1])) return PACKED_BAD_BITS;
  w->bits = p[1];
  w->zero_point = (int32_t)read_u32(p + 4);
  *number_of_codes = read_u32(p + 8);
  w->dictionary_per_map = (flags & PACKED_DICTIONARY_PER_MAP) != 0;
  w->scale_per_map = (flags & PACKED_SCALE_PER_MAP) != 0;
  entries = !(flags & PACKED_HAS_DICTIONARY) ? 0 : ((uint64_t)(w->dictionary_per_map ? output_maps : 1) << w->bits);
  scales = !(flags & PACKED_HAS_SCALE) ? 0 : (uint64_t)(w->scale_per_map ? output_maps : 1);
  numbers = entries + scales + (flags & PACKED_TO_INT8 ? (uint64_t)output_maps + 1 : 0);
  if (read_u32(p + 12) != entries + scales || (size - PACKED_DESCRIPTION_BYTES) / 4 < numbers) return PACKED_BAD_SIZE;
  w->dictionary = entries ? (const float *)(const void *)(p + PACKED_DESCRIPTION_BYTES) : NULL;
  w->scales = scales ? (const float *)(const void *)(p + PACKED_DESCRIPTION_BYTES + 4 * entries) : NULL;
  w->biases = NULL;
  w->decoded = NULL;
  w->low = w->high = 0;
  if (flags & PACKED_TO_INT8) {
    p += PACKED_DESCRIPTION_BYTES + 4 * (entries + scales);
    w->low = (int8_t)p[0];
    w->high = (int8_t)p[1];
    w->biases = (const int32_t *)(const void *)(p + 4);
  }
  return PACKED_OK;
}

static int32_t taps_of(const packed_layer_t *layer) {
  return layer->kind == PACKED_AFFINE ? 1 : layer->kernel[0] * layer->kernel[1];
}

static uint32_t maps_of(const packed_layer_t *layer) { return (uint32_t)layer->groups * (uint32_t)layer->out_maps; }

/* Index of the first of the weights that lead from an input map to an output map of a group. */
static uint32_t first_weight(const packed_layer_t *layer, int32_t group, int32_t out, int32_t in) {
  const uint32_t taps = (uint32_t)taps_of(layer);
  if (layer->kind == PACKED_DECONVOLUTION)
    return (((uint32_t)group * layer->in_maps + in) * layer->out_maps + out) * taps;
  return (((uint32_t)group * layer->out_maps + out) * layer->in_maps + in) * taps;
}

/* The product, or 0 if it is above the largest count that is allowed. */
static uint64_t bounded_product(const int32_t *factors, int32_t n) {
  uint64_t product = 1;
  int32_t i;
  for (i = 0; i < n; i++) {
    if (factors[i] < 1) return 0;
    product *= (uint64_t)factors[i];
    if (product > LARGEST_COUNT) return 0;
  }
  return product;
}

uint32_t packed_number_of_weights(const packed_layer_t *layer) {
  int32_t factors[5];
  factors[0] = layer->groups;
  factors[1] = layer->in_maps;
  factors[2] = layer->out_maps;
  factors[3] = layer->kind == PACKED_AFFINE ? 1 : layer->kernel[0];
  factors[4] = layer->kind == PACKED_AFFINE ? 1 : layer->kernel[1];
  return (uint32_t)bounded_product(factors, 5);
}

static packed_status_t check_shape(const packed_layer_t *layer) {
  const int affine = layer->kind == PACKED_AFFINE;
  int32_t x[5], y[5], padded[3];
  int d;
  if (layer->kind < PACKED_CONVOLUTION || layer->kind > PACKED_AFFINE) return PACKED_UNSUPPORTED;
  if (layer->type < PACKED_FLOAT || layer->type > PACKED_INT8) return PACKED_UNSUPPORTED;
  if (affine && layer->groups != 1) return PACKED_BAD_SHAPE;
  if (layer->rows < 0) return PACKED_BAD_SHAPE;
  x[0] = y[0] = layer->batch;
  x[1] = y[1] = layer->groups;
  x[2] = layer->in_maps;
  y[2] = layer->out_maps;
  padded[0] = layer->in_maps;
  padded[1] = padded[2] = 1;
  for (d = 0; d < 2; d++) {
    const int32_t in = layer->in_size[d], out = layer->out_size[d], k = layer->kernel[d], pad = layer->pad[d];
    const int32_t stride = layer->stride[d], dilation = layer->dilation[d];
    x[3 + d] = affine ? 1 : layer->in_size[d];
    y[3 + d] = affine ? 1 : layer->out_size[d];
    if (affine) continue;
    if (in < 1 || out < 1 || k < 1 || pad < 0 || stride < 1 || dilation < 1) return PACKED_BAD_SHAPE;
    if (in > 32767 || out > 32767 || k > 32767 || pad > 32767 || stride > 32767 || dilation > 32767)
      return PACKED_UNSUPPORTED;
    if (dilation * (k - 1) > 32767) return PACKED_UNSUPPORTED;
    if (layer->kind == PACKED_CONVOLUTION) {
      const int32_t room = in + 2 * pad - (dilation * (k - 1) + 1);
      /* As the runtime divides: a kernel larger than the image, by less than the stride, has one place. */
      if (out != room / stride + 1) return PACKED_BAD_SHAPE;
      padded[1 + d] = stride * out + dilation * (k - 1);
    } else {
      const int32_t extra = out - (stride * (in - 1) + dilation * (k - 1) + 1 - 2 * pad);
      if (extra < 0 || extra >= (stride > dilation ? stride : dilation)) return PACKED_BAD_SHAPE;
      padded[1 + d] = (out + dilation * (k - 1)) / stride + 3;
    }
  }
  if (!bounded_product(x, 5) || !bounded_product(y, 5)) return PACKED_BAD_SHAPE;
  return bounded_product(padded, 3) ? PACKED_OK : PACKED_UNSUPPORTED;
}

static void decode_levels(const packed_weights_t *w, uint32_t first, int32_t count, uint32_t map, int32_t *levels);

static int is_integer_level(float level) { return level >= -32768.0f && level <= 32768.0f && level == (int32_t)level; }

/* The largest sum of absolute levels of an output map, in 64 bits. */
static uint64_t largest_sum_of_levels(const packed_layer_t *layer, const packed_weights_t *w) {
  const int32_t taps = taps_of(layer);
  uint64_t largest = 0;
  int32_t g, o, i, t;
  for (g = 0; g < layer->groups; g++)
    for (o = 0; o < layer->out_maps; o++) {
      const uint32_t map = (uint32_t)g * layer->out_maps + o;
      uint64_t sum = 0;
      for (i = 0; i < layer->in_maps; i++)
        for (t = 0; t < taps; t++) {
          int32_t level;
          decode_levels(w, first_weight(layer, g, o, i) + t, 1, map, &level);
          sum += (uint64_t)(level < 0 ? -(int64_t)level : level);
        }
      if (sum > largest) largest = sum;
    }
  return largest;
}

static uint32_t bits_of_float(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

#define LEAST_SHIFT 16
#define LARGEST_SHIFT 47 /* with which neither products nor biases leave 64 bits */

/* What makes a result of a sum: (sum * multiplier + addend) >> shift. */
typedef struct {
  int64_t addend;
  int32_t multiplier, shift, low, high;
} requantizer_t;

static requantizer_t requantizer_of(const packed_layer_t *layer, const packed_weights_t *w, uint32_t map) {
  const uint32_t bits = bits_of_float(w->scales ? w->scales[w->scale_per_map ? map : 0] : 1.0f);
  const int32_t exponent = (int32_t)(bits >> 23 & 255);
  uint32_t multiplier = exponent ? ((bits & 0x7fffff) | 0x800000) << 7 : 0;
  requantizer_t requantizer;
  requantizer.shift = exponent ? 157 - exponent - layer->fraction : LARGEST_SHIFT;
  if (requantizer.shift > LARGEST_SHIFT) {
    const int32_t lost = requantizer.shift - LARGEST_SHIFT;
    multiplier = lost > 31 ? 0 : multiplier >> lost;
    requantizer.shift = LARGEST_SHIFT;
  }
  requantizer.multiplier = bits >> 31 ? -(int32_t)multiplier : (int32_t)multiplier;
  requantizer.low = w->low;
  requantizer.high = w->high;
  requantizer.addend = 0;
  if (requantizer.shift >= LEAST_SHIFT)
    requantizer.addend = w->biases[map] * ((int64_t)1 << (requantizer.shift - LEAST_SHIFT));
  return requantizer;
}

static packed_status_t check_int8(const packed_layer_t *layer, const packed_weights_t *w) {
  const uint32_t entries = (w->dictionary_per_map ? maps_of(layer) : 1) << w->bits;
  const uint32_t scales = w->scales && w->scale_per_map ? maps_of(layer) : 1;
  uint32_t i;
  if (layer->type != PACKED_INT8 || w->low > w->high) return PACKED_NOT_INT8;
  if (w->dictionary) {
    for (i = 0; i < entries; i++)
      if (w->dictionary[i] > 127.0f || w->dictionary[i] < -128.0f) return PACKED_NOT_INT8;
  } else if (w->zero_point > 128 || (1 << w->bits) - 1 - w->zero_point > 127)
    return PACKED_NOT_INT8;
  for (i = 0; i < scales; i++)
    if (requantizer_of(layer, w, i).shift < LEAST_SHIFT) return PACKED_NOT_INT8;
  return PACKED_OK;
}

static packed_status_t check_integer(const packed_layer_t *layer, const packed_weights_t *w) {
  const uint64_t largest_x = layer->type == PACKED_INT8 ? 128 : 32768;
  const uint32_t entries = (w->dictionary_per_map ? maps_of(layer) : 1) << w->bits;
  uint32_t i;
  if (w->dictionary) {
    for (i = 0; i < entries; i++)
      if (!is_integer_level(w->dictionary[i])) return PACKED_NOT_INTEGER;
  } else if (w->zero_point > 32768 || w->zero_point < -32512)
    return PACKED_NOT_INTEGER;
  /* Any level is at most 2^15: the codes themselves are only read where that does not settle it. */
  if ((uint64_t)layer->in_maps * taps_of(layer) * 32768 * largest_x <= INT32_MAX) return PACKED_OK;
  return largest_sum_of_levels(layer, w) * largest_x <= INT32_MAX ? PACKED_OK : PACKED_MAY_OVERFLOW;
}

#ifdef PACKED_NO_MULTIPLY
static int is_power_of_two(float value) {
  const uint32_t bits = bits_of_float(value) & 0x7fffffff;
  return bits == 0 || ((bits & 0x7fffff) == 0 && bits < 0x7f800000);
}

static packed_status_t check_powers_of_two(const packed_layer_t *layer, const packed_weights_t *w) {
  const uint32_t scales = w->scales ? (w->scale_per_map ? maps_of(layer) : 1) : 0;
  const uint32_t entries = (w->dictionary && w->dictionary_per_map ? maps_of(layer) : 1) << (w->bits & 15);
  uint32_t i;
  if (w->bits == PACKED_FLOAT_BITS) return PACKED_NOT_POWER_OF_TWO;
  for (i = 0; i < entries; i++)
    if (!is_power_of_two(w->dictionary ? w->dictionary[i] : (float)((int32_t)i - w->zero_point)))
      return PACKED_NOT_POWER_OF_TWO;
  for (i = 0; i < scales; i++)
    if (!is_power_of_two(w->scales[i])) return PACKED_NOT_POWER_OF_TWO;
  return layer->type == PACKED_FLOAT || is_power_of_two(layer->coefficient) ? PACKED_OK : PACKED_NOT_POWER_OF_TWO;
}
#endif

packed_status_t packed_check(const packed_layer_t *layer, const packed_weights_t *w) {
  uint64_t bits;
  packed_status_t status = check_shape(layer);
  if (status != PACKED_OK) return status;
  if (!is_number_of_bits(w->bits)) return PACKED_BAD_BITS;
  bits = (uint64_t)packed_number_of_weights(layer) * w->bits;
  if (bits == 0 || bits > UINT32_MAX - 64) return PACKED_BAD_SHAPE;
  if (w->bits == PACKED_FLOAT_BITS) {
    if (w->dictionary || w->scales) return PACKED_BAD_DESCRIPTION;
    if (layer->type != PACKED_FLOAT) return PACKED_NOT_INTEGER;
  } else if ((uint64_t)maps_of(layer) << w->bits > LARGEST_COUNT)
    return PACKED_BAD_SHAPE;
  if (!w->codes || w->code_bytes < (bits + 7) / 8) return PACKED_BAD_SIZE;
  if (w->zero_point > 1 << 24 || w->zero_point < -(1 << 24)) return PACKED_BAD_DESCRIPTION;
  if (layer->type != PACKED_FLOAT) status = check_integer(layer, w);
  if (status == PACKED_OK && w->biases) status = check_int8(layer, w);
#ifdef PACKED_NO_MULTIPLY
  if (status == PACKED_OK) status = check_powers_of_two(layer, w);
#endif
  return status;
}

/* --------------------------------------------------------------- products -- */

#ifdef PACKED_NO_MULTIPLY

/* x times zero, of a subnormal number, or with a result that is subnormal or infinite. */
static PACKED_NOINLINE float unusual_product(uint32_t x, uint32_t w) {
  const uint32_t sign = (x ^ w) & 0x80000000u;
  int32_t exponent = (int32_t)(x >> 23 & 255);
  uint32_t mantissa = x & 0x7fffff, result;
  float value;
  x &= 0x7fffffff;
  w &= 0x7fffffff;
  if (x > 0x7f800000 || (x == 0x7f800000 && w == 0))
    result = 0x7fc00000;
  else if (x == 0 || w == 0)
    result = sign;
  else if (x == 0x7f800000)
    result = sign | x;
  else {
    if (exponent == 0) {
      for (exponent = 1; mantissa < 0x800000; exponent--) mantissa <<= 1;
    } else
      mantissa |= 0x800000;
    exponent += (int32_t)(w >> 23) - 127;
    if (exponent >= 255)
      result = sign | 0x7f800000;
    else if (exponent > 0)
      result = sign | ((uint32_t)exponent << 23) | (mantissa & 0x7fffff);
    else {
      /* Subnormal: the mantissa loses bits and is rounded, ties to even. */
      const uint32_t shift = exponent < -30 ? 31 : (uint32_t)(1 - exponent);
      const uint32_t kept = mantissa >> shift, lost = mantissa & ((1u << shift) - 1), half = 1u << (shift - 1);
      result = sign | (kept + (lost > half || (lost == half && (kept & 1))));
    }
  }
  memcpy(&value, &result, sizeof value);
  return value;
}

/* x * w where w is zero or plus or minus a power of two; equal to the product bit for bit (but for the sign of NaN). */
static inline float product(float x, float w) {
  const uint32_t a = bits_of_float(x), b = bits_of_float(w);
  const uint32_t exponent = (a >> 23 & 255) + (b >> 23 & 255) - 127;
  if ((a >> 23 & 255) - 1 < 254 && (b >> 23 & 255) != 0 && exponent - 1 < 254) {
    const uint32_t result = ((a ^ b) & 0x80000000u) | exponent << 23 | (a & 0x7fffff);
    float value;
    memcpy(&value, &result, sizeof value);
    return value;
  }
  return unusual_product(a, b);
}

#define PACKED_INNER static PACKED_NOINLINE /* a symbol of its own in the object file, to be looked at */

#else

static inline float product(float x, float w) { return x * w; }

#define PACKED_INNER static inline

#endif

/* ----------------------------------------------------------------- decode -- */

/* The code that begins at a bit; no byte behind its last one is read. */
static inline uint32_t code_at(const uint8_t *codes, uint32_t bit, uint32_t bits) {
  const uint8_t *p = codes + (bit >> 3);
  const uint32_t shift = bit & 7;
  uint32_t code = *p;
  if (shift + bits > 8) code |= (uint32_t)p[1] << 8;
  return code >> shift & ((1u << bits) - 1);
}

static inline const float *dictionary_of(const packed_weights_t *w, uint32_t map) {
  return w->dictionary && w->dictionary_per_map ? w->dictionary + ((size_t)map << w->bits) : w->dictionary;
}

static inline float scale_of(const packed_weights_t *w, uint32_t map) {
  return w->scales ? w->scales[w->scale_per_map ? map : 0] : 1.0f;
}

/* The values of count weights from index first on, all of one output map. */
static void decode(const packed_weights_t *w, uint32_t first, int32_t count, uint32_t map, float *values) {
  const float *dictionary = dictionary_of(w, map);
  const float scale = scale_of(w, map);
  const uint8_t *codes = w->codes;
  const uint32_t bits = w->bits;
  uint32_t bit = first * bits;
  int32_t i;
  if (bits == PACKED_FLOAT_BITS)
    memcpy(values, codes + (size_t)first * sizeof *values, (size_t)count * sizeof *values);
  else if (dictionary && !w->scales)
    for (i = 0; i < count; i++, bit += bits) values[i] = dictionary[code_at(codes, bit, bits)];
  else
    for (i = 0; i < count; i++, bit += bits) {
      const int32_t code = (int32_t)code_at(codes, bit, bits);
      const float level = dictionary ? dictionary[code] : (float)(code - w->zero_point);
      values[i] = product(level, scale);
    }
}

static void decode_levels(const packed_weights_t *w, uint32_t first, int32_t count, uint32_t map, int32_t *levels) {
  const float *dictionary = dictionary_of(w, map);
  const uint32_t bits = w->bits;
  uint32_t bit = first * bits;
  int32_t i;
  for (i = 0; i < count; i++, bit += bits) {
    const uint32_t code = code_at(w->codes, bit, bits);
    levels[i] = dictionary ? (int32_t)dictionary[code] : (int32_t)code - w->zero_point;
  }
}

/* ---------------------------------------------------- exact float kernels -- */

/* The taps that meet the input for one row or column of the output. */
typedef struct {
  int32_t tap;      /* the first of them */
  int32_t position; /* of the input, there */
  int32_t count;
} range_t;

/* From one product of a sum to the next. */
typedef struct {
  int32_t x_row, x_column, w_row, w_column;
} steps_t;

PACKED_INNER float sum_of_taps(const float *x, const float *w, int32_t rows, int32_t columns, const steps_t *steps) {
  float sum = 0.0f;
  int32_t x_row = 0, w_row = 0;
  for (; rows > 0; rows--) {
    int32_t i = x_row, j = w_row, n;
    for (n = columns; n > 0; n--) {
      sum += product(x[i], w[j]);
      i += steps->x_column;
      j += steps->w_column;
    }
    x_row += steps->x_row;
    w_row += steps->w_row;
  }
  return sum;
}

/* The sum of n products, decoded one by one; bit is where the first code begins. */
PACKED_INNER float sum_of_products(const packed_weights_t *w, uint32_t bit, const float *dictionary, float scale,
                                   const float *x, int32_t n) {
  const uint8_t *codes = w->codes;
  const uint32_t bits = w->bits;
  float sum = 0.0f;
  int32_t i;
  if (dictionary && !w->scales)
    for (i = 0; i < n; i++, bit += bits) sum += product(x[i], dictionary[code_at(codes, bit, bits)]);
  else
    for (i = 0; i < n; i++, bit += bits) {
      const int32_t code = (int32_t)code_at(codes, bit, bits);
      const float level = dictionary ? dictionary[code] : (float)(code - w->zero_point);
      sum += product(x[i], product(level, scale));
    }
  return sum;
}

static float sum_of_float_products(const uint8_t *weights, const float *x, int32_t n) {
  float sum = 0.0f;
  int32_t i;
  for (i = 0; i < n; i++, weights += sizeof(float)) {
    float value;
    memcpy(&value, weights, sizeof value);
    sum += product(x[i], value);
  }
  return sum;
}

static void fill_ranges(const packed_layer_t *layer, int d, range_t *ranges) {
  const int32_t taps = layer->kernel[d], stride = layer->stride[d], dilation = layer->dilation[d];
  const int32_t size = layer->in_size[d];
  int32_t out, k;
  for (out = 0; out < layer->out_size[d]; out++) {
    range_t range = {0, 0, 0};
    if (layer->kind == PACKED_CONVOLUTION) {
      int32_t position = out * stride - layer->pad[d];
      for (k = 0; k < taps; k++, position += dilation)
        if (position >= 0 && position < size && range.count++ == 0) {
          range.tap = k;
          range.position = position;
        }
    } else {
      /* The stock kernel goes through the taps from the last to the first. */
      int32_t numerator = out + layer->pad[d] - dilation * (taps - 1);
      for (k = taps - 1; k >= 0; k--, numerator += dilation)
        if (numerator >= 0 && numerator % stride == 0 && numerator / stride < size && range.count++ == 0) {
          range.tap = k;
          range.position = numerator / stride;
        }
    }
    ranges[out] = range;
  }
}

static int32_t greatest_common_divisor(int32_t a, int32_t b) {
  while (b != 0) {
    const int32_t remainder = a % b;
    a = b;
    b = remainder;
  }
  return a;
}

static steps_t steps_of(const packed_layer_t *layer) {
  steps_t steps;
  if (layer->kind == PACKED_CONVOLUTION) {
    steps.x_row = layer->dilation[0] * layer->in_size[1];
    steps.x_column = layer->dilation[1];
    steps.w_row = layer->kernel[1];
    steps.w_column = 1;
  } else {
    const int32_t rows = greatest_common_divisor(layer->stride[0], layer->dilation[0]);
    const int32_t columns = greatest_common_divisor(layer->stride[1], layer->dilation[1]);
    steps.x_row = layer->dilation[0] / rows * layer->in_size[1];
    steps.x_column = layer->dilation[1] / columns;
    steps.w_row = -(layer->stride[0] / rows) * layer->kernel[1];
    steps.w_column = -(layer->stride[1] / columns);
  }
  return steps;
}

static void add_input_map(const packed_layer_t *layer, const float *x, const float *w, const range_t *rows,
                          const range_t *columns, const steps_t *steps, float *y) {
  int32_t row, column;
  for (row = 0; row < layer->out_size[0]; row++) {
    const range_t r = rows[row];
    const float *xr = x + (size_t)r.position * layer->in_size[1];
    const float *wr = w + (size_t)r.tap * layer->kernel[1];
    for (column = 0; column < layer->out_size[1]; column++) {
      const range_t c = columns[column];
      *y++ += sum_of_taps(xr + c.position, wr + c.tap, r.count, c.count, steps);
    }
  }
}

static void exact(const packed_layer_t *layer, const packed_weights_t *w, const float *x, const float *bias, float *y,
                  void *scratch) {
  const size_t in_plane = (size_t)layer->in_size[0] * layer->in_size[1];
  const size_t out_plane = (size_t)layer->out_size[0] * layer->out_size[1];
  const int32_t taps = taps_of(layer);
  const steps_t steps = steps_of(layer);
  range_t *rows = scratch, *columns = rows + layer->out_size[0];
  float *values = (float *)(void *)(columns + layer->out_size[1]);
  int32_t b, g, o, i;
  size_t p;
  fill_ranges(layer, 0, rows);
  fill_ranges(layer, 1, columns);
  for (b = 0; b < layer->batch; b++)
    for (g = 0; g < layer->groups; g++)
      for (o = 0; o < layer->out_maps; o++, y += out_plane) {
        const uint32_t map = (uint32_t)g * layer->out_maps + o;
        const float *xi = x + ((size_t)b * layer->groups + g) * layer->in_maps * in_plane;
        for (p = 0; p < out_plane; p++) y[p] = 0.0f;
        for (i = 0; i < layer->in_maps; i++, xi += in_plane) {
          decode(w, first_weight(layer, g, o, i), taps, map, values);
          add_input_map(layer, xi, values, rows, columns, &steps, y);
        }
        if (bias)
          for (p = 0; p < out_plane; p++) y[p] += bias[map];
      }
}

size_t packed_scratch_bytes(const packed_layer_t *layer, const packed_weights_t *w) {
  (void)w;
  if (layer->kind == PACKED_AFFINE) return 0;
  return ((size_t)layer->out_size[0] + layer->out_size[1]) * sizeof(range_t) + (size_t)taps_of(layer) * sizeof(float);
}

void packed_convolution(const packed_layer_t *layer, const packed_weights_t *w, const float *x, const float *bias,
                        float *y, void *scratch) {
  exact(layer, w, x, bias, y, scratch);
}

void packed_deconvolution(const packed_layer_t *layer, const packed_weights_t *w, const float *x, const float *bias,
                          float *y, void *scratch) {
  exact(layer, w, x, bias, y, scratch);
}

void packed_affine(const packed_layer_t *layer, const packed_weights_t *w, const float *x, const float *bias, float *y,
                   void *scratch) {
  const int32_t n = layer->in_maps;
  int32_t b, o;
  (void)scratch;
  for (b = 0; b < layer->batch; b++, x += n)
    for (o = 0; o < layer->out_maps; o++) {
      const uint32_t map = (uint32_t)o, first = map * (uint32_t)n;
      const float sum = w->bits == PACKED_FLOAT_BITS
                            ? sum_of_float_products(w->codes + (size_t)first * sizeof *x, x, n)
                            : sum_of_products(w, first * w->bits, dictionary_of(w, map), scale_of(w, map), x, n);
      *y++ = bias ? sum + bias[o] : sum;
    }
}

/* --------------------------------------------------------- integer kernels -- */

#define CHUNK 64 /* weights of an affine layer that are decoded at once */

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC optimize("fp-contract=off")
#endif

/* The steps j of [0, n) with 0 <= j * stride + offset < limit. */
static void span(int32_t n, int32_t stride, int32_t offset, int32_t limit, int32_t *first, int32_t *count) {
  const int32_t begin = offset < 0 ? (stride - 1 - offset) / stride : 0;
  int32_t end = limit - 1 - offset < 0 ? 0 : (limit - 1 - offset) / stride + 1;
  if (end > n) end = n;
  *first = begin;
  *count = end > begin ? end - begin : 0;
}

#ifdef PACKED_NO_MULTIPLY
/* x * level where level is zero or plus or minus a power of two. */
static inline int32_t integer_product(int32_t x, int32_t level) {
  int32_t magnitude = level < 0 ? -level : level, shift = 0;
  if (level == 0) return 0;
  for (; magnitude > 1; magnitude >>= 1) shift++;
  x = (int32_t)((uint32_t)x << shift);
  return level < 0 ? -x : x;
}
#else
static inline int32_t integer_product(int32_t x, int32_t level) { return x * level; }
#endif

#define DEFINE_INTEGER_SUMS(add_row, add_integer_products, type)                                                       \
  PACKED_INNER void add_row(int32_t *sums, int32_t sum_step, const type *x, int32_t x_step, int32_t level,             \
                            int32_t n) {                                                                               \
    int32_t i;                                                                                                         \
    if (sum_step == 1 && x_step == 1)                                                                                  \
      for (i = 0; i < n; i++) sums[i] += integer_product(x[i], level);                                                 \
    else                                                                                                               \
      for (; n > 0; n--, sums += sum_step, x += x_step) *sums += integer_product(*x, level);                           \
  }                                                                                                                    \
  PACKED_INNER int32_t add_integer_products(int32_t sum, const type *x, const int32_t *levels, int32_t n) {            \
    int32_t i;                                                                                                         \
    for (i = 0; i < n; i++) sum += integer_product(x[i], levels[i]);                                                   \
    return sum;                                                                                                        \
  }

DEFINE_INTEGER_SUMS(add_row_int8, add_products_int8, int8_t)
DEFINE_INTEGER_SUMS(add_row_int16, add_products_int16, int16_t)

static void add_row(const packed_layer_t *layer, int32_t *sums, int32_t sum_step, const void *x, size_t index,
                    int32_t x_step, int32_t level, int32_t n) {
  if (layer->type == PACKED_INT8)
    add_row_int8(sums, sum_step, (const int8_t *)x + index, x_step, level, n);
  else
    add_row_int16(sums, sum_step, (const int16_t *)x + index, x_step, level, n);
}

#ifdef PACKED_NO_MULTIPLY
/* The multiplier is zero or plus or minus a power of two. */
static inline int64_t multiplied(int32_t sum, int32_t multiplier) {
  const int64_t factor = multiplier < 0 ? -(int64_t)multiplier : multiplier;
  int64_t result = sum;
  int32_t shift = 0;
  if (multiplier == 0) return 0;
  while ((int64_t)1 << shift < factor) shift++;
  result = (int64_t)((uint64_t)result << shift);
  return multiplier < 0 ? -result : result;
}
#else
static inline int64_t multiplied(int32_t sum, int32_t multiplier) { return (int64_t)sum * multiplier; }
#endif

static PACKED_NOINLINE int8_t requantized(const requantizer_t *r, int32_t sum) {
  const int64_t exact = multiplied(sum, r->multiplier) + r->addend;
  const int32_t beyond = r->shift - 32;
  int32_t result;
  /* The upper word alone where that will do: 64 bits are shifted in several steps by a processor of 32. */
  if (beyond >= 0)
    result = (int32_t)(exact >> 32) >> beyond;
  else {
    const int64_t shifted = exact >> r->shift;
    result = shifted > 127 ? 127 : shifted < -128 ? -128 : (int32_t)shifted;
  }
  if (result < r->low) result = r->low;
  if (result > r->high) result = r->high;
  return (int8_t)result;
}

#define AT_ONCE 16 /* results; an even number, and a multiple of the lanes of any vector */

/* Bounds that are constants are an instruction on processors that saturate. */
#define REQUANTIZE_WITHIN(low, high)                                                                                   \
  for (i = 0; i < n; i++) {                                                                                            \
    int32_t result = (int32_t)((multiplied(sums[i], multiplier) + addend) >> 32) >> beyond;                            \
    result = result < (low) ? (low) : result;                                                                          \
    y[i] = (int8_t)(result > (high) ? (high) : result);                                                                \
  }

static PACKED_NOINLINE void requantize(const requantizer_t *r, const int32_t *sums, int32_t n, int8_t *y) {
  const int64_t addend = r->addend;
  const int32_t multiplier = r->multiplier, beyond = r->shift - 32, low = r->low, high = r->high;
  int32_t i;
  if (beyond < 0)
    for (i = 0; i < n; i++) y[i] = requantized(r, sums[i]);
  else if (low == 0 && high == 127)
    REQUANTIZE_WITHIN(0, 127)
  else if (low == -128 && high == 127)
    REQUANTIZE_WITHIN(-128, 127)
  else
    REQUANTIZE_WITHIN(low, high)
}

static float finish(const packed_layer_t *layer, const packed_weights_t *w, const float *bias, uint32_t map,
                    int32_t sum) {
  const float y = product((float)sum, product(scale_of(w, map), layer->coefficient));
  return bias ? y + bias[map] : y;
}

/* One tap of one input map: outputs stride apart meet neighbouring inputs, or the other way round. */
static void add_tap(const packed_layer_t *layer, const void *x, size_t plane, int32_t ky, int32_t kx, int32_t level,
                    int32_t *sums) {
  const int transposed = layer->kind == PACKED_DECONVOLUTION;
  const int32_t *steps = transposed ? layer->in_size : layer->out_size;
  const int32_t *limits = transposed ? layer->out_size : layer->in_size;
  const int32_t offset_y = ky * layer->dilation[0] - layer->pad[0], offset_x = kx * layer->dilation[1] - layer->pad[1];
  int32_t row, rows, column, columns;
  span(steps[0], layer->stride[0], offset_y, limits[0], &row, &rows);
  span(steps[1], layer->stride[1], offset_x, limits[1], &column, &columns);
  if (columns == 0) return;
  for (; rows > 0; rows--, row++) {
    const size_t near = (size_t)row * steps[1] + column;
    const size_t far = (size_t)(row * layer->stride[0] + offset_y) * limits[1] + (column * layer->stride[1] + offset_x);
    if (transposed)
      add_row(layer, sums + far, layer->stride[1], x, plane + near, 1, level, columns);
    else
      add_row(layer, sums + near, 1, x, plane + far, layer->stride[1], level, columns);
  }
}

static void store_sums(const packed_layer_t *layer, const packed_weights_t *w, const float *bias, uint32_t map,
                       const int32_t *sums, size_t n, void *y, size_t index) {
  size_t i;
  if (w->biases) {
    const requantizer_t requantizer = requantizer_of(layer, w, map);
    requantize(&requantizer, sums, (int32_t)n, (int8_t *)y + index);
  } else
    for (i = 0; i < n; i++) ((float *)y)[index + i] = finish(layer, w, bias, map, sums[i]);
}

static void integer(const packed_layer_t *layer, const packed_weights_t *w, const void *x, const float *bias, void *y,
                    void *scratch) {
  const size_t in_plane = (size_t)layer->in_size[0] * layer->in_size[1];
  const size_t out_plane = (size_t)layer->out_size[0] * layer->out_size[1];
  const int32_t taps = taps_of(layer);
  int32_t *sums = scratch, *levels = sums + out_plane;
  int32_t b, g, o, i, ky, kx;
  size_t index = 0;
  for (b = 0; b < layer->batch; b++)
    for (g = 0; g < layer->groups; g++)
      for (o = 0; o < layer->out_maps; o++, index += out_plane) {
        const uint32_t map = (uint32_t)g * layer->out_maps + o;
        size_t plane = ((size_t)b * layer->groups + g) * layer->in_maps * in_plane;
        memset(sums, 0, out_plane * sizeof *sums);
        for (i = 0; i < layer->in_maps; i++, plane += in_plane) {
          decode_levels(w, first_weight(layer, g, o, i), taps, map, levels);
          for (ky = 0; ky < layer->kernel[0]; ky++)
            for (kx = 0; kx < layer->kernel[1]; kx++)
              add_tap(layer, x, plane, ky, kx, levels[ky * layer->kernel[1] + kx], sums);
        }
        store_sums(layer, w, bias, map, sums, out_plane, y, index);
      }
}

size_t packed_scratch_bytes_integer(const packed_layer_t *layer, const packed_weights_t *w) {
  (void)w;
  if (layer->kind == PACKED_AFFINE) return CHUNK * sizeof(int32_t);
  return ((size_t)layer->out_size[0] * layer->out_size[1] + (size_t)taps_of(layer)) * sizeof(int32_t);
}

void packed_convolution_integer(const packed_layer_t *layer, const packed_weights_t *w, const void *x,
                                const float *bias, float *y, void *scratch) {
  integer(layer, w, x, bias, y, scratch);
}

void packed_deconvolution_integer(const packed_layer_t *layer, const packed_weights_t *w, const void *x,
                                  const float *bias, float *y, void *scratch) {
  integer(layer, w, x, bias, y, scratch);
}

static void affine_integer(const packed_layer_t *layer, const packed_weights_t *w, const void *x, const float *bias,
                           void *y, void *scratch) {
  int32_t *levels = scratch;
  const int32_t n = layer->in_maps;
  size_t index = 0;
  int32_t b, o, i;
  for (b = 0; b < layer->batch; b++)
    for (o = 0; o < layer->out_maps; o++) {
      int32_t sum = 0;
      for (i = 0; i < n; i += CHUNK) {
        const int32_t count = n - i < CHUNK ? n - i : CHUNK;
        decode_levels(w, first_weight(layer, 0, o, i), count, (uint32_t)o, levels);
        if (layer->type == PACKED_INT8)
          sum = add_products_int8(sum, (const int8_t *)x + (size_t)b * n + i, levels, count);
        else
          sum = add_products_int16(sum, (const int16_t *)x + (size_t)b * n + i, levels, count);
      }
      store_sums(layer, w, bias, (uint32_t)o, &sum, 1, y, index++);
    }
}

void packed_affine_integer(const packed_layer_t *layer, const packed_weights_t *w, const void *x, const float *bias,
                           float *y, void *scratch) {
  affine_integer(layer, w, x, bias, y, scratch);
}

#if defined(__clang__)
#pragma STDC FP_CONTRACT ON
#elif defined(__GNUC__)
#pragma GCC pop_options
#endif

/* ------------------------------------------------------------ int8 kernels -- */

#ifndef PACKED_NO_MULTIPLY

#include "packed_dot.h"

static int32_t reach_of(const packed_layer_t *layer, int d) { return layer->dilation[d] * (layer->kernel[d] - 1) + 1; }

static size_t size_of(uint64_t bytes) { return bytes > SIZE_MAX ? SIZE_MAX : (size_t)bytes; }

#define LEVELS 256 /* bytes of a table of levels */

static void fill_levels(const packed_weights_t *w, uint32_t map, int8_t *levels) {
  const float *dictionary = dictionary_of(w, map);
  int32_t code;
  for (code = 0; code < 1 << w->bits; code++)
    levels[code] = (int8_t)(dictionary ? (int32_t)dictionary[code] : code - w->zero_point);
}

/* Reads codes one after another; no byte behind the last one is read. */
typedef struct {
  const uint8_t *next;
  uint32_t held, count; /* bits */
} code_reader_t;

static inline code_reader_t code_reader_at(const uint8_t *codes, uint32_t bit) {
  code_reader_t reader;
  reader.next = codes + (bit >> 3);
  reader.held = reader.count = 0;
  if (bit & 7) {
    reader.held = (uint32_t)*reader.next++ >> (bit & 7);
    reader.count = 8 - (bit & 7);
  }
  return reader;
}

static inline uint32_t next_code(code_reader_t *reader, uint32_t bits) {
  uint32_t code;
  if (reader->count < bits) {
    reader->held |= (uint32_t)*reader->next++ << reader->count;
    reader->count += 8;
  }
  code = reader->held & ((1u << bits) - 1);
  reader->held >>= bits;
  reader->count -= bits;
  return code;
}

/* Rows of the output that are computed at once. */
static int32_t rows_at_once(const packed_layer_t *layer) {
  return layer->rows > 0 && layer->rows < layer->out_size[0] ? layer->rows : layer->out_size[0];
}

/* The rows of the input that rows of the output from this one on read: some of a map, from this one on; those outside it are zero. */
typedef struct {
  int32_t top;        /* the first one, as a row of the map */
  int32_t first, end; /* those that lie in the map, counted from the top */
} window_t;

static window_t window_of(const packed_layer_t *layer, int32_t row, int32_t in_rows) {
  window_t window;
  window.top = row * layer->stride[0] - layer->pad[0];
  window.first = window.top < 0 ? -window.top : 0;
  window.end = layer->in_size[0] - window.top < in_rows ? layer->in_size[0] - window.top : in_rows;
  return window;
}

#ifndef DOT_NEON
static uint64_t words_of(uint64_t bytes) { return (bytes + 3) / 4 * 4; }

/* A layer whose outputs read one input map each, as a depthwise one. */
static int reads_one_map(const packed_layer_t *layer) {
  return layer->in_maps == 1 && layer->out_maps == 1 && layer->dilation[1] == 1;
}
#endif

#if DOT_WIDE

#include "packed_wide.h"

/* What begins the decoded weights of some output maps. */
typedef struct {
  requantizer_t requantizers[WIDE_MAPS];
  int32_t starts[WIDE_MAPS];
} wide_head_t;

typedef struct {
  int32_t rows, in_rows, phase; /* rows of the image, and of those that a step of the output apart lie behind one another */
  int32_t depth, groups;        /* numbers that are summed for a row of the kernel; in groups of WIDE_DEPTH */
  size_t pitch;                 /* of a group in the image */
  size_t block;                 /* bytes of the decoded weights of some maps */
} wide_plan_t;

typedef struct {
  int32_t *offsets;
  int8_t *levels;
  uint8_t *block;
  wide_t *image, *row;
} wide_parts_t;

/* See fill_wide. */
static int copies_rows(const packed_layer_t *layer) {
  return layer->kernel[1] > 1 && layer->stride[1] == 1 && layer->in_maps % WIDE_DEPTH == 0;
}

/* Where a pixel of the output reads a pixel of the input, the rows of a map are one. */
static packed_layer_t flattened(const packed_layer_t *layer) {
  packed_layer_t flat = *layer;
  int d, is_flat = rows_at_once(layer) == layer->out_size[0];
  for (d = 0; d < 2; d++)
    if (layer->kernel[d] != 1 || layer->stride[d] != 1 || layer->pad[d] != 0) is_flat = 0;
  if (is_flat) {
    flat.in_size[1] = flat.out_size[1] = layer->in_size[0] * layer->in_size[1];
    flat.in_size[0] = flat.out_size[0] = 1;
  }
  return flat;
}

static wide_plan_t wide_plan_of(const packed_layer_t *layer) {
  wide_plan_t plan;
  plan.rows = rows_at_once(layer);
  plan.phase = ((plan.rows - 1) * layer->stride[0] + reach_of(layer, 0) + layer->stride[0] - 1) / layer->stride[0];
  plan.in_rows = plan.phase * layer->stride[0];
  plan.depth = layer->in_maps * layer->kernel[1];
  plan.groups = (plan.depth + WIDE_DEPTH - 1) / WIDE_DEPTH;
  plan.pitch = (size_t)plan.in_rows * layer->out_size[1] * WIDE_DEPTH;
  plan.block = sizeof(wide_head_t) + (size_t)layer->kernel[0] * plan.groups * WIDE_STEP_BYTES;
  return plan;
}

#define WIDE_LINE 64 /* bytes of a cache line, on which vectors begin */

static uint64_t lines_of(uint64_t bytes) { return (bytes + WIDE_LINE - 1) / WIDE_LINE * WIDE_LINE; }

static uint8_t *line_from(uint8_t *p) { return p + (WIDE_LINE - ((uintptr_t)p & (WIDE_LINE - 1))) % WIDE_LINE; }

/* Behind the image there is room for the last places of a row and of a vector, which nobody wants. */
static size_t wide_parts_of(const packed_layer_t *layer, const wide_plan_t *plan, void *scratch, wide_parts_t *parts) {
  const uint64_t offsets = lines_of(4 * (uint64_t)layer->kernel[0]), block = lines_of(plan->block);
  const uint64_t image = ((uint64_t)plan->groups * plan->pitch + 2 * WIDE_COLUMNS * WIDE_DEPTH) * sizeof(wide_t);
  const uint64_t numbers = (uint64_t)layer->out_size[1] + reach_of(layer, 1) + WIDE_COLUMNS;
  const uint64_t row = copies_rows(layer) ? lines_of(numbers * WIDE_DEPTH * sizeof(wide_t)) : 0;
  if (parts) {
    uint8_t *p = line_from(scratch);
    parts->offsets = (int32_t *)(void *)p;
    parts->levels = (int8_t *)(void *)(p + (size_t)offsets);
    parts->block = p + (size_t)offsets + LEVELS;
    parts->row = (wide_t *)(void *)(parts->block + (size_t)block);
    parts->image = (wide_t *)(void *)(parts->block + (size_t)(block + row));
  }
  return size_of(WIDE_LINE + offsets + LEVELS + block + row + image);
}

/* Decodes the weights of an output map into its place among some. Returns what its sums begin with. */
static int32_t decode_wide_map(const packed_layer_t *layer, const packed_weights_t *w, const wide_plan_t *plan,
                               uint32_t first, const int8_t *levels, int32_t place, wide_weight_t *weights) {
  const uint32_t bits = w->bits;
  code_reader_t reader = code_reader_at(w->codes, first * bits);
  int32_t i, row, column, sum = 0;
  for (i = 0; i < layer->in_maps; i++)
    for (row = 0; row < layer->kernel[0]; row++) {
      wide_weight_t *to = weights + (size_t)row * plan->groups * WIDE_MAPS * WIDE_DEPTH + place * WIDE_DEPTH;
      int32_t d = i;
      for (column = 0; column < layer->kernel[1]; column++, d += layer->in_maps) {
        const int8_t level = levels[next_code(&reader, bits)];
        sum += level;
        to[(size_t)(d / WIDE_DEPTH) * WIDE_MAPS * WIDE_DEPTH + d % WIDE_DEPTH] = level;
      }
    }
  return -WIDE_OFFSET * sum;
}

/* Decodes the weights of some output maps of a group; those of maps that are not there are zero. */
static void decode_wide(const packed_layer_t *layer, const packed_weights_t *w, const wide_plan_t *plan, int32_t group,
                        int32_t first, int8_t *levels, uint8_t *block) {
  wide_head_t head;
  wide_weight_t *weights = (wide_weight_t *)(void *)(block + sizeof head);
  int32_t m;
  memset(&head, 0, sizeof head);
  memset(weights, 0, plan->block - sizeof head);
  for (m = 0; m < WIDE_MAPS && first + m < layer->out_maps; m++) {
    const uint32_t map = (uint32_t)group * layer->out_maps + first + m;
    if (w->dictionary_per_map) fill_levels(w, map, levels);
    head.requantizers[m] = requantizer_of(layer, w, map);
    head.starts[m] =
        decode_wide_map(layer, w, plan, first_weight(layer, group, first + m, 0), levels, m, weights);
  }
  memcpy(block, &head, sizeof head);
}

/* Fills the image with what rows of the output from this one on read. Where maps come in whole groups and steps are 1, a row is put
 * together once, and copied for each column of the kernel. */
PACKED_NOINLINE static void fill_wide(const packed_layer_t *layer, const wide_plan_t *plan, const int8_t *x,
                                      int32_t first_row, const wide_parts_t *parts) {
  const int32_t in_maps = layer->in_maps, width = layer->in_size[1], columns = layer->out_size[1];
  const int32_t step = layer->stride[0], copies = copies_rows(layer) ? layer->kernel[1] : 1;
  const int32_t dilation = layer->dilation[1];
  const size_t in_plane = (size_t)layer->in_size[0] * width, row_pitch = (size_t)columns * WIDE_DEPTH;
  const size_t copy_pitch = (size_t)(in_maps / WIDE_DEPTH) * plan->pitch;
  const window_t window = window_of(layer, first_row, plan->in_rows);
  wide_t *image = parts->image;
  wide_source_t source;
  int32_t group, phase, row, copy, j;
  size_t i;
  source.begin = x;
  source.end = x + in_maps * in_plane;
  source.width = width;
  source.step = layer->stride[1];
  for (group = 0; group < plan->groups / copies; group++) {
    const int8_t *maps[WIDE_DEPTH];
    wide_lane_t lanes[WIDE_DEPTH];
    for (j = 0; j < WIDE_DEPTH; j++) {
      const int32_t d = group * WIDE_DEPTH + j, column = d / in_maps;
      const int there = d < plan->depth;
      maps[j] = x + (there ? (d - column * in_maps) * in_plane : 0);
      lanes[j].first = there ? column * dilation - layer->pad[1] : width;
    }
    for (phase = 0; phase < step; phase++)
      for (row = phase; row < plan->in_rows; row += step, image += row_pitch) {
        if (row < window.first || row >= window.end) {
          for (copy = 0; copy < copies; copy++)
            for (i = 0; i < row_pitch; i++) image[copy * copy_pitch + i] = WIDE_OFFSET;
          continue;
        }
        for (j = 0; j < WIDE_DEPTH; j++) lanes[j].row = maps[j] + (ptrdiff_t)(window.top + row) * width;
        if (copies == 1) {
          wide_fill(&source, lanes, columns, image);
          continue;
        }
        wide_fill(&source, lanes, columns + (copies - 1) * dilation, parts->row);
        for (copy = 0; copy < copies; copy++)
          wide_copy(parts->row + (size_t)copy * dilation * WIDE_DEPTH, columns, image + copy * copy_pitch);
      }
  }
}

/* Some output maps of a group at so many places; y is the first of these in the first map. */
PACKED_NOINLINE static void wide_places(const wide_runs_t *runs, const wide_t *image, const uint8_t *block,
                                        int32_t maps, int32_t count, size_t out_plane, int8_t *y) {
  static wide_sums_t *const sums_of[WIDE_VECTORS] = WIDE_SUMS;
  wide_head_t head;
  const wide_weight_t *weights = (const wide_weight_t *)(const void *)(block + sizeof head);
  int32_t sums[WIDE_MAPS * WIDE_PLACES], m;
  memcpy(&head, block, sizeof head);
  for (; count > 0; count -= WIDE_PLACES, image += WIDE_PLACES * WIDE_DEPTH, y += WIDE_PLACES) {
    const int32_t here = count < WIDE_PLACES ? count : WIDE_PLACES;
    sums_of[(here - 1) / WIDE_LANES](runs, image, head.starts, weights, sums);
    for (m = 0; m < maps; m++)
      wide_requantize(&head.requantizers[m], sums + m * WIDE_PLACES, here, y + m * out_plane);
  }
}

static void wide_convolution(const packed_layer_t *given, const packed_weights_t *w, const int8_t *x, int8_t *y,
                             void *scratch) {
  const packed_layer_t flat = flattened(given), *layer = &flat;
  const size_t in_plane = (size_t)layer->in_size[0] * layer->in_size[1];
  const size_t out_plane = (size_t)layer->out_size[0] * layer->out_size[1];
  const wide_plan_t plan = wide_plan_of(layer);
  wide_runs_t runs;
  wide_parts_t parts;
  int32_t b, g, o, row;
  wide_parts_of(layer, &plan, scratch, &parts);
  for (row = 0; row < layer->kernel[0]; row++) {
    const int32_t from = row * layer->dilation[0], step = layer->stride[0];
    parts.offsets[row] = (from % step * plan.phase + from / step) * layer->out_size[1] * WIDE_DEPTH;
  }
  runs.offsets = parts.offsets;
  runs.rows = layer->kernel[0];
  runs.groups = plan.groups;
  runs.pitch = plan.pitch;
  fill_levels(w, 0, parts.levels);
  for (b = 0; b < layer->batch; b++) {
    const uint8_t *decoded = w->decoded;
    for (g = 0; g < layer->groups; g++, x += layer->in_maps * in_plane, y += layer->out_maps * out_plane) {
      for (row = 0; row < layer->out_size[0]; row += plan.rows) {
        const int32_t rows = layer->out_size[0] - row < plan.rows ? layer->out_size[0] - row : plan.rows;
        const uint8_t *block = decoded;
        fill_wide(layer, &plan, x, row, &parts);
        for (o = 0; o < layer->out_maps; o += WIDE_MAPS) {
          const int32_t maps = layer->out_maps - o < WIDE_MAPS ? layer->out_maps - o : WIDE_MAPS;
          if (!decoded) decode_wide(layer, w, &plan, g, o, parts.levels, parts.block);
          wide_places(&runs, parts.image, decoded ? block : parts.block, maps, rows * layer->out_size[1], out_plane,
                      y + o * out_plane + (size_t)row * layer->out_size[1]);
          block += plan.block;
        }
      }
      if (decoded) decoded += plan.block * (size_t)((layer->out_maps + WIDE_MAPS - 1) / WIDE_MAPS);
    }
  }
}

#if defined(DOT_AVX512) || defined(DOT_AVX2)

#include "packed_depthwise.h"

/* What begins the decoded weights of a map; they follow, FLAT_COLUMNS for a row of the kernel. */
typedef struct {
  requantizer_t requantizer;
  int32_t start;
} flat_head_t;

static int is_flat(const packed_layer_t *layer) {
  return reads_one_map(layer) && layer->kernel[1] <= FLAT_COLUMNS && layer->stride[0] == 1 && layer->stride[1] == 1 &&
         layer->in_size[1] == layer->out_size[1];
}

static size_t flat_block_bytes(const packed_layer_t *layer) {
  return words_of(sizeof(flat_head_t)) + (size_t)layer->kernel[0] * FLAT_COLUMNS;
}

typedef struct {
  uint8_t *block, *inside, *image;
} flat_parts_t;

/* The image begins with its padding on the left; behind it there is what vectors read beyond. */
static size_t flat_parts_of(const packed_layer_t *layer, void *scratch, flat_parts_t *parts) {
  const int32_t rows = rows_at_once(layer);
  const uint64_t width = (uint64_t)layer->in_size[1], inside = FLAT_INSIDE_BYTES(rows * width) * layer->kernel[1];
  const uint64_t block = lines_of(flat_block_bytes(layer));
  const uint64_t image = ((uint64_t)rows + reach_of(layer, 0) - 1) * width + layer->kernel[1] + FLAT_OUTPUTS;
  if (parts) {
    parts->block = line_from(scratch);
    parts->inside = parts->block + (size_t)block;
    parts->image = parts->inside + (size_t)inside;
  }
  return size_of(WIDE_LINE + words_of(block + inside + image));
}

static void decode_flat(const packed_layer_t *layer, const packed_weights_t *w, int32_t group, uint8_t *block) {
  flat_head_t head;
  int8_t levels[LEVELS], *weights = (int8_t *)(void *)(block + words_of(sizeof head));
  code_reader_t reader = code_reader_at(w->codes, first_weight(layer, group, 0, 0) * w->bits);
  int32_t row, column;
  memset(&head, 0, sizeof head);
  memset(weights, 0, (size_t)layer->kernel[0] * FLAT_COLUMNS);
  fill_levels(w, (uint32_t)group, levels);
  for (row = 0; row < layer->kernel[0]; row++, weights += FLAT_COLUMNS)
    for (column = 0; column < layer->kernel[1]; column++) {
      weights[column] = levels[next_code(&reader, w->bits)];
      head.start -= FLAT_OFFSET * weights[column];
    }
  head.requantizer = requantizer_of(layer, w, (uint32_t)group);
  memcpy(block, &head, sizeof head);
}

/* Which outputs read a number of their own row. */
static void mark_inside(const packed_layer_t *layer, size_t outputs, size_t pitch, uint8_t *inside) {
  const int32_t width = layer->in_size[1];
  int32_t column, i;
  size_t row, output;
  memset(inside, 0xff, pitch * layer->kernel[1]);
  for (column = 0; column < layer->kernel[1]; column++, inside += pitch) {
    for (i = 0; i < width; i++) {
      const int32_t from = i + column - layer->pad[1];
      if (from >= 0 && from < width) continue;
      for (row = 0; row * width < outputs; row++) flat_mark_outside(inside, row * width + i);
    }
    for (output = outputs; output < pitch * (FLAT_OUTPUTS == 64 ? 8 : 1); output++) flat_mark_outside(inside, output);
  }
}

static void flat_convolution(const packed_layer_t *layer, const packed_weights_t *w, const int8_t *x, int8_t *y,
                             void *scratch) {
  const int32_t rows = rows_at_once(layer), width = layer->in_size[1], in_rows = rows + reach_of(layer, 0) - 1;
  const size_t in_plane = (size_t)layer->in_size[0] * width, image_bytes = (size_t)in_rows * width + layer->kernel[1];
  const size_t block_bytes = flat_block_bytes(layer);
  flat_plan_t plan;
  flat_parts_t parts;
  int32_t b, g, row;
  size_t i;
  flat_parts_of(layer, scratch, &parts);
  plan.map = parts.image;
  plan.inside = parts.inside;
  plan.inside_pitch = FLAT_INSIDE_BYTES((size_t)rows * width);
  plan.rows = layer->kernel[0];
  plan.columns = layer->kernel[1];
  plan.pitch = layer->dilation[0] * width;
  mark_inside(layer, (size_t)rows * width, plan.inside_pitch, parts.inside);
  memset(parts.image, FLAT_OFFSET, image_bytes + FLAT_OUTPUTS);
  for (b = 0; b < layer->batch; b++)
    for (g = 0; g < layer->groups; g++, x += in_plane) {
      const uint8_t *block = parts.block;
      flat_head_t head;
      if (w->decoded)
        block = (const uint8_t *)w->decoded + (size_t)g * block_bytes;
      else
        decode_flat(layer, w, g, parts.block);
      memcpy(&head, block, sizeof head);
      for (row = 0; row < layer->out_size[0]; row += rows) {
        const int32_t here = layer->out_size[0] - row < rows ? layer->out_size[0] - row : rows;
        const window_t window = window_of(layer, row, in_rows);
        const int32_t inside = window.end > window.first ? window.end - window.first : 0;
        const int8_t *from = x + (ptrdiff_t)(window.top + window.first) * width;
        uint8_t *to = parts.image + layer->pad[1] + (size_t)window.first * width;
        if (rows < layer->out_size[0]) memset(parts.image, FLAT_OFFSET, image_bytes);
        for (i = 0; i < (size_t)inside * width; i++) to[i] = (uint8_t)from[i] ^ FLAT_OFFSET;
        flat_outputs(&plan, (const int8_t *)(const void *)(block + words_of(sizeof head)), head.start,
                     &head.requantizer, here * width, y);
        y += (size_t)here * width;
      }
    }
}

#else
#define is_flat(layer) 0
#define flat_block_bytes(layer) 0
#define flat_parts_of(layer, scratch, parts) 0
#define decode_flat(layer, w, group, block) (void)0
#define flat_convolution(layer, w, x, y, scratch) (void)0
#endif

static size_t int8_scratch_bytes(const packed_layer_t *given) {
  const packed_layer_t layer = flattened(given);
  wide_plan_t plan;
  if (is_flat(given)) return flat_parts_of(given, NULL, NULL);
  plan = wide_plan_of(&layer);
  return wide_parts_of(&layer, &plan, NULL, NULL);
}

/* Decodes all weights of a convolution, or tells only how many bytes they then take. */
static uint64_t decode_all(const packed_layer_t *layer, const packed_weights_t *w, uint8_t *memory) {
  const wide_plan_t plan = wide_plan_of(layer);
  const int flat = is_flat(layer);
  const int32_t maps = flat ? 1 : WIDE_MAPS;
  const size_t block = flat ? flat_block_bytes(layer) : plan.block;
  int8_t levels[LEVELS];
  int32_t g, o;
  if (!memory) return (uint64_t)layer->groups * ((layer->out_maps + maps - 1) / maps) * block;
  fill_levels(w, 0, levels);
  for (g = 0; g < layer->groups; g++)
    for (o = 0; o < layer->out_maps; o += maps, memory += block) {
      if (flat)
        decode_flat(layer, w, g, memory);
      else
        decode_wide(layer, w, &plan, g, o, levels, memory);
    }
  return 0;
}

static void int8_convolution(const packed_layer_t *layer, const packed_weights_t *w, const int8_t *x, int8_t *y,
                             void *scratch) {
  if (is_flat(layer))
    flat_convolution(layer, w, x, y, scratch);
  else
    wide_convolution(layer, w, x, y, scratch);
}

#else /* !DOT_WIDE */

/* A group's input lies with its maps beside each other: what an output sums over is then a few runs of numbers, one for each
 * row of the kernel (for each tap, where these are dilated), whose weights lie in the same order. A run that is no
 * multiple of DOT_DEPTH reads what comes next, with weights of zero. */
typedef struct {
  int32_t rows;       /* of the output, that are computed at once */
  int32_t in_rows, pitch;
  int32_t runs, run;  /* how many, and the numbers of each that count */
  int32_t length;     /* of a run with its end of zeros */
} dot_plan_t;

typedef struct {
  dot_t *image, *weights;
  int32_t *offsets;
  int8_t *levels;
} dot_parts_t;

static dot_plan_t dot_plan_of(const packed_layer_t *layer) {
  const int joined = layer->dilation[1] == 1 || layer->kernel[1] == 1;
  dot_plan_t plan;
  plan.rows = rows_at_once(layer);
  plan.in_rows = (plan.rows - 1) * layer->stride[0] + reach_of(layer, 0);
  plan.pitch = ((layer->out_size[1] - 1) * layer->stride[1] + reach_of(layer, 1)) * layer->in_maps;
  plan.runs = layer->kernel[0] * (joined ? 1 : layer->kernel[1]);
  plan.run = layer->in_maps * (joined ? layer->kernel[1] : 1);
  plan.length = (plan.run + DOT_DEPTH - 1) / DOT_DEPTH * DOT_DEPTH;
  return plan;
}

static size_t dot_weight_bytes(const dot_plan_t *plan) {
  return size_of(words_of((uint64_t)plan->runs * plan->length * DOT_MAPS * sizeof(dot_t)));
}

static size_t dot_parts_of(const dot_plan_t *plan, void *scratch, dot_parts_t *parts) {
  const uint64_t image = words_of(((uint64_t)plan->in_rows * plan->pitch + DOT_DEPTH) * sizeof(dot_t));
  const uint64_t weights = dot_weight_bytes(plan);
  if (parts) {
    uint8_t *p = scratch;
    parts->offsets = (int32_t *)(void *)p;
    parts->weights = (dot_t *)(void *)(parts->offsets + plan->runs);
    parts->image = (dot_t *)(void *)((uint8_t *)(void *)parts->weights + (size_t)weights);
    parts->levels = (int8_t *)(void *)((uint8_t *)(void *)parts->image + (size_t)image);
  }
  return size_of(image + weights + 4 * (uint64_t)plan->runs + LEVELS);
}

/* Where weight number k of a map of the block lies. */
static inline size_t dot_index(size_t k, int32_t map) {
  return (k / DOT_DEPTH * DOT_MAPS + (size_t)map) * DOT_DEPTH + k % DOT_DEPTH;
}

/* Decodes the weights of an output map of a group into its place in a block of maps. */
static void fill_dot_map(const packed_layer_t *layer, const packed_weights_t *w, const dot_plan_t *plan,
                         uint32_t first, const int8_t *levels, int32_t place, dot_t *weights) {
  const int32_t columns = plan->runs == layer->kernel[0] ? layer->kernel[1] : 1, in_maps = layer->in_maps;
  const int whole = in_maps % DOT_DEPTH == 0; /* then the groups of each tap begin where those of the first do */
  const size_t column_step = (size_t)in_maps * DOT_MAPS, run_step = (size_t)plan->length * DOT_MAPS;
  const uint32_t bits = w->bits;
  code_reader_t reader = code_reader_at(w->codes, first * bits);
  int32_t i, run, column;
  if (plan->runs * columns == 1) {
    for (i = 0; i < in_maps; i++) weights[dot_index((size_t)i, place)] = (dot_t)levels[next_code(&reader, bits)];
    return;
  }
  for (i = 0; i < in_maps; i++) {
    dot_t *to = weights + dot_index((size_t)i, place);
    for (run = 0; run < plan->runs; run++, to += run_step) {
      dot_t *tap = to;
      for (column = 0; column < columns; column++, tap += column_step) {
        const int8_t level = levels[next_code(&reader, bits)];
        if (whole)
          *tap = (dot_t)level;
        else
          weights[dot_index((size_t)run * plan->length + (size_t)column * in_maps + i, place)] = (dot_t)level;
      }
    }
  }
}

/* Decodes the weights of some output maps of a group; those of maps that are not there are zero. */
static void fill_dot_weights(const packed_layer_t *layer, const packed_weights_t *w, const dot_plan_t *plan,
                             int32_t group, int32_t first, int32_t maps, int8_t *levels, dot_t *weights) {
  int32_t m;
  if (maps < DOT_MAPS || plan->length > plan->run) memset(weights, 0, dot_weight_bytes(plan));
  for (m = 0; m < maps; m++) {
    if (w->dictionary_per_map) fill_levels(w, (uint32_t)group * layer->out_maps + first + m, levels);
    fill_dot_map(layer, w, plan, first_weight(layer, group, first + m, 0), levels, m, weights);
  }
}

/* Puts one row of so many maps beside each other; from is its first number in the first map, plane the distance of maps. */
static void fill_row(const int8_t *from, size_t plane, int32_t maps, int32_t count, dot_t *image) {
  int32_t i, column;
  for (i = 0; i < maps; i++) {
    const int8_t *x = from + (size_t)i * plane;
    dot_t *to = image + i;
    for (column = 0; column < count; column++, to += maps) *to = x[column];
  }
}

/* Copies the rows that an output's rows from this one on read, with their padding. */
static void fill_image(const packed_layer_t *layer, const dot_plan_t *plan, const int8_t *x, int32_t first_row,
                       dot_t *image) {
  const int32_t maps = layer->in_maps, width = layer->in_size[1], columns = plan->pitch / maps;
  const size_t plane = (size_t)layer->in_size[0] * width;
  const int32_t shift = layer->pad[1], left = shift < columns ? shift : columns;
  int32_t row, i, count = columns - left;
  if (count > width) count = width;
  for (row = 0; row < plan->in_rows; row++, image += plan->pitch) {
    const int32_t y = first_row * layer->stride[0] - layer->pad[0] + row;
    const int inside = y >= 0 && y < layer->in_size[0];
    const int32_t begin = inside ? left * maps : plan->pitch, end = inside ? (left + count) * maps : plan->pitch;
    for (i = 0; i < begin; i++) image[i] = 0;
    for (i = end; i < plan->pitch; i++) image[i] = 0;
    if (!inside) continue;
    fill_row(x + (size_t)y * width, plane, maps, count, image + begin);
  }
  for (i = 0; i < DOT_DEPTH; i++) image[i] = 0;
}

/* Some output maps of a group at so many places; y is the first of these in the first map. */
static void dot_places(const packed_layer_t *layer, const dot_plan_t *plan, const dot_parts_t *parts,
                       const dot_t *weights, const requantizer_t *requantizers, int32_t maps, int32_t count, int8_t *y) {
  const size_t out_plane = (size_t)layer->out_size[0] * layer->out_size[1];
  const dot_runs_t runs = {parts->offsets, plan->runs, plan->length};
  int32_t sums[2][AT_ONCE];
  places_t places;
  places.row = places.next = parts->image;
  places.row_step = layer->stride[0] * plan->pitch;
  places.column_step = layer->stride[1] * layer->in_maps;
  places.columns = places.left = layer->out_size[1];
  for (; count > 0; count -= AT_ONCE, y += AT_ONCE) {
    const int32_t here = count < AT_ONCE ? count : AT_ONCE;
    dot_runs(&places, here, weights, &runs, sums[0], sums[1]);
    requantize(requantizers, sums[0], here, y);
    if (maps > 1) requantize(requantizers + 1, sums[1], here, y + out_plane);
  }
}

static void dot_convolution(const packed_layer_t *layer, const packed_weights_t *w, const int8_t *x, int8_t *y,
                            void *scratch) {
  const size_t in_plane = (size_t)layer->in_size[0] * layer->in_size[1];
  const size_t out_plane = (size_t)layer->out_size[0] * layer->out_size[1];
  const dot_plan_t plan = dot_plan_of(layer);
  const int32_t joined = plan.runs == layer->kernel[0];
  requantizer_t requantizers[DOT_MAPS];
  dot_parts_t parts;
  int32_t b, g, o, m, row, run;
  dot_parts_of(&plan, scratch, &parts);
  for (run = 0; run < plan.runs; run++)
    parts.offsets[run] = (joined ? run : run / layer->kernel[1]) * layer->dilation[0] * plan.pitch +
                         (joined ? 0 : run % layer->kernel[1] * layer->dilation[1] * layer->in_maps);
  fill_levels(w, 0, parts.levels);
  for (b = 0; b < layer->batch; b++) {
    const uint8_t *decoded = w->decoded;
    for (g = 0; g < layer->groups; g++, x += layer->in_maps * in_plane, y += layer->out_maps * out_plane) {
      for (row = 0; row < layer->out_size[0]; row += plan.rows) {
        const int32_t rows = layer->out_size[0] - row < plan.rows ? layer->out_size[0] - row : plan.rows;
        const uint8_t *block = decoded;
        fill_image(layer, &plan, x, row, parts.image);
        for (o = 0; o < layer->out_maps; o += DOT_MAPS) {
          const int32_t maps = layer->out_maps - o < DOT_MAPS ? layer->out_maps - o : DOT_MAPS;
          const dot_t *weights = parts.weights;
          for (m = 0; m < maps; m++)
            requantizers[m] = requantizer_of(layer, w, (uint32_t)g * layer->out_maps + o + m);
          if (decoded) {
            weights = (const dot_t *)(const void *)block;
            block += dot_weight_bytes(&plan);
          } else
            fill_dot_weights(layer, w, &plan, g, o, maps, parts.levels, parts.weights);
          dot_places(layer, &plan, &parts, weights, requantizers, maps, rows * layer->out_size[1],
                     y + o * out_plane + (size_t)row * layer->out_size[1]);
        }
      }
      if (decoded) decoded += dot_weight_bytes(&plan) * (size_t)((layer->out_maps + DOT_MAPS - 1) / DOT_MAPS);
    }
  }
}

/* A layer whose outputs read one input map each: the map with its padding, and the rows of its kernel. */
typedef struct {
  int32_t rows, in_rows, pitch, width;
} plane_plan_t;

static plane_plan_t plane_plan_of(const packed_layer_t *layer) {
  plane_plan_t plan;
  plan.rows = rows_at_once(layer);
  plan.in_rows = (plan.rows - 1) * layer->stride[0] + reach_of(layer, 0);
  plan.pitch = (layer->out_size[1] - 1) * layer->stride[1] + reach_of(layer, 1);
  plan.width = (layer->kernel[1] + PLANE_WIDTH - 1) / PLANE_WIDTH * PLANE_WIDTH;
  return plan;
}

/* Numbers behind the image that may be read: by the last outputs of a row, which nobody wants. */
static size_t plane_slack(const packed_layer_t *layer) { return PLANE_LANES * (size_t)layer->stride[1] + PLANE_WIDTH; }

static size_t plane_weight_bytes(const packed_layer_t *layer) {
  return size_of(words_of((uint64_t)layer->kernel[0] * plane_plan_of(layer).width * sizeof(plane_t)));
}

static size_t plane_bytes(const packed_layer_t *layer) {
  const plane_plan_t plan = plane_plan_of(layer);
  const uint64_t image = words_of(((uint64_t)plan.in_rows * plan.pitch + plane_slack(layer)) * sizeof(plane_t));
  return size_of(image + plane_weight_bytes(layer));
}

/* Decodes the weights of a map. */
static void fill_plane_weights(const packed_layer_t *layer, const packed_weights_t *w, int32_t map, plane_t *weights) {
  const int32_t width = plane_plan_of(layer).width, columns = layer->kernel[1];
  const float *dictionary = dictionary_of(w, (uint32_t)map);
  code_reader_t reader = code_reader_at(w->codes, first_weight(layer, map, 0, 0) * w->bits);
  int32_t row, i;
  for (row = 0; row < layer->kernel[0]; row++, weights += width) {
    for (i = 0; i < columns; i++) {
      const int32_t code = (int32_t)next_code(&reader, w->bits);
      weights[i] = (plane_t)(dictionary ? (int32_t)dictionary[code] : code - w->zero_point);
    }
    for (; i < width; i++) weights[i] = 0;
  }
}

/* Copies the rows of a map that an output's rows from this one on read; the padding is zero already. */
static void fill_plane(const packed_layer_t *layer, const plane_plan_t *plan, const int8_t *x, int32_t first_row,
                       plane_t *image) {
  const int32_t width = layer->in_size[1], left = layer->pad[1] < plan->pitch ? layer->pad[1] : plan->pitch;
  const int32_t count = plan->pitch - left < width ? plan->pitch - left : width;
  const window_t window = window_of(layer, first_row, plan->in_rows);
  int32_t row, i;
  for (row = window.first; row < window.end; row++) {
    const int8_t *from = x + (ptrdiff_t)(window.top + row) * width;
    plane_t *to = image + (size_t)row * plan->pitch + left;
    for (i = 0; i < count; i++) to[i] = from[i];
  }
}

static void plane_convolution(const packed_layer_t *layer, const packed_weights_t *w, const int8_t *x, int8_t *y,
                              void *scratch) {
  const plane_plan_t plan = plane_plan_of(layer);
  const size_t in_plane = (size_t)layer->in_size[0] * layer->in_size[1];
  const int32_t columns = layer->out_size[1], step = layer->stride[1];
  const int32_t row_step = layer->stride[0] * plan.pitch;
  plane_t *const image = (plane_t *)(void *)((uint8_t *)scratch + plane_weight_bytes(layer));
  plane_kernel_t kernel;
  plane_places_t places;
  int32_t b, g, k, i, row, count, sums[AT_ONCE];
  kernel.rows = layer->kernel[0];
  kernel.width = plan.width;
  places.pitch = layer->dilation[0] * plan.pitch;
  places.step = step;
  places.skip = row_step - columns * step;
  places.columns = places.left = columns;
  for (b = 0; b < layer->batch; b++)
    for (g = 0; g < layer->groups; g++, x += in_plane) {
      const requantizer_t requantizer = requantizer_of(layer, w, (uint32_t)g);
      kernel.weights = scratch;
      if (w->decoded)
        kernel.weights = (const plane_t *)(const void *)((const uint8_t *)w->decoded + g * plane_weight_bytes(layer));
      else
        fill_plane_weights(layer, w, g, scratch);
      for (row = 0; row < layer->out_size[0]; row += plan.rows) {
        const int32_t here = layer->out_size[0] - row < plan.rows ? layer->out_size[0] - row : plan.rows;
        /* Outputs at once: they may be of several rows where they are no vectors. */
        const int32_t lines = PLANE_LANES == 1 ? 1 : here, length = PLANE_LANES == 1 ? here * columns : columns;
        if (row > 0 || plan.rows < layer->out_size[0] || (b == 0 && g == 0))
          memset(image, 0, ((size_t)plan.in_rows * plan.pitch + plane_slack(layer)) * sizeof *image);
        fill_plane(layer, &plan, x, row, image);
        for (k = 0; k < lines; k++) {
          places.x = image + (size_t)k * row_step;
          for (i = 0; i < length; i += count, y += count) {
            count = length - i < AT_ONCE ? length - i : AT_ONCE;
            plane_sums(&places, &kernel, count, sums);
            requantize(&requantizer, sums, count, y);
          }
        }
      }
    }
}

/* Decodes all weights of a convolution, or tells only how many bytes they then take. */
static uint64_t decode_all(const packed_layer_t *layer, const packed_weights_t *w, uint8_t *memory) {
  const dot_plan_t plan = dot_plan_of(layer);
  const int plane = reads_one_map(layer);
  const int32_t maps = plane ? 1 : DOT_MAPS;
  const size_t block = plane ? plane_weight_bytes(layer) : dot_weight_bytes(&plan);
  int8_t levels[LEVELS];
  int32_t g, o;
  if (!memory) return (uint64_t)layer->groups * ((layer->out_maps + maps - 1) / maps) * block;
  fill_levels(w, 0, levels);
  for (g = 0; g < layer->groups; g++)
    for (o = 0; o < layer->out_maps; o += maps, memory += block) {
      const int32_t left = layer->out_maps - o;
      if (plane)
        fill_plane_weights(layer, w, g, (plane_t *)(void *)memory);
      else
        fill_dot_weights(layer, w, &plan, g, o, left < maps ? left : maps, levels, (dot_t *)(void *)memory);
    }
  return 0;
}

static size_t int8_scratch_bytes(const packed_layer_t *layer) {
  dot_plan_t plan;
  if (reads_one_map(layer)) return plane_bytes(layer);
  plan = dot_plan_of(layer);
  return dot_parts_of(&plan, NULL, NULL);
}

static void int8_convolution(const packed_layer_t *layer, const packed_weights_t *w, const int8_t *x, int8_t *y,
                             void *scratch) {
  if (reads_one_map(layer))
    plane_convolution(layer, w, x, y, scratch);
  else
    dot_convolution(layer, w, x, y, scratch);
}

#endif

size_t packed_scratch_bytes_int8(const packed_layer_t *layer, const packed_weights_t *w) {
  return layer->kind == PACKED_CONVOLUTION ? int8_scratch_bytes(layer) : packed_scratch_bytes_integer(layer, w);
}

int32_t packed_rows_within_int8(const packed_layer_t *layer, const packed_weights_t *w, size_t bytes) {
  packed_layer_t tiled = *layer;
  int32_t parts;
  tiled.rows = 0;
  if (layer->kind != PACKED_CONVOLUTION || packed_scratch_bytes_int8(&tiled, w) <= bytes) return 0;
  for (parts = 2; parts <= layer->out_size[0]; parts++) {
    const int32_t rows = (layer->out_size[0] + parts - 1) / parts;
    if (rows == tiled.rows) continue;
    tiled.rows = rows;
    if (packed_scratch_bytes_int8(&tiled, w) <= bytes) break;
  }
  return tiled.rows;
}

size_t packed_decoded_bytes_int8(const packed_layer_t *layer, const packed_weights_t *w) {
  return layer->kind == PACKED_CONVOLUTION ? size_of(decode_all(layer, w, NULL)) : 0;
}

void packed_decode_int8(const packed_layer_t *layer, const packed_weights_t *w, void *memory) {
  if (layer->kind == PACKED_CONVOLUTION) (void)decode_all(layer, w, memory);
}

void packed_convolution_int8(const packed_layer_t *layer, const packed_weights_t *w, const int8_t *x, int8_t *y,
                             void *scratch) {
  int8_convolution(layer, w, x, y, scratch);
}

#else

size_t packed_scratch_bytes_int8(const packed_layer_t *layer, const packed_weights_t *w) {
  return packed_scratch_bytes_integer(layer, w);
}

int32_t packed_rows_within_int8(const packed_layer_t *layer, const packed_weights_t *w, size_t bytes) {
  (void)layer;
  (void)w;
  (void)bytes;
  return 0;
}

size_t packed_decoded_bytes_int8(const packed_layer_t *layer, const packed_weights_t *w) {
  (void)layer;
  (void)w;
  return 0;
}

void packed_decode_int8(const packed_layer_t *layer, const packed_weights_t *w, void *memory) {
  (void)layer;
  (void)w;
  (void)memory;
}

void packed_convolution_int8(const packed_layer_t *layer, const packed_weights_t *w, const int8_t *x, int8_t *y,
                             void *scratch) {
  integer(layer, w, x, NULL, y, scratch);
}

#endif

void packed_deconvolution_int8(const packed_layer_t *layer, const packed_weights_t *w, const int8_t *x, int8_t *y,
                               void *scratch) {
  integer(layer, w, x, NULL, y, scratch);
}

void packed_affine_int8(const packed_layer_t *layer, const packed_weights_t *w, const int8_t *x, int8_t *y,
                        void *scratch) {
  affine_integer(layer, w, x, NULL, y, scratch);
}

/* ----------------------------------------------------- fast float kernels -- */

/* Bits up to which an affine layer first adds the inputs that meet the same entry, and multiplies once an entry.
 * Processors with vectors also guess which stores a load depends on, and are slowed down by wrong guesses: there it is
 * quicker to look the weights up. */
#define ENTRY_SUM_BITS 4

#ifdef PACKED_NO_MULTIPLY
#undef PACKED_LANES
#define PACKED_LANES 1
#elif !defined(PACKED_LANES)
#if defined(__GNUC__) && defined(__AVX512F__)
#define PACKED_LANES 16
#elif defined(__GNUC__) && defined(__AVX__)
#define PACKED_LANES 8
#elif defined(__GNUC__) && (defined(__SSE__) || defined(__ARM_NEON))
#define PACKED_LANES 4
#else
#define PACKED_LANES 1
#endif
#endif

#ifndef PACKED_NO_MULTIPLY

#if PACKED_LANES > 1
typedef float lanes_t __attribute__((vector_size(4 * PACKED_LANES)));
#else
typedef float lanes_t;
#endif

static inline lanes_t load(const float *p) {
  lanes_t lanes;
  memcpy(&lanes, p, sizeof lanes);
  return lanes;
}

static inline void store(float *p, lanes_t lanes) { memcpy(p, &lanes, sizeof lanes); }

/* Output maps that are computed together: with two vectors each they fill the registers. */
#if PACKED_LANES == 16
#define MAPS 8
#define FOR_MAPS(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)
#else
#define MAPS 4
#define FOR_MAPS(DO) DO(0) DO(1) DO(2) DO(3)
#endif

/* Products of a sum for which the weights are decoded at once; a row of decoded weights has this length. */
#define BLOCK 144

/* sums[m][0 .. lanes) += for all taps t: weights[m][t] * x[offsets[t] .. + lanes). Several vectors and maps at a time,
 * so that each number that is loaded takes part in several products. */
static void add_block_two(const float *weights, const int32_t *offsets, int32_t taps, const float *x0, const float *x1,
                          float *sums, size_t pitch) {
  int32_t t;
#define DECLARE(m) lanes_t a##m = load(sums + m * pitch), b##m = load(sums + m * pitch + PACKED_LANES);
  FOR_MAPS(DECLARE)
#undef DECLARE
  for (t = 0; t < taps; t++) {
    const lanes_t u = load(x0 + offsets[t]), v = load(x1 + offsets[t]);
#define ADD(m) a##m += weights[m * BLOCK + t] * u, b##m += weights[m * BLOCK + t] * v;
    FOR_MAPS(ADD)
#undef ADD
  }
#define STORE(m) store(sums + m * pitch, a##m), store(sums + m * pitch + PACKED_LANES, b##m);
  FOR_MAPS(STORE)
#undef STORE
}

static void add_block_one(const float *weights, const int32_t *offsets, int32_t taps, const float *x, float *sums,
                          size_t pitch) {
  int32_t t;
#define DECLARE(m) lanes_t a##m = load(sums + m * pitch);
  FOR_MAPS(DECLARE)
#undef DECLARE
  for (t = 0; t < taps; t++) {
    const lanes_t u = load(x + offsets[t]);
#define ADD(m) a##m += weights[m * BLOCK + t] * u;
    FOR_MAPS(ADD)
#undef ADD
  }
#define STORE(m) store(sums + m * pitch, a##m);
  FOR_MAPS(STORE)
#undef STORE
}

/* The same for a single output map. */
static void add_block_single(const float *weights, const int32_t *offsets, int32_t taps, const float *x, float *sums) {
  lanes_t a = load(sums);
  int32_t t;
  for (t = 0; t < taps; t++) a += weights[t] * load(x + offsets[t]);
  store(sums, a);
}

/* How the outputs of a plane are laid out in vectors. Either every row begins a vector, or, where that takes fewer
 * vectors, the rows follow each other at the distance of the input's rows, with columns between them that nobody
 * wants. */
typedef struct {
  int32_t vectors;
  int32_t vectors_per_row; /* all of them where the rows follow each other */
  int32_t row_pitch;       /* of the sums */
} tiling_t;

static tiling_t tiling_of(int32_t rows, int32_t columns, int32_t pitch) {
  const int32_t per_row = (columns + PACKED_LANES - 1) / PACKED_LANES;
  const int32_t joined = ((rows - 1) * pitch + columns + PACKED_LANES - 1) / PACKED_LANES;
  tiling_t tiling;
  if (joined < rows * per_row) {
    tiling.vectors = tiling.vectors_per_row = joined;
    tiling.row_pitch = pitch;
  } else {
    tiling.vectors = rows * per_row;
    tiling.vectors_per_row = per_row;
    tiling.row_pitch = per_row * PACKED_LANES;
  }
  return tiling;
}

/* Goes through the vectors of a tiling; x is where one begins in the input. */
typedef struct {
  const float *x;
  int32_t left; /* vectors in this row */
} cursor_t;

static inline const float *next_vector(cursor_t *cursor, const tiling_t *tiling, int32_t pitch) {
  const float *x = cursor->x;
  cursor->x += PACKED_LANES;
  if (--cursor->left == 0) {
    cursor->x += pitch - tiling->vectors_per_row * PACKED_LANES;
    cursor->left = tiling->vectors_per_row;
  }
  return x;
}

static void add_block(const float *weights, const int32_t *offsets, int32_t taps, const float *x, int32_t pitch,
                      const tiling_t *tiling, int32_t maps, float *sums) {
  const size_t sum_pitch = (size_t)tiling->vectors * PACKED_LANES;
  cursor_t cursor;
  int32_t v = 0;
  cursor.x = x;
  cursor.left = tiling->vectors_per_row;
  if (maps == 1) {
    for (; v < tiling->vectors; v++, sums += PACKED_LANES)
      add_block_single(weights, offsets, taps, next_vector(&cursor, tiling, pitch), sums);
    return;
  }
  for (; v + 1 < tiling->vectors; v += 2, sums += 2 * PACKED_LANES) {
    const float *x0 = next_vector(&cursor, tiling, pitch), *x1 = next_vector(&cursor, tiling, pitch);
    add_block_two(weights, offsets, taps, x0, x1, sums, sum_pitch);
  }
  if (v < tiling->vectors) add_block_one(weights, offsets, taps, next_vector(&cursor, tiling, pitch), sums, sum_pitch);
}

/* The input of a group with its zero padding. A convolution with stride s reads every s-th row and column; they are put
 * beside each other, in s * s planes ("phases"), so that neighbouring outputs read neighbouring inputs. A deconvolution
 * is, for each of its s * s phases of outputs, a convolution with some of the taps. */
typedef struct {
  int32_t phases[2];
  int32_t step[2];   /* of the input, between neighbours in a plane */
  int32_t origin[2]; /* input position of the first element of the first plane; negative in the padding */
  int32_t reach[2];  /* a deconvolution: the farthest input that a tap looks back to */
  int32_t begin[2];  /* the first of the steps that are computed at once: output rows or columns of a convolution, */
  int32_t steps[2];  /* those of each phase of a deconvolution; and their number */
  int32_t end;       /* the first row behind all steps */
  int32_t rows, pitch;
  int32_t most_rows, most_columns; /* of the outputs of a phase */
} plan_t;

/* Moves the plan to the rows that are computed next. */
static void move_to(const packed_layer_t *layer, plan_t *plan, int32_t begin) {
  plan->begin[0] = begin;
  plan->origin[0] =
      layer->kind == PACKED_CONVOLUTION ? begin * layer->stride[0] - layer->pad[0] : begin - plan->reach[0];
}

static plan_t plan_of(const packed_layer_t *layer) {
  int32_t most[2], d;
  plan_t plan;
  for (d = 0; d < 2; d++) {
    const int32_t stride = layer->stride[d], reach = (layer->kernel[d] - 1) * layer->dilation[d] / stride;
    plan.reach[d] = reach;
    if (layer->kind == PACKED_CONVOLUTION) {
      plan.phases[d] = layer->kernel[d] == 1 ? 1 : stride;
      plan.step[d] = stride;
      plan.origin[d] = -layer->pad[d];
      plan.begin[d] = 0;
      plan.steps[d] = most[d] = layer->out_size[d];
    } else {
      /* Output q * stride + phase - pad reads inputs q - reach .. q. */
      const int32_t last = (layer->out_size[d] - 1 + layer->pad[d]) / stride, first = layer->pad[d] / stride;
      plan.phases[d] = 1;
      plan.step[d] = 1;
      plan.origin[d] = first - reach;
      plan.begin[d] = first;
      plan.steps[d] = last - first + 1;
      most[d] = (layer->out_size[d] + stride - 1) / stride;
    }
  }
  plan.end = plan.begin[0] + plan.steps[0];
  if (layer->rows > 0 && layer->rows < plan.steps[0]) plan.steps[0] = layer->rows;
  plan.rows = plan.steps[0] + plan.reach[0];
  plan.pitch = plan.steps[1] + plan.reach[1];
  plan.most_rows = most[0] < plan.steps[0] ? most[0] : plan.steps[0];
  plan.most_columns = most[1];
  return plan;
}

static size_t plane_of(const plan_t *plan) { return (size_t)plan->rows * plan->pitch; }

/* Rows are short: a call of memcpy, which GCC would make of this loop, takes longer than they do. */
#if defined(__GNUC__) && !defined(__clang__)
__attribute__((optimize("no-tree-loop-distribute-patterns")))
#endif
static void copy_floats(const float *from, float *to, int32_t n) {
  int32_t i = 0;
  for (; i + PACKED_LANES <= n; i += PACKED_LANES) store(to + i, load(from + i));
  for (; i < n; i++) to[i] = from[i];
}

static void copy_input(const packed_layer_t *layer, const plan_t *plan, const float *x, float *planes) {
  const int32_t pitch = plan->pitch, step = plan->step[1];
  int32_t i, py, px, row, column;
  for (i = 0; i < layer->in_maps; i++, x += (size_t)layer->in_size[0] * layer->in_size[1])
    for (py = 0; py < plan->phases[0]; py++)
      for (px = 0; px < plan->phases[1]; px++) {
        const ptrdiff_t origin = plan->origin[1] + px;
        int32_t first, count, y = plan->origin[0] + py;
        span(pitch, step, (int32_t)origin, layer->in_size[1], &first, &count);
        if (count == 0) first = 0;
        for (row = 0; row < plan->rows; row++, y += plan->step[0], planes += pitch) {
          const float *from;
          if (y < 0 || y >= layer->in_size[0] || count == 0) {
            for (column = 0; column < pitch; column++) planes[column] = 0.0f;
            continue;
          }
          from = x + (ptrdiff_t)y * layer->in_size[1];
          for (column = 0; column < first; column++) planes[column] = 0.0f;
          if (step == 1)
            copy_floats(from + (origin + first), planes + first, count);
          else
            for (column = first; column < first + count; column++)
              planes[column] = from[origin + (ptrdiff_t)column * step];
          for (column = first + count; column < pitch; column++) planes[column] = 0.0f;
        }
      }
  memset(planes, 0, PACKED_LANES * sizeof *planes);
}

/* For one phase of the outputs: where each product's input lies, and which weight of the output map it takes. */
static int32_t fill_taps(const packed_layer_t *layer, const plan_t *plan, const int32_t *phase, int32_t *offsets,
                         int32_t *indices) {
  const int32_t transposed = layer->kind == PACKED_DECONVOLUTION;
  const int32_t pitch = plan->pitch, plane = plan->rows * pitch;
  const int32_t map_step = taps_of(layer) * (transposed ? layer->out_maps : 1);
  int32_t i, ky, kx, n = 0;
  for (i = 0; i < layer->in_maps; i++)
    for (ky = 0; ky < layer->kernel[0]; ky++)
      for (kx = 0; kx < layer->kernel[1]; kx++) {
        const int32_t y = ky * layer->dilation[0], x = kx * layer->dilation[1];
        const int32_t y_phase = y % layer->stride[0], x_phase = x % layer->stride[1];
        const int32_t row = y / layer->stride[0], column = x / layer->stride[1];
        if (!transposed)
          offsets[n] = ((i * plan->phases[0] + y_phase) * plan->phases[1] + x_phase) * plane + row * pitch + column;
        else if (y_phase == phase[0] && x_phase == phase[1])
          offsets[n] = i * plane + (plan->reach[0] - row) * pitch + plan->reach[1] - column;
        else
          continue;
        indices[n++] = i * map_step + ky * layer->kernel[1] + kx;
      }
  return n;
}

static int has_table_per_map(const packed_weights_t *w) { return w->dictionary_per_map || w->scale_per_map; }

/* As decode, with up to 16 values looked up in registers, eight at a time. */
#if defined(__AVX2__) && defined(__GNUC__) && !defined(__clang__) && PACKED_LANES > 1
typedef float eight_floats_t __attribute__((vector_size(32)));
typedef int32_t eight_integers_t __attribute__((vector_size(32)));
#define TABLE 16

/* The values of all codes of an output map; called for the maps in order, as often as they differ. */
static void fill_table(const packed_weights_t *w, uint32_t map, float *table) {
  const float *dictionary = dictionary_of(w, map);
  const float scale = scale_of(w, map);
  int32_t code;
  if (w->bits > 4) return;
  for (code = 0; code < 1 << w->bits; code++)
    table[code] = (dictionary ? dictionary[code] : (float)(code - w->zero_point)) * scale;
}

/* What it takes to look eight values up. */
typedef struct {
  eight_floats_t low, high;
  eight_integers_t shifts, mask;
} look_up_t;

static inline look_up_t look_up_of(const float *table, uint32_t bits) {
  const eight_integers_t lane = {0, 1, 2, 3, 4, 5, 6, 7};
  look_up_t look_up;
  memcpy(&look_up.low, table, sizeof look_up.low);
  memcpy(&look_up.high, table + 8, sizeof look_up.high);
  look_up.shifts = lane * (int32_t)bits;
  look_up.mask = ((1 << bits) - 1) - (eight_integers_t){0};
  return look_up;
}

/* Reads eight bytes from the one that holds the bit, but from byte number last at most: that is where the last eight
 * bytes of the codes begin. */
static inline eight_floats_t eight_values(const look_up_t *look_up, const uint8_t *codes, uint32_t last,
                                          uint32_t bit) {
  const uint32_t byte = bit >> 3 < last ? bit >> 3 : last;
  eight_integers_t found;
  uint64_t word;
  memcpy(&word, codes + byte, sizeof word);
  found = (int32_t)(word >> (bit - (byte << 3))) - (eight_integers_t){0};
  return __builtin_shuffle(look_up->low, look_up->high, found >> look_up->shifts & look_up->mask);
}

static inline __attribute__((always_inline)) void decode_fast(const packed_weights_t *w, uint32_t first,
                                                               int32_t count, uint32_t map, const float *table,
                                                               float *values) {
  const uint32_t bits = w->bits, code_bytes = w->code_bytes;
  const uint8_t *codes = w->codes;
  int32_t i = 0;
  uint32_t bit = first * bits;
  if (bits <= 4 && code_bytes >= 8) {
    const look_up_t look_up = look_up_of(table, bits);
    for (; i + 8 <= count; i += 8, bit += 8 * bits) {
      const eight_floats_t found = eight_values(&look_up, codes, code_bytes - 8, bit);
      memcpy(values + i, &found, sizeof found);
    }
  } else if (bits > 4 && bits <= 8) {
    const float *dictionary = dictionary_of(w, map);
    const float scale = scale_of(w, map);
    const int32_t zero_point = w->zero_point;
    const uint32_t mask = (1u << bits) - 1;
    for (; i + 8 <= count && code_bytes - (bit >> 3) >= sizeof(uint64_t); bit += 8 * bits) {
      uint64_t word;
      int32_t k;
      memcpy(&word, codes + (bit >> 3), sizeof word);
      word >>= bit & 7;
      if (dictionary)
        for (k = 0; k < 8; k++, word >>= bits) values[i + k] = dictionary[word & mask] * scale;
      else
        for (k = 0; k < 8; k++, word >>= bits) values[i + k] = (float)((int32_t)(word & mask) - zero_point) * scale;
      i += 8;
    }
  }
  if (i < count) decode(w, first + i, count - i, map, values + i);
}

/* The sum of the first n / 8 * 8 products. */
static inline __attribute__((always_inline)) float sum_of_eights(const look_up_t *look_up, const uint8_t *codes,
                                                                 uint32_t last, uint32_t bit, uint32_t bits,
                                                                 const float *x, int32_t n) {
  eight_floats_t a = {0.0f}, b = {0.0f}, inputs;
  float lanes[8];
  int32_t i;
  for (i = 0; i + 16 <= n; i += 16, bit += 16 * bits) {
    memcpy(&inputs, x + i, sizeof inputs);
    a += inputs * eight_values(look_up, codes, last, bit);
    memcpy(&inputs, x + i + 8, sizeof inputs);
    b += inputs * eight_values(look_up, codes, last, bit + 8 * bits);
  }
  if (i + 8 <= n) {
    memcpy(&inputs, x + i, sizeof inputs);
    a += inputs * eight_values(look_up, codes, last, bit);
  }
  a += b;
  memcpy(lanes, &a, sizeof lanes);
  return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
}

/* An affine layer of one row with at most 4 bits a weight, without storing a decoded weight. */
static void look_up_affine(const packed_layer_t *layer, const packed_weights_t *w, const float *x, const float *bias,
                           float *y) {
  const uint8_t *codes = w->codes;
  const uint32_t bits = w->bits, last = w->code_bytes - 8, row_bits = (uint32_t)layer->in_maps * bits;
  const int32_t n = layer->in_maps, per_map = has_table_per_map(w);
  uint32_t bit = 0;
  float table[TABLE] = {0.0f};
  look_up_t look_up;
  int32_t o, i;
  fill_table(w, 0, table);
  look_up = look_up_of(table, bits);
  for (o = 0; o < layer->out_maps; o++, bit += row_bits) {
    float sum;
    if (per_map) {
      fill_table(w, (uint32_t)o, table);
      look_up = look_up_of(table, bits);
    }
    /* All rows but the last ones read what they like. */
    if ((bit + row_bits) >> 3 <= last)
      sum = sum_of_eights(&look_up, codes, UINT32_MAX, bit, bits, x, n);
    else
      sum = sum_of_eights(&look_up, codes, last, bit, bits, x, n);
    for (i = n & ~7; i < n; i++) sum += x[i] * table[code_at(codes, bit + (uint32_t)i * bits, bits)];
    y[o] = bias ? sum + bias[o] : sum;
  }
}
#else
#define TABLE 1
#define fill_table(w, map, table) ((void)(table))
#define decode_fast(w, first, count, map, table, values) decode(w, first, count, map, values)
#endif

static void fill_weights(const packed_layer_t *layer, const packed_weights_t *w, int32_t group, int32_t out,
                         const int32_t *indices, int32_t count, float *table, float *values) {
  const uint32_t map = (uint32_t)group * layer->out_maps + out, first = first_weight(layer, group, out, 0);
  int32_t t;
  if (has_table_per_map(w)) fill_table(w, map, table);
  if (layer->kind == PACKED_CONVOLUTION)
    decode_fast(w, first + indices[0], count, map, table, values);
  else
    for (t = 0; t < count; t++) decode(w, first + indices[t], 1, map, values + t);
}

/* Outputs position, position + stride, .. of the plan's steps that belong to a phase; all of them for a convolution. */
typedef struct {
  int32_t position, stride, count;
  int32_t base; /* where the planes hold what output number 0 reads */
} outputs_t;

static outputs_t outputs_of(const packed_layer_t *layer, const plan_t *plan, int d, int32_t phase) {
  const int32_t begin = plan->begin[d], end = begin + plan->steps[d], size = layer->out_size[d];
  outputs_t outputs = {begin, 1, (end < size ? end : size) - begin, 0};
  if (layer->kind == PACKED_DECONVOLUTION) {
    const int32_t stride = layer->stride[d], pad = layer->pad[d];
    const int32_t first = phase < pad ? (pad - phase + stride - 1) / stride : 0, q = first < begin ? begin : first;
    outputs.position = q * stride + phase - pad;
    outputs.stride = stride;
    outputs.count = (size - outputs.position + stride - 1) / stride;
    if (outputs.count > end - q) outputs.count = end - q;
    if (outputs.position >= size || outputs.count < 0) outputs.count = 0;
    outputs.base = q - begin;
  }
  return outputs;
}

/* The scratch memory of a fast convolution or deconvolution. */
typedef struct {
  float *planes, *weights, *sums;
  int32_t *offsets, *indices;
} parts_t;

/* Of numbers of 4 bytes; where that is more than can be addressed, what no memory has. */
static size_t bytes_of(uint64_t numbers) { return numbers > SIZE_MAX / 4 ? SIZE_MAX : (size_t)numbers * 4; }

static size_t parts_of(const packed_layer_t *layer, const plan_t *plan, void *scratch, parts_t *parts) {
  const size_t products = (size_t)layer->in_maps * taps_of(layer);
  const tiling_t tiling = tiling_of(plan->most_rows, plan->most_columns, plan->pitch);
  const size_t planes = (size_t)layer->in_maps * plan->phases[0] * plan->phases[1] * plane_of(plan) + PACKED_LANES;
  const size_t sums = (size_t)MAPS * tiling.vectors * PACKED_LANES;
  if (parts) {
    parts->planes = scratch;
    parts->weights = parts->planes + planes;
    parts->sums = parts->weights + MAPS * BLOCK;
    parts->offsets = (int32_t *)(void *)(parts->sums + sums);
    parts->indices = parts->offsets + products;
  }
  return bytes_of((uint64_t)planes + MAPS * BLOCK + sums + 2 * (uint64_t)products);
}

static void store_outputs(const float *sums, int32_t row_pitch, const outputs_t *rows, const outputs_t *columns,
                          int32_t width, float *y) {
  int32_t row, column;
  for (row = 0; row < rows->count; row++, sums += row_pitch) {
    float *out = y + (size_t)(rows->position + row * rows->stride) * width + columns->position;
    if (columns->stride == 1)
      copy_floats(sums, out, columns->count);
    else
      for (column = 0; column < columns->count; column++) out[(size_t)column * columns->stride] = sums[column];
  }
}

/* All output maps of a group, in one phase. */
static void fast_phase(const packed_layer_t *layer, const packed_weights_t *w, const plan_t *plan, const parts_t *parts,
                       int32_t products, int32_t group, const int32_t *phase, const float *bias, float *y) {
  const outputs_t rows = outputs_of(layer, plan, 0, phase[0]), columns = outputs_of(layer, plan, 1, phase[1]);
  const size_t out_plane = (size_t)layer->out_size[0] * layer->out_size[1];
  const float *x = parts->planes + rows.base * plan->pitch + columns.base;
  float table[TABLE] = {0.0f};
  tiling_t tiling;
  size_t sum_pitch, i;
  int32_t o, m, t;
  fill_table(w, 0, table);
  if (rows.count == 0 || columns.count == 0) return;
  tiling = tiling_of(rows.count, columns.count, plan->pitch);
  sum_pitch = (size_t)tiling.vectors * PACKED_LANES;
  for (o = 0; o < layer->out_maps;) {
    /* One or two maps are quicker alone than in a block that is mostly empty. */
    const int32_t left = layer->out_maps - o, maps = left <= 2 ? 1 : left < MAPS ? left : MAPS;
    for (m = 0; m < (maps == 1 ? 1 : MAPS); m++) {
      const float start = bias && m < maps ? bias[group * layer->out_maps + o + m] : 0.0f;
      for (i = 0; i < sum_pitch; i++) parts->sums[m * sum_pitch + i] = start;
    }
    for (t = 0; t < products; t += BLOCK) {
      const int32_t count = products - t < BLOCK ? products - t : BLOCK;
      for (m = 0; m < maps; m++)
        fill_weights(layer, w, group, o + m, parts->indices + t, count, table, parts->weights + m * BLOCK);
      add_block(parts->weights, parts->offsets + t, count, x, plan->pitch, &tiling, maps, parts->sums);
    }
    for (m = 0; m < maps; m++)
      store_outputs(parts->sums + m * sum_pitch, tiling.row_pitch, &rows, &columns, layer->out_size[1],
                    y + (o + m) * out_plane);
    o += maps;
  }
}

static void fast(const packed_layer_t *layer, const packed_weights_t *w, const float *x, const float *bias, float *y,
                 void *scratch) {
  const size_t in_map = (size_t)layer->in_size[0] * layer->in_size[1];
  const size_t out_map = (size_t)layer->out_size[0] * layer->out_size[1];
  plan_t plan = plan_of(layer);
  const int32_t first = plan.begin[0];
  int32_t b, g, row, products, phase[2] = {0, 0};
  parts_t parts;
  size_t i;
  parts_of(layer, &plan, scratch, &parts);
  /* Blocks that are not full compute maps that nobody wants, from whatever these hold. */
  for (i = 0; i < MAPS * BLOCK; i++) parts.weights[i] = 0.0f;
  products = fill_taps(layer, &plan, phase, parts.offsets, parts.indices);
  for (b = 0; b < layer->batch; b++)
    for (g = 0; g < layer->groups; g++) {
      for (row = first; row < plan.end; row += plan.steps[0]) {
        move_to(layer, &plan, row);
        copy_input(layer, &plan, x, parts.planes);
        if (layer->kind == PACKED_CONVOLUTION) {
          fast_phase(layer, w, &plan, &parts, products, g, phase, bias, y);
          continue;
        }
        for (phase[0] = 0; phase[0] < layer->stride[0]; phase[0]++)
          for (phase[1] = 0; phase[1] < layer->stride[1]; phase[1]++) {
            products = fill_taps(layer, &plan, phase, parts.offsets, parts.indices);
            fast_phase(layer, w, &plan, &parts, products, g, phase, bias, y);
          }
      }
      x += layer->in_maps * in_map;
      y += layer->out_maps * out_map;
    }
}

size_t packed_scratch_bytes_fast(const packed_layer_t *layer, const packed_weights_t *w) {
  plan_t plan;
  (void)w;
  if (layer->kind == PACKED_AFFINE) return BLOCK * sizeof(float);
  plan = plan_of(layer);
  return parts_of(layer, &plan, NULL, NULL);
}

int32_t packed_rows_within(const packed_layer_t *layer, const packed_weights_t *w, size_t bytes) {
  packed_layer_t tiled = *layer;
  plan_t plan;
  int32_t parts, all;
  tiled.rows = 0;
  if (layer->kind == PACKED_AFFINE || packed_scratch_bytes_fast(&tiled, w) <= bytes) return 0;
  plan = plan_of(&tiled);
  all = plan.steps[0];
  /* Parts of the same height, as few as will do. */
  for (parts = 2; parts <= all; parts++) {
    const int32_t rows = (all + parts - 1) / parts;
    if (rows == tiled.rows) continue;
    tiled.rows = rows;
    if (rows == 1 || packed_scratch_bytes_fast(&tiled, w) <= bytes) break;
  }
  return all == 1 ? 0 : tiled.rows;
}

void packed_convolution_fast(const packed_layer_t *layer, const packed_weights_t *w, const float *x, const float *bias,
                             float *y, void *scratch) {
  fast(layer, w, x, bias, y, scratch);
}

void packed_deconvolution_fast(const packed_layer_t *layer, const packed_weights_t *w, const float *x,
                               const float *bias, float *y, void *scratch) {
  fast(layer, w, x, bias, y, scratch);
}

/* Four sums at a time, in vectors that are no wider than those that decode_fast has just stored. */
#if PACKED_LANES >= 8
typedef float dot_lanes_t __attribute__((vector_size(32)));
#define DOT_LANES 8
#else
typedef lanes_t dot_lanes_t;
#define DOT_LANES PACKED_LANES
#endif

static inline dot_lanes_t dot_products(const float *x, const float *w) {
  dot_lanes_t a, b;
  memcpy(&a, x, sizeof a);
  memcpy(&b, w, sizeof b);
  return a * b;
}

static float dot(const float *x, const float *w, int32_t n) {
  float sum = 0.0f;
  int32_t i = 0;
  if (n >= 4 * DOT_LANES) {
    float lanes[DOT_LANES];
    dot_lanes_t a = dot_products(x, w), b = dot_products(x + DOT_LANES, w + DOT_LANES);
    dot_lanes_t c = dot_products(x + 2 * DOT_LANES, w + 2 * DOT_LANES);
    dot_lanes_t d = dot_products(x + 3 * DOT_LANES, w + 3 * DOT_LANES);
    for (i = 4 * DOT_LANES; i + 4 * DOT_LANES <= n; i += 4 * DOT_LANES) {
      a += dot_products(x + i, w + i);
      b += dot_products(x + i + DOT_LANES, w + i + DOT_LANES);
      c += dot_products(x + i + 2 * DOT_LANES, w + i + 2 * DOT_LANES);
      d += dot_products(x + i + 3 * DOT_LANES, w + i + 3 * DOT_LANES);
    }
    a = (a + b) + (c + d);
    memcpy(lanes, &a, sizeof lanes);
#if DOT_LANES == 8
    sum = ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
#elif DOT_LANES == 4
    sum = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
#else
    sum = lanes[0];
#endif
  }
  for (; i < n; i++) sum += x[i] * w[i];
  return sum;
}

static void decoded_affine(const packed_layer_t *layer, const packed_weights_t *w, const float *x, const float *bias,
                           float *y, float *values) {
  const int32_t n = layer->in_maps;
  float table[TABLE] = {0.0f};
  int32_t b, o, i;
  fill_table(w, 0, table);
  for (o = 0; o < layer->out_maps; o++) {
    const uint32_t first = (uint32_t)o * (uint32_t)n;
    if (has_table_per_map(w)) fill_table(w, (uint32_t)o, table);
    for (b = 0; b < layer->batch; b++) y[(size_t)b * layer->out_maps + o] = bias ? bias[o] : 0.0f;
    for (i = 0; i < n; i += BLOCK) {
      const int32_t count = n - i < BLOCK ? n - i : BLOCK;
      decode_fast(w, first + (uint32_t)i, count, (uint32_t)o, table, values);
      for (b = 0; b < layer->batch; b++)
        y[(size_t)b * layer->out_maps + o] += dot(x + (size_t)b * n + i, values, count);
    }
  }
}

#else /* PACKED_NO_MULTIPLY */

size_t packed_scratch_bytes_fast(const packed_layer_t *layer, const packed_weights_t *w) {
  return packed_scratch_bytes(layer, w);
}

int32_t packed_rows_within(const packed_layer_t *layer, const packed_weights_t *w, size_t bytes) {
  (void)layer;
  (void)w;
  (void)bytes;
  return 0;
}

void packed_convolution_fast(const packed_layer_t *layer, const packed_weights_t *w, const float *x, const float *bias,
                             float *y, void *scratch) {
  exact(layer, w, x, bias, y, scratch);
}

void packed_deconvolution_fast(const packed_layer_t *layer, const packed_weights_t *w, const float *x,
                               const float *bias, float *y, void *scratch) {
  exact(layer, w, x, bias, y, scratch);
}

#endif

#if PACKED_LANES == 1

/* sums[c] = sum of the inputs whose weight has code c. */
PACKED_INNER void add_by_entry(const uint8_t *codes, uint32_t bit, uint32_t bits, const float *x, int32_t n,
                               float *sums) {
  int32_t i;
  for (i = 0; i < n; i++, bit += bits) sums[code_at(codes, bit, bits)] += x[i];
}

static float entry_sums(const packed_weights_t *w, uint32_t first, int32_t n, uint32_t map, const float *x) {
  const float *dictionary = dictionary_of(w, map);
  float sums[1 << ENTRY_SUM_BITS] = {0.0f}, sum = 0.0f;
  int32_t code;
  add_by_entry(w->codes, first * w->bits, w->bits, x, n, sums);
  for (code = 0; code < 1 << w->bits; code++)
    sum += product(sums[code], dictionary ? dictionary[code] : (float)(code - w->zero_point));
  return w->scales ? product(sum, scale_of(w, map)) : sum;
}

#endif

void packed_affine_fast(const packed_layer_t *layer, const packed_weights_t *w, const float *x, const float *bias,
                        float *y, void *scratch) {
#if PACKED_LANES == 1
  const int32_t n = layer->in_maps;
  if (w->bits <= ENTRY_SUM_BITS && n >= 4 << w->bits) {
    int32_t b, o;
    for (b = 0; b < layer->batch; b++, x += n)
      for (o = 0; o < layer->out_maps; o++) {
        const float sum = entry_sums(w, first_weight(layer, 0, o, 0), n, (uint32_t)o, x);
        *y++ = bias ? sum + bias[o] : sum;
      }
    return;
  }
#elif TABLE > 1
  if (layer->batch == 1 && w->bits <= 4 && w->code_bytes >= 8) {
    look_up_affine(layer, w, x, bias, y);
    return;
  }
#endif
#ifndef PACKED_NO_MULTIPLY
  /* To decode a weight first is worth it where that is quick, or where several rows meet it. */
  if (TABLE > 1 || layer->batch > 1 || w->bits == PACKED_FLOAT_BITS) {
    decoded_affine(layer, w, x, bias, y, scratch);
    return;
  }
#endif
  packed_affine(layer, w, x, bias, y, scratch);
}
