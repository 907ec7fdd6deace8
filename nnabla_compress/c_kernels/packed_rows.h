/* Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
 *
 * A part of packed_table.c, and of packed_nnablart.c, which needs no other file for it: reads tables of codes and decodes rows. */
#ifndef PACKED_ROWS_H
#define PACKED_ROWS_H

#include <string.h>

#include "packed_table.h"

#define TABLE_HEAD_WORDS 10

static uint32_t row_code(const packed_table_t *table, uint32_t row, uint32_t part) {
  const uint8_t *bytes = table->codes + (size_t)row * table->row_bytes;
  uint64_t bit = (uint64_t)part * table->bits;
  size_t byte = (size_t)(bit / 8);
  uint32_t word = bytes[byte];
  if (byte + 1 < table->row_bytes) word |= (uint32_t)bytes[byte + 1] << 8;
  return (word >> (bit % 8)) & ((1u << table->bits) - 1);
}

/* Products of sizes that a damaged head may make as large as it likes: whether there are at most 2^32 - 1. */
static int multiply_size(uint64_t *total, uint32_t factor) {
  *total *= factor;
  return *total <= UINT32_MAX;
}

static packed_table_status_t read_rows_table(const void *memory, size_t size, packed_table_t *table) {
  uint32_t head[TABLE_HEAD_WORDS], row, part;
  uint64_t floats, codes, left;
  if (size < sizeof head || ((uintptr_t)memory & 3) != 0) return PACKED_TABLE_BAD_HEAD;
  memcpy(head, memory, sizeof head);
  if (memcmp(memory, "NNCT", 4) != 0 || head[1] != 1) return PACKED_TABLE_BAD_HEAD;
  memset(table, 0, sizeof *table);
  table->rows = head[2];
  table->width = head[3];
  table->parts = head[4];
  table->length = head[5];
  table->entries = head[6];
  table->books = head[7];
  table->group = head[8];
  table->bits = (uint8_t)(head[9] & 255);
  if (table->bits < 1 || table->bits > 8 || head[9] > 511) return PACKED_TABLE_BAD_HEAD;
  if (table->rows == 0 || table->width == 0 || table->parts == 0 || table->length == 0) return PACKED_TABLE_BAD_HEAD;
  if (table->entries == 0 || table->entries > 1u << table->bits) return PACKED_TABLE_BAD_HEAD;
  if (table->books != 1 && table->books != table->parts) return PACKED_TABLE_BAD_HEAD;
  if ((uint64_t)table->parts * table->length < table->width) return PACKED_TABLE_BAD_HEAD;
  if ((uint64_t)(table->parts - 1) * table->length >= table->width) return PACKED_TABLE_BAD_HEAD;
  if (table->parts > UINT32_MAX / 8) return PACKED_TABLE_BAD_HEAD;
  table->row_bytes = (table->parts * table->bits + 7) / 8;
  floats = table->group == 0 ? 1 : table->rows / table->group + (table->rows % table->group != 0);
  left = size - sizeof head;
  if (!multiply_size(&floats, table->books) || !multiply_size(&floats, table->entries) || !multiply_size(&floats, table->length))
    return PACKED_TABLE_BAD_SIZE;
  floats *= 4;
  if (floats > left) return PACKED_TABLE_BAD_SIZE;
  left -= floats;
  if (head[9] & 256) {
    if (4 * (uint64_t)table->rows > left) return PACKED_TABLE_BAD_SIZE;
    left -= 4 * (uint64_t)table->rows;
  }
  codes = (uint64_t)table->rows * table->row_bytes;
  if (codes != left) return PACKED_TABLE_BAD_SIZE;
  table->codebooks = (const float *)((const uint8_t *)memory + sizeof head);
  if (head[9] & 256) table->scales = (const float *)((const uint8_t *)table->codebooks + floats);
  table->codes = (const uint8_t *)memory + (size - (size_t)codes);
  if (table->entries < 1u << table->bits)
    for (row = 0; row < table->rows; ++row)
      for (part = 0; part < table->parts; ++part)
        if (row_code(table, row, part) >= table->entries) return PACKED_TABLE_BAD_CODE;
  return PACKED_TABLE_OK;
}

static void decode_row(const packed_table_t *table, uint32_t row, float *y) {
  size_t book = (size_t)table->entries * table->length;
  size_t first = table->group == 0 ? 0 : (size_t)(row / table->group) * table->books * book;
  uint32_t part, i, done = 0;
  for (part = 0; part < table->parts; ++part) {
    const float *entry = table->codebooks + first + (table->books == 1 ? 0 : part * book) +
                         (size_t)row_code(table, row, part) * table->length;
    uint32_t count = table->width - done < table->length ? table->width - done : table->length;
    memcpy(y + done, entry, count * sizeof *y);
    done += count;
  }
  if (table->scales != NULL)
    for (i = 0; i < table->width; ++i) y[i] *= table->scales[row];
}

static packed_table_status_t look_up_rows(const packed_table_t *table, const float *rows, uint32_t count, float *y) {
  uint32_t i;
  for (i = 0; i < count; ++i) {
    uint32_t row;
    if (!(rows[i] >= 0.0f && rows[i] < 16777216.0f)) return PACKED_TABLE_BAD_ROW;
    row = (uint32_t)rows[i];
    if ((float)row != rows[i] || row >= table->rows) return PACKED_TABLE_BAD_ROW;
    decode_row(table, row, y + (size_t)i * table->width);
  }
  return PACKED_TABLE_OK;
}

#endif
