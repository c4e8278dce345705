/* What a process in a container sees, as one JSON object on stdout. Static, so that any rootfs will do.
 *
 *   probe [PATH…]          everything about itself, and stat(2), statfs(2), open(2) of each path
 *   probe --pause          says "ready" and waits for ever
 *   probe --signals        says "ready", then the number of each signal that arrives
 *   probe --notify TEXT    sends TEXT to NOTIFY_SOCKET, then waits for ever
 *   probe --exit N         ends with N
 *   probe --size           waits for SIGWINCH on the terminal, says "rows columns"
 *   probe --exchange A B…  says "ready", then makes A be B and B be A, of each pair, over and over
 *   probe --exchange-every MICROSECONDS A B…  the same with a pause each time, so that others get at what is there
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/* — a writer of JSON that knows only whether a comma is due — */
static int comma;

static void
text (const char *s)
{
  putchar ('"');
  for (; *s; s++)
    {
      unsigned char c = (unsigned char) *s;
      if (c == '"' || c == '\\')
        printf ("\\%c", c);
      else if (c < 0x20)
        printf ("\\u%04x", c);
      else
        putchar (c);
    }
  putchar ('"');
}

static void
key (const char *name)
{
  if (comma)
    putchar (',');
  comma = 0;
  if (name)
    {
      text (name);
      putchar (':');
    }
}

static void
opening (const char *name, char bracket)
{
  key (name);
  putchar (bracket);
  comma = 0;
}

static void
closing (char bracket)
{
  putchar (bracket);
  comma = 1;
}

static void
string (const char *name, const char *value)
{
  key (name);
  if (value)
    text (value);
  else
    printf ("null");
  comma = 1;
}

static void
number (const char *name, long long value)
{
  key (name);
  printf ("%lld", value);
  comma = 1;
}

/* — parts of the report — */

static void
file_lines (const char *name, const char *path)
{
  char *line = NULL;
  size_t room = 0;
  ssize_t length;
  FILE *file = fopen (path, "re");
  opening (name, '[');
  while (file && (length = getline (&line, &room, file)) > 0)
    {
      if (line[length - 1] == '\n')
        line[length - 1] = 0;
      string (NULL, line);
    }
  if (file)
    fclose (file);
  free (line);
  closing (']');
}

static void
link_of (const char *name, const char *path)
{
  char target[4096];
  ssize_t length = readlink (path, target, sizeof target - 1);
  target[length < 0 ? 0 : length] = 0;
  string (name, length < 0 ? NULL : target);
}

static void
ids (void)
{
  uid_t ruid, euid, suid;
  gid_t rgid, egid, sgid, groups[256];
  getresuid (&ruid, &euid, &suid);
  getresgid (&rgid, &egid, &sgid);
  number ("pid", getpid ());
  number ("ppid", getppid ());
  number ("sid", getsid (0));
  number ("pgid", getpgrp ());
  number ("uid", ruid);
  number ("euid", euid);
  number ("suid", suid);
  number ("gid", rgid);
  number ("egid", egid);
  number ("sgid", sgid);
  opening ("groups", '[');
  int count = getgroups (256, groups);
  for (int i = 0; i < count; i++)
    number (NULL, groups[i]);
  closing (']');
}

static void
limits (void)
{
  static const char *const names[] = { "CPU",        "FSIZE", "DATA",   "STACK",   "CORE",       "RSS",      "NPROC",  "NOFILE",
                                       "MEMLOCK",    "AS",    "LOCKS",  "SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME" };
  opening ("rlimits", '{');
  for (int i = 0; i < 16; i++)
    {
      struct rlimit limit;
      char name[32];
      if (getrlimit (i, &limit) < 0)
        continue;
      snprintf (name, sizeof name, "RLIMIT_%s", names[i]);
      opening (name, '{');
      number ("soft", limit.rlim_cur == RLIM_INFINITY ? -1 : (long long) limit.rlim_cur);
      number ("hard", limit.rlim_max == RLIM_INFINITY ? -1 : (long long) limit.rlim_max);
      closing ('}');
    }
  closing ('}');
}

static void
open_fds (void)
{
  DIR *dir = opendir ("/proc/self/fd");
  opening ("fds", '{');
  for (struct dirent *entry; dir && (entry = readdir (dir));)
    {
      char path[64];
      if (entry->d_name[0] == '.' || atoi (entry->d_name) == dirfd (dir))
        continue;
      snprintf (path, sizeof path, "/proc/self/fd/%.16s", entry->d_name);
      link_of (entry->d_name, path);
    }
  closing ('}');
  if (dir)
    closedir (dir);
}

static void
namespaces (void)
{
  static const char *const names[] = { "cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts" };
  opening ("namespaces", '{');
  for (int i = 0; i < 8; i++)
    {
      char path[64];
      snprintf (path, sizeof path, "/proc/self/ns/%s", names[i]);
      link_of (names[i], path);
    }
  closing ('}');
}

