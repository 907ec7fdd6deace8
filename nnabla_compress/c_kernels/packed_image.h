/* Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
 *
 * A part of packed_nnablart.c: reads a network's image without trusting it. No number of the image is used as an offset,
 * a count or a size before it has been compared with what there is. */
#ifndef PACKED_IMAGE_H
#define PACKED_IMAGE_H

#include <string.h>

#include "packed_nnablart.h"
#ifndef PACKED_NO_EMBED
#include "packed_rows.h"
#endif

#define MOST_DIMENSIONS 32 /* so that no file, however made, takes long to test */

/* The records of the four layers as far as they agree. Affine ends after base_axis; the multiplier of
 * DepthwiseConvolution is in the place of group; the oldest versions end after group. Runtimes of different age declare
 * different structures, the files do not differ. */
typedef struct {
  nn_function_t common;
  int32_t base_axis;
  nn_list_t pad, stride, dilation;
  int32_t group;
  uint8_t channel_last;
} record_t;

/* The numbers of the functions in files of all API levels. */
enum {
  AFFINE = 0,
  EMBED = 10,
  CONVOLUTION_1 = 1,
  CONVOLUTION_4 = 265,
  DEPTHWISE_CONVOLUTION = 2,
  DECONVOLUTION_1 = 3,
  DECONVOLUTION_2 = 279,
  DECONVOLUTION_3 = 292
};

static const int owned_types[] = {AFFINE,          CONVOLUTION_1,   CONVOLUTION_4,   DEPTHWISE_CONVOLUTION,
                                  DECONVOLUTION_1, DECONVOLUTION_2, DECONVOLUTION_3,
#ifndef PACKED_NO_EMBED
                                  EMBED
#endif
};

/* Functions that the converter leaves one number of the float weight, which the runtime does not read. */
enum {
  BINARY_CONNECT_CONVOLUTION_1 = 108,
  BINARY_CONNECT_CONVOLUTION_2 = 233,
  BINARY_WEIGHT_CONVOLUTION_1 = 110,
  BINARY_WEIGHT_CONVOLUTION_2 = 232
};

static const char list_is_damaged[] = "a list of the image is damaged";

static int complain(packed_report_t report, int function, const char *message) {
  if (report) report(function, message);
  return 1;
}

static int is_packed(int implement) {
  return implement == PACKED_IMPLEMENT ||
         (implement > PACKED_IMPLEMENT_DICTIONARY && implement <= PACKED_IMPLEMENT_DICTIONARY + 8);
}

/* Of user functions, this file's or others'; all other numbers are the runtime's own kernels. */
static int is_users(int implement) { return implement > 0 && implement < 100; }

static const uint32_t *offsets_of(const nn_network_t *network) { return (const uint32_t *)(const void *)(network + 1); }

static const uint8_t *data_of(const nn_network_t *network) {
  return (const uint8_t *)(offsets_of(network) + network->memory.num_of_data);
}

/* Datum number i and the bytes up to the next one, or null. */
static const void *datum(const nn_network_t *network, int32_t i, size_t *bytes) {
  const uint32_t *offsets = offsets_of(network);
  const uint32_t count = network->memory.num_of_data;
  uint32_t end = network->memory.data_size, next;
  *bytes = 0;
  if (i < 0 || (uint32_t)i >= count || offsets[i] > end || offsets[i] % 4 != 0) return NULL;
  next = (uint32_t)i + 1 < count ? offsets[i + 1] : end;
  if (next >= offsets[i] && next < end) end = next;
  *bytes = end - offsets[i];
  return data_of(network) + offsets[i];
}

static const int32_t *list(const nn_network_t *network, nn_list_t entries) {
  size_t bytes;
  const int32_t *values = datum(network, entries.list, &bytes);
  return values && bytes / sizeof *values >= entries.size ? values : NULL;
}

static const nn_variable_t *variable_of(const nn_network_t *network, int32_t number) {
  const int32_t *variables = list(network, network->variables);
  const nn_variable_t *variable;
  size_t bytes;
  if (!variables || number < 0 || (uint32_t)number >= network->variables.size) return NULL;
  variable = datum(network, variables[number], &bytes);
  return variable && bytes >= sizeof *variable ? variable : NULL;
}

