/* librunt.so: what Node calls through FFI. Every function answers like a system call: a result, or -errno,
 * taken before anything else can change errno. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where a program that we start has its end of the socket to us; as RUNTIME_FD of the shim. */
#define SPAWN_SOCKET 3

#define EXPORT __attribute__ ((visibility ("default")))

static long
answer (long result)
{
  return result < 0 ? -errno : result;
}

EXPORT long
runt_syscall (long nr, long a, long b, long c, long d, long e, long f)
{
  return answer (syscall (nr, a, b, c, d, e, f));
}

/* A program that is being started, from runt_spawn_begin to runt_spawn_end. */
struct spawn
{
  pthread_t thread;
  int exe, socket;
  /* Its pid, or -errno. */
  long result;
};

/* vfork(2) stops whoever calls it until the child has its own memory: so a thread that has nothing else to do calls it. */
static void *
spawn (void *data)
{
  static char *const argv[] = { (char *) "runt-shim", NULL };
  static char *const envp[] = { NULL };
  struct spawn *s = data;
  volatile int failure = 0;

  pid_t pid = vfork ();
  if (pid == 0)
    {
      /* It shares our memory until execveat(2), so it makes system calls only. */
      int program = fcntl (s->exe, F_DUPFD_CLOEXEC, SPAWN_SOCKET + 1);
      if (program < 0 || dup2 (s->socket, SPAWN_SOCKET) < 0)
        goto failed;
      if (s->socket == SPAWN_SOCKET)
        fcntl (SPAWN_SOCKET, F_SETFD, 0);
      syscall (SYS_close_range, 0, SPAWN_SOCKET - 1, 0);
      setsid ();
      syscall (SYS_execveat, program, "", argv, envp, AT_EMPTY_PATH);
    failed:
      failure = errno;
      _exit (127);
    }
  s->result = pid < 0 ? -errno : pid;
  if (failure)
    {
      waitpid (pid, NULL, 0);
      s->result = -failure;
    }
  close (s->socket);
  return NULL;
}

/* Begins to start the program open at `exe`, with one end of a new socket pair as its fd 3 and no other fd, no arguments
 * and no environment, in a session of its own; the other end, which is the caller's, goes to `ours`. `exe` must stay
 * open. Returns what runt_spawn_end must be called with, once. */
EXPORT long
runt_spawn_begin (int exe, int *ours)
{
  sigset_t all, before;
  int pair[2];
  struct spawn *s = malloc (sizeof *s);
  if (!s)
    return -ENOMEM;
  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
    {
      int error = errno;
      free (s);
      return -error;
    }
  *s = (struct spawn) { .exe = exe, .socket = pair[1] };
  sigfillset (&all);
  pthread_sigmask (SIG_BLOCK, &all, &before);
  int error = pthread_create (&s->thread, NULL, spawn, s);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  if (error)
    {
      close (pair[0]);
      close (pair[1]);
      free (s);
      return -error;
    }
  *ours = pair[0];
  return (long) s;
}

/* The pid of what runt_spawn_begin has begun to start, a child of ours. */
EXPORT long
runt_spawn_end (long handle)
{
  struct spawn *s = (struct spawn *) handle;
  pthread_join (s->thread, NULL);
  long result = s->result;
  free (s);
  return result;
}

/* Starts a program that is to stay when we go: nobody's child, in a session of its own, without an environment. It has all
 * signals blocked. Of our fds it gets the `fd_count` in `fds`, as 3 and following; 0, 1 and 2 are /dev/null. `words` are its
 * `count` arguments, each with its zero byte; the first is its name. Returns its pid. */
