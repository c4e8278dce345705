/* runt-dns ROOT: answers containers that ask for each other by name, for all networks below ROOT, and asks other
 * servers for them where it does not know.
 *
 * It keeps nothing. ROOT/members has a file for each network, which the engine replaces as a whole; its form is told in
 * src/engine/network/members.ts. Every question is answered from the files as they are then. What it tells the engine
 * is in ROOT/dns: for each network NAME the port it listens on (NAME.port), and a lock as long as it lives.
 *
 * It goes into the background once it listens, and ends when no network is left: with the engine's lock, so that no
 * network can come while it goes. */
#include "dns.h"
#include "nobody.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Questions by TCP at a time; each has a process for itself, for ten seconds at most. */
#define MAX_CHILDREN 16
#define TCP_SECONDS 10
/* Between two tries to end while the engine has its lock. */
#define RETRY_MS 100

static int
open_below (int directory, const char *name, int flags)
{
  int fd = openat (directory, name, flags | O_CLOEXEC, 0600);
  if (fd < 0)
    die ("%s", name);
  return fd;
}

/* Ports that a killed responder wrote down. */
static void
forget_ports (struct responder *r)
{
  int copy = openat (r->ports, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *directory = copy < 0 ? NULL : fdopendir (copy);
  struct dirent *entry;
  while (directory && (entry = readdir (directory)))
    {
      size_t length = strlen (entry->d_name);
      if (length > 5 && strcmp (entry->d_name + length - 5, ".port") == 0)
        unlinkat (r->ports, entry->d_name, 0);
    }
  if (directory)
    closedir (directory);
}

/* With the engine's lock no network can come: if there is none now, there is nothing left to do. */
static bool
may_end (struct responder *r)
{
  if (flock (r->engine_lock, LOCK_EX | LOCK_NB) < 0)
    return false;
  dns_scan (r);
  if (r->listeners == 0)
    return true;
  flock (r->engine_lock, LOCK_UN);
  return false;
}

static void
on_child (int signal)
{
  (void) signal;
}

static void
answer_by_tcp (struct responder *r, struct listener *l)
{
  struct sockaddr_storage from;
  socklen_t size = sizeof from;
  int client = accept4 (l->tcp, (struct sockaddr *) &from, &size, SOCK_CLOEXEC);
  if (client < 0)
    return;
  pid_t pid = r->children < MAX_CHILDREN ? fork () : -1;
  if (pid == 0)
    {
      /* We may live longer than the responder: nothing of it is to stay with us. */
      for (unsigned i = 0; i < r->listeners; i++)
        {
          close (r->listener[i].udp);
          close (r->listener[i].tcp);
        }
      close (r->own_lock);
      close (r->engine_lock);
      signal (SIGALRM, SIG_DFL);
      alarm (TCP_SECONDS);
      dns_serve_tcp (r, l, client, &from);
      _exit (0);
    }
  if (pid > 0)
    r->children++;
  close (client);
}

/* Reads what inotify says. Returns whether the directory is still there. */
static bool
drain (int inotify)
{
  char buffer[4096] __attribute__ ((aligned (8)));
  ssize_t n;
  bool there = true;
  while ((n = read (inotify, buffer, sizeof buffer)) > 0)
    for (char *at = buffer; at < buffer + n;)
      {
        struct inotify_event *event = (struct inotify_event *) at;
        if (event->mask & (IN_IGNORED | IN_DELETE_SELF))
          there = false;
        at += sizeof *event + event->len;
      }
  return there;
}

static void
serve (struct responder *r)
{
  struct pollfd fds[1 + 2 * MAX_LISTENERS + MAX_PENDING];
  for (;;)
    {
      if (r->listeners == 0 && may_end (r))
        return;
      int timeout = dns_expire (r);
      if (r->listeners == 0 && (timeout < 0 || timeout > RETRY_MS))
        timeout = RETRY_MS;
      nfds_t n = 0;
      fds[n++] = (struct pollfd) { .fd = r->inotify, .events = POLLIN };
      unsigned listeners = r->listeners;
      for (unsigned i = 0; i < listeners; i++)
        {
          fds[n++] = (struct pollfd) { .fd = r->listener[i].udp, .events = POLLIN };
          fds[n++] = (struct pollfd) { .fd = r->listener[i].tcp, .events = POLLIN };
        }
      for (unsigned i = 0; i < MAX_PENDING; i++)
        fds[n++] = (struct pollfd) { .fd = r->pending[i].fd, .events = POLLIN };
      int ready = poll (fds, n, timeout);
      while (r->children > 0 && waitpid (-1, NULL, WNOHANG) > 0)
        r->children--;
      if (ready <= 0)
        continue;
      for (unsigned i = 0; i < listeners; i++)
        {
          if (fds[1 + 2 * i].revents)
            dns_answer_udp (r, i);
          if (fds[2 + 2 * i].revents)
            answer_by_tcp (r, &r->listener[i]);
        }
      for (unsigned i = 0; i < MAX_PENDING; i++)
        if (fds[1 + 2 * listeners + i].revents)
          dns_pass_on (r, i);
      /* Last, because it changes the list of listeners. */
      if (fds[0].revents)
        {
          if (!drain (r->inotify))
            return;
          dns_scan (r);
        }
    }
}

int
main (int argc, char **argv)
{
  /* Large, and mostly never touched. */
  static struct responder responder;
  struct responder *r = &responder;
  if (argc != 2)
    {
      fputs ("usage: runt-dns ROOT\n", stderr);
      return 1;
    }
  syscall (SYS_close_range, 3, ~0u, 0);
  umask (077);
  for (unsigned i = 0; i < MAX_PENDING; i++)
    r->pending[i] = (struct pending) { .fd = -1, .question = r->question[i] };

  int root = open_below (AT_FDCWD, argv[1], O_RDONLY | O_DIRECTORY);
  r->members = open_below (root, "members", O_RDONLY | O_DIRECTORY);
  r->ports = open_below (root, "dns", O_RDONLY | O_DIRECTORY);
  r->engine_lock = open_below (root, "lock", O_RDONLY);
  r->own_lock = open_below (r->ports, "lock", O_RDONLY | O_CREAT);
  /* Somebody else answers already. */
  if (flock (r->own_lock, LOCK_EX | LOCK_NB) < 0)
    return 0;
  r->inotify = inotify_init1 (IN_CLOEXEC | IN_NONBLOCK);
  char path[64];
  snprintf (path, sizeof path, "/proc/self/fd/%d", r->members);
  if (r->inotify < 0 || inotify_add_watch (r->inotify, path, IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF) < 0)
    die ("inotify");
  close (root);
  forget_ports (r);
  /* From here on a question that gets the better of us has gained little: we may bind low ports, and that is all. */
  drop_privileges (fchown (r->ports, NOBODY, NOBODY) == 0, 1u << CAP_NET_BIND_SERVICE);
  if (chdir ("/") < 0)
    die ("chdir");
  dns_scan (r);
  if (r->listeners == 0 && r->failed)
    {
      errno = r->failed;
      die ("cannot listen");
    }

  pid_t pid = fork ();
  if (pid < 0)
    die ("fork");
  if (pid > 0)
    _exit (0);
  setsid ();
  int nothing = open ("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd < 3 && nothing >= 0; fd++)
    dup2 (nothing, fd);
  struct sigaction action = { .sa_handler = on_child };
  sigaction (SIGCHLD, &action, NULL);
  signal (SIGPIPE, SIG_IGN);
  signal (SIGHUP, SIG_IGN);
  serve (r);
  return 0;
}
