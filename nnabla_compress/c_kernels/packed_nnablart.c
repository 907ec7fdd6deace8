/* Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
 *
 * See packed_nnablart.h. */
#include "packed_nnablart.h"

#include <string.h>

#include <nnablart/functions.h>

/* What a callback is given; the runtime declares it in a header that is not installed. */
typedef struct {
  nn_function_t *info;
  rt_function_t func;
} offer_t;

#include "packed_image.h"
#ifndef PACKED_NO_INT8
#include "packed_between.h"
#endif

typedef void float_kernel_t(const packed_layer_t *, const packed_weights_t *, const float *, const float *, float *,
                            void *);
typedef void integer_kernel_t(const packed_layer_t *, const packed_weights_t *, const void *, const float *, float *,
                              void *);
typedef void int8_kernel_t(const packed_layer_t *, const packed_weights_t *, const int8_t *, int8_t *, void *);
/* Without them the program does not hold them. */
#ifdef PACKED_NO_INT8
#define INT8_KERNELS {NULL, NULL, NULL}
#define INT8_SCRATCH packed_scratch_bytes_integer
#define INT8_ROWS NULL
#else
#define INT8_KERNELS {packed_convolution_int8, packed_deconvolution_int8, packed_affine_int8}
#define INT8_SCRATCH packed_scratch_bytes_int8
#define INT8_ROWS packed_rows_within_int8
#endif

typedef size_t scratch_bytes_t(const packed_layer_t *, const packed_weights_t *);
typedef int32_t rows_within_t(const packed_layer_t *, const packed_weights_t *, size_t);

typedef struct owner owner_t;

/* The local context of a function. */
typedef struct function {
  struct function *next;
  owner_t *owner;
  const nn_function_t *info;
  packed_status_t status;
  packed_layer_t layer;
  packed_weights_t weights;
#ifndef PACKED_NO_EMBED
  packed_table_t *table; /* of an Embed, which has nothing of a layer but its batch, the number of rows; null: a layer */
#endif
  void *decoded; /* memory for the weights of an int8 convolution; null: they are decoded at each call */
  const rt_variable_t *bias;
  float_kernel_t *run_float;
  integer_kernel_t *run_integer;
  int8_kernel_t *run_int8;
} function_t;

/* What the functions of a network share. */
struct owner {
  owner_t *next;
  const nn_network_t *network;
  function_t *functions;
  void *scratch;
  size_t scratch_bytes;    /* of the scratch memory that there is */
  size_t wanted_bytes;     /* of what the functions ask for */
  size_t decoded_bytes;    /* of decoded weights */
};

static owner_t *owners;
static size_t most_scratch_bytes; /* 0: any number */
#ifndef PACKED_NO_INT8
static size_t most_decoded_bytes;
/* Null until packed_keep_decoded is called: other programs do not hold what decodes. */
static scratch_bytes_t *decoded_bytes;
static void (*decode)(const packed_layer_t *, const packed_weights_t *, void *);
#endif

/* ------------------------------------------------------- the callbacks -- */

/* Allocates the scratch memory when all functions are known, so that none is given back on the way. */
static int has_scratch(owner_t *owner) {
  if (owner->wanted_bytes <= owner->scratch_bytes) return 1;
  if (owner->scratch) rt_free_func(owner->scratch);
  owner->scratch = rt_malloc_func(owner->wanted_bytes);
  owner->scratch_bytes = owner->scratch ? owner->wanted_bytes : 0;
  return owner->scratch != NULL;
}

#ifndef PACKED_NO_EMBED
static rt_function_error_t look_up(rt_function_t *f) {
  const function_t *function = f->local_context;
  if (!function) return RT_FUNCTION_ERROR_MALLOC;
  if (function->status != PACKED_OK) return RT_FUNCTION_ERROR_INVALID_SHAPE;
  if (look_up_rows(function->table, f->inputs[0]->data, (uint32_t)function->layer.batch, f->outputs[0]->data) !=
      PACKED_TABLE_OK)
    return RT_FUNCTION_ERROR_INVALID_SHAPE; /* there is no such row */
  return RT_FUNCTION_ERROR_NOERROR;
}
#endif

