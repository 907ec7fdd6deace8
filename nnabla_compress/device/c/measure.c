/* Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
 *
 * Runs a network on samples and measures it. Reads "samples.bin": two 32-bit numbers, how many samples and whether what each
 * function gives is wanted, then the inputs, sample after sample. Writes "outputs.bin"; "trace.bin", what each function gives for
 * the first sample; and "report.txt", a number in hexadecimal digits and its name a line.
 *
 * Switches: MEASURE_KERNELS 0 the runtime's own, 1 exact, 2 fast; MEASURE_SCRATCH the most bytes of scratch memory, 0 any. */
#include <string.h>

#include <nnablart/functions.h>
#include <nnablart/network.h>
#include <nnablart/runtime.h>

#include "board.h"
#include "context.h" /* the runtime's own: what its functions are, one by one */
#include "memory.h"
#if MEASURE_KERNELS
#include "packed_nnablart.h"
#endif

extern const uint8_t network_start[], network_end[];

static int report_file;

static void report(const char *name, uint64_t value) {
  char digits[17] = "0000000000000000";
  int i;
  for (i = 15; i >= 0; i--, value >>= 4) digits[i] = "0123456789abcdef"[value & 15];
  (void)board_write(report_file, digits, 16);
  (void)board_write(report_file, " ", 1);
  (void)board_write(report_file, name, strlen(name));
  (void)board_write(report_file, "\n", 1);
}

void memory_is_short(size_t bytes, size_t extent, size_t all) {
  report("short_bytes", bytes);
  report("short_extent", extent);
  report("short_heap", all);
  board_exit(3);
}

static uint32_t sum_of_image(void) {
  uint32_t sum = 2166136261u;
  const uint8_t *p;
  for (p = network_start; p < network_end; p++) sum = (sum ^ *p) * 16777619u;
  return sum;
}

static size_t bytes_of(nn_data_type_t type, int size) {
  return type == NN_DATA_TYPE_FLOAT   ? 4 * (size_t)size
         : type == NN_DATA_TYPE_INT16 ? 2 * (size_t)size
         : type == NN_DATA_TYPE_SIGN  ? ((size_t)size + 7) / 8
                                      : (size_t)size;
}

static void fill_inputs(rt_context_pointer context, int samples) {
  int i;
  for (i = 0; i < rt_num_of_input(context); i++)
    if (board_read(samples, rt_input_buffer(context, i),
                   bytes_of(rt_input_variable(context, i)->type, rt_input_size(context, i)))) {
      report("no_sample", (uint64_t)i);
      board_exit(6);
    }
}

static void write_outputs(rt_context_pointer context, int outputs) {
  int i;
  for (i = 0; i < rt_num_of_output(context); i++)
    (void)board_write(outputs, rt_output_buffer(context, i),
                      bytes_of(rt_output_variable(context, i)->type, rt_output_size(context, i)));
}

static int size_of(const rt_variable_t *variable) {
  int i, size = 1;
  for (i = 0; i < variable->shape.size; i++) size *= variable->shape.data[i];
  return size;
}

/* One forward, function by function. */
static void forward_by_function(rt_context_t *context, int trace) {
  int i, k;
  for (i = 0; i < context->num_of_functions; i++) {
    rt_function_t *f = &context->functions[i].func;
    const uint64_t start = board_ticks();
    if (f->exec_func(f) != RT_FUNCTION_ERROR_NOERROR) {
      report("failed_function", (uint64_t)i);
      board_exit(7);
    }
    report("function_ticks", board_ticks() - start);
    for (k = 0; k < f->num_of_outputs && trace >= 0; k++)
      (void)board_write(trace, f->outputs[k]->data, bytes_of(f->outputs[k]->type, size_of(f->outputs[k])));
  }
}

#if MEASURE_KERNELS
static void complain(int function, const char *message) {
  report("refused_function", (uint64_t)(uint32_t)function);
  board_print(message);
  board_print("\n");
}
#endif

static rt_return_value_t start(rt_context_pointer *context, void *image, size_t bytes) {
#if MEASURE_KERNELS
  packed_limit_scratch(MEASURE_SCRATCH);
  return packed_start(context, image, bytes, MEASURE_KERNELS == 2 ? packed_register_fast : packed_register_exact,
                      complain);
#else
  rt_return_value_t result = rt_allocate_context(context);
  (void)bytes;
  return result == RT_RET_NOERROR ? rt_initialize_context(*context, image) : result;
#endif
}

int main(void) {
  void *image = (void *)(uintptr_t)network_start;
  const size_t image_bytes = (size_t)(network_end - network_start);
  const int samples = board_open("samples.bin", 0), outputs = board_open("outputs.bin", 1);
  const uint32_t sum = sum_of_image();
  rt_context_pointer context = NULL;
  uint32_t numbers[2], i;
  uint64_t before;
  size_t bytes;
  void *memory = board_heap(&bytes);
  int trace = -1;
  report_file = board_open("report.txt", 1);
  if (samples < 0 || outputs < 0 || report_file < 0 || board_read(samples, numbers, sizeof numbers)) return 6;
  memory_start(memory, bytes);
  rt_set_variable_malloc(memory_for_variables);
  rt_set_variable_free(memory_free);
  rt_set_malloc(memory_for_context);
  rt_set_free(memory_free);

  before = board_ticks();
  if (start(&context, image, image_bytes) != RT_RET_NOERROR) {
    report("not_started", 1);
    return 8;
  }
  report("init_ticks", board_ticks() - before);
  for (i = 0; i < numbers[0]; i++) {
    fill_inputs(context, samples);
    before = board_ticks();
    if (rt_forward(context) != RT_RET_NOERROR) {
      report("failed_forward", i);
      return 7;
    }
    report("forward_ticks", board_ticks() - before);
    write_outputs(context, outputs);
  }
  board_close(samples);
  if (numbers[0]) {
    const int again = board_open("samples.bin", 0);
    if (numbers[1]) trace = board_open("trace.bin", 1);
    if (again < 0 || board_read(again, numbers, sizeof numbers)) return 6;
    fill_inputs(context, again);
    forward_by_function(context, trace);
    board_close(again);
    if (trace >= 0) board_close(trace);
  }
  report("variables", memory_of_variables());
  report("context", memory_of_context());
#if MEASURE_KERNELS
  report("scratch", packed_scratch_of(image));
#endif
  report("extent", memory_extent());
  (void)rt_free_context(&context);
  report("left", memory_of_variables() + memory_of_context());
  report("changed", sum != sum_of_image());
  report("static", board_static_bytes());
  report("stack", board_stack_bytes());
  report("done", 1);
  board_close(outputs);
  board_close(report_file);
  return 0;
}