static void
scheduling (void)
{
  struct
  {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
  } attr = { .size = 48 };
  unsigned long nodes[16] = { 0 };
  int mode = -1;
  cpu_set_t cpus;
  if (syscall (SYS_sched_getattr, 0, &attr, sizeof attr, 0) == 0)
    {
      opening ("scheduler", '{');
      number ("policy", attr.policy);
      number ("flags", (long long) attr.flags);
      number ("nice", attr.nice);
      number ("priority", attr.priority);
      number ("runtime", (long long) attr.runtime);
      number ("deadline", (long long) attr.deadline);
      number ("period", (long long) attr.period);
      closing ('}');
    }
  number ("ioprio", syscall (SYS_ioprio_get, 1, 0));
  opening ("cpus", '[');
  if (sched_getaffinity (0, sizeof cpus, &cpus) == 0)
    for (int i = 0; i < CPU_SETSIZE; i++)
      if (CPU_ISSET (i, &cpus))
        number (NULL, i);
  closing (']');
  if (syscall (SYS_get_mempolicy, &mode, nodes, 1024, 0, 0) == 0)
    {
      opening ("mempolicy", '{');
      number ("mode", mode);
      number ("nodes", (long long) nodes[0]);
      closing ('}');
    }
}

static void
terminal (void)
{
  struct winsize size = { 0 };
  struct termios settings = { 0 };
  opening ("tty", '{');
  for (int fd = 0; fd < 3; fd++)
    number (fd == 0 ? "stdin" : fd == 1 ? "stdout" : "stderr", isatty (fd));
  link_of ("name", "/proc/self/fd/0");
  ioctl (0, TIOCGWINSZ, &size);
  number ("rows", size.ws_row);
  number ("columns", size.ws_col);
  number ("onlcr", tcgetattr (0, &settings) == 0 && (settings.c_oflag & ONLCR) != 0);
  int controlling = open ("/dev/tty", O_RDWR | O_CLOEXEC);
  number ("controlling", controlling >= 0);
  if (controlling >= 0)
    close (controlling);
  number ("foreground", tcgetpgrp (0));
  closing ('}');
}

static void
clocks (void)
{
  struct timespec now;
  opening ("clocks", '{');
  clock_gettime (CLOCK_MONOTONIC, &now);
  number ("monotonic", now.tv_sec);
  clock_gettime (CLOCK_BOOTTIME, &now);
  number ("boottime", now.tv_sec);
  closing ('}');
}

static void
keyring (void)
{
  char words[256] = "";
  long serial = syscall (SYS_keyctl, 0 /* GET_KEYRING_ID */, -3 /* session */, 0, 0, 0);
  opening ("keyring", '{');
  number ("serial", serial < 0 ? -errno : serial);
  if (serial >= 0)
    syscall (SYS_keyctl, 6 /* DESCRIBE */, serial, words, sizeof words - 1, 0);
  string ("description", words);
  closing ('}');
}

