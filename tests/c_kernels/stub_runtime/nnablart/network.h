/* Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
 *
 * For tests without an installed NNabla C Runtime: the declarations that the glue uses, written from the description of
 * the file format. Not the runtime's header. */
#ifndef STUB_NETWORK_H
#define STUB_NETWORK_H

#include <stdint.h>
#include <stdlib.h>

typedef struct {
  uint32_t size;
  int32_t list;
} nn_list_t;

typedef enum { NN_DATA_TYPE_FLOAT, NN_DATA_TYPE_INT16, NN_DATA_TYPE_INT8, NN_DATA_TYPE_SIGN } nn_data_type_t;
typedef enum { NN_FUNCTION_AFFINE = 0, NN_END_OF_FUNCTION = 65535 } nn_function_type_t;
typedef enum { NN_FUNCTION_IMPLEMENT_AUTO = 100, NN_END_OF_FUNCTION_IMPLEMENT = 65535 } nn_function_implement_t;

typedef struct {
  uint32_t id;
  nn_list_t shape;
  nn_data_type_t type : 4;
  unsigned int fp_pos : 4;
  int32_t data_index;
} nn_variable_t;

typedef struct {
  nn_function_type_t type : 16;
  nn_function_implement_t impl : 16;
  nn_list_t inputs;
  nn_list_t outputs;
} nn_function_t;

typedef struct {
  uint32_t num_of_data;
  uint32_t data_size;
} nn_memory_t;

typedef struct {
  uint32_t version;
  uint32_t api_level;
  nn_list_t buffers;
  nn_list_t variables;
  nn_list_t functions;
  nn_list_t inputs;
  nn_list_t outputs;
  nn_memory_t memory;
} nn_network_t;

#endif
