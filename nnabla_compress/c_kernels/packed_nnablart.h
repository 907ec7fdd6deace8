/* Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
 *
 * Packed weights on the stock NNabla C Runtime: user callbacks that own the functions of a network whose weights are
 * packed. Wants the public headers of the installed runtime and packed_kernels.c.
 *
 * How a file marks such a function
 *   implement 20: inputs x, weights, bias, description. The weights are an INT8 variable (fp_pos 0) with the shape that
 *                 the float weights have, and the packed codes as data; the description is an INT8 variable, see
 *                 packed_read_description. Without a bias the description comes twice: a runtime
 *                 without these callbacks would take it for the bias if it were the third of three inputs.
 *   implement 10 + n: inputs x, weights, bias, dictionary (FLOAT, 2^n or maps * 2^n values), n = 1 .. 8 bits.
 * The functions are Convolution, DepthwiseConvolution, Deconvolution and Affine with one or two spatial dimensions. x is
 * FLOAT, INT16 or INT8; y and bias are FLOAT. With PACKED_TO_INT8 in the description x and y are INT8, and the bias stands in
 * there. An Embed has implement 20 and the inputs x and table, an INT8 variable that holds what packed_table.h describes; x are
 * numbers of rows as FLOAT. All others, and those with another number, are the stock runtime's.
 *
 * An Embed that is given the number of a row that is not there, or no whole number, makes rt_forward return an error.
 * PACKED_NO_EMBED leaves it out: files with one are refused.
 *
 * A function that is marked but damaged is owned all the same: packed_self_test says what is wrong with it, and
 * rt_forward returns an error. The image is never written to and may lie in flash; it must be aligned to 4 bytes.
 * Not for several threads: contexts that run at the same time need the image at addresses of their own. */
#ifndef PACKED_NNABLART_H
#define PACKED_NNABLART_H

#include <nnablart/network.h>
#include <nnablart/runtime.h>

#include "packed_kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PACKED_IMPLEMENT 20
#define PACKED_IMPLEMENT_DICTIONARY 10

/* Called for everything that is wrong; function counts from 0 in the order of the file, -1 is the file itself. */
typedef void (*packed_report_t)(int function, const char *message);

/* Call it before anything else is done with an image from elsewhere: the runtime believes every number of a file. Tells
 * whether each list and record lies in the image, and whether the memory behind each variable that a function reads or
 * writes is as large as its shape says; no function may write to the image. The arguments of the runtime's own functions
 * are not looked at. Returns the number of things that are wrong; report may be null. */
int packed_check_image(const void *image, size_t image_bytes, packed_report_t report);

/* Call one of them between rt_allocate_context and rt_initialize_context. Integer activations run the integer kernels
 * either way; the program only holds the float kernels that it registers, if unused sections are dropped. */
rt_return_value_t packed_register_exact(rt_context_pointer context);
rt_return_value_t packed_register_fast(rt_context_pointer context);

/* How many bytes of scratch memory the functions of an image may share; call it before packed_start or
 * rt_initialize_context, it then holds for all that follow. The fast kernels compute as many rows at once as fit into it. 0, at
 * the start: no limit. An image with a function that can't run within it is refused. */
void packed_limit_scratch(size_t bytes);

/* How many bytes the decoded weights of layers from int8 to int8 may take, for images that are started afterwards: layers decode
 * theirs once, at the start, as long as there is room, and at each forward otherwise. 0, at the start: none. The results
 * have the same bits. */
void packed_keep_decoded(size_t bytes);

/* Bytes of scratch memory that the functions of an image that was started share. */
size_t packed_scratch_of(const void *image);

/* Call it after rt_initialize_context, before rt_forward: packed_check_image once more, and whether every marked function
 * of the image is owned and sound. Without this, a file whose functions nobody registered crashes the stock runtime at the first forward. Returns
 * the number of things that are wrong; report may be null. */
int packed_self_test(const void *image, size_t image_bytes, packed_report_t report);

/* All of it in one call: checks the image, makes the context, registers, initializes, tests. Returns RT_RET_NOERROR, or an error with
 * *context null. What a runtime that refuses the file has allocated until then is not given back: rt_free_context may
 * not be called for it. "registers" is one of the two functions above. */
rt_return_value_t packed_start(rt_context_pointer *context, void *image, size_t image_bytes,
                               rt_return_value_t (*registers)(rt_context_pointer), packed_report_t report);

#ifdef __cplusplus
}
#endif

#endif
