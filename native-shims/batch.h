/* System calls as records: what batch.c runs and batch_queue.c keeps. */
#pragma once
#include <stdint.h>

struct record
{
  int32_t number;
  uint8_t kind[6];
  int8_t into; /* the register that gets the result; -1: none */
  uint8_t whole; /* the result must be the third argument: a write of everything */
  uint32_t unused;
  int64_t argument[6];
};

/* Runs records[from..count-1]. TEXT and DATA arguments are offsets into `text` and `data`; REGISTER ones are what an
 * earlier call left in `registers`, TAKE ones too, and leave -1 there (close). Returns the index of the record that
 * failed with registers[0] = -errno, or, for a write that was short, the bytes written; `count` if none failed. */
long runt_batch (const struct record *records, int from, int count, const char *text, const char *data, int64_t *registers);
