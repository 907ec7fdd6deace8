/* Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
 *
 * A part of packed_nnablart.c: what lies between layers from int8 to int8. Add2, ReLU, MaxPooling, AveragePooling, Pad and Slice give
 * the same bits as the runtime's own kernels, which look up each number on its own, in a fraction of their time. A form that is not
 * here stays with the runtime. */
#ifndef PACKED_BETWEEN_H
#define PACKED_BETWEEN_H

#include "packed_image.h"

enum { MAX_POOLING = 266, AVERAGE_POOLING = 267, RELU = 14, ADD2 = 31, SLICE = 77, PAD = 123 };

static const int between_types[] = {MAX_POOLING, AVERAGE_POOLING, RELU, ADD2, SLICE, PAD};

typedef struct {
  nn_function_t common;
  nn_list_t kernel, stride;
  uint8_t ignore_border;
  nn_list_t pad;
  uint8_t channel_last, including_pad; /* the latter of AveragePooling only */
} pooling_record_t;

typedef struct {
  nn_function_t common;
  nn_list_t start, stop, step;
} slice_record_t;

typedef struct {
  nn_function_t common;
  nn_list_t width;
  uint32_t mode; /* 0: constant */
  float constant;
} pad_record_t;

#define BOX_DIMENSIONS 4

/* Copies x[from + sum of i * from_step] to y[to + sum of i * to_step] for all i below size; the last to_step is 1. */
typedef struct {
  int32_t size[BOX_DIMENSIONS], from_step[BOX_DIMENSIONS], to_step[BOX_DIMENSIONS];
  int32_t from, to;
  int32_t filled; /* numbers of y that are set to the constant before */
  int8_t constant;
} box_t;

typedef struct {
  int32_t maps, in_size[2], out_size[2], kernel[2], stride[2], pad[2];
  uint8_t average, including_pad;
} pooling_t;

/* The local context of a function. */
typedef struct {
  int32_t count, shift; /* of Add2 and ReLU: numbers, and bits that results lose */
  union {
    box_t box;
    pooling_t pooling;
  } of;
} between_t;

/* Divided by 2^shift, toward zero. */
static inline int32_t shortened(int32_t value, int32_t shift) { return (value + ((value >> 31) & ((1 << shift) - 1))) >> shift; }

/* Saturated, but for the least number added to itself, of which the runtime makes 0. */
static inline int32_t saturated_sum(int32_t a, int32_t b) {
  const int32_t sum = a + b;
  return sum > 127 ? 127 : sum == -256 ? 0 : sum < -128 ? -128 : sum;
}

static rt_function_error_t run_add2(rt_function_t *f) {
  const between_t *function = f->local_context;
  const int8_t *a = f->inputs[0]->data, *b = f->inputs[1]->data;
  int8_t *y = f->outputs[0]->data;
  const int32_t n = function->count, shift = function->shift;
  int32_t i;
  if (shift == 0)
    for (i = 0; i < n; i++) y[i] = (int8_t)saturated_sum(a[i], b[i]);
  else
    for (i = 0; i < n; i++) y[i] = (int8_t)shortened(saturated_sum(a[i], b[i]), shift);
  return RT_FUNCTION_ERROR_NOERROR;
}

static rt_function_error_t run_relu(rt_function_t *f) {
  const between_t *function = f->local_context;
  const int8_t *x = f->inputs[0]->data;
  int8_t *y = f->outputs[0]->data;
  const int32_t n = function->count, shift = function->shift;
  int32_t i;
  if (shift == 0)
    for (i = 0; i < n; i++) y[i] = x[i] > 0 ? x[i] : 0;
  else
    for (i = 0; i < n; i++) y[i] = (int8_t)((x[i] > 0 ? x[i] : 0) >> shift);
  return RT_FUNCTION_ERROR_NOERROR;
}

