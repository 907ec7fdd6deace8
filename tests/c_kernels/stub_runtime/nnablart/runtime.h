/* Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
 *
 * See network.h beside this file. */
#ifndef STUB_RUNTIME_H
#define STUB_RUNTIME_H

#include <nnablart/functions.h>

typedef enum {
  RT_RET_ERROR_VERSION_UNMATCH = -899,
  RT_RET_ERROR_ALLOCATE_CONTEXT,
  RT_RET_ERROR_INITIALIZE_CONTEXT_TWICE,
  RT_RET_ERROR_ALLOCATE_CALLBACK_BUFFER,
  RT_RET_ERROR_INVALID_BUFFER_INDEX,
  RT_RET_ERROR_INIT_VARIABLE,
  RT_RET_ERROR_UNKNOWN_FUNCTION,
  RT_RET_ERROR_NO_MATCHING_FUNCTION,
  RT_RET_NOERROR = 0,
  RT_RET_FUNCTION_MATCH,
  RT_RET_FUNCTION_DONT_MATCH
} rt_return_value_t;

typedef void *rt_context_pointer;

rt_return_value_t rt_allocate_context(rt_context_pointer *context);
rt_return_value_t rt_add_callback(rt_context_pointer context, nn_function_type_t type,
                                  rt_return_value_t (*callback)(nn_network_t *network, void *function_context));
rt_return_value_t rt_initialize_context(rt_context_pointer context, nn_network_t *network);
rt_return_value_t rt_free_context(rt_context_pointer *context);
rt_return_value_t rt_forward(rt_context_pointer context);
void rt_set_variable_malloc(void *(*user_malloc)(size_t size));
void rt_set_variable_free(void (*user_free)(void *ptr));
void rt_set_malloc(void *(*user_malloc)(size_t size));
void rt_set_free(void (*user_free)(void *ptr));

int rt_num_of_input(rt_context_pointer context);
int rt_input_size(rt_context_pointer context, size_t index);
void *rt_input_buffer(rt_context_pointer context, size_t index);
nn_variable_t *rt_input_variable(rt_context_pointer context, size_t index);
int rt_num_of_output(rt_context_pointer context);
int rt_output_size(rt_context_pointer context, size_t index);
void *rt_output_buffer(rt_context_pointer context, size_t index);
nn_variable_t *rt_output_variable(rt_context_pointer context, size_t index);

#endif
