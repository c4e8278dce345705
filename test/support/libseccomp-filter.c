/* Reads rules from stdin, gives them to libseccomp as runc does, and writes the BPF program to stdout.
 * Build: cc libseccomp-filter.c -lseccomp
 *
 *   default RET | native ARCH | arch ARCH | optimize | rule RET NAME N {INDEX OP A B}
 *
 * RET is a SECCOMP_RET_* value, OP a number of enum scmp_compare; all numbers are decimal. A name that libseccomp
 * does not know is left out and reported on stderr; so is a rule that it refuses, with its errno. */
#include <inttypes.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
die (const char *what, int error)
{
  fprintf (stderr, "%s: %s\n", what, strerror (error));
  exit (1);
}

int
main (void)
{
  scmp_filter_ctx ctx = NULL;
  char word[64], name[128];
  while (scanf ("%63s", word) == 1)
    {
      uint32_t ret;
      if (strcmp (word, "default") == 0)
        {
          if (scanf ("%" SCNu32, &ret) != 1 || (ctx = seccomp_init (ret)) == NULL)
            die ("default", 0);
        }
      else if (strcmp (word, "native") == 0 || strcmp (word, "arch") == 0)
        {
          uint32_t arch;
          if (scanf ("%127s", name) != 1 || (arch = seccomp_arch_resolve_name (name)) == 0)
            die ("arch", 0);
          /* The machine that makes the filter need not be the one it is for. */
          if (word[0] == 'n' && arch != seccomp_arch_native ())
            seccomp_arch_remove (ctx, SCMP_ARCH_NATIVE);
          int rc = seccomp_arch_add (ctx, arch);
          if (rc < 0 && rc != -17)
            die ("seccomp_arch_add", -rc);
        }
      else if (strcmp (word, "optimize") == 0)
        seccomp_attr_set (ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
      else if (strcmp (word, "rule") == 0)
        {
          struct scmp_arg_cmp args[6];
          unsigned n, op;
          if (scanf ("%" SCNu32 " %127s %u", &ret, name, &n) != 3 || n > 6)
            die ("rule", 0);
          for (unsigned i = 0; i < n; i++)
            {
              if (scanf ("%u %u %" SCNu64 " %" SCNu64, &args[i].arg, &op, &args[i].datum_a, &args[i].datum_b) != 4)
                die ("args", 0);
              args[i].op = op;
            }
          int nr = seccomp_syscall_resolve_name (name);
          if (nr == __NR_SCMP_ERROR)
            {
              fprintf (stderr, "unknown %s\n", name);
              continue;
            }
          int rc = seccomp_rule_add_array (ctx, ret, nr, n, args);
          if (rc < 0)
            fprintf (stderr, "refused %s %d\n", name, -rc);
        }
      else
        die (word, 0);
    }
  int rc = seccomp_export_bpf (ctx, STDOUT_FILENO);
  if (rc < 0)
    die ("seccomp_export_bpf", -rc);
  return 0;
}
