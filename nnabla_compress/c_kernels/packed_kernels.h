/* Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
 *
 * Convolution, DepthwiseConvolution, Deconvolution and Affine whose weights are packed, 1 to 8 bits each.
 *
 * C99 without any library but the memory functions of string.h. Nothing is allocated, nothing is written but y and
 * the scratch memory that the caller gives, so codes and tables may lie in read-only memory.
 *
 * A weight
 *   value(i) = level(code(i)) * scale        one float multiplication; without scales just the level
 *   level(c) = dictionary[c], or c - zero_point where there is no dictionary
 *   code(i)  = bits [i * bits, (i + 1) * bits) of the codes; bit j of the codes is bit j % 8 of byte j / 8
 * i counts in the order of the weight that NNabla has: Convolution [O, I / group, kh, kw], DepthwiseConvolution
 * [C * multiplier, kh, kw], Deconvolution [I, O / group, kh, kw], Affine as the C runtime stores it: [O, I].
 * Dictionary and scale belong to the whole tensor, or to one output map each ([O, 2^bits] and [O]).
 *
 * Three ways to run a layer
 *   packed_convolution ...            float, in the order of the stock NNabla C Runtime: the same bits as its own float
 *                                     kernels with the values stored as float (if neither is compiled with fused
 *                                     multiply-add; this file turns it off for these functions under GCC and Clang)
 *   packed_convolution_fast ...       float in any order, vectors where the compiler has them:
 *                                     |y - exact sum| <= (n + 2^bits + 3) 2^-24 (sum |x w| + |bias|), n products a sum,
 *                                     as long as nothing overflows or becomes subnormal
 *   packed_convolution_integer ...    int8 or int16 activations, int32 accumulation (exact), float results
 *   packed_convolution_int8 ...       int8 activations, int32 accumulation (exact), int8 results: the same on every processor
 *
 * Build switches
 *   PACKED_NO_MULTIPLY   products are made by additions to the exponent (float) or shifts (integer): every level and
 *                        scale must be zero or plus or minus a power of two, which packed_check tests. The fast
 *                        convolutions are then the ordinary ones.
 *   PACKED_LANES         floats a vector holds (1, 4, 8 or 16); chosen from the compiler's target if not given
 *   PACKED_NO_INT8       of packed_nnablart.c: layers from int8 to int8 are refused, and their kernels are not held
 *   PACKED_PORTABLE      the int8 kernels in plain C; else with the processor's products of 8 or 16 bits, see packed_dot.h
 */
#ifndef PACKED_KERNELS_H
#define PACKED_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of the activations; the numbers are those of NNabla's nn_data_type_t. */
typedef enum { PACKED_FLOAT = 0, PACKED_INT16 = 1, PACKED_INT8 = 2 } packed_type_t;

typedef enum { PACKED_CONVOLUTION = 0, PACKED_DECONVOLUTION = 1, PACKED_AFFINE = 2 } packed_kind_t;

#define PACKED_FLOAT_BITS 32

typedef struct {
  const uint8_t *codes;
  uint32_t code_bytes;        /* bytes that may be read from codes */
  const float *dictionary;    /* null: levels are code - zero_point */
  const float *scales;        /* null: no scale */
  int32_t zero_point;
  uint8_t bits;               /* 1 .. 8, or PACKED_FLOAT_BITS: the codes are the float32 weights themselves */
  uint8_t dictionary_per_map; /* 1: 2^bits entries for every output map */
  uint8_t scale_per_map;      /* 1: one scale for every output map */
  int8_t low, high;           /* int8 results: bounds */
  const int32_t *biases;      /* int8 results: one for every output map, see packed_convolution_int8; null: float results */
  const void *decoded;        /* the int8 convolution: what packed_decode_int8 has written; null: it decodes the codes at each call */
} packed_weights_t;

/* Index 0 of a pair is the height, 1 the width; a one-dimensional layer has height 1. A DepthwiseConvolution is a
 * convolution with groups = C, in_maps = 1, out_maps = multiplier. An Affine has in_maps inputs and out_maps outputs,
 * groups 1, and does not look at the pairs. */
typedef struct {
  int32_t kind;       /* packed_kind_t */
  int32_t type;       /* packed_type_t of x */
  float coefficient;  /* integer x: the value of a step, 2^-fp_pos */
  int32_t fraction;   /* int8 results: the fp_pos of y less that of x */
  int32_t batch;
  int32_t groups;
  int32_t in_maps;    /* of one group */
  int32_t out_maps;   /* of one group */
  int32_t in_size[2];
  int32_t out_size[2];
  int32_t kernel[2];
  int32_t pad[2];
  int32_t stride[2];
  int32_t dilation[2];
  int32_t rows;       /* the fast and the int8 kernels: output rows (of each phase of a deconvolution) that are computed at once, with
                         scratch memory for these; 0: all. The result has the same bits for any number. */
} packed_layer_t;

typedef enum {
  PACKED_OK = 0,
  PACKED_BAD_DESCRIPTION,  /* not a description of this version, or it contradicts itself */
  PACKED_BAD_BITS,
  PACKED_BAD_SHAPE,        /* sizes of the layer do not fit together */
  PACKED_BAD_SIZE,         /* more or fewer codes than the layer has weights, or the table does not fit the maps */
  PACKED_NOT_INTEGER,      /* integer activations need levels that are integers up to 2^15 */
  PACKED_MAY_OVERFLOW,     /* 32 bits may not hold the sum of integer products */
  PACKED_NOT_POWER_OF_TWO, /* built with PACKED_NO_MULTIPLY, but a level or scale is no power of two */
  PACKED_UNSUPPORTED,      /* a type, layout or number of dimensions that these kernels do not have */
  PACKED_BAD_MEMORY,       /* of a file: memory smaller than a shape, or not to be written to */
  PACKED_BAD_RECORD,       /* of a file: numbers that lead out of it */
  PACKED_BAD_SCRATCH,      /* more scratch memory than it may take, even for a single row */
  PACKED_NOT_INT8          /* int8 results need int8 activations and levels, and scales that are not too large */
} packed_status_t;