static rt_function_error_t run(rt_function_t *f) {
  const function_t *function = f->local_context;
  const float *bias;
  if (!function || !has_scratch(function->owner)) return RT_FUNCTION_ERROR_MALLOC;
  if (function->status != PACKED_OK) return RT_FUNCTION_ERROR_INVALID_SHAPE;
  bias = function->bias ? function->bias->data : NULL;
  if (function->weights.biases)
    function->run_int8(&function->layer, &function->weights, f->inputs[0]->data, f->outputs[0]->data,
                       function->owner->scratch);
  else if (function->layer.type == PACKED_FLOAT)
    function->run_float(&function->layer, &function->weights, f->inputs[0]->data, bias, f->outputs[0]->data,
                        function->owner->scratch);
  else
    function->run_integer(&function->layer, &function->weights, f->inputs[0]->data, bias, f->outputs[0]->data,
                          function->owner->scratch);
  return RT_FUNCTION_ERROR_NOERROR;
}

static void drop_if_idle(owner_t *owner) {
  owner_t **link;
  if (owner->functions) return;
  for (link = &owners; *link != owner; link = &(*link)->next) {
  }
  *link = owner->next;
  if (owner->scratch) rt_free_func(owner->scratch);
  rt_free_func(owner);
}

/* The runtime frees the local context itself, afterwards. */
static rt_function_error_t release(rt_function_t *f) {
  function_t *function = f->local_context, **link;
  if (!function) return RT_FUNCTION_ERROR_NOERROR;
  for (link = &function->owner->functions; *link != function; link = &(*link)->next) {
  }
  *link = function->next;
  if (function->decoded) rt_free_func(function->decoded);
  drop_if_idle(function->owner);
  return RT_FUNCTION_ERROR_NOERROR;
}

static owner_t *owner_of(const nn_network_t *network) {
  owner_t *owner;
  for (owner = owners; owner; owner = owner->next)
    if (owner->network == network) return owner;
  return NULL;
}

static function_t *newest_of(const nn_network_t *network) {
  const owner_t *owner = owner_of(network);
  return owner ? owner->functions : NULL;
}

/* For a context that the runtime did not finish and that is never freed: takes back what its callbacks made. */
static void forget_since(const nn_network_t *network, const function_t *newest) {
  owner_t *owner = owner_of(network);
  if (!owner) return;
  while (owner->functions != newest) {
    function_t *function = owner->functions;
    owner->functions = function->next;
    if (function->decoded) rt_free_func(function->decoded);
    rt_free_func(function);
  }
  drop_if_idle(owner);
}

void packed_limit_scratch(size_t bytes) { most_scratch_bytes = bytes; }

#ifdef PACKED_NO_INT8
void packed_keep_decoded(size_t bytes) { (void)bytes; }
#define keep_decoded(function) (void)(function)
#else
void packed_keep_decoded(size_t bytes) {
  most_decoded_bytes = bytes;
  decoded_bytes = packed_decoded_bytes_int8;
  decode = packed_decode_int8;
}

/* Decodes the weights of a function at the start, if that is wanted and there is room. */
static void keep_decoded(function_t *function) {
  size_t bytes, *kept = &function->owner->decoded_bytes;
  if (!decode || function->status != PACKED_OK || !function->weights.biases) return;
  bytes = decoded_bytes(&function->layer, &function->weights);
  if (bytes == 0 || *kept > most_decoded_bytes || bytes > most_decoded_bytes - *kept) return;
  function->decoded = rt_malloc_func(bytes);
  if (!function->decoded) return;
  decode(&function->layer, &function->weights, function->decoded);
  function->weights.decoded = function->decoded;
  *kept += bytes;
}
#endif

size_t packed_scratch_of(const void *image) {
  const owner_t *owner = owner_of(image);
  return owner ? owner->wanted_bytes : 0;
}