EXPORT long
runt_spawn_detached (const char *path, const char *words, int count, const int *fds, int fd_count)
{
  static char *const envp[] = { NULL };
  char **argv = calloc ((size_t) count + 1, sizeof *argv);
  int *copies = calloc ((size_t) fd_count + 1, sizeof *copies);
  int nothing = open ("/dev/null", O_RDWR | O_CLOEXEC);
  volatile long result = !argv || !copies ? -ENOMEM : nothing < 0 ? -errno : 0;
  if (result < 0)
    goto out;
  for (int i = 0; i < count; words += strlen (words) + 1)
    argv[i++] = (char *) words;

  sigset_t all, before;
  sigfillset (&all);
  pthread_sigmask (SIG_BLOCK, &all, &before);
  /* Both share our memory, one after the other, so they make system calls only. Who starts the program ends at once. */
  pid_t between = vfork ();
  if (between == 0)
    {
      setsid ();
      pid_t pid = vfork ();
      if (pid == 0)
        {
          int first = SPAWN_SOCKET, end = first + fd_count;
          for (int fd = 0; fd < first; fd++)
            if (fd == nothing ? fcntl (fd, F_SETFD, 0) < 0 : dup2 (nothing, fd) < 0)
              goto failed;
          /* Out of the way first: one may have the number that another is to have. */
          for (int i = 0; i < fd_count; i++)
            if ((copies[i] = fcntl (fds[i], F_DUPFD, end)) < 0)
              goto failed;
          for (int i = 0; i < fd_count; i++)
            if (dup2 (copies[i], first + i) < 0)
              goto failed;
          syscall (SYS_close_range, end, ~0u, 0);
          execve (path, argv, envp);
        failed:
          result = -errno;
          _exit (127);
        }
      if (result == 0)
        result = pid < 0 ? -errno : pid;
      _exit (0);
    }
  if (between < 0)
    result = -errno;
  else
    waitpid (between, NULL, 0);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
out:
  if (nothing >= 0)
    close (nothing);
  free (copies);
  free (argv);
  return result;
}

/* A copy of `path` in memory that nobody can change any more: what a container could reach through
 * /proc/PID/exe is this, and not the file on disk (CVE-2019-5736). Returns an fd. */
