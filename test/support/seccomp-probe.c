/* Loads a seccomp filter into itself and makes system calls: seccomp-probe FILTER FLAGS MODE [CALL…]
 *
 * A CALL is ABI:NUMBER[:ARG…] with ABI x86_64, x32 or x86 (through int 0x80); on other machines only "native".
 * Prints the result of each, one a line: what the kernel returned, negative errno on failure.
 * MODE notify: a child makes the calls, and each notification is answered with the errno 42; prints the number of
 * each notified call before the results. MODE plain does without. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static long
call (const char *abi, long nr, const unsigned long *a)
{
#ifdef __x86_64__
  long ret;
  if (strcmp (abi, "x86") == 0)
    {
      __asm__ volatile ("int $0x80" : "=a" (ret) : "a" (nr), "b" (a[0]), "c" (a[1]), "d" (a[2]), "S" (a[3]), "D" (a[4])
                        : "memory", "r8", "r9", "r10", "r11");
      return (int) ret;
    }
#endif
  (void) abi;
  errno = 0;
  long raw = syscall (nr, a[0], a[1], a[2], a[3], a[4], a[5]);
  return raw == -1 && errno != 0 ? -errno : raw;
}

static void
make_calls (char **specs, int count)
{
  long *results = calloc (count + 1, sizeof *results);
  for (int i = 0; i < count; i++)
    {
      unsigned long args[6] = { 0 };
      char *rest = specs[i];
      char *abi = strsep (&rest, ":");
      long nr = strtol (strsep (&rest, ":"), NULL, 0);
      for (int n = 0; n < 6 && rest != NULL; n++)
        args[n] = strtoul (strsep (&rest, ":"), NULL, 0);
      results[i] = call (abi, nr, args);
    }
  /* Only now, so that write(2) is not among the calls until all are made. */
  for (int i = 0; i < count; i++)
    printf ("%ld\n", results[i]);
  fflush (stdout);
}

int
main (int argc, char **argv)
{
  if (argc < 4)
    return 2;
  static struct sock_filter filter[BPF_MAXINSNS + 1];
  int fd = open (argv[1], O_RDONLY);
  ssize_t size = read (fd, filter, sizeof filter);
  close (fd);
  struct sock_fprog prog = { .len = size / sizeof filter[0], .filter = filter };
  int notify = strcmp (argv[3], "notify") == 0;

  if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
    return 2;
  /* stdio is set up before the filter forbids what it needs. */
  static char buffer[1 << 16];
  setvbuf (stdout, buffer, _IOFBF, sizeof buffer);
  int listener = syscall (SYS_seccomp, SECCOMP_SET_MODE_FILTER, strtoul (argv[2], NULL, 0), &prog);
  if (listener < 0)
    {
      fprintf (stderr, "seccomp: %s\n", strerror (errno));
      return 3;
    }
  if (!notify)
    {
      make_calls (argv + 4, argc - 4);
      return 0;
    }

  pid_t child = fork ();
  if (child == 0)
    {
      close (listener);
      make_calls (argv + 4, argc - 4);
      _exit (0);
    }
  for (int i = 4; i < argc; i++)
    {
      struct seccomp_notif request = { 0 };
      struct seccomp_notif_resp response = { 0 };
      if (ioctl (listener, SECCOMP_IOCTL_NOTIF_RECV, &request) < 0)
        return 4;
      printf ("notified %d\n", request.data.nr);
      fflush (stdout);
      response.id = request.id;
      response.error = -42;
      if (ioctl (listener, SECCOMP_IOCTL_NOTIF_SEND, &response) < 0)
        return 5;
    }
  int status;
  waitpid (child, &status, 0);
  return WIFEXITED (status) ? WEXITSTATUS (status) : 6;
}
