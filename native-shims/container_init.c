/* runt-init -- COMMAND… — pid 1 of a container that asks for one: runs COMMAND, passes signals on to it, and reaps whatever
 * else becomes a child of pid 1. Ends as COMMAND does. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int
run (char **command, const sigset_t *old)
{
  sigprocmask (SIG_SETMASK, old, NULL);
  /* A process group of its own, which the terminal, if there is one, sends its signals to. */
  setpgid (0, 0);
  if (isatty (0))
    {
      signal (SIGTTOU, SIG_IGN);
      tcsetpgrp (0, getpid ());
      signal (SIGTTOU, SIG_DFL);
    }
  execvp (command[0], command);
  int error = errno;
  fprintf (stderr, "exec %s: %s\n", command[0], strerror (error));
  return error == ENOENT ? 127 : 126;
}

/* Everything that has ended. Returns COMMAND's exit status once it is among it, else -1. */
static int
reap (pid_t command)
{
  int status, result = -1;
  for (;;)
    {
      pid_t pid = waitpid (-1, &status, WNOHANG);
      if (pid == 0 || (pid < 0 && errno != EINTR))
        return result;
      if (pid == command)
        result = WIFSIGNALED (status) ? 128 + WTERMSIG (status) : WEXITSTATUS (status);
    }
}

int
main (int argc, char **argv)
{
  char **command = argv + 1;
  if (argc > 1 && strcmp (*command, "--") == 0)
    command++;
  if (argc < 2 || !*command)
    {
      fputs ("usage: runt-init [--] COMMAND [ARGUMENT…]\n", stderr);
      return 2;
    }
  sigset_t all, old;
  sigfillset (&all);
  /* What the kernel sends for mistakes of our own. */
  int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS };
  for (unsigned i = 0; i < sizeof faults / sizeof *faults; i++)
    sigdelset (&all, faults[i]);
  sigprocmask (SIG_SETMASK, &all, &old);
  pid_t pid = fork ();
  if (pid < 0)
    {
      fprintf (stderr, "fork: %s\n", strerror (errno));
      return 125;
    }
  if (pid == 0)
    return run (command, &old);
  for (;;)
    {
      siginfo_t info;
      int signal = sigwaitinfo (&all, &info);
      if (signal == SIGCHLD)
        {
          int status = reap (pid);
          if (status >= 0)
            return status;
        }
      /* The terminal has sent those to the whole group already. */
      else if (signal > 0 && signal != SIGTTIN && signal != SIGTTOU && signal != SIGTSTP)
        kill (pid, signal);
    }
}
