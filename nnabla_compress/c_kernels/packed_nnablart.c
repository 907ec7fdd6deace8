/* Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
 *
 * See packed_nnablart.h. */
#include "packed_nnablart.h"

#include <string.h>

#include <nnablart/functions.h>

typedef void float_kernel_t(const packed_layer_t *, const packed_weights_t *, const float *, const float *, float *,
                            void *);
typedef void integer_kernel_t(const packed_layer_t *, const packed_weights_t *, const void *, const float *, float *,
                              void *);
typedef size_t scratch_bytes_t(const packed_layer_t *, const packed_weights_t *);

/* What a callback is given; the runtime declares it in a header that is not installed. */
typedef struct {
  nn_function_t *info;
  rt_function_t func;
} offer_t;

/* The records of all four functions as far as they agree. Affine ends after base_axis; the multiplier of
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
  CONVOLUTION_1 = 1,
  CONVOLUTION_4 = 265,
  DEPTHWISE_CONVOLUTION = 2,
  DECONVOLUTION_1 = 3,
  DECONVOLUTION_2 = 279,
  DECONVOLUTION_3 = 292
};

static const int owned_types[] = {AFFINE,          CONVOLUTION_1,   CONVOLUTION_4,  DEPTHWISE_CONVOLUTION,
                                  DECONVOLUTION_1, DECONVOLUTION_2, DECONVOLUTION_3};

typedef struct owner owner_t;

/* The local context of a function. */
typedef struct function {
  struct function *next;
  owner_t *owner;
  const nn_function_t *info;
  packed_status_t status;
  packed_layer_t layer;
  packed_weights_t weights;
  const rt_variable_t *bias;
  float_kernel_t *run_float;
  integer_kernel_t *run_integer;
} function_t;

/* What the functions of a network share. */
struct owner {
  owner_t *next;
  const nn_network_t *network;
  function_t *functions;
  void *scratch;
  size_t scratch_bytes;
};

static owner_t *owners;

/* ----------------------------------------------------------- the image -- */

static const int32_t *offsets_of(const nn_network_t *network) { return (const int32_t *)(const void *)(network + 1); }

/* Datum number i and the bytes up to the next one, or null. */
static const void *datum(const nn_network_t *network, int32_t i, size_t *bytes) {
  const int32_t *offsets = offsets_of(network);
  const uint32_t count = network->memory.num_of_data, size = network->memory.data_size;
  uint32_t begin, end = size, k;
  *bytes = 0;
  if (i < 0 || (uint32_t)i >= count) return NULL;
  begin = (uint32_t)offsets[i];
  if (begin > size || begin % 4 != 0) return NULL;
  for (k = 0; k < count; k++)
    if ((uint32_t)offsets[k] > begin && (uint32_t)offsets[k] < end) end = (uint32_t)offsets[k];
  *bytes = end - begin;
  return (const uint8_t *)(offsets + count) + begin;
}

static const int32_t *list(const nn_network_t *network, nn_list_t entries) {
  size_t bytes;
  const int32_t *values = datum(network, entries.list, &bytes);
  return values && bytes / sizeof *values >= entries.size ? values : NULL;
}

/* The stored values of an input of a function, or null if it is no parameter. */
static const void *parameter(const nn_network_t *network, const nn_function_t *info, int input, size_t *bytes) {
  const int32_t *inputs = list(network, info->inputs), *variables = list(network, network->variables);
  const nn_variable_t *variable;
  *bytes = 0;
  if (!inputs || !variables || inputs[input] < 0 || (uint32_t)inputs[input] >= network->variables.size) return NULL;
  variable = datum(network, variables[inputs[input]], bytes);
  if (!variable || *bytes < sizeof *variable || variable->data_index < 0) return NULL;
  return datum(network, variable->data_index, bytes);
}

/* ---------------------------------------------------------- a function -- */

/* The product of a part of a shape, or 0 if it is not positive or too large. */
static int32_t count(rt_list_t shape, int from, int to) {
  int64_t product = 1;
  int i;
  for (i = from; i < to; i++) {
    if (shape.data[i] < 1) return 0;
    product *= shape.data[i];
    if (product > INT32_MAX) return 0;
  }
  return (int32_t)product;
}

