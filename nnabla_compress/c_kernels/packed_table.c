/* Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0 */
#include "packed_table.h"

#include "packed_rows.h"

packed_table_status_t packed_table_read(const void *memory, size_t size, packed_table_t *table) {
  return read_rows_table(memory, size, table);
}

packed_table_status_t packed_embed(const packed_table_t *table, const uint32_t *rows, uint32_t count, float *y) {
  uint32_t i;
  for (i = 0; i < count; ++i) {
    if (rows[i] >= table->rows) return PACKED_TABLE_BAD_ROW;
    decode_row(table, rows[i], y + (size_t)i * table->width);
  }
  return PACKED_TABLE_OK;
}

packed_table_status_t packed_embed_float(const packed_table_t *table, const float *rows, uint32_t count, float *y) {
  return look_up_rows(table, rows, count, y);
}
