/* Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
 *
 * A stand-in for the NNabla C Runtime in tests: loads a network, offers its functions to callbacks in the way that is
 * documented of the real one, and knows ReLU and unpadded 2 x 2 MaxPooling itself. Any other function that nobody takes
 * fails at the first forward. Like the real one it leaves the members that a callback sets undefined before, and believes
 * the numbers of a file; but it has limits, and does not run its own functions on shapes that do not fit together. */
#include <stdio.h>
#include <string.h>

#include "context.h"

void *(*rt_malloc_func)(size_t size) = malloc;
void (*rt_free_func)(void *ptr) = free;
static void *(*variable_malloc)(size_t size) = malloc;
static void (*variable_free)(void *ptr) = free;
int stub_refuses; /* 1: fails when all functions have been offered */

void rt_set_variable_malloc(void *(*user_malloc)(size_t size)) { variable_malloc = user_malloc; }

void rt_set_variable_free(void (*user_free)(void *ptr)) { variable_free = user_free; }

void rt_set_malloc(void *(*user_malloc)(size_t size)) { rt_malloc_func = user_malloc; }

void rt_set_free(void (*user_free)(void *ptr)) { rt_free_func = user_free; }

static void *datum(nn_network_t *network, int32_t i) {
  const uint32_t *offsets = (const uint32_t *)(network + 1);
  return (uint8_t *)(offsets + network->memory.num_of_data) + offsets[i];
}

static int size_of(rt_list_t shape) {
  int i, size = 1;
  for (i = 0; i < shape.size; i++) size *= shape.data[i];
  return size;
}

rt_return_value_t rt_allocate_context(rt_context_pointer *context) {
  *context = malloc(sizeof(rt_context_t));
  memset(*context, 0, sizeof(rt_context_t));
  return RT_RET_NOERROR;
}

rt_return_value_t rt_add_callback(rt_context_pointer context, nn_function_type_t type,
                                  rt_return_value_t (*callback)(nn_network_t *, void *)) {
  rt_context_t *c = context;
  c->types[c->num_of_callbacks] = type;
  c->callbacks[c->num_of_callbacks++] = callback;
  return RT_RET_NOERROR;
}

/* Whether ReLU or pooling may run on what the file says. */
static int fits(const rt_function_t *f, int pooling) {
  const rt_variable_t *x, *y;
  int i;
  if (f->num_of_inputs != 1 || f->num_of_outputs != 1) return 0;
  x = f->inputs[0];
  y = f->outputs[0];
  if (x->type != NN_DATA_TYPE_FLOAT || y->type != NN_DATA_TYPE_FLOAT) return 0;
  if (!pooling) return size_of(x->shape) == size_of(y->shape);
  if (x->shape.size != 4 || y->shape.size != 4) return 0;
  for (i = 0; i < 4; i++)
    if (y->shape.data[i] != (i < 2 ? x->shape.data[i] : x->shape.data[i] / 2)) return 0;
  return 1;
}

static rt_function_error_t relu(rt_function_t *f) {
  const float *x = f->inputs[0]->data;
  float *y = f->outputs[0]->data;
  int i;
  for (i = 0; i < size_of(f->outputs[0]->shape); i++) y[i] = x[i] > 0.0f ? x[i] : 0.0f;
  return RT_FUNCTION_ERROR_NOERROR;
}

static rt_function_error_t max_pooling(rt_function_t *f) {
  const int *in = f->inputs[0]->shape.data, *out = f->outputs[0]->shape.data;
  const float *x = f->inputs[0]->data;
  float *y = f->outputs[0]->data;
  int plane, row, column, k;
  for (plane = 0; plane < out[0] * out[1]; plane++, x += in[2] * in[3])
    for (row = 0; row < out[2]; row++)
      for (column = 0; column < out[3]; column++, y++)
        for (k = 0; k < 4; k++) {
          const float value = x[(2 * row + k / 2) * in[3] + 2 * column + k % 2];
          if (k == 0 || value > *y) *y = value;
        }
  return RT_FUNCTION_ERROR_NOERROR;
}

static rt_function_error_t crash(rt_function_t *f) {
  (void)f;
  puts("the real runtime would crash here");
  abort();
}

static rt_function_error_t nothing(rt_function_t *f) {
  (void)f;
  return RT_FUNCTION_ERROR_NOERROR;
}

