#pragma once
#include <stddef.h>
#include <stdint.h>

/* What is fuzzed: one input. Returns a line about what came of it, which lasts until the next call; NULL: all is well. */
const char *fuzz_check (const uint8_t *bytes, size_t size);