typedef struct {
  float_kernel_t *run_float[3]; /* of each kind of layer */
  scratch_bytes_t *float_scratch;
  rows_within_t *rows_within; /* null: no kernel that computes some rows at a time */
} kernels_t;

/* Whether the limit leaves a function enough scratch memory; it may compute fewer rows at once for that. */
static packed_status_t want_scratch(function_t *function, const kernels_t *kernels) {
  const int is_float = function->layer.type == PACKED_FLOAT, to_int8 = function->weights.biases != NULL;
  rows_within_t *const rows_within = is_float ? kernels->rows_within : to_int8 ? INT8_ROWS : NULL;
  owner_t *owner = function->owner;
  size_t bytes;
  if (rows_within && most_scratch_bytes)
    function->layer.rows = rows_within(&function->layer, &function->weights, most_scratch_bytes);
  bytes = (is_float  ? kernels->float_scratch
           : to_int8 ? INT8_SCRATCH
                     : packed_scratch_bytes_integer)(&function->layer, &function->weights);
  if (most_scratch_bytes && bytes > most_scratch_bytes) return PACKED_BAD_SCRATCH;
  if (bytes > owner->wanted_bytes) owner->wanted_bytes = bytes;
  return PACKED_OK;
}

static rt_return_value_t take(nn_network_t *network, offer_t *offer, const kernels_t *kernels) {
  static integer_kernel_t *const run_integer[3] = {packed_convolution_integer, packed_deconvolution_integer,
                                                   packed_affine_integer};
  static int8_kernel_t *const run_int8[3] = INT8_KERNELS;
  const int implement = offer->info->impl;
  rt_function_t *f = &offer->func;
  function_t *function;
  owner_t *owner;
#ifdef PACKED_NO_EMBED
  const size_t table_bytes = 0;
#else
  const int is_embed = (int)offer->info->type == EMBED;
  const size_t table_bytes = is_embed ? sizeof(packed_table_t) : 0;
#endif
  if (!is_packed(implement)) return RT_RET_FUNCTION_DONT_MATCH;
  /* Owned whatever is wrong with it: the stock kernel would crash. */
  f->exec_func = run;
  f->free_local_context_func = release;
  f->local_context = NULL;
  function = rt_malloc_func(sizeof *function + table_bytes);
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
#ifndef PACKED_NO_EMBED
  if (is_embed) {
    f->exec_func = look_up;
    function->table = (packed_table_t *)(void *)(function + 1);
    function->status = read_embed(network, offer->info, function->table, &function->layer.batch);
    if (!f->inputs || !f->outputs) function->status = PACKED_BAD_MEMORY;
    f->local_context = function;
    return RT_RET_FUNCTION_MATCH;
  }
#endif
  function->status = read_function(network, offer->info, bytes_from(network, offer->info), &function->layer,
                                   &function->weights);
  if (!f->inputs || !f->outputs) function->status = PACKED_BAD_MEMORY; /* the runtime had none for them */
  f->local_context = function;
  if (function->status != PACKED_OK) return RT_RET_FUNCTION_MATCH;
  if (has_bias(network, offer->info)) function->bias = f->inputs[2];
  function->run_float = kernels->run_float[function->layer.kind];
  function->run_integer = run_integer[function->layer.kind];
  function->run_int8 = run_int8[function->layer.kind];
  function->status = want_scratch(function, kernels);
  keep_decoded(function);
  return RT_RET_FUNCTION_MATCH;
}

static rt_return_value_t take_exact(nn_network_t *network, void *offer) {
  static const kernels_t kernels = {{packed_convolution, packed_deconvolution, packed_affine}, packed_scratch_bytes, NULL};
  return take(network, offer, &kernels);
}

static rt_return_value_t take_fast(nn_network_t *network, void *offer) {
  static const kernels_t kernels = {{packed_convolution_fast, packed_deconvolution_fast, packed_affine_fast},
                                    packed_scratch_bytes_fast, packed_rows_within};
  return take(network, offer, &kernels);
}

