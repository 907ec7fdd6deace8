/* Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
 *
 * See network.h beside this file. */
#ifndef STUB_FUNCTIONS_H
#define STUB_FUNCTIONS_H

#include <nnablart/network.h>

typedef enum {
  RT_FUNCTION_ERROR_UNIMPLEMENTED = -999,
  RT_FUNCTION_ERROR_MALLOC,
  RT_FUNCTION_ERROR_INVALID_NUM_OF_INPUTS,
  RT_FUNCTION_ERROR_INVALID_NUM_OF_OUTPUTS,
  RT_FUNCTION_ERROR_INVALID_SHAPE,
  RT_FUNCTION_ERROR_NOERROR = 0
} rt_function_error_t;

typedef struct {
  int size;
  int *data;
} rt_list_t;

typedef struct {
  rt_list_t shape;
  nn_data_type_t type : 4;
  unsigned int fp_pos : 4;
  float coefficient;
  void *data;
} rt_variable_t;

typedef struct st_rt_function_t rt_function_t;

struct st_rt_function_t {
  int num_of_inputs;
  rt_variable_t **inputs;
  int num_of_outputs;
  rt_variable_t **outputs;
  rt_function_error_t (*exec_func)(rt_function_t *f);
  rt_function_error_t (*free_local_context_func)(rt_function_t *f);
  void *local_context;
};

extern void *(*rt_malloc_func)(size_t size);
extern void (*rt_free_func)(void *ptr);

#endif
