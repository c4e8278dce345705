/* The floor: what the kernel alone takes to make a container, run a program in it and clean up.
 *
 *   floor ROUNDS CLONE_FLAGS CGROUP ROOTFS {TYPE TARGET FLAGS DATA}… -- PROGRAM [ARG…]
 *
 * Each round: mkdir of a cgroup, clone3 into it and into new namespaces, the mounts, pivot_root, execve, wait,
 * rmdir. Nothing is checked, planned, recorded or reported, so that no runtime can be faster; everything is known
 * before the clock starts. Writes the nanoseconds of each round to fd 3. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct one_mount
{
  const char *type, *target, *data;
  unsigned long flags;
};

static void
must (long result, const char *what)
{
  if (result >= 0)
    return;
  perror (what);
  _exit (126);
}

static int64_t
now_ns (void)
{
  struct timespec now;
  clock_gettime (CLOCK_MONOTONIC, &now);
  return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}

/* `target` of each mount is relative: it is reached from the new root before the old one goes. */
static void
be_init (const char *rootfs, const struct one_mount *mounts, int count, char **argv)
{
  static char *const envp[] = { (char *) "PATH=/bin", NULL };
  must (mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private /");
  must (mount (rootfs, rootfs, NULL, MS_BIND, NULL), "bind rootfs");
  must (chdir (rootfs), "chdir");
  for (int i = 0; i < count; i++)
    {
      mkdir (mounts[i].target, 0755); /* in the /dev that was mounted just now; elsewhere it exists */
      must (mount (mounts[i].type, mounts[i].target, mounts[i].type, mounts[i].flags, mounts[i].data), mounts[i].target);
    }
  must (syscall (SYS_pivot_root, ".", "."), "pivot_root");
  must (umount2 (".", MNT_DETACH), "umount2");
  must (chdir ("/"), "chdir /");
  execve (argv[0], argv, envp);
  must (-1, argv[0]);
}

int
main (int argc, char **argv)
{
  if (argc < 7)
    return 2;
  const int rounds = atoi (argv[1]);
  const uint64_t flags = strtoull (argv[2], NULL, 0);
  const char *cgroup = argv[3], *rootfs = argv[4];
  struct one_mount mounts[64];
  int count = 0, at = 5;
  for (; at + 4 < argc && strcmp (argv[at], "--") != 0 && count < 64; at += 4)
    mounts[count++] = (struct one_mount){
      .type = argv[at], .target = argv[at + 1], .flags = strtoul (argv[at + 2], NULL, 0), .data = argv[at + 3],
    };
  int64_t *took = calloc ((size_t) rounds, sizeof *took);
  must (took ? 0 : -1, "calloc");
  must (fcntl (3, F_SETFD, FD_CLOEXEC), "fd 3");

  for (int i = 0; i < rounds; i++)
    {
      const int64_t begin = now_ns ();
      must (mkdir (cgroup, 0755), cgroup);
      int directory = open (cgroup, O_PATH | O_DIRECTORY | O_CLOEXEC);
      must (directory, cgroup);
      struct clone_args clone = {
        .flags = flags | CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t) directory,
      };
      pid_t pid = (pid_t) syscall (SYS_clone3, &clone, sizeof clone);
      must (pid, "clone3");
      if (pid == 0)
        be_init (rootfs, mounts, count, argv + at + 1);
      int status;
      must (waitpid (pid, &status, 0), "waitpid");
      close (directory);
      must (rmdir (cgroup), "rmdir");
      took[i] = now_ns () - begin;
      if (!WIFEXITED (status) || WEXITSTATUS (status) == 126)
        return 1;
    }
  for (int i = 0; i < rounds; i++)
    dprintf (3, "%lld\n", (long long) took[i]);
  return 0;
}