static rt_return_value_t add_callbacks(rt_context_pointer context,
                                       rt_return_value_t (*callback)(nn_network_t *, void *)) {
  size_t i;
  for (i = 0; i < sizeof owned_types / sizeof *owned_types; i++) {
    const rt_return_value_t result = rt_add_callback(context, (nn_function_type_t)owned_types[i], callback);
    if (result != RT_RET_NOERROR) return result;
  }
#ifndef PACKED_NO_INT8
  for (i = 0; i < sizeof between_types / sizeof *between_types; i++) {
    const rt_return_value_t result = rt_add_callback(context, (nn_function_type_t)between_types[i], take_between);
    if (result != RT_RET_NOERROR) return result;
  }
#endif
  return RT_RET_NOERROR;
}

rt_return_value_t packed_register_exact(rt_context_pointer context) { return add_callbacks(context, take_exact); }

rt_return_value_t packed_register_fast(rt_context_pointer context) { return add_callbacks(context, take_fast); }

/* ------------------------------------------------------- the self-test -- */

static int test_owner(owner_t *owner, const nn_function_t *info, int number, packed_report_t report) {
  const function_t *function;
  for (function = owner ? owner->functions : NULL; function; function = function->next)
    if (function->info == info) {
      if (function->status != PACKED_OK) return complain(report, number, packed_message(function->status));
      if (!has_scratch(owner)) return complain(report, number, "no memory for its scratch");
      return 0;
    }
  return complain(report, number, "its weights are packed, but no packed kernel was registered for it");
}

/* Whether every marked function is owned and sound; the image has been tested. */
static int test_functions(const nn_network_t *network, packed_report_t report) {
  const int32_t *functions = list(network, network->functions);
  int wrong = 0;
  uint32_t i;
  for (i = 0; i < network->functions.size; i++) {
    size_t bytes;
    const nn_function_t *info = datum(network, functions[i], &bytes);
    if (is_packed(info->impl)) wrong += test_owner(owner_of(network), info, (int)i, report);
  }
  return wrong;
}

int packed_check_image(const void *image, size_t image_bytes, packed_report_t report) {
  const nn_network_t *network = image;
  const int32_t *functions;
  int wrong = test_extent(network, image_bytes, report) || test_lists(network, report);
  uint32_t i;
  if (wrong) return wrong;
  functions = list(network, network->functions);
  for (i = 0; i < network->functions.size; i++) {
    const packed_status_t status = test_function(network, functions[i]);
    if (status != PACKED_OK) wrong += complain(report, (int)i, packed_message(status));
  }
  return wrong;
}

int packed_self_test(const void *image, size_t image_bytes, packed_report_t report) {
  const int wrong = packed_check_image(image, image_bytes, report);
  return wrong ? wrong : test_functions(image, report);
}

rt_return_value_t packed_start(rt_context_pointer *context, void *image, size_t image_bytes,
                               rt_return_value_t (*registers)(rt_context_pointer), packed_report_t report) {
  rt_return_value_t result;
  const function_t *newest;
  *context = NULL;
  if (packed_check_image(image, image_bytes, report)) return RT_RET_ERROR_INVALID_BUFFER_INDEX;
  newest = newest_of(image);
  result = rt_allocate_context(context);
  if (result != RT_RET_NOERROR) return result;
  result = registers(*context);
  if (result == RT_RET_NOERROR) result = rt_initialize_context(*context, image);
  if (result != RT_RET_NOERROR) {
    (void)complain(report, -1, "the runtime refuses it; its format or API level may be newer than the runtime");
    forget_since(image, newest);
    *context = NULL; /* rt_free_context may only be given what was initialized */
    return result;
  }
  if (test_functions(image, report)) {
    (void)rt_free_context(context);
    *context = NULL;
    return RT_RET_ERROR_NO_MATCHING_FUNCTION;
  }
  return RT_RET_NOERROR;
}
