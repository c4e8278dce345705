/* Who keeps a user's namespace from one command to the next: a process that sleeps.
 *
 * A file, PLACE, has the numbers of the user and the mount namespace, and the pid of the holder. Who changes or reads that, or enters the
 * namespaces, has the file locked; so has the holder when it looks whether it is alone in there, and ends. A holder that
 * was killed is missed by nobody as long as anybody else is in there: whoever comes next leaves a new one behind. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user_namespace.h"

enum { MAX_SECONDS = 64 };

enum { USER, MOUNTS, NAMESPACES };
static const char *const names[NAMESPACES] = { "user", "mnt" };

/* The numbers of namespaces. */
struct place { unsigned long long number[NAMESPACES]; };

/* Those of a process, as links say them: "user:[4026531837]"; 0 where that cannot be told. */
static struct place
place_of (const char *pid)
{
  struct place place = { { 0 } };
  char path[288], text[64];
  for (int i = 0; i < NAMESPACES; i++)
    {
      snprintf (path, sizeof path, "/proc/%s/ns/%s", pid, names[i]);
      ssize_t n = readlink (path, text, sizeof text - 1);
      text[n > 0 ? n : 0] = '\0';
      const char *number = strchr (text, '[');
      place.number[i] = number ? strtoull (number + 1, NULL, 10) : 0;
    }
  return place;
}

/* Another process in that user namespace; with `mounts`, one that sees the same mounts: a container's monitor, and not what
 * is in the container. 0 where there is none. */
static int
member_of (const struct place *place, int mounts)
{
  int found = 0;
  DIR *processes = opendir ("/proc");
  for (struct dirent *entry; processes && !found && (entry = readdir (processes));)
    {
      if (!isdigit ((unsigned char) entry->d_name[0]) || atoi (entry->d_name) == getpid ())
        continue;
      struct place its = place_of (entry->d_name);
      if (its.number[USER] == place->number[USER] && (!mounts || its.number[MOUNTS] == place->number[MOUNTS]))
        found = atoi (entry->d_name);
    }
  if (processes)
    closedir (processes);
  return found;
}

/* Enters the namespaces of a process if they are these: 1; 0 where they are not. */
static int
join_process (int pid, const struct place *place)
{
  char path[48];
  int namespaces[NAMESPACES], same = 1;
  for (int i = 0; i < NAMESPACES; i++)
    {
      struct stat found;
      snprintf (path, sizeof path, "/proc/%d/ns/%s", pid, names[i]);
      namespaces[i] = open (path, O_RDONLY | O_CLOEXEC);
      /* Looked at once it is open: another process may have the pid by now. */
      same = same && namespaces[i] >= 0 && fstat (namespaces[i], &found) == 0 && found.st_ino == place->number[i];
    }
  int joined = 0;
  if (same)
    joined = setns (namespaces[USER], CLONE_NEWUSER) < 0 || setns (namespaces[MOUNTS], CLONE_NEWNS) < 0 ? -1 : 1;
  int error = errno;
  for (int i = 0; i < NAMESPACES; i++)
    if (namespaces[i] >= 0)
      close (namespaces[i]);
  errno = error;
  return joined;
}

int
join_namespace (int file, int *held)
{
  char text[96], directory[PATH_MAX];
  struct place place;
  int pid;
  ssize_t n = pread (file, text, sizeof text - 1, 0);
  text[n > 0 ? n : 0] = '\0';
  if (sscanf (text, "%llu %llu %d", &place.number[USER], &place.number[MOUNTS], &pid) != 3)
    return 0;
  /* Entering a mount namespace leads to its root. */
  if (!getcwd (directory, sizeof directory))
    return -1;
  int joined = join_process (pid, &place);
  *held = joined == 1;
  if (joined == 0 && (pid = member_of (&place, 1)) != 0)
    joined = join_process (pid, &place);
  return joined == 1 && chdir (directory) < 0 ? -1 : joined;
}

_Noreturn static void
hold (int file)
{
  const struct place place = place_of ("self");
  int null = open ("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; fd++)
    dup2 (null, fd);
  dup2 (file, 3);
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
      if (!member_of (&place, 0))
        {
          int truncated = ftruncate (3, 0);
          _exit (truncated < 0);
        }
      flock (3, LOCK_UN);
    }
}

int
hold_namespace (int file)
{
  /* Nobody's child: the program that we turn into knows nothing of it. */
  pid_t between = fork ();
  if (between == 0)
    {
      char text[96];
      const struct place place = place_of ("self");
      pid_t holder = fork ();
      if (holder == 0)
        hold (file);
      int length
          = snprintf (text, sizeof text, "%llu %llu %d\n", place.number[USER], place.number[MOUNTS], holder);
      _exit (holder < 0 || ftruncate (file, 0) < 0 || pwrite (file, text, (size_t) length, 0) != length);
    }
  int status = -1;
  if (between < 0 || waitpid (between, &status, 0) < 0)
    return -1;
  errno = EIO;
  return status == 0 ? flock (file, LOCK_UN) : -1;
}