static void
opened (const char *name, const char *path, int flags)
{
  int fd = open (path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  number (name, fd < 0 ? -errno : 0);
  if (fd >= 0)
    close (fd);
}

static void
path_report (const char *path)
{
  struct stat st;
  struct statfs fs;
  opening (path, '{');
  if (lstat (path, &st) < 0)
    number ("error", errno);
  else
    {
      static const char types[] = "?pc?d?b?-?l?s???";
      char type[2] = { types[(st.st_mode >> 12) & 15], 0 };
      string ("type", type);
      number ("mode", st.st_mode & 07777);
      number ("uid", st.st_uid);
      number ("gid", st.st_gid);
      number ("major", major (st.st_rdev));
      number ("minor", minor (st.st_rdev));
      number ("size", st.st_size);
      number ("device", (long long) st.st_dev);
      number ("inode", (long long) st.st_ino);
      if (S_ISLNK (st.st_mode))
        link_of ("target", path);
      if (statfs (path, &fs) == 0)
        {
          number ("fs", fs.f_type);
          number ("flags", fs.f_flags);
        }
      opened ("read", path, O_RDONLY);
      opened ("write", path, S_ISDIR (st.st_mode) ? O_RDWR | O_TMPFILE : O_RDWR);
      if (S_ISDIR (st.st_mode))
        {
          DIR *dir = opendir (path);
          opening ("entries", '[');
          for (struct dirent *entry; dir && (entry = readdir (dir));)
            if (strcmp (entry->d_name, ".") && strcmp (entry->d_name, ".."))
              string (NULL, entry->d_name);
          closing (']');
          if (dir)
            closedir (dir);
        }
      else if (S_ISREG (st.st_mode))
        {
          char content[2048];
          int fd = open (path, O_RDONLY | O_CLOEXEC);
          ssize_t length = fd < 0 ? -1 : read (fd, content, sizeof content - 1);
          content[length < 0 ? 0 : length] = 0;
          string ("content", length < 0 ? NULL : content);
          if (fd >= 0)
            close (fd);
        }
    }
  closing ('}');
}

static void
report (int argc, char **argv)
{
  char domain[65] = "", *cwd = getcwd (NULL, 0);
  struct utsname uts;
  uname (&uts);
  getdomainname (domain, sizeof domain);
  putchar ('{');
  open_fds ();
  ids ();
  string ("cwd", cwd);
  opening ("args", '[');
  for (int i = 0; i < argc; i++)
    string (NULL, argv[i]);
  closing (']');
  opening ("env", '[');
  for (char **entry = environ; *entry; entry++)
    string (NULL, *entry);
  closing (']');
  mode_t mask = umask (0);
  umask (mask);
  number ("umask", mask);
  string ("hostname", uts.nodename);
  string ("domainname", domain);
  string ("machine", uts.machine);
  number ("personality", personality (0xffffffff));
  number ("noNewPrivs", prctl (PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
  number ("dumpable", prctl (PR_GET_DUMPABLE, 0, 0, 0, 0));
  int death = 0;
  prctl (PR_GET_PDEATHSIG, &death);
  number ("deathSignal", death);
  sigset_t blocked;
  sigprocmask (SIG_SETMASK, NULL, &blocked);
  opening ("blockedSignals", '[');
  for (int i = 1; i < 65; i++)
    if (sigismember (&blocked, i) == 1)
      number (NULL, i);
  closing (']');
  opening ("ignoredSignals", '[');
  for (int i = 1; i < 32; i++)
    {
      struct sigaction action;
      if (sigaction (i, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
        number (NULL, i);
    }
  closing (']');
  limits ();
  namespaces ();
  scheduling ();
  terminal ();
  clocks ();
  keyring ();
  link_of ("exe", "/proc/self/exe");
  file_lines ("status", "/proc/self/status");
  file_lines ("mounts", "/proc/self/mountinfo");
  file_lines ("cgroup", "/proc/self/cgroup");
  file_lines ("oomScoreAdj", "/proc/self/oom_score_adj");
  file_lines ("uidMap", "/proc/self/uid_map");
  file_lines ("gidMap", "/proc/self/gid_map");
  file_lines ("setgroups", "/proc/self/setgroups");
  file_lines ("label", "/proc/self/attr/current");
  file_lines ("timensOffsets", "/proc/self/timens_offsets");
  opening ("paths", '{');
  for (int i = 1; i < argc; i++)
    path_report (argv[i]);
  closing ('}');
  puts ("}");
}

static void
wait_for_signals (void)
{
  sigset_t all;
  sigfillset (&all);
  sigprocmask (SIG_BLOCK, &all, NULL);
  dprintf (1, "ready\n");
  for (;;)
    {
      siginfo_t info;
      int got = sigwaitinfo (&all, &info);
      if (got > 0)
        dprintf (1, "%d\n", got);
    }
}

static void
notify (const char *words)
{
  const char *path = getenv ("NOTIFY_SOCKET");
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_DGRAM, 0);
  if (!path)
    exit (2);
  strncpy (address.sun_path, path, sizeof address.sun_path - 1);
  if (sendto (fd, words, strlen (words), 0, (struct sockaddr *) &address, sizeof address) < 0)
    exit (3);
  close (fd);
  for (;;)
    pause ();
}

static void
resized (int signal)
{
  (void) signal;
}

static void
window_size (void)
{
  struct sigaction action = { .sa_handler = resized };
  struct winsize size;
  sigset_t winch, none;
  sigemptyset (&none);
  sigemptyset (&winch);
  sigaddset (&winch, SIGWINCH);
  /* It may come as soon as we have said so, and is not to be missed. */
  sigprocmask (SIG_BLOCK, &winch, NULL);
  sigaction (SIGWINCH, &action, NULL);
  dprintf (1, "ready\n");
  sigsuspend (&none);
  ioctl (0, TIOCGWINSZ, &size);
  dprintf (1, "%d %d\n", size.ws_row, size.ws_col);
}

/* There is always one of the two at either place: that is what races are won with. */
static void
exchange (int count, char **names, long microseconds)
{
  struct timespec pause = { microseconds / 1000000, microseconds % 1000000 * 1000 };
  dprintf (1, "ready\n");
  for (;;)
    {
      for (int i = 0; i + 1 < count; i += 2)
        syscall (SYS_renameat2, AT_FDCWD, names[i], AT_FDCWD, names[i + 1], 2 /* RENAME_EXCHANGE */);
      if (microseconds > 0)
        nanosleep (&pause, NULL);
    }
}

int
main (int argc, char **argv)
{
  const char *mode = argc > 1 ? argv[1] : "";
  if (strcmp (mode, "--pause") == 0)
    {
      dprintf (1, "ready\n");
      for (;;)
        pause ();
    }
  else if (strcmp (mode, "--signals") == 0)
    wait_for_signals ();
  else if (strcmp (mode, "--notify") == 0)
    notify (argc > 2 ? argv[2] : "READY=1\n");
  else if (strcmp (mode, "--exit") == 0)
    return atoi (argc > 2 ? argv[2] : "0");
  else if (strcmp (mode, "--size") == 0)
    window_size ();
  else if (strcmp (mode, "--exchange") == 0)
    exchange (argc - 2, argv + 2, 0);
  else if (strcmp (mode, "--exchange-every") == 0 && argc > 2)
    exchange (argc - 3, argv + 3, atol (argv[2]));
  else
    report (argc, argv);
  return 0;
}
