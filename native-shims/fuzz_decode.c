/* The plan's decoder under a fuzzer: whatever it accepts must be readable to its last byte.
 *
 * `make fuzz`, `make check-decode`: fuzz_main.c. The line for a plan is what is wrong with it, or "ok". Nothing that a plan
 * asks for is ever done here. */
#include <stdlib.h>

#include "fuzz.h"
#include "shim.h"

int LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t size);

static const char *const types[OP_COUNT] = {
#define X(name, phases, arguments) arguments,
  OPS (X)
#undef X
};

/* Adds up all that an op points to, so that the sanitizer sees every byte of it read. */
static uint64_t
read_argument (char type, const union op_args *u, int word)
{
  uint64_t sum = 0;
  const void *ptr = u->word[word].ptr;
  switch (type)
    {
    case 's':
      return strlen (ptr);
    case 'v':
      for (const char *const *text = ptr; *text; text++)
        sum += strlen (*text);
      return sum + strs_count (ptr);
    case 'b':
      for (uint32_t i = 0; i < blob_length (ptr); i++)
        sum += ((const uint8_t *) ptr)[i];
      return sum;
    case 'f':
      if (u->word[word].num != NO_SLOT && u->word[word].num >= PLAN_MAX_SLOTS)
        abort ();
      return 0;
    default:
      return u->word[word].num;
    }
}

/* Returns what is wrong, or NULL. */
const char *
fuzz_check (const uint8_t *given, size_t size)
{
  /* Copies of exactly this size, so that one byte too far is seen. */
  uint8_t *bytes = malloc (size ? size : 1);
  size_t arena_size = decode_arena_size (size);
  void *arena = malloc (arena_size);
  struct plan plan;
  volatile uint64_t sum = 0;
  if (!bytes || !arena)
    abort ();
  memcpy (bytes, given, size);
  const char *wrong = decode_plan (bytes, size, &plan, arena, arena_size);
  if (!wrong)
    {
      if (plan.slots > PLAN_MAX_SLOTS || plan.inherited > plan.slots)
        abort ();
      for (int phase = 0; phase < PHASE_COUNT; phase++)
        for (uint32_t i = 0; i < plan.count[phase]; i++)
          {
            const struct op *op = &plan.ops[plan.first[phase] + i];
            if (i + op->otherwise >= plan.count[phase])
              abort (); /* the interpreter would skip past the end */
            for (int word = 0; types[op->kind][word]; word++)
              sum += read_argument (types[op->kind][word], &op->u, word);
          }
    }
  free (arena);
  free (bytes);
  return wrong;
}
