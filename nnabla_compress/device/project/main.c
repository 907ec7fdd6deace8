/* Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
 *
 * Runs the network on the sample in sample.h and compares its outputs with those of the simulator. Put your sensor's numbers in
 * the place of the sample. FAST: the fast kernels for packed weights; SCRATCH: the most bytes of scratch memory, 0 any. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <nnablart/network.h>
#include <nnablart/runtime.h>

#include "network.h"
#include "sample.h"
#if SAMPLE_PACKED
#include "packed_nnablart.h"

static void report(int function, const char *message) { printf("function %d: %s\n", function, message); }
#endif

static int start(rt_context_pointer *context) {
#if SAMPLE_PACKED
  packed_limit_scratch(SCRATCH);
#ifdef FAST
  return packed_start(context, (void *)network, NETWORK_BYTES, packed_register_fast, report) == RT_RET_NOERROR;
#else
  return packed_start(context, (void *)network, NETWORK_BYTES, packed_register_exact, report) == RT_RET_NOERROR;
#endif
#else
  return rt_allocate_context(context) == RT_RET_NOERROR &&
         rt_initialize_context(*context, (nn_network_t *)network) == RT_RET_NOERROR;
#endif
}

/* A number of an output as what it stands for. */
static double number(const nn_variable_t *variable, const void *numbers, int i) {
  const double step = 1.0 / (double)(1u << variable->fp_pos);
  if (variable->type == NN_DATA_TYPE_FLOAT) return (double)((const float *)numbers)[i];
  if (variable->type == NN_DATA_TYPE_INT16) return ((const int16_t *)numbers)[i] * step;
  return ((const int8_t *)numbers)[i] * step;
}

static void print_output(rt_context_pointer context, int output) {
  const nn_variable_t *variable = rt_output_variable(context, (size_t)output);
  const void *got = rt_output_buffer(context, (size_t)output);
  const int count = rt_output_size(context, (size_t)output);
  double off = 0.0;
  int i, largest = 0;
  for (i = 0; i < count; i++) {
    const double difference = fabs(number(variable, got, i) - number(variable, sample_outputs[output], i));
    if (difference > off) off = difference;
    if (number(variable, got, i) > number(variable, got, largest)) largest = i;
  }
  printf("output %d: %d numbers, the largest is number %d, %.4f\n", output, count, largest,
         number(variable, got, largest));
  if (memcmp(got, sample_outputs[output], sample_output_bytes[output]) == 0)
    printf("output %d: the same bits as in the simulator\n", output);
  else
    printf("output %d: differs from the simulator by %.1e at most\n", output, off);
}

int main(void) {
  rt_context_pointer context = NULL;
  int i;
  printf("network of %d bytes, buffers of %d bytes\n", NETWORK_BYTES, NETWORK_BUFFER_BYTES);
  if (!start(&context)) {
    printf("the network does not start\n");
    return 1;
  }
  /* For each inference: inputs are overwritten while the network runs. */
  for (i = 0; i < NETWORK_INPUTS; i++) memcpy(rt_input_buffer(context, (size_t)i), sample_inputs[i], sample_input_bytes[i]);
  if (rt_forward(context) != RT_RET_NOERROR) {
    printf("the network does not run\n");
    return 2;
  }
  for (i = 0; i < NETWORK_OUTPUTS; i++) print_output(context, i);
  (void)rt_free_context(&context);
  return 0;
}