/* What lies behind a variable: its datum, or something that is not null for a buffer; null if there is nothing. */
static const void *memory_of(const nn_network_t *network, const nn_variable_t *variable, size_t *bytes) {
  const int32_t *buffers = list(network, network->buffers);
  int32_t buffer;
  uint64_t size;
  if (variable->data_index >= 0) return datum(network, variable->data_index, bytes);
  *bytes = 0;
  buffer = -(variable->data_index + 1);
  if (!buffers || (uint32_t)buffer >= network->buffers.size || buffers[buffer] < 0) return NULL;
  size = (uint64_t)buffers[buffer] * (network->version == 2 ? sizeof(float) : 1);
  *bytes = (size_t)size;
  return *bytes == size ? buffers : NULL;
}

/* Whether the memory behind a variable holds all that its shape says. */
static int is_whole(const nn_network_t *network, const nn_variable_t *variable) {
  static const uint8_t bits[] = {32, 16, 8, 1}; /* FLOAT, INT16, INT8, SIGN */
  const int32_t *shape = list(network, variable->shape);
  const unsigned type = (unsigned)variable->type;
  uint64_t elements = 1;
  size_t bytes;
  uint32_t i;
  if (!shape || variable->shape.size > MOST_DIMENSIONS || type >= sizeof bits) return 0;
  if (!memory_of(network, variable, &bytes)) return 0;
  for (i = 0; i < variable->shape.size; i++) {
    if (shape[i] < 0) return 0;
    elements *= (uint64_t)shape[i];
    if (elements > INT32_MAX) return 0;
  }
  return (elements * bits[type] + 7) / 8 <= bytes;
}

/* What a function does not read of an input, or reads as it likes, need not be whole. */
static int is_read_whole(const nn_function_t *info, uint32_t input) {
  const int type = (int)info->type;
  if (is_packed(info->impl)) return input != 1;
  if (is_users(info->impl)) return 0;
  return input != 1 || (type != BINARY_CONNECT_CONVOLUTION_1 && type != BINARY_CONNECT_CONVOLUTION_2 &&
                        type != BINARY_WEIGHT_CONVOLUTION_1 && type != BINARY_WEIGHT_CONVOLUTION_2);
}

/* The inputs and outputs of a function. Its record itself has been tested. */
static packed_status_t test_variables(const nn_network_t *network, const nn_function_t *info) {
  const int32_t *inputs = list(network, info->inputs), *outputs = list(network, info->outputs);
  const nn_variable_t *variable;
  uint32_t i;
  if (!inputs || !outputs) return PACKED_BAD_RECORD;
  for (i = 0; i < info->inputs.size; i++) {
    variable = variable_of(network, inputs[i]);
    if (!variable) return PACKED_BAD_RECORD;
    if (is_read_whole(info, i) && !is_whole(network, variable)) return PACKED_BAD_MEMORY;
  }
  for (i = 0; i < info->outputs.size; i++) {
    variable = variable_of(network, outputs[i]);
    if (!variable) return PACKED_BAD_RECORD;
    if (variable->data_index >= 0 || !is_whole(network, variable)) return PACKED_BAD_MEMORY;
  }
  return PACKED_OK;
}

/* ------------------------------------------------------- the whole image -- */

static int test_extent(const nn_network_t *network, size_t image_bytes, packed_report_t report) {
  if (((uintptr_t)(const void *)network & 3) != 0) return complain(report, -1, "the image is not aligned to 4 bytes");
  if (image_bytes < sizeof *network ||
      (uint64_t)sizeof *network + 4 * (uint64_t)network->memory.num_of_data + network->memory.data_size > image_bytes)
    return complain(report, -1, "the image is shorter than it says");
  return 0;
}

/* The lists of the network, and every variable's shape and memory. */
static int test_lists(const nn_network_t *network, packed_report_t report) {
  const int32_t *buffers = list(network, network->buffers), *inputs = list(network, network->inputs);
  const int32_t *outputs = list(network, network->outputs);
  const nn_variable_t *variable;
  size_t bytes;
  uint32_t i;
  if (!buffers || !inputs || !outputs || !list(network, network->variables) || !list(network, network->functions))
    return complain(report, -1, list_is_damaged);
  for (i = 0; i < network->buffers.size; i++)
    if (buffers[i] < 0) return complain(report, -1, list_is_damaged);
  for (i = 0; i < network->variables.size; i++) {
    variable = variable_of(network, (int32_t)i);
    if (!variable || !list(network, variable->shape) || !memory_of(network, variable, &bytes))
      return complain(report, -1, "a variable of the image is damaged");
  }
  for (i = 0; i < network->inputs.size; i++) {
    variable = variable_of(network, inputs[i]);
    if (!variable || variable->data_index >= 0 || !is_whole(network, variable))
      return complain(report, -1, "an input of the network is damaged");
  }
  for (i = 0; i < network->outputs.size; i++) {
    variable = variable_of(network, outputs[i]);
    if (!variable || !is_whole(network, variable)) return complain(report, -1, "an output of the network is damaged");
  }
  return 0;
}

