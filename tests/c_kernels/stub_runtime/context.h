/* Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
 *
 * What the stand-in keeps of a network. Programs that look at functions one by one know of it what they know of the real one:
 * how many there are, and what each is. */
#ifndef STUB_CONTEXT_H
#define STUB_CONTEXT_H

#include <nnablart/runtime.h>

#define MOST 64
#define MOST_PUTS 8

typedef struct {
  nn_function_t *info;
  rt_function_t func;
} offer_t;

typedef struct {
  nn_network_t *network;
  int num_of_functions;
  rt_variable_t variables[MOST];
  void *buffers[MOST];
  offer_t functions[MOST];
  rt_variable_t *inputs[MOST][MOST_PUTS], *outputs[MOST][MOST_PUTS];
  uint32_t types[MOST];
  rt_return_value_t (*callbacks[MOST])(nn_network_t *, void *);
  int num_of_callbacks;
} rt_context_t;

#endif
