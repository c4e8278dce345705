/* The plan's decoder: whatever bytes come in, either every op is in bounds or the plan is refused whole. */
#include "shim.h"

/* CLONE_NEW*, numbers as the kernel writes them: time, mnt, cgroup, uts, ipc, user, pid, net. */
#define NAMESPACE_FLAGS (0x80u | 0x20000u | 0x02000000u | 0x04000000u | 0x08000000u | 0x10000000u | 0x20000000u | 0x40000000u)

struct op_kind
{
  const char *types;
  uint8_t phases;
};

static const struct op_kind kinds[OP_COUNT] = {
#define X(name, phases, types) { types, phases },
  OPS (X)
#undef X
};

struct arena
{
  uint8_t *at;
  uint8_t *end;
};

/* Each op, and each list of strings once per use, turned from offsets into pointers. A list may be named by
 * many ops, so the bound counts the data once for each op that could name it, capped by refusing more. */
size_t
decode_arena_size (size_t size)
{
  return PLAN_MAX_OPS * sizeof (struct op) + 4 * size * sizeof (char *) + 4096;
}

static void *
arena_take (struct arena *arena, size_t size)
{
  size = (size + 7) & ~(size_t) 7;
  if ((size_t) (arena->end - arena->at) < size)
    return NULL;
  void *taken = arena->at;
  arena->at += size;
  return taken;
}

static uint32_t
u32_at (const uint8_t *p)
{
  uint32_t v;
  memcpy (&v, p, sizeof v);
  return v;
}

static uint64_t
u64_at (const uint8_t *p)
{
  uint64_t v;
  memcpy (&v, p, sizeof v);
  return v;
}

uint32_t
blob_length (const uint8_t *blob)
{
  return u32_at (blob - 4);
}

size_t
strs_count (const char *const *strs)
{
  size_t n = 0;
  while (strs[n])
    n++;
  return n;
}

static const char *
decode_argument (char type, uint64_t value, const uint8_t *data, uint32_t data_size, const struct plan *plan,
                 struct arena *arena, union op_args *u, int word)
{
  switch (type)
    {
    case 'n':
      u->word[word].num = value;
      return NULL;
    case 'f':
      if (value != NO_SLOT && value >= plan->slots)
        return "slot out of range";
      u->word[word].num = value;
      return NULL;
    case 's':
      /* The data ends in a NUL, so any offset inside it is a terminated string. */
      if (value >= data_size)
        return "string out of range";
      u->word[word].ptr = data + value;
      return NULL;
    case 'b':
      if (value < 4 || value > data_size || u32_at (data + value - 4) > data_size - value)
        return "bytes out of range";
      u->word[word].ptr = data + value;
      return NULL;
    case 'v':
      {
        if (value % 4 != 0 || value > data_size || data_size - value < 4)
          return "list out of range";
        uint32_t count = u32_at (data + value);
        if (count > (data_size - value - 4) / 4)
          return "list too long";
        const char **list = arena_take (arena, ((size_t) count + 1) * sizeof *list);
        if (!list)
          return "lists too long";
        for (uint32_t i = 0; i < count; i++)
          {
            uint32_t offset = u32_at (data + value + 4 + 4 * (uint64_t) i);
            if (offset >= data_size)
              return "string of a list out of range";
            list[i] = (const char *) data + offset;
          }
        list[count] = NULL;
        u->word[word].ptr = list;
        return NULL;
      }
    default:
      return "unknown argument type";
    }
}

const char *
decode_plan (const uint8_t *bytes, size_t size, struct plan *plan, void *memory, size_t memory_size)
{
  struct arena arena = { memory, (uint8_t *) memory + memory_size };

  if (size < PLAN_HEADER_SIZE || u32_at (bytes) != PLAN_MAGIC)
    return "not a plan, or one of another build of runt";
  if (u32_at (bytes + 4) != size)
    return "wrong size";
  plan->clone_flags = u64_at (bytes + 8);
  plan->stay = u32_at (bytes + 16);
  plan->die_with_runtime = u32_at (bytes + 20);
  plan->cgroup = u32_at (bytes + 24);
  plan->inherited = u32_at (bytes + 28);
  plan->slots = u32_at (bytes + 32);
  /* Namespaces and nothing else: CLONE_VM and its like would make init something that nobody here expects. */
  if (plan->clone_flags & ~(uint64_t) NAMESPACE_FLAGS)
    return "clone flags that are not namespaces";
  if (plan->stay > STAY_MONITOR || plan->die_with_runtime > 1)
    return "unknown mode";
  if (plan->slots > PLAN_MAX_SLOTS || plan->inherited > plan->slots)
    return "too many slots";
  if (plan->cgroup != NO_SLOT && plan->cgroup >= plan->inherited)
    return "cgroup slot out of range";

  uint64_t total = 0;
  for (int phase = 0; phase < PHASE_COUNT; phase++)
    {
      plan->first[phase] = (uint32_t) total;
      plan->count[phase] = u32_at (bytes + 36 + 4 * phase);
      total += plan->count[phase];
      if (total > PLAN_MAX_OPS)
        return "too many ops";
    }
  uint32_t data_size = u32_at (bytes + 52);
  if (PLAN_HEADER_SIZE + total * PLAN_OP_SIZE + data_size != size)
    return "sections do not add up";
  const uint8_t *data = bytes + PLAN_HEADER_SIZE + total * PLAN_OP_SIZE;
  if (data_size == 0 || data[data_size - 1] != 0)
    return "data does not end in NUL";

  plan->ops = arena_take (&arena, (total + 1) * sizeof *plan->ops);
  if (!plan->ops)
    return "too many ops";
  for (int phase = 0; phase < PHASE_COUNT; phase++)
    for (uint32_t i = 0; i < plan->count[phase]; i++)
      {
        uint32_t index = plan->first[phase] + i;
        const uint8_t *p = bytes + PLAN_HEADER_SIZE + (size_t) index * PLAN_OP_SIZE;
        struct op *op = &plan->ops[index];
        memset (op, 0, sizeof *op);
        memcpy (&op->kind, p, 2);
        op->phase = p[2];
        op->optional = p[3] & 1;
        op->otherwise = u32_at (p + 4);
        if (op->kind >= OP_COUNT)
          return "unknown op";
        if (op->phase != phase || !(kinds[op->kind].phases & 1u << phase))
          return "op in a phase that is not its own";
        if (op->otherwise > plan->count[phase] - i - 1)
          return "fallback out of range";
        const char *types = kinds[op->kind].types;
        for (int word = 0; types[word]; word++)
          {
            const char *wrong
                = decode_argument (types[word], u64_at (p + 8 + 8 * word), data, data_size, plan, &arena, &op->u, word);
            if (wrong)
              return wrong;
          }
      }
  return NULL;
}