/* ------------------------------------------------------ marked functions -- */

static int is_owned(int type) {
  size_t i;
  for (i = 0; i < sizeof owned_types / sizeof *owned_types; i++)
    if (owned_types[i] == type) return 1;
  return 0;
}

/* The bytes that the arguments of an owned function end after. */
static size_t bytes_of_record(int type) {
  if (type == AFFINE) return offsetof(record_t, pad);
  if (type == CONVOLUTION_4 || type == DECONVOLUTION_2 || type == DECONVOLUTION_3)
    return offsetof(record_t, channel_last) + 1;
  return offsetof(record_t, channel_last);
}

/* The bytes of the image from a record on, 0 if that does not lie in it. */
static size_t bytes_from(const nn_network_t *network, const nn_function_t *info) {
  const uintptr_t data = (uintptr_t)data_of(network), begin = (uintptr_t)(const void *)info;
  const size_t size = network->memory.data_size;
  return begin < data || begin - data > size ? 0 : size - (begin - data);
}

/* The variable that a function whose variables have been tested takes or gives. */
static const nn_variable_t *put(const nn_network_t *network, nn_list_t puts, int number) {
  return variable_of(network, list(network, puts)[number]);
}

/* The stored values of a variable, or null if it is no parameter. */
static const void *parameter(const nn_network_t *network, const nn_variable_t *variable, size_t *bytes) {
  *bytes = 0;
  return variable->data_index < 0 ? NULL : datum(network, variable->data_index, bytes);
}

typedef struct {
  const int32_t *data;
  int size;
} shape_t;

static shape_t shape_of(const nn_network_t *network, const nn_variable_t *variable) {
  shape_t shape;
  shape.data = list(network, variable->shape);
  shape.size = shape.data ? (int)variable->shape.size : 0;
  return shape;
}

/* The product of a part of a shape, or 0 if it is not positive or too large. */
static int32_t count(shape_t shape, int from, int to) {
  int64_t product = 1;
  int i;
  for (i = from; i < to; i++) {
    if (shape.data[i] < 1) return 0;
    product *= shape.data[i];
    if (product > INT32_MAX) return 0;
  }
  return (int32_t)product;
}

static packed_status_t read_affine(const record_t *record, shape_t x, shape_t y, packed_layer_t *layer) {
  const int axis = record->base_axis;
  layer->kind = PACKED_AFFINE;
  if (axis < 0 || axis > x.size || axis > y.size) return PACKED_BAD_SHAPE;
  layer->groups = 1;
  layer->batch = count(x, 0, axis);
  layer->in_maps = count(x, axis, x.size);
  layer->out_maps = count(y, axis, y.size);
  return layer->batch == count(y, 0, axis) ? PACKED_OK : PACKED_BAD_SHAPE;
}

static packed_status_t read_spatial(const nn_network_t *network, const record_t *record, shape_t x, shape_t w,
                                    shape_t y, packed_layer_t *layer) {
  const int axis = record->base_axis, type = record->common.type, depthwise = type == DEPTHWISE_CONVOLUTION;
  const int spatial = axis < 0 ? 0 : x.size - 1 - axis, first_size = depthwise ? 1 : 2;
  const int32_t *pad = list(network, record->pad), *stride = list(network, record->stride);
  const int32_t *dilation = list(network, record->dilation);
  int32_t in, out;
  int d;
  layer->kind = type == DECONVOLUTION_1 || type == DECONVOLUTION_2 || type == DECONVOLUTION_3 ? PACKED_DECONVOLUTION
                                                                                            : PACKED_CONVOLUTION;
  if (spatial < 1 || spatial > 2) return PACKED_UNSUPPORTED;
  if ((type == CONVOLUTION_4 || type == DECONVOLUTION_2 || type == DECONVOLUTION_3) && record->channel_last)
    return PACKED_UNSUPPORTED;
  if (y.size != x.size || w.size != spatial + first_size) return PACKED_BAD_SHAPE;
  if (!pad || !stride || !dilation || record->pad.size < (uint32_t)spatial || record->stride.size < (uint32_t)spatial ||
      record->dilation.size < (uint32_t)spatial)
    return PACKED_BAD_SHAPE;
  in = x.data[axis];
  out = y.data[axis];
  layer->batch = count(x, 0, axis);
  layer->groups = depthwise ? in : record->group;
  if (layer->groups < 1 || in < 1 || out < 1 || in % layer->groups || out % layer->groups) return PACKED_BAD_SHAPE;
  layer->in_maps = in / layer->groups;
  layer->out_maps = out / layer->groups;
  if (w.data[0] != (layer->kind == PACKED_DECONVOLUTION ? in : out)) return PACKED_BAD_SHAPE;
  if (!depthwise && w.data[1] != (layer->kind == PACKED_DECONVOLUTION ? layer->out_maps : layer->in_maps))
    return PACKED_BAD_SHAPE;
  for (d = 0; d < 2; d++) {
    const int from = d - (2 - spatial); /* one dimension is a row */
    layer->in_size[d] = from < 0 ? 1 : x.data[axis + 1 + from];
    layer->out_size[d] = from < 0 ? 1 : y.data[axis + 1 + from];
    layer->kernel[d] = from < 0 ? 1 : w.data[first_size + from];
    layer->pad[d] = from < 0 ? 0 : pad[from];
    layer->stride[d] = from < 0 ? 1 : stride[from];
    layer->dilation[d] = from < 0 ? 1 : dilation[from];
  }
  return layer->batch == count(y, 0, axis) ? PACKED_OK : PACKED_BAD_SHAPE;
}

