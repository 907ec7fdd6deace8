/* Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
 *
 * Example: runs a network with packed weights once.
 *   packed_main exact|fast|fast:BYTES net.nnb input.bin [input.bin ..] output-prefix
 * BYTES is the most scratch memory that the kernels may take.
 * Inputs are raw values in the type of the network's inputs, integers as roundf(x * 2^fp_pos); PREFIX_0.bin, PREFIX_1.bin .. are written the same way.
 *   cc -O2 -IRUNTIME/include packed_main.c packed_nnablart.c packed_kernels.c -LRUNTIME/build/src/runtime
 *     -LRUNTIME/build/src/functions -lnnablart_runtime -lnnablart_functions -lm -o packed_main
 * RUNTIME is the folder of nnabla-c-runtime, built in RUNTIME/build. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "packed_nnablart.h"

static void report(int function, const char *message) {
  if (function < 0)
    fprintf(stderr, "network: %s\n", message);
  else
    fprintf(stderr, "function %d: %s\n", function, message);
}

/* A file in memory that malloc aligned; null if it can't be read. */
static void *read_file(const char *path, size_t *bytes) {
  FILE *file = fopen(path, "rb");
  void *content = NULL;
  long size;
  if (!file) return NULL;
  if (fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) >= 0 && fseek(file, 0, SEEK_SET) == 0) {
    *bytes = (size_t)size;
    content = malloc(*bytes + 1);
    if (content && fread(content, 1, *bytes, file) != *bytes) {
      free(content);
      content = NULL;
    }
  }
  fclose(file);
  return content;
}

static size_t element_bytes(const nn_variable_t *variable) {
  return variable->type == NN_DATA_TYPE_FLOAT ? 4 : variable->type == NN_DATA_TYPE_INT16 ? 2 : 1;
}

static int set_input(rt_context_pointer context, int i, const char *path) {
  const size_t wanted = (size_t)rt_input_size(context, i) * element_bytes(rt_input_variable(context, i));
  size_t bytes = 0;
  void *content = read_file(path, &bytes);
  if (!content || bytes != wanted) {
    fprintf(stderr, "%s: has %lu bytes, the network's input %d has %lu\n", path, (unsigned long)bytes, i,
            (unsigned long)wanted);
    free(content);
    return 1;
  }
  memcpy(rt_input_buffer(context, i), content, bytes);
  free(content);
  return 0;
}

static int write_output(rt_context_pointer context, int i, const char *prefix) {
  const size_t bytes = (size_t)rt_output_size(context, i) * element_bytes(rt_output_variable(context, i));
  char path[4096];
  FILE *file;
  int failed;
  snprintf(path, sizeof path, "%s_%d.bin", prefix, i);
  file = fopen(path, "wb");
  failed = !file || fwrite(rt_output_buffer(context, i), 1, bytes, file) != bytes;
  if (file && fclose(file) != 0) failed = 1;
  if (failed) fprintf(stderr, "%s: can't be written\n", path);
  return failed;
}

int main(int argc, char **argv) {
  rt_context_pointer context = NULL;
  size_t bytes = 0;
  void *image;
  int i, fast, failed = 0;
  if (argc < 5 || (strcmp(argv[1], "exact") && strcmp(argv[1], "fast") && strncmp(argv[1], "fast:", 5))) {
    fprintf(stderr, "usage: %s exact|fast|fast:BYTES net.nnb input.bin [input.bin ..] output-prefix\n", argv[0]);
    return 2;
  }
  fast = argv[1][0] == 'f';
  if (argv[1][4] == ':') packed_limit_scratch(strtoul(argv[1] + 5, NULL, 10));
  packed_keep_decoded(argv[1][4] == ':' ? 0 : (size_t)-1); /* this is no microcontroller */
  image = read_file(argv[2], &bytes);
  if (!image) {
    fprintf(stderr, "%s: can't be read\n", argv[2]);
    return 1;
  }
  if (packed_start(&context, image, bytes, fast ? packed_register_fast : packed_register_exact, report) !=
      RT_RET_NOERROR) {
    free(image);
    return 1;
  }
  if (rt_num_of_input(context) != argc - 4) {
    fprintf(stderr, "the network has %d inputs, %d files are given\n", rt_num_of_input(context), argc - 4);
    failed = 1;
  }
  for (i = 0; i < rt_num_of_input(context) && !failed; i++) failed = set_input(context, i, argv[3 + i]);
  if (!failed && rt_forward(context) != RT_RET_NOERROR) failed = 1;
  for (i = 0; i < rt_num_of_output(context) && !failed; i++) failed = write_output(context, i, argv[argc - 1]);
  (void)rt_free_context(&context);
  free(image);
  return failed;
}