static rt_function_error_t run_box(rt_function_t *f) {
  const box_t *box = &((const between_t *)f->local_context)->of.box;
  const int8_t *x = f->inputs[0]->data;
  int8_t *y = f->outputs[0]->data;
  const int32_t n = box->size[3], step = box->from_step[3];
  int32_t i, j, k, m;
  if (box->filled) memset(y, box->constant, (size_t)box->filled);
  for (i = 0; i < box->size[0]; i++)
    for (j = 0; j < box->size[1]; j++)
      for (k = 0; k < box->size[2]; k++) {
        const int8_t *from = x + box->from + i * box->from_step[0] + j * box->from_step[1] + k * box->from_step[2];
        int8_t *to = y + box->to + i * box->to_step[0] + j * box->to_step[1] + k * box->to_step[2];
        if (step == 1)
          memcpy(to, from, (size_t)n);
        else
          for (m = 0; m < n; m++) to[m] = from[m * step];
      }
  return RT_FUNCTION_ERROR_NOERROR;
}

/* The part of the input that an output reads, without and with padding, as the runtime sees it. */
static int32_t window(const pooling_t *p, int d, int32_t out, int32_t *begin, int32_t *end) {
  const int32_t first = out * p->stride[d] - p->pad[d], room = p->in_size[d] + p->pad[d];
  const int32_t last = first + p->kernel[d] < room ? first + p->kernel[d] : room;
  *begin = first < 0 ? 0 : first;
  *end = last < p->in_size[d] ? last : p->in_size[d];
  return last - first;
}

static int32_t sum_of(const int8_t *x, int32_t n) {
  int32_t sum = 0, i;
  for (i = 0; i < n; i++) sum += x[i];
  return sum;
}

static rt_function_error_t run_pooling(rt_function_t *f) {
  const pooling_t *p = &((const between_t *)f->local_context)->of.pooling;
  const int8_t *x = f->inputs[0]->data;
  int8_t *y = f->outputs[0]->data;
  int32_t map, i, j, row, column, top, bottom, left, right;
  for (map = 0; map < p->maps; map++, x += (size_t)p->in_size[0] * p->in_size[1])
    for (i = 0; i < p->out_size[0]; i++) {
      const int32_t height = window(p, 0, i, &top, &bottom);
      for (j = 0; j < p->out_size[1]; j++) {
        int32_t all = height * window(p, 1, j, &left, &right), sum = 0, most = -128;
        const int8_t *from = x + (size_t)top * p->in_size[1];
        if (!p->including_pad) all = (bottom - top) * (right - left);
        if (p->average && right - left == p->in_size[1])
          sum = sum_of(from, (bottom - top) * p->in_size[1]);
        else if (p->average)
          for (row = top; row < bottom; row++, from += p->in_size[1]) sum += sum_of(from + left, right - left);
        else
          for (row = top; row < bottom; row++, from += p->in_size[1])
            for (column = left; column < right; column++) most = from[column] > most ? from[column] : most;
        *y++ = (int8_t)(p->average ? sum / all : most);
      }
    }
  return RT_FUNCTION_ERROR_NOERROR;
}

/* ------------------------------------------------------------ reading them -- */

static int same_shape(shape_t a, shape_t b) {
  return a.size == b.size && memcmp(a.data, b.data, (size_t)a.size * sizeof *a.data) == 0;
}