static packed_status_t read_weights(const nn_network_t *network, const nn_function_t *info, const packed_layer_t *layer,
                                    packed_weights_t *w) {
  const int implement = info->impl;
  const nn_variable_t *table = put(network, info->inputs, 3);
  const uint32_t maps = (uint32_t)layer->groups * (uint32_t)layer->out_maps;
  const uint32_t codes = packed_number_of_weights(layer);
  uint32_t described = codes;
  size_t table_bytes, code_bytes;
  const void *data = parameter(network, table, &table_bytes);
  w->codes = parameter(network, put(network, info->inputs, 1), &code_bytes);
  if (!data || !w->codes || codes == 0 || code_bytes > UINT32_MAX) return PACKED_BAD_SIZE;
  w->code_bytes = (uint32_t)code_bytes;
  if (implement == PACKED_IMPLEMENT) {
    packed_status_t status;
    if (table->type != NN_DATA_TYPE_INT8) return PACKED_UNSUPPORTED;
    status = packed_read_description(data, table_bytes, (int32_t)maps, w, &described);
    if (status != PACKED_OK) return status;
  } else {
    const shape_t shape = shape_of(network, table);
    const uint32_t floats = (uint32_t)count(shape, 0, shape.size);
    if (table->type != NN_DATA_TYPE_FLOAT) return PACKED_UNSUPPORTED;
    w->bits = (uint8_t)(implement - PACKED_IMPLEMENT_DICTIONARY);
    w->dictionary = data;
    w->dictionary_per_map = floats != 1u << w->bits;
    if (w->dictionary_per_map && floats >> w->bits != maps) return PACKED_BAD_SIZE;
    if (floats & ((1u << w->bits) - 1) || table_bytes / sizeof(float) < floats) return PACKED_BAD_SIZE;
  }
  /* Just as many codes as weights, up to the padding of a datum. */
  if (described != codes || code_bytes != (((uint64_t)codes * w->bits + 7) / 8 + 3) / 4 * 4) return PACKED_BAD_SIZE;
  return PACKED_OK;
}

/* Without a bias the description stands in its place, too. */
static int has_bias(const nn_network_t *network, const nn_function_t *info) {
  const int32_t *inputs = list(network, info->inputs);
  return inputs[2] != inputs[3];
}