rt_return_value_t rt_initialize_context(rt_context_pointer context, nn_network_t *network) {
  rt_context_t *c = context;
  const int32_t *buffers, *variables, *functions;
  uint32_t i, k;
  if (network->api_level > 44) return RT_RET_ERROR_VERSION_UNMATCH;
  if (network->buffers.size > MOST || network->variables.size > MOST || network->functions.size > MOST)
    return RT_RET_ERROR_ALLOCATE_CONTEXT;
  c->network = network;
  c->num_of_functions = (int)network->functions.size;
  buffers = datum(network, network->buffers.list);
  for (i = 0; i < network->buffers.size; i++) {
    const size_t bytes = (size_t)buffers[i] * (network->version == 2 ? 4 : 1);
    c->buffers[i] = variable_malloc(bytes);
    memset(c->buffers[i], 0, bytes);
  }
  variables = datum(network, network->variables.list);
  for (i = 0; i < network->variables.size; i++) {
    const nn_variable_t *variable = datum(network, variables[i]);
    rt_variable_t *v = c->variables + i;
    v->shape.size = (int)variable->shape.size;
    v->shape.data = datum(network, variable->shape.list);
    v->type = variable->type;
    v->fp_pos = variable->fp_pos;
    v->coefficient = v->type == NN_DATA_TYPE_FLOAT ? 0.0f : 1.0f / (float)(1 << v->fp_pos);
    v->data = variable->data_index < 0 ? c->buffers[-variable->data_index - 1] : datum(network, variable->data_index);
  }
  functions = datum(network, network->functions.list);
  for (i = 0; i < network->functions.size; i++) {
    nn_function_t *info = datum(network, functions[i]);
    const int32_t *inputs = datum(network, info->inputs.list), *outputs = datum(network, info->outputs.list);
    rt_function_t *f = &c->functions[i].func;
    int callback, taken = 0, known;
    if (info->inputs.size > MOST_PUTS || info->outputs.size > MOST_PUTS) return RT_RET_ERROR_ALLOCATE_CONTEXT;
    memset(f, 0xa5, sizeof *f);
    c->functions[i].info = info;
    f->num_of_inputs = (int)info->inputs.size;
    f->num_of_outputs = (int)info->outputs.size;
    f->inputs = c->inputs[i];
    f->outputs = c->outputs[i];
    for (k = 0; k < info->inputs.size; k++)
      f->inputs[k] = (uint32_t)inputs[k] < network->variables.size ? c->variables + inputs[k] : NULL;
    for (k = 0; k < info->outputs.size; k++) f->outputs[k] = c->variables + outputs[k];
    for (callback = 0; info->impl < 100 && callback < c->num_of_callbacks && !taken; callback++)
      if (c->types[callback] == (uint32_t)info->type)
        taken = c->callbacks[callback](network, c->functions + i) == RT_RET_FUNCTION_MATCH;
    if (!taken) {
      known = (int)info->type == 14 || (int)info->type == 266;
      if (known && !fits(f, (int)info->type == 266)) return RT_RET_ERROR_NO_MATCHING_FUNCTION;
      f->exec_func = !known ? crash : (int)info->type == 14 ? relu : max_pooling;
      f->free_local_context_func = nothing;
      f->local_context = NULL;
    }
  }
  return stub_refuses ? RT_RET_ERROR_NO_MATCHING_FUNCTION : RT_RET_NOERROR;
}

rt_return_value_t rt_free_context(rt_context_pointer *context) {
  rt_context_t *c = *context;
  uint32_t i;
  for (i = 0; i < c->network->buffers.size; i++) variable_free(c->buffers[i]);
  for (i = 0; i < c->network->functions.size; i++) {
    rt_function_t *f = &c->functions[i].func;
    f->inputs = f->outputs = NULL; /* the real one has freed them by then */
    f->free_local_context_func(f);
    if (f->local_context) rt_free_func(f->local_context);
  }
  free(c);
  return RT_RET_NOERROR;
}

rt_return_value_t rt_forward(rt_context_pointer context) {
  rt_context_t *c = context;
  uint32_t i;
  for (i = 0; i < c->network->functions.size; i++)
    if (c->functions[i].func.exec_func(&c->functions[i].func) != RT_FUNCTION_ERROR_NOERROR)
      return (rt_return_value_t)-1;
  return RT_RET_NOERROR;
}

static int number(rt_context_pointer context, nn_list_t list, size_t index) {
  return ((int32_t *)datum(((rt_context_t *)context)->network, list.list))[index];
}

#define ACCESS(put, puts)                                                                                              \
  int rt_num_of_##put(rt_context_pointer context) { return (int)((rt_context_t *)context)->network->puts.size; }          \
  static int put##_number(rt_context_pointer context, size_t i) {                                                      \
    return number(context, ((rt_context_t *)context)->network->puts, i);                                                  \
  }                                                                                                                    \
  int rt_##put##_size(rt_context_pointer context, size_t i) {                                                          \
    return size_of(((rt_context_t *)context)->variables[put##_number(context, i)].shape);                                 \
  }                                                                                                                    \
  void *rt_##put##_buffer(rt_context_pointer context, size_t i) {                                                      \
    return ((rt_context_t *)context)->variables[put##_number(context, i)].data;                                           \
  }                                                                                                                    \
  nn_variable_t *rt_##put##_variable(rt_context_pointer context, size_t i) {                                           \
    nn_network_t *network = ((rt_context_t *)context)->network;                                                           \
    return datum(network, number(context, network->variables, (size_t)put##_number(context, i)));                      \
  }

ACCESS(input, inputs)
ACCESS(output, outputs)