static int read_pooling(const nn_network_t *network, const pooling_record_t *record, size_t bytes, shape_t x, shape_t y,
                        pooling_t *p) {
  const int average = (int)record->common.type == AVERAGE_POOLING;
  const int32_t *kernel, *stride, *pad;
  int d;
  if (bytes < offsetof(pooling_record_t, channel_last) + (average ? 2 : 1) || record->channel_last) return 0;
  kernel = list(network, record->kernel);
  stride = record->stride.size ? list(network, record->stride) : kernel;
  pad = list(network, record->pad);
  if (!kernel || !stride || !pad || record->kernel.size != 2 || record->pad.size != 2 || x.size < 2) return 0;
  if ((record->stride.size && record->stride.size != 2) || x.size != y.size) return 0;
  p->maps = count(x, 0, x.size - 2);
  if (p->maps == 0 || p->maps != count(y, 0, y.size - 2)) return 0;
  p->average = (uint8_t)average;
  p->including_pad = average && record->including_pad;
  for (d = 0; d < 2; d++) {
    const int32_t in = x.data[x.size - 2 + d], out = y.data[x.size - 2 + d];
    int32_t begin, end, i;
    if (kernel[d] < 1 || stride[d] < 1 || pad[d] < 0 || kernel[d] > 32767 || stride[d] > 32767 || pad[d] > 32767)
      return 0;
    if (in < 1 || in > 32767 || out < 1 || out > 32767) return 0;
    if (out != (in + pad[d] - (record->ignore_border ? kernel[d] - pad[d] : 1)) / stride[d] + 1) return 0;
    p->in_size[d] = in;
    p->out_size[d] = out;
    p->kernel[d] = kernel[d];
    p->stride[d] = stride[d];
    p->pad[d] = pad[d];
    for (i = 0; i < out; i++) {
      (void)window(p, d, i, &begin, &end);
      if (begin >= end) return 0;
    }
  }
  /* The runtime sums averages in 16 bits. */
  return !average || kernel[0] * kernel[1] <= 255;
}

/* Sizes as those of four dimensions, and how far their elements are apart. */
static int strides_of(shape_t shape, int32_t *size, int32_t *stride) {
  int d, missing = BOX_DIMENSIONS - shape.size;
  if (missing < 0 || count(shape, 0, shape.size) == 0) return 0;
  for (d = BOX_DIMENSIONS - 1; d >= 0; d--) {
    size[d] = d < missing ? 1 : shape.data[d - missing];
    stride[d] = d == BOX_DIMENSIONS - 1 ? 1 : stride[d + 1] * size[d + 1];
  }
  return 1;
}

static int read_pad(const nn_network_t *network, const pad_record_t *record, size_t bytes, const nn_variable_t *y,
                    shape_t x_shape, shape_t y_shape, box_t *box) {
  const int32_t *width;
  int32_t out[BOX_DIMENSIONS], first = BOX_DIMENSIONS, d;
  float constant;
  if (bytes < sizeof *record || record->mode != 0 || x_shape.size != y_shape.size) return 0;
  width = list(network, record->width);
  if (!width || record->width.size % 2 || record->width.size / 2 > (uint32_t)x_shape.size) return 0;
  if (!strides_of(x_shape, box->size, box->from_step) || !strides_of(y_shape, out, box->to_step)) return 0;
  first -= (int32_t)(record->width.size / 2);
  for (d = 0; d < BOX_DIMENSIONS; d++) {
    const int32_t before = d < first ? 0 : width[2 * (d - first)], after = d < first ? 0 : width[2 * (d - first) + 1];
    if (before < 0 || after < 0 || before > out[d] || after > out[d] || box->size[d] + before + after != out[d]) return 0;
    box->to += before * box->to_step[d];
  }
  box->filled = out[0] * box->to_step[0];
  constant = record->constant * (float)(1 << y->fp_pos);
  if (!(constant >= -1e9f && constant <= 1e9f)) return 0;
  box->constant = (int8_t)(constant >= 127.0f ? 127.0f : constant <= -128.0f ? -128.0f : constant);
  return 1;
}