#ifndef PACKED_NO_EMBED
/* Tests a marked Embed and reads its table, from the image alone; rows gets how many rows it looks up. */
static packed_status_t read_embed(const nn_network_t *network, const nn_function_t *info, packed_table_t *table,
                                  int32_t *rows) {
  const nn_variable_t *x, *codes, *y;
  const void *memory;
  shape_t shape;
  size_t bytes;
  int32_t results, size;
  packed_status_t status = test_variables(network, info);
  memset(table, 0, sizeof *table);
  if (status != PACKED_OK) return status;
  if (info->impl != PACKED_IMPLEMENT || info->inputs.size != 2 || info->outputs.size != 1) return PACKED_UNSUPPORTED;
  x = put(network, info->inputs, 0);
  codes = put(network, info->inputs, 1);
  y = put(network, info->outputs, 0);
  if (x->data_index == y->data_index || !is_whole(network, codes)) return PACKED_BAD_MEMORY;
  if (x->type != NN_DATA_TYPE_FLOAT || codes->type != NN_DATA_TYPE_INT8 || y->type != NN_DATA_TYPE_FLOAT)
    return PACKED_UNSUPPORTED;
  shape = shape_of(network, x);
  *rows = count(shape, 0, shape.size);
  shape = shape_of(network, y);
  results = count(shape, 0, shape.size);
  shape = shape_of(network, codes);
  size = count(shape, 0, shape.size);
  memory = parameter(network, codes, &bytes);
  if (!memory || size < 1) return PACKED_BAD_SIZE;
  switch (read_rows_table(memory, (size_t)size, table)) {
  case PACKED_TABLE_OK: break;
  case PACKED_TABLE_BAD_SIZE: return PACKED_BAD_SIZE;
  default: return PACKED_BAD_DESCRIPTION;
  }
#ifdef PACKED_NO_MULTIPLY
  if (table->scales) return PACKED_NOT_POWER_OF_TWO;
#endif
  if (*rows < 1 || (uint64_t)*rows * table->width != (uint64_t)results) return PACKED_BAD_SHAPE;
  return PACKED_OK;
}
#endif

/* Tests a marked layer, whose record may take so many bytes, and reads it, from the image alone. */
static packed_status_t read_function(const nn_network_t *network, const nn_function_t *info, size_t bytes,
                                     packed_layer_t *layer, packed_weights_t *weights) {
  const record_t *record = (const record_t *)(const void *)info;
  const nn_variable_t *in[4], *y;
  packed_status_t status;
  shape_t x_shape, y_shape, bias_shape;
  int i;
  memset(layer, 0, sizeof *layer);
  memset(weights, 0, sizeof *weights);
  if (!is_owned((int)info->type)) return PACKED_UNSUPPORTED;
  if (bytes < bytes_of_record((int)info->type)) return PACKED_BAD_RECORD;
  status = test_variables(network, info);
  if (status != PACKED_OK) return status;
  if (info->inputs.size != 4 || info->outputs.size != 1) return PACKED_UNSUPPORTED;
  y = put(network, info->outputs, 0);
  for (i = 0; i < 4; i++) {
    in[i] = put(network, info->inputs, i);
    if (in[i]->data_index == y->data_index) return PACKED_BAD_MEMORY;
  }
  if (in[1]->type != NN_DATA_TYPE_INT8 || (y->type != NN_DATA_TYPE_FLOAT && y->type != NN_DATA_TYPE_INT8))
    return PACKED_UNSUPPORTED;
  layer->type = in[0]->type;
  layer->coefficient = 1.0f / (float)(1 << in[0]->fp_pos);
  layer->fraction = (int32_t)y->fp_pos - (int32_t)in[0]->fp_pos;
  x_shape = shape_of(network, in[0]);
  y_shape = shape_of(network, y);
  status = (int)info->type == AFFINE
               ? read_affine(record, x_shape, y_shape, layer)
               : read_spatial(network, record, x_shape, shape_of(network, in[1]), y_shape, layer);
  if (status != PACKED_OK) return status;
  if (has_bias(network, info)) {
    bias_shape = shape_of(network, in[2]);
    if (in[2]->type != NN_DATA_TYPE_FLOAT) return PACKED_UNSUPPORTED;
    if (count(bias_shape, 0, bias_shape.size) != layer->groups * layer->out_maps) return PACKED_BAD_SHAPE;
  }
  status = read_weights(network, info, layer, weights);
  if (status != PACKED_OK) return status;
  if ((weights->biases != NULL) != (y->type == NN_DATA_TYPE_INT8)) return PACKED_UNSUPPORTED;
  if (weights->biases && has_bias(network, info)) return PACKED_UNSUPPORTED;
#ifdef PACKED_NO_INT8
  if (weights->biases) return PACKED_UNSUPPORTED;
#endif
  return packed_check(layer, weights);
}

/* Any function, marked or not, that the image says is datum number i. */
static packed_status_t test_function(const nn_network_t *network, int32_t i) {
  packed_layer_t layer;
  packed_weights_t weights;
  size_t bytes;
  const nn_function_t *info = datum(network, i, &bytes);
#ifndef PACKED_NO_EMBED
  packed_table_t table;
  int32_t rows;
#endif
  if (!info || bytes < sizeof *info) return PACKED_BAD_RECORD;
#ifndef PACKED_NO_EMBED
  if (is_packed(info->impl) && (int)info->type == EMBED) return read_embed(network, info, &table, &rows);
#endif
  return is_packed(info->impl) ? read_function(network, info, bytes, &layer, &weights) : test_variables(network, info);
}

#endif
