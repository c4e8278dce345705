/* Where a fuzzed input comes from: from libFuzzer, or (-DSTANDALONE) from stdin, each as its length (u32) and then itself;
 * a line for each goes to stdout. */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

#ifdef STANDALONE
int
main (void)
{
  uint32_t length;
  while (fread (&length, sizeof length, 1, stdin) == 1)
    {
      uint8_t *bytes = malloc (length ? length : 1);
      if (!bytes || fread (bytes, 1, length, stdin) != length)
        return 2;
      const char *said = fuzz_check (bytes, length);
      puts (said ? said : "ok");
      fflush (stdout);
      free (bytes);
    }
  return 0;
}
#else
int LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t size)
{
  fuzz_check (bytes, size);
  return 0;
}
#endif