static int read_slice(const nn_network_t *network, const slice_record_t *record, size_t bytes, shape_t x_shape,
                      shape_t y_shape, box_t *box) {
  const int32_t *start, *step;
  int32_t in[BOX_DIMENSIONS], in_step[BOX_DIMENSIONS], first = BOX_DIMENSIONS, d;
  if (bytes < sizeof *record || x_shape.size != y_shape.size) return 0;
  start = list(network, record->start);
  step = list(network, record->step);
  if (!start || !step || record->start.size != record->step.size || record->start.size > (uint32_t)x_shape.size) return 0;
  if (!strides_of(x_shape, in, in_step) || !strides_of(y_shape, box->size, box->to_step)) return 0;
  first -= (int32_t)record->start.size;
  for (d = 0; d < BOX_DIMENSIONS; d++) {
    const int32_t begin = d < first || start[d - first] < 0 || start[d - first] == INT32_MAX ? 0 : start[d - first];
    const int32_t by = d < first || step[d - first] < 0 || step[d - first] == INT32_MAX ? 1 : step[d - first];
    if (begin >= in[d] || ((int64_t)box->size[d] - 1) * by > in[d] - 1 - begin) return 0;
    box->from += begin * in_step[d];
    box->from_step[d] = by * in_step[d];
  }
  return 1;
}

typedef rt_function_error_t between_kernel_t(rt_function_t *);

/* What runs a function whose variables have been tested, or null if it is the runtime's. */
static between_kernel_t *read_between(const nn_network_t *network, const nn_function_t *info, size_t bytes,
                                      between_t *function) {
  const int type = (int)info->type;
  const nn_variable_t *x, *y, *other;
  shape_t x_shape, y_shape;
  memset(function, 0, sizeof *function);
  if (info->impl != 0 || info->outputs.size != 1 || info->inputs.size != (type == ADD2 ? 2 : 1)) return NULL;
  if (test_variables(network, info) != PACKED_OK) return NULL;
  x = put(network, info->inputs, 0);
  y = put(network, info->outputs, 0);
  if (x->type != NN_DATA_TYPE_INT8 || y->type != NN_DATA_TYPE_INT8) return NULL;
  x_shape = shape_of(network, x);
  y_shape = shape_of(network, y);
  function->count = count(y_shape, 0, y_shape.size);
  function->shift = (int32_t)x->fp_pos - (int32_t)y->fp_pos;
  if (function->count == 0 || function->shift < 0 || function->shift > 6) return NULL;
  if (type == RELU) return count(x_shape, 0, x_shape.size) == function->count ? run_relu : NULL;
  if (type == ADD2) {
    other = put(network, info->inputs, 1);
    if (other->type != NN_DATA_TYPE_INT8 || other->fp_pos != x->fp_pos) return NULL;
    return same_shape(x_shape, y_shape) && same_shape(shape_of(network, other), y_shape) ? run_add2 : NULL;
  }
  /* These move numbers, or average them. */
  if (function->shift != 0 || x->data_index == y->data_index) return NULL;
  if (type == PAD)
    return read_pad(network, (const pad_record_t *)(const void *)info, bytes, y, x_shape, y_shape, &function->of.box)
               ? run_box
               : NULL;
  if (type == SLICE)
    return read_slice(network, (const slice_record_t *)(const void *)info, bytes, x_shape, y_shape, &function->of.box)
               ? run_box
               : NULL;
  return read_pooling(network, (const pooling_record_t *)(const void *)info, bytes, x_shape, y_shape,
                      &function->of.pooling)
             ? run_pooling
             : NULL;
}

static rt_function_error_t release_between(rt_function_t *f) {
  (void)f;
  return RT_FUNCTION_ERROR_NOERROR;
}

static rt_return_value_t take_between(nn_network_t *network, void *offered) {
  offer_t *offer = offered;
  between_t found, *function;
  between_kernel_t *const kernel = read_between(network, offer->info, bytes_from(network, offer->info), &found);
  if (!kernel || !offer->func.inputs || !offer->func.outputs) return RT_RET_FUNCTION_DONT_MATCH;
  function = rt_malloc_func(sizeof *function);
  if (!function) return RT_RET_FUNCTION_DONT_MATCH;
  *function = found;
  offer->func.exec_func = kernel;
  offer->func.free_local_context_func = release_between;
  offer->func.local_context = function;
  return RT_RET_FUNCTION_MATCH;
}

#endif
