/* The interpreter: a list of ops, each a function of its own. */
#include <stdarg.h>

#include "shim.h"

typedef int (*op_function) (struct shim *s, const struct op *op);

static const op_function functions[OP_COUNT] = {
#define X(name, phases, types) op_##name,
  OPS (X)
#undef X
};

int
run_phase (struct shim *s, int phase)
{
  const struct op *ops = s->plan.ops + s->plan.first[phase];
  for (uint32_t i = 0; i < s->plan.count[phase]; i++)
    {
      s->failure.op = s->plan.first[phase] + i;
      if (functions[ops[i].kind](s, &ops[i]) == 0)
        i += ops[i].otherwise;
      else if (ops[i].otherwise == 0 && !ops[i].optional)
        return -1;
    }
  return 0;
}

int
fail (struct shim *s, const char *syscall_name, const char *format, ...)
{
  int error = errno;
  va_list args;
  s->failure.type = MESSAGE_FAILED;
  s->failure.error = error;
  snprintf (s->failure.syscall, sizeof s->failure.syscall, "%s", syscall_name);
  va_start (args, format);
  int n = vsnprintf (s->failure.text, sizeof s->failure.text, format, args);
  va_end (args);
  s->failure.text_length = n < 0 ? 0 : (size_t) n < sizeof s->failure.text ? (uint32_t) n : sizeof s->failure.text - 1;
  errno = error;
  return -1;
}

int
slot (struct shim *s, uint64_t n)
{
  return n == NO_SLOT ? AT_FDCWD : s->slot[n];
}

void
set_slot (struct shim *s, uint64_t n, int fd)
{
  if (n == NO_SLOT)
    {
      close (fd);
      return;
    }
  if (s->slot[n] >= 0)
    close (s->slot[n]);
  s->slot[n] = fd;
}
