/* runt-userns PLACE UIDS GIDS PROGRAM [ARGUMENT…] — turns into PROGRAM, as root of the user's own user namespace and in a
 * mount namespace of that. All who name the same PLACE are in the same one, for as long as there is anybody in it: what one
 * program has made there, the next one may enter (user_namespace_holder.c).
 *
 * UIDS and GIDS are what newuidmap(1) and newgidmap(1) take after the pid. A user may give nobody's ids but his own himself:
 * with three numbers, one mapping, those programs are not asked. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user_namespace.h"

enum { MAX_WORDS = 3 * 340 /* mappings that the kernel takes */, FAILED = 125 };

int
fail (const char *what)
{
  fprintf (stderr, "runt: %s: %s\n", what, strerror (errno));
  return FAILED;
}

/* Splits TEXT at its blanks; returns how many words, without the pid before them. */
static int
words_of (char *text, char **words)
{
  int n = 0;
  for (char *word = strtok (text, " "); word && n < MAX_WORDS; word = strtok (NULL, " "))
    words[n++] = word;
  words[n] = NULL;
  return n;
}

static int
ended_well (pid_t pid)
{
  int status;
  while (waitpid (pid, &status, 0) < 0)
    if (errno != EINTR)
      return 0;
  return WIFEXITED (status) && WEXITSTATUS (status) == 0;
}

/* Runs PROGRAM for PID; what is wrong it says itself. */
static int
ask (const char *program, const char *pid, char *map)
{
  char *arguments[MAX_WORDS + 3] = { (char *) program, (char *) pid };
  words_of (map, arguments + 2);
  pid_t child = fork ();
  if (child == 0)
    {
      execvp (program, arguments);
      _exit (fail (program));
    }
  return child > 0 && ended_well (child);
}

/* Stays in the namespace of the caller, where the maps have to be written, and waits until there is something to map. */
static pid_t
start_mapper (int *go, char *uids, char *gids)
{
  int ends[2];
  char pid[16], byte;
  snprintf (pid, sizeof pid, "%d", getpid ());
  if (pipe2 (ends, O_CLOEXEC) < 0)
    return -1;
  pid_t child = fork ();
  if (child == 0)
    {
      close (ends[1]);
      if (read (ends[0], &byte, 1) != 1)
        _exit (FAILED);
      _exit (ask ("newgidmap", pid, gids) && ask ("newuidmap", pid, uids) ? 0 : FAILED);
    }
  close (ends[0]);
  *go = ends[1];
  return child;
}

static int
write_file (const char *path, const char *text)
{
  int fd = open (path, O_WRONLY | O_CLOEXEC);
  int failed = fd < 0 || write (fd, text, strlen (text)) < 0;
  int error = errno;
  if (fd >= 0)
    close (fd);
  errno = error;
  return failed ? fail (path) : 0;
}

static int
is_single (const char *map)
{
  int blanks = 0;
  for (; *map; map++)
    blanks += *map == ' ';
  return blanks == 2;
}

static int
make_namespace (char *uids, char *gids)
{
  int alone = is_single (uids) && is_single (gids), go = -1;
  pid_t mapper = alone ? 0 : start_mapper (&go, uids, gids);
  if (mapper < 0)
    return fail ("fork");
  if (unshare (CLONE_NEWUSER | CLONE_NEWNS) < 0)
    return fail ("an ordinary user needs a user namespace for that, and this machine gives none: unshare");
  if (alone)
    {
      if (write_file ("/proc/self/setgroups", "deny") || write_file ("/proc/self/gid_map", gids)
          || write_file ("/proc/self/uid_map", uids))
        return FAILED;
    }
  else if (write (go, "", 1) != 1 || !ended_well (mapper))
    return FAILED;
  if (go >= 0)
    close (go);
  return 0;
}

int
main (int argc, char **argv)
{
  if (argc < 5)
    {
      fputs ("usage: runt-userns PLACE UIDS GIDS PROGRAM [ARGUMENT…]\n", stderr);
      return FAILED;
    }
  int place = open (argv[1], O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (place < 0 || flock (place, LOCK_EX) < 0)
    return fail (argv[1]);
  int held = 0;
  int joined = join_namespace (place, &held);
  if (joined < 0)
    return fail ("cannot enter the user namespace of this user's containers");
  if (!joined && make_namespace (argv[2], argv[3]))
    return FAILED;
  /* The ids of this thread are those of the process: there is no other. */
  if (syscall (SYS_setresgid, 0, 0, 0) < 0 || syscall (SYS_setresuid, 0, 0, 0) < 0)
    return fail ("cannot become root of the user namespace");
  if (!held && hold_namespace (place) < 0)
    return fail (argv[1]);
  close (place);
  execv (argv[4], argv + 4);
  return fail (argv[4]);
}