static packed_status_t read_affine(const record_t *record, const rt_function_t *f, packed_layer_t *layer) {
  const rt_list_t x = f->inputs[0]->shape, y = f->outputs[0]->shape;
  const int axis = record->base_axis;
  layer->kind = PACKED_AFFINE;
  if (axis < 0 || axis > x.size || axis > y.size) return PACKED_BAD_SHAPE;
  layer->groups = 1;
  layer->batch = count(x, 0, axis);
  layer->in_maps = count(x, axis, x.size);
  layer->out_maps = count(y, axis, y.size);
  return layer->batch == count(y, 0, axis) ? PACKED_OK : PACKED_BAD_SHAPE;
}

static packed_status_t read_spatial(const nn_network_t *network, const record_t *record, const rt_function_t *f,
                                    packed_layer_t *layer) {
  const rt_list_t x = f->inputs[0]->shape, w = f->inputs[1]->shape, y = f->outputs[0]->shape;
  const int axis = record->base_axis, type = record->common.type, depthwise = type == DEPTHWISE_CONVOLUTION;
  const int spatial = x.size - axis - 1, first_size = depthwise ? 1 : 2;
  const int32_t *pad = list(network, record->pad), *stride = list(network, record->stride);
  const int32_t *dilation = list(network, record->dilation);
  int32_t in, out;
  int d;
  layer->kind = type == DECONVOLUTION_1 || type == DECONVOLUTION_2 || type == DECONVOLUTION_3 ? PACKED_DECONVOLUTION
                                                                                            : PACKED_CONVOLUTION;
  if (axis < 0 || spatial < 1 || spatial > 2) return PACKED_UNSUPPORTED;
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

static packed_status_t read_weights(const nn_network_t *network, const rt_function_t *f, function_t *function) {
  const int implement = function->info->impl;
  const rt_variable_t *table = f->inputs[3];
  packed_weights_t *w = &function->weights;
  const uint32_t maps = (uint32_t)function->layer.groups * (uint32_t)function->layer.out_maps;
  const uint32_t codes = packed_number_of_weights(&function->layer);
  uint32_t described = codes;
  size_t table_bytes, code_bytes;
  const void *data = parameter(network, function->info, 3, &table_bytes);
  w->codes = parameter(network, function->info, 1, &code_bytes);
  if (!data || !w->codes || codes == 0 || code_bytes > UINT32_MAX) return PACKED_BAD_SIZE;
  w->code_bytes = (uint32_t)code_bytes;
  if (implement == PACKED_IMPLEMENT) {
    packed_status_t status;
    if (table->type != NN_DATA_TYPE_INT8) return PACKED_UNSUPPORTED;
    status = packed_read_description(data, table_bytes, (int32_t)maps, w, &described);
    if (status != PACKED_OK) return status;
  } else {
    const uint32_t floats = (uint32_t)count(table->shape, 0, table->shape.size);
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

static packed_status_t read_function(const nn_network_t *network, const rt_function_t *f, function_t *function) {
  packed_layer_t *layer = &function->layer;
  const record_t *record = (const record_t *)(const void *)function->info;
  packed_status_t status;
  int i;
  if (f->num_of_inputs != 4 || f->num_of_outputs != 1) return PACKED_UNSUPPORTED;
  for (i = 0; i < 4; i++)
    if (!f->inputs[i]) return PACKED_BAD_SHAPE;
  if (!f->outputs[0]) return PACKED_BAD_SHAPE;
  if (f->inputs[1]->type != NN_DATA_TYPE_INT8 || f->outputs[0]->type != NN_DATA_TYPE_FLOAT) return PACKED_UNSUPPORTED;
  layer->type = f->inputs[0]->type;
  layer->coefficient = f->inputs[0]->coefficient;
  status = (int)record->common.type == AFFINE ? read_affine(record, f, layer) : read_spatial(network, record, f, layer);
  if (status != PACKED_OK) return status;
  if (f->inputs[2] != f->inputs[3]) {
    function->bias = f->inputs[2];
    if (function->bias->type != NN_DATA_TYPE_FLOAT) return PACKED_UNSUPPORTED;
    if (count(function->bias->shape, 0, function->bias->shape.size) != layer->groups * layer->out_maps)
      return PACKED_BAD_SHAPE;
  }
  status = read_weights(network, f, function);
  return status == PACKED_OK ? packed_check(layer, &function->weights) : status;
}

/* ------------------------------------------------------- the callbacks -- */

static rt_function_error_t run(rt_function_t *f) {
  const function_t *function = f->local_context;
  const float *bias;
  if (!function || (function->owner->scratch_bytes && !function->owner->scratch)) return RT_FUNCTION_ERROR_MALLOC;
  if (function->status != PACKED_OK) return RT_FUNCTION_ERROR_INVALID_SHAPE;
  bias = function->bias ? function->bias->data : NULL;
  if (function->layer.type == PACKED_FLOAT)
    function->run_float(&function->layer, &function->weights, f->inputs[0]->data, bias, f->outputs[0]->data,
                        function->owner->scratch);
  else
    function->run_integer(&function->layer, &function->weights, f->inputs[0]->data, bias, f->outputs[0]->data,
                          function->owner->scratch);
  return RT_FUNCTION_ERROR_NOERROR;
}

/* The runtime frees the local context itself, afterwards. */
static rt_function_error_t release(rt_function_t *f) {
  function_t *function = f->local_context, **link;
  owner_t *owner, **owner_link;
  if (!function) return RT_FUNCTION_ERROR_NOERROR;
  owner = function->owner;
  for (link = &owner->functions; *link != function; link = &(*link)->next) {
  }
  *link = function->next;
  if (owner->functions) return RT_FUNCTION_ERROR_NOERROR;
  for (owner_link = &owners; *owner_link != owner; owner_link = &(*owner_link)->next) {
  }
  *owner_link = owner->next;
  if (owner->scratch) rt_free_func(owner->scratch);
  rt_free_func(owner);
  return RT_FUNCTION_ERROR_NOERROR;
}

static owner_t *owner_of(const nn_network_t *network) {
  owner_t *owner;
  for (owner = owners; owner; owner = owner->next)
    if (owner->network == network) return owner;
  return NULL;
}

static void reserve_scratch(owner_t *owner, size_t bytes) {
  if (bytes <= owner->scratch_bytes) return;
  if (owner->scratch) rt_free_func(owner->scratch);
  owner->scratch_bytes = bytes;
  owner->scratch = rt_malloc_func(bytes);
}

typedef struct {
  float_kernel_t *run_float[3]; /* of each kind of layer */
  scratch_bytes_t *float_scratch;
} kernels_t;

static rt_return_value_t take(nn_network_t *network, offer_t *offer, const kernels_t *kernels) {
  static integer_kernel_t *const run_integer[3] = {packed_convolution_integer, packed_deconvolution_integer,
                                                   packed_affine_integer};
  const int implement = offer->info->impl;
  rt_function_t *f = &offer->func;
  function_t *function;
  owner_t *owner;
  if (implement != PACKED_IMPLEMENT &&
      (implement <= PACKED_IMPLEMENT_DICTIONARY || implement > PACKED_IMPLEMENT_DICTIONARY + 8))
    return RT_RET_FUNCTION_DONT_MATCH;
  /* Owned whatever is wrong with it: the stock kernel would crash. */
  f->exec_func = run;
  f->free_local_context_func = release;
  f->local_context = NULL;
  function = rt_malloc_func(sizeof *function);
  if (!function) return RT_RET_FUNCTION_MATCH;
  owner = owner_of(network);
  if (!owner) {
    owner = rt_malloc_func(sizeof *owner);
    if (!owner) {
      rt_free_func(function);
      return RT_RET_FUNCTION_MATCH;
    }
    memset(owner, 0, sizeof *owner);
    owner->network = network;
    owner->next = owners;
    owners = owner;
  }
  memset(function, 0, sizeof *function);
  function->owner = owner;
  function->next = owner->functions;
  owner->functions = function;
  function->info = offer->info;
  function->status = read_function(network, f, function);
  f->local_context = function;
  if (function->status != PACKED_OK) return RT_RET_FUNCTION_MATCH;
  function->run_float = kernels->run_float[function->layer.kind];
  function->run_integer = run_integer[function->layer.kind];
  reserve_scratch(owner, (function->layer.type == PACKED_FLOAT ? kernels->float_scratch : packed_scratch_bytes_integer)(
                             &function->layer, &function->weights));
  return RT_RET_FUNCTION_MATCH;
}

static rt_return_value_t take_exact(nn_network_t *network, void *offer) {
  static const kernels_t kernels = {{packed_convolution, packed_deconvolution, packed_affine}, packed_scratch_bytes};
  return take(network, offer, &kernels);
}

static rt_return_value_t take_fast(nn_network_t *network, void *offer) {
  static const kernels_t kernels = {{packed_convolution_fast, packed_deconvolution_fast, packed_affine_fast},
                                    packed_scratch_bytes_fast};
  return take(network, offer, &kernels);
}

static rt_return_value_t add_callbacks(rt_context_pointer context,
                                       rt_return_value_t (*callback)(nn_network_t *, void *)) {
  size_t i;
  for (i = 0; i < sizeof owned_types / sizeof *owned_types; i++) {
    const rt_return_value_t result = rt_add_callback(context, (nn_function_type_t)owned_types[i], callback);
    if (result != RT_RET_NOERROR) return result;
  }
  return RT_RET_NOERROR;
}

rt_return_value_t packed_register_exact(rt_context_pointer context) { return add_callbacks(context, take_exact); }

rt_return_value_t packed_register_fast(rt_context_pointer context) { return add_callbacks(context, take_fast); }

/* ------------------------------------------------------- the self-test -- */

static int complain(packed_report_t report, int function, const char *message) {
  if (report) report(function, message);
  return 1;
}

static int test_function(const owner_t *owner, const nn_function_t *info, int number, packed_report_t report) {
  const function_t *function;
  for (function = owner ? owner->functions : NULL; function; function = function->next)
    if (function->info == info) {
      if (function->status != PACKED_OK) return complain(report, number, packed_message(function->status));
      if (owner->scratch_bytes && !owner->scratch) return complain(report, number, "no memory for its scratch");
      return 0;
    }
  return complain(report, number, "its weights are packed, but no packed kernel was registered for it");
}

static int test_extent(const nn_network_t *network, size_t image_bytes, packed_report_t report) {
  if (((uintptr_t)(const void *)network & 3) != 0) return complain(report, -1, "the image is not aligned to 4 bytes");
  if (image_bytes < sizeof *network ||
      (uint64_t)sizeof *network + 4 * (uint64_t)network->memory.num_of_data + network->memory.data_size > image_bytes)
    return complain(report, -1, "the image is shorter than it says");
  return 0;
}

int packed_self_test(const void *image, size_t image_bytes, packed_report_t report) {
  const nn_network_t *network = image;
  const int32_t *functions;
  int wrong = test_extent(network, image_bytes, report);
  uint32_t i;
  if (wrong) return wrong;
  functions = list(network, network->functions);
  if (!functions) return complain(report, -1, "the list of functions is damaged");
  for (i = 0; i < network->functions.size; i++) {
    size_t bytes;
    const nn_function_t *info = datum(network, functions[i], &bytes);
    if (!info || bytes < sizeof *info)
      wrong += complain(report, (int)i, "its record is damaged");
    else if (info->impl == PACKED_IMPLEMENT || (info->impl > PACKED_IMPLEMENT_DICTIONARY &&
                                                info->impl <= PACKED_IMPLEMENT_DICTIONARY + 8))
      wrong += test_function(owner_of(network), info, (int)i, report);
  }
  return wrong;
}

rt_return_value_t packed_start(rt_context_pointer *context, void *image, size_t image_bytes,
                               rt_return_value_t (*registers)(rt_context_pointer), packed_report_t report) {
  rt_return_value_t result;
  *context = NULL;
  if (test_extent(image, image_bytes, report)) return RT_RET_ERROR_INVALID_BUFFER_INDEX;
  result = rt_allocate_context(context);
  if (result != RT_RET_NOERROR) return result;
  result = registers(*context);
  if (result == RT_RET_NOERROR) result = rt_initialize_context(*context, image);
  if (result != RT_RET_NOERROR) {
    (void)complain(report, -1, "the runtime refuses it; its format or API level may be newer than the runtime");
    *context = NULL; /* rt_free_context may only be given what was initialized */
    return result;
  }
  if (packed_self_test(image, image_bytes, report)) {
    (void)rt_free_context(context);
    *context = NULL;
    return RT_RET_ERROR_NO_MATCHING_FUNCTION;
  }
  return RT_RET_NOERROR;
}
