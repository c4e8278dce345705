/* bin/runt-oci and bin/runt: start Node with the command's bundled program.
 *
 * Callers run a runtime with next to no environment (podman passes XDG_RUNTIME_DIR and nothing else, and
 * from any directory), so that "#!/usr/bin/env node" would find nothing. This program looks at where its own
 * file lies, follows no variable, and replaces itself: the pid, the open files and the parent stay the same.
 * Only as part of an npm package, which brings no Node, does it take the one that is in the PATH.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static int
fail (const char *what, const char *path)
{
  fprintf (stderr, "runt: %s %s: %s\n", what, path, strerror (errno));
  return 1;
}

/* NODE_OPTIONS and its kin are meant for the caller's own programs: a container runtime, which is often
 * started as root, does not let them load code into it. */
static void
drop_node_variables (void)
{
  char **kept = environ;
  for (char **variable = environ; *variable; variable++)
    if (strncmp (*variable, "NODE_", 5) != 0)
      *kept++ = *variable;
  *kept = NULL;
}

/* Without the thread that waits for SIGUSR1 to open a debugger: the signal is the container's. With one V8 worker
 * thread, not one per processor: a foreground run stays for as long as its container. Without adding up the bytes of the
 * heap that V8 begins with, which is a part of the program's file like any other.
 *
 * A command either ends after some milliseconds or waits. Machine code that V8 makes of its JavaScript is finished too
 * late to be of use, and garbage is collected only to be thrown away with the process: without either it takes a tenth
 * less time and 10 MB less memory. Nor does it need a hash seed of its own, for which V8 looks for primes and builds all of
 * its tables anew: the only names that it hashes are its caller's, who may as well not call it. The bytecode beside a
 * bundle is made under the same flags (scripts/bytecode.ts). */
static char *const every_command[]
    = { "--disable-sigusr1", "--v8-pool-size=1", "--no-verify-snapshot-checksum", NULL };
static char *const short_command[]
    = { "--min-semi-space-size=16", "--no-opt", "--no-maglev", "--no-sparkplug", "--no-rehash-snapshot",
        "--no-regexp-peephole-optimization", NULL };
enum { MAX_FLAGS = 10 };

/* Commands of runt that work through archives, which is worth machine code. */
static char *const long_commands[]
    = { "pull", "push", "load", "save", "import", "export", "commit", "cp", NULL };

static int
is_long (int argc, char **argv)
{
  for (int i = 1; i < argc; i++)
    for (char *const *name = long_commands; *name; name++)
      if (strcmp (argv[i], *name) == 0)
        return 1;
  return 0;
}

static int
append (char **arguments, int n, char *const *flags)
{
  while (*flags)
    arguments[n++] = *flags++;
  return n;
}

int
main (int argc, char **argv)
{
  char self[4096], node[sizeof self + 32], program[sizeof self + 32];

  /* The file itself, whatever symbolic link it was called by. */
  const ssize_t length = readlink ("/proc/self/exe", self, sizeof self - 1);
  if (length < 0)
    return fail ("readlink", "/proc/self/exe");
  self[length] = '\0';

  char *slash = strrchr (self, '/');
  if (!slash)
    {
      errno = ENOENT;
      return fail ("find the directory of", self);
    }
  *slash = '\0';
  snprintf (node, sizeof node, "%s/../dist/native/node", self);
  snprintf (program, sizeof program, "%s/../dist/cli/%s.cjs", self, slash + 1);

  char **arguments = malloc ((size_t) (argc + 3 + MAX_FLAGS) * sizeof *arguments);
  if (!arguments)
    return fail ("malloc", "arguments");
  int n = 0;
  const int own = access (node, F_OK) == 0;
  arguments[n++] = own ? node : (char *) "node";
  if (own)
    n = append (arguments, n, every_command);
  if (own && (strcmp (slash + 1, "runt-oci") == 0 || !is_long (argc, argv)))
    n = append (arguments, n, short_command);
  /* Node takes an --env-file for its own wherever it stands, unless "--" comes before. */
  arguments[n++] = (char *) "--";
  arguments[n++] = program;
  for (int i = 1; i < argc; i++)
    arguments[n++] = argv[i];
  arguments[n] = NULL;

  drop_node_variables ();
  if (own)
    execve (node, arguments, environ);
  else
    execvp ("node", arguments);
  if (own || errno != ENOENT)
    return fail ("execve", arguments[0]);
  fprintf (stderr, "runt: no Node: neither %s nor node in the PATH is there; install Node 24 or later\n", node);
  return 1;
}