/* One line of text without a line break. */
const char *packed_message(packed_status_t status);

/* The description of packed weights in a file: 16 bytes, followed by the dictionary and then the scales as float32,
 * everything little endian.
 *    0  u8   1, the version          4  i32  zero point
 *    1  u8   bits                    8  u32  number of codes
 *    2  u8   sum of the flags       12  u32  number of floats that follow
 *    3  u8   0
 * With PACKED_TO_INT8 there follow, not counted as floats: a word whose first bytes are the lowest and the highest result
 * (i8), and the biases as i32.
 * Fills w but for codes and code_bytes. The description must be aligned to 4 bytes; size says how much may be read. */
#define PACKED_DESCRIPTION_BYTES 16
#define PACKED_HAS_DICTIONARY 1
#define PACKED_DICTIONARY_PER_MAP 2
#define PACKED_HAS_SCALE 4
#define PACKED_SCALE_PER_MAP 8
#define PACKED_TO_INT8 16
packed_status_t packed_read_description(const void *description, size_t size, int32_t output_maps,
                                        packed_weights_t *w, uint32_t *number_of_codes);

/* Number of weights of a layer; 0 if that does not fit 32 bits. */
uint32_t packed_number_of_weights(const packed_layer_t *layer);

/* Tests all that the kernels rely on. Call it once for every layer, before anything else is done with it. */
packed_status_t packed_check(const packed_layer_t *layer, const packed_weights_t *w);

/* Bytes of scratch memory, aligned as for float, that a kernel wants; it may be shared by all layers. */
size_t packed_scratch_bytes(const packed_layer_t *layer, const packed_weights_t *w);
size_t packed_scratch_bytes_fast(const packed_layer_t *layer, const packed_weights_t *w);
size_t packed_scratch_bytes_integer(const packed_layer_t *layer, const packed_weights_t *w);
size_t packed_scratch_bytes_int8(const packed_layer_t *layer, const packed_weights_t *w);

/* The number for layer->rows with which a fast or int8 kernel takes at most so many bytes of scratch memory; 1 if even a
 * row takes more. packed_scratch_bytes_fast and packed_scratch_bytes_int8 tell what it then takes. */
int32_t packed_rows_within(const packed_layer_t *layer, const packed_weights_t *w, size_t bytes);
int32_t packed_rows_within_int8(const packed_layer_t *layer, const packed_weights_t *w, size_t bytes);

/* Decodes the weights of an int8 convolution once, into memory for w->decoded, aligned as for float, that takes so many bytes; the
 * result has the same bits. Other layers take 0 bytes. The rows of the layer may be another number afterwards. */
size_t packed_decoded_bytes_int8(const packed_layer_t *layer, const packed_weights_t *w);
void packed_decode_int8(const packed_layer_t *layer, const packed_weights_t *w, void *memory);

/* x [batch, groups * in_maps, height, width], y likewise, bias one float for every output map or null.
 * x, y and scratch must not overlap. */
void packed_convolution(const packed_layer_t *layer, const packed_weights_t *w, const float *x, const float *bias,
                        float *y, void *scratch);
void packed_deconvolution(const packed_layer_t *layer, const packed_weights_t *w, const float *x, const float *bias,
                          float *y, void *scratch);
void packed_affine(const packed_layer_t *layer, const packed_weights_t *w, const float *x, const float *bias, float *y,
                   void *scratch);

void packed_convolution_fast(const packed_layer_t *layer, const packed_weights_t *w, const float *x, const float *bias,
                             float *y, void *scratch);
void packed_deconvolution_fast(const packed_layer_t *layer, const packed_weights_t *w, const float *x,
                               const float *bias, float *y, void *scratch);
void packed_affine_fast(const packed_layer_t *layer, const packed_weights_t *w, const float *x, const float *bias,
                        float *y, void *scratch);

/* y = (sum of x * level) * (scale * coefficient) + bias, in this order. x is int8_t or int16_t, as layer->type says. */
void packed_convolution_integer(const packed_layer_t *layer, const packed_weights_t *w, const void *x,
                                const float *bias, float *y, void *scratch);
void packed_deconvolution_integer(const packed_layer_t *layer, const packed_weights_t *w, const void *x,
                                  const float *bias, float *y, void *scratch);
void packed_affine_integer(const packed_layer_t *layer, const packed_weights_t *w, const void *x, const float *bias,
                           float *y, void *scratch);

/* x and y are int8. With scale * 2^fraction = multiplier * 2^-shift, of which 2^30 <= |multiplier| < 2^31 and shift <= 47 (a
 * smaller scale has a smaller multiplier, rounded toward zero),
 *   y = low <= (sum of x * level * multiplier + biases[map] * 2^(shift - 16)) >> shift <= high
 * in 64 bits: a bias counts 2^-16 steps of y, and holds the half that makes of the shift a rounding to the nearest. */
void packed_convolution_int8(const packed_layer_t *layer, const packed_weights_t *w, const int8_t *x, int8_t *y,
                             void *scratch);
void packed_deconvolution_int8(const packed_layer_t *layer, const packed_weights_t *w, const int8_t *x, int8_t *y,
                               void *scratch);
void packed_affine_int8(const packed_layer_t *layer, const packed_weights_t *w, const int8_t *x, int8_t *y,
                        void *scratch);

#ifdef __cplusplus
}
#endif

#endif
