/* Many system calls for one call through FFI: what is done and in which order is written by TypeScript, one record a
 * call. Nothing is decided here; the first call that fails ends the run and says which it was. */
#include "batch.h"
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__ ((visibility ("default")))

/* How an argument is to be read. src/linux/batch.ts has the same list. */
enum { VALUE, TEXT, DATA, REGISTER, TAKE };

EXPORT long
runt_batch (const struct record *records, int from, int count, const char *text, const char *data, int64_t *registers)
{
  for (int i = from; i < count; i++)
    {
      const struct record *r = &records[i];
      long a[6];
      for (int k = 0; k < 6; k++)
        switch (r->kind[k])
          {
          case TEXT:
            a[k] = (long) (text + r->argument[k]);
            break;
          case DATA:
            a[k] = (long) (data + r->argument[k]);
            break;
          case REGISTER:
          case TAKE:
            a[k] = (long) registers[r->argument[k]];
            if (r->kind[k] == TAKE)
              registers[r->argument[k]] = -1;
            break;
          default:
            a[k] = (long) r->argument[k];
          }
      long result;
      do
        result = syscall (r->number, a[0], a[1], a[2], a[3], a[4], a[5]);
      while (result < 0 && errno == EINTR && r->number != SYS_close);
      if (result < 0 || (r->whole && result != a[2]))
        {
          registers[0] = result < 0 ? -errno : result;
          return i;
        }
      if (r->into >= 0)
        registers[r->into] = result;
    }
  return count;
}
