/* Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
 *
 * Embed with a table of codes: rows are decoded one by one, the table stays as it is stored.
 *
 * C99 without any library but the memory functions of string.h. Nothing is allocated, nothing is written but y, so the
 * table may lie in read-only memory.
 *
 *   row r, numbers [m * length, (m + 1) * length) = codebooks[r / group][m or 0][code(r, m)] * scales[r]
 *   code(r, m) = bits [m * bits, (m + 1) * bits) of row r, which begins with a byte; bit j is bit j % 8 of byte j / 8
 * The last part of a row may be shorter. Without groups all rows have one codebook, without scales nothing is multiplied.
 */
#ifndef PACKED_TABLE_H
#define PACKED_TABLE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  const uint8_t *codes;   /* rows * row_bytes */
  const float *codebooks; /* groups * books * entries * length */
  const float *scales;    /* one for every row, or null */
  uint32_t rows;
  uint32_t width;         /* numbers of a row */
  uint32_t parts;         /* codes of a row */
  uint32_t length;        /* numbers that a code stands for */
  uint32_t entries;       /* of a codebook */
  uint32_t books;         /* 1: one for all parts; parts: one for each */
  uint32_t group;         /* rows that share codebooks; 0: all of them */
  uint32_t row_bytes;
  uint8_t bits;           /* 1 .. 8 */
} packed_table_t;

typedef enum {
  PACKED_TABLE_OK = 0,
  PACKED_TABLE_BAD_HEAD,   /* no table of this version, or it contradicts itself */
  PACKED_TABLE_BAD_SIZE,   /* more or fewer bytes than the head says */
  PACKED_TABLE_BAD_CODE,   /* a code that no entry of the codebook has */
  PACKED_TABLE_BAD_ROW     /* there is no such row */
} packed_table_status_t;

/* A table in memory or in a file: ten words of 32 bits, little endian, then codebooks and scales as float32, then the codes.
 *   0 "NNCT"   1 version, 1   2 rows   3 width   4 parts   5 length   6 entries   7 books   8 group   9 bits + 256 * (1 with scales)
 * memory must be aligned as for float. Tests all that packed_embed relies on, each code, too. */
packed_table_status_t packed_table_read(const void *memory, size_t size, packed_table_t *table);

/* y [count, width] = the rows whose numbers are given. */
packed_table_status_t packed_embed(const packed_table_t *table, const uint32_t *rows, uint32_t count, float *y);

/* The same for numbers of rows as NNabla's networks hold them, in float32: whole, from 0. */
packed_table_status_t packed_embed_float(const packed_table_t *table, const float *rows, uint32_t count, float *y);

#ifdef __cplusplus
}
#endif

#endif
