/* runt-after DIRECTORY COMMAND… — what a monitor turns into when its container has ended: COMMAND, unless whoever waits for
 * the container has done its work. Such a one holds the lock of DIRECTORY/attended, and writes into that file when he has
 * done all; were he killed, the lock is free and the file empty. Starting COMMAND takes ten times longer than this. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int
is_done (const char *directory)
{
  char path[PATH_MAX];
  struct stat st;
  snprintf (path, sizeof path, "%s/attended", directory);
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  /* Nobody attends; or the container has been removed with all its files. */
  if (fd < 0)
    return errno == ENOENT && stat (directory, &st) < 0 && errno == ENOENT;
  while (flock (fd, LOCK_EX) < 0)
    if (errno != EINTR)
      return 0;
  return fstat (fd, &st) == 0 && st.st_size > 0;
}

int
main (int argc, char **argv)
{
  if (argc < 3)
    {
      fputs ("usage: runt-after DIRECTORY COMMAND [ARGUMENT…]\n", stderr);
      return 2;
    }
  if (is_done (argv[1]))
    return 0;
  execv (argv[2], argv + 2);
  fprintf (stderr, "%s: %s\n", argv[2], strerror (errno));
  return 127;
}