EXPORT long
runt_seal (const char *path)
{
  int from = open (path, O_RDONLY | O_CLOEXEC);
  if (from < 0)
    return -errno;
  int to = (int) syscall (SYS_memfd_create, "runt-shim", MFD_CLOEXEC | MFD_ALLOW_SEALING | 0x10u /* MFD_EXEC */);
  if (to < 0 && errno == EINVAL)
    to = (int) syscall (SYS_memfd_create, "runt-shim", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (to < 0)
    goto failed;
  struct stat st;
  if (fstat (from, &st) < 0)
    goto failed;
  for (off_t done = 0; done < st.st_size;)
    {
      ssize_t n = copy_file_range (from, NULL, to, NULL, (size_t) (st.st_size - done), 0);
      if (n <= 0)
        {
          char buffer[16384];
          n = read (from, buffer, sizeof buffer);
          if (n <= 0 || write (to, buffer, (size_t) n) != n)
            goto failed;
        }
      done += n;
    }
  if (fcntl (to, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
    goto failed;
  close (from);
  return to;
failed:;
  int error = errno ? errno : EIO;
  close (from);
  if (to >= 0)
    close (to);
  return -error;
}

/* A sealed memfd holding `length` bytes. */
EXPORT long
runt_memfd (const char *name, const unsigned char *bytes, int length)
{
  int fd = (int) syscall (SYS_memfd_create, name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0)
    return -errno;
  for (int done = 0; done < length;)
    {
      ssize_t n = write (fd, bytes + done, (size_t) (length - done));
      if (n < 0)
        goto failed;
      done += (int) n;
    }
  if (fcntl (fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
    goto failed;
  return fd;
failed:;
  int error = errno;
  close (fd);
  return -error;
}

EXPORT long
runt_socketpair (int type, int *pair)
{
  return answer (socketpair (AF_UNIX, type | SOCK_CLOEXEC, 0, pair));
}

struct socket_in { int netns, domain, type, protocol, result; };

static int
open_socket_in (void *data)
{
  struct socket_in *in = data;
  in->result = syscall (SYS_setns, in->netns, CLONE_NEWNET) < 0 ? -1 : socket (in->domain, in->type, in->protocol);
  if (in->result < 0)
    in->result = -errno;
  return 0;
}

/* A socket in the network namespace `netns`. Who changes its namespace is a child for the blink of an eye, which
 * shares our memory and our table of fds, so that the socket it opens is ours; none of our threads ever moves. */
EXPORT long
runt_socket_in (int netns, int domain, int type, int protocol)
{
  struct socket_in in = { netns, domain, type | SOCK_CLOEXEC, protocol, -EIO };
  char stack[16384] __attribute__ ((aligned (16)));
  sigset_t all, before;
  sigfillset (&all);
  sigprocmask (SIG_BLOCK, &all, &before);
  pid_t pid = clone (open_socket_in, stack + sizeof stack, CLONE_VM | CLONE_VFORK | CLONE_FILES, &in);
  int error = errno;
  /* No signal tells of its end, so that nobody else waits for it. */
  if (pid > 0)
    waitpid (pid, NULL, __WALL);
  sigprocmask (SIG_SETMASK, &before, NULL);
  return pid < 0 ? -error : in.result;
}

/* A unix socket that `attach` (connect or bind) has tied to `path`. */
static long
unix_socket (const char *path, int type, int (*attach) (int, const struct sockaddr *, socklen_t))
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  if (strlen (path) >= sizeof address.sun_path)
    return -ENAMETOOLONG;
  strcpy (address.sun_path, path);
  int fd = socket (AF_UNIX, type | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return -errno;
  if (attach (fd, (const struct sockaddr *) &address, sizeof address) < 0)
    {
      int error = errno;
      close (fd);
      return -error;
    }
  return fd;
}

EXPORT long
runt_connect (const char *path, int type)
{
  return unix_socket (path, type, connect);
}

EXPORT long
runt_bind (const char *path, int type)
{
  return unix_socket (path, type, bind);
}

/* As many fds as the kernel takes with one message. */
#define SCM_MAX_FD 253

/* sendmsg(2) of `bytes` with the fds `fds[0..count-1]` beside them. */
EXPORT long
runt_send_fds (int socket, const unsigned char *bytes, int length, const int *fds, int count)
{
  union { struct cmsghdr header; char space[CMSG_SPACE (SCM_MAX_FD * sizeof (int))]; } control;
  struct iovec io = { .iov_base = (void *) bytes, .iov_len = (size_t) length };
  struct msghdr message = { .msg_iov = &io, .msg_iovlen = 1 };
  if (count < 0 || count > SCM_MAX_FD)
    return -EINVAL;
  if (count > 0)
    {
      memset (&control, 0, sizeof control);
      message.msg_control = &control;
      message.msg_controllen = CMSG_SPACE ((size_t) count * sizeof (int));
      struct cmsghdr *header = CMSG_FIRSTHDR (&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN ((size_t) count * sizeof (int));
      memcpy (CMSG_DATA (header), fds, (size_t) count * sizeof (int));
    }
  return answer (sendmsg (socket, &message, MSG_NOSIGNAL));
}

/* recvmsg(2) of one fd, which becomes ours and close-on-exec. */
EXPORT long
runt_receive_fd (int socket, int flags)
{
  char bytes[4096];
  union { struct cmsghdr header; char space[CMSG_SPACE (sizeof (int))]; } control;
  struct iovec io = { .iov_base = bytes, .iov_len = sizeof bytes };
  struct msghdr message = {
    .msg_iov = &io, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control,
  };
  if (recvmsg (socket, &message, flags | MSG_CMSG_CLOEXEC) < 0)
    return -errno;
  struct cmsghdr *header = CMSG_FIRSTHDR (&message);
  if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS
      || header->cmsg_len != CMSG_LEN (sizeof (int)))
    return -EBADMSG;
  int fd;
  memcpy (&fd, CMSG_DATA (header), sizeof fd);
  return fd;
}

/* poll(2) of one fd. Returns its revents, 0 after `timeout_ms`. */
EXPORT long
runt_poll (int fd, int events, int timeout_ms)
{
  struct pollfd p = { .fd = fd, .events = (short) events };
  int n = poll (&p, 1, timeout_ms);
  return n < 0 ? -errno : n == 0 ? 0 : p.revents;
}

/* waitid(2) on a pidfd of a child of ours. Returns si_code << 8 | si_status. */
EXPORT long
runt_wait (int pidfd, int options)
{
  siginfo_t info = { 0 };
  if (waitid (3 /* P_PIDFD */, (id_t) pidfd, &info, options) < 0)
    return -errno;
  return info.si_pid == 0 ? -EAGAIN : (info.si_code << 8 | info.si_status);
}
