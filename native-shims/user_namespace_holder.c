/* Who keeps a user's namespace from one command to the next: a process that sleeps.
 *
 * A file, PLACE, has its pid and start time. Who changes or reads that, or enters the namespaces, has the file locked;
 * so has the holder when it looks whether it is alone in there, and ends. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user_namespace.h"

enum { MAX_SECONDS = 64 };

/* Field 22 of /proc/PID/stat; 0 where there is no such process. */
static unsigned long long
start_time (int pid)
{
  char path[32], text[1024];
  snprintf (path, sizeof path, "/proc/%d/stat", pid);
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? -1 : read (fd, text, sizeof text - 1);
  if (fd >= 0)
    close (fd);
  if (n <= 0)
    return 0;
  text[n] = '\0';
  /* Its name is in parentheses, and may have some itself. */
  const char *at = strrchr (text, ')');
  for (int field = 2; at && field < 22; field++)
    at = strchr (at + 1, ' ');
  return at ? strtoull (at + 1, NULL, 10) : 0;
}

int
join_namespace (int place)
{
  char text[64], path[48];
  int pid, namespaces[2];
  unsigned long long started;
  ssize_t n = pread (place, text, sizeof text - 1, 0);
  text[n > 0 ? n : 0] = '\0';
  if (sscanf (text, "%d %llu", &pid, &started) != 2)
    return 0;
  static const char *const names[] = { "user", "mnt" };
  for (int i = 0; i < 2; i++)
    {
      snprintf (path, sizeof path, "/proc/%d/ns/%s", pid, names[i]);
      namespaces[i] = open (path, O_RDONLY | O_CLOEXEC);
    }
  /* Looked at after they were opened: they are those of that process, not of one that has its number now. */
  int joined = 0;
  if (namespaces[0] >= 0 && namespaces[1] >= 0 && start_time (pid) == started)
    joined = setns (namespaces[0], CLONE_NEWUSER) < 0 || setns (namespaces[1], CLONE_NEWNS) < 0 ? -1 : 1;
  int error = errno;
  for (int i = 0; i < 2; i++)
    if (namespaces[i] >= 0)
      close (namespaces[i]);
  errno = error;
  return joined;
}

/* Whether no other process is in our user namespace; also where that cannot be told. */
static int
is_alone (void)
{
  char own[64], other[64], path[288];
  ssize_t length = readlink ("/proc/self/ns/user", own, sizeof own);
  DIR *processes = opendir ("/proc");
  int alone = 1;
  for (struct dirent *entry; processes && alone && (entry = readdir (processes));)
    {
      if (!isdigit ((unsigned char) entry->d_name[0]) || atoi (entry->d_name) == getpid ())
        continue;
      snprintf (path, sizeof path, "/proc/%s/ns/user", entry->d_name);
      ssize_t n = readlink (path, other, sizeof other);
      alone = n != length || memcmp (own, other, (size_t) n) != 0;
    }
  if (processes)
    closedir (processes);
  return alone;
}

_Noreturn static void
hold (int place)
{
  int null = open ("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; fd++)
    dup2 (null, fd);
  dup2 (place, 3);
  syscall (SYS_close_range, 4u, ~0u, 0u);
  setsid ();
  /* Whatever signals the command was started with. */
  signal (SIGHUP, SIG_IGN);
  if (chdir ("/") < 0)
    errno = 0;
  for (unsigned seconds = 1;; seconds = seconds < MAX_SECONDS ? 2 * seconds : seconds)
    {
      sleep (seconds);
      /* Somebody is about to come in. */
      if (flock (3, LOCK_EX | LOCK_NB) < 0)
        continue;
      if (is_alone ())
        {
          int truncated = ftruncate (3, 0);
          _exit (truncated < 0);
        }
      flock (3, LOCK_UN);
    }
}

int
hold_namespace (int place)
{
  /* Nobody's child: the program that we turn into knows nothing of it. */
  pid_t between = fork ();
  if (between == 0)
    {
      char text[64];
      pid_t holder = fork ();
      if (holder == 0)
        hold (place);
      int length = snprintf (text, sizeof text, "%d %llu\n", holder, start_time (holder));
      _exit (holder < 0 || ftruncate (place, 0) < 0 || pwrite (place, text, (size_t) length, 0) != length);
    }
  int status = -1;
  if (between < 0 || waitpid (between, &status, 0) < 0)
    return -1;
  errno = EIO;
  return status == 0 ? flock (place, LOCK_UN) : -1;
}
