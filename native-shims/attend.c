/* The shim beside init: passes the conversation on, and stays as long as the plan says. */
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "shim.h"

/* How init ended, once it has. Returns si_code << 8 | si_status. */
static int64_t
reap (struct shim *s)
{
  siginfo_t info = { 0 };
  while (waitid (3 /* P_PIDFD */, (id_t) s->pidfd, &info, WEXITED) < 0 && errno == EINTR)
    ;
  return info.si_code << 8 | (info.si_status & 0xff);
}

static void
kill_init (struct shim *s)
{
  syscall (SYS_pidfd_send_signal, s->pidfd, SIGKILL, NULL, 0);
}

/* Init ends here, and so do we: after a failure, or because the runtime is gone. */
static int
give_up (struct shim *s, const struct record *why)
{
  kill_init (s);
  reap (s);
  if (why)
    send_record (s->runtime, why);
  return 1;
}

static bool
go (int socket)
{
  char byte = 1;
  return write (socket, &byte, 1) == 1;
}

/* What was opened for init is init's: as long as we hold the fifo's reading end, `start` would see it open,
 * and a reader of the container's output would never see its end. */
void
let_go (struct shim *s)
{
  for (unsigned i = 0; i < s->plan.slots; i++)
    {
      close_fd (&s->slot[i]);
      s->slot[i] = -1;
    }
  for (int fd = 0; fd < 3; fd++)
    close (fd);
}

int
attend (struct shim *s)
{
  enum { INIT, EXIT, RUNTIME };
  struct pollfd fds[] = {
    [INIT] = { .fd = s->peer, .events = POLLIN },
    [EXIT] = { .fd = s->pidfd, .events = POLLIN },
    [RUNTIME] = { .fd = s->runtime, .events = POLLIN },
  };
  bool ready = false;

  signal (SIGPIPE, SIG_IGN);
  let_go (s);
  struct record started = { .type = MESSAGE_STARTED, .value = s->pid, .error = getpid () };
  send_record (s->runtime, &started);
  if (run_phase (s, PHASE_PARENT) < 0)
    return give_up (s, &s->failure);
  if (!go (s->peer))
    s->peer = -1; /* it is dead already; its exit tells */

  for (;;)
    {
      if (poll (fds, 3, -1) < 0)
        continue;
      /* What init has said comes before its death, even where both came while we were looking. */
      if (fds[EXIT].revents && !fds[INIT].revents)
        poll (&fds[INIT], 1, 0);
      if (fds[INIT].revents)
        {
          struct record record;
          if (!receive_record (s->peer, &record))
            {
              /* Close-on-exec has closed it, or death has. */
              fds[INIT].fd = -1;
              /* A detached process that has ended already is not ours to reap: its exit status belongs to the
               * caller's subreaper, which gets the zombie from us. */
              if (ready && (s->plan.stay == STAY_UNTIL_EXEC || !(fds[EXIT].revents & POLLIN)))
                {
                  send_message (s->runtime, MESSAGE_EXECUTING, 0);
                  if (s->plan.stay == STAY_UNTIL_EXEC)
                    return 0;
                }
              continue;
            }
          if (record.type == MESSAGE_FAILED)
            return give_up (s, &record);
          if (record.type == MESSAGE_READY && run_phase (s, PHASE_LATE) < 0)
            return give_up (s, &s->failure);
          if (record.type == MESSAGE_READY)
            ready = true;
          send_record (s->runtime, &record);
          if (!await_go (s->runtime))
            return give_up (s, NULL);
          bool went = go (s->peer);
          if (record.type == MESSAGE_READY && s->plan.stay == STAY_MONITOR)
            return watch (s); /* also where init has died meanwhile: that is for the record */
          if (went && record.type == MESSAGE_READY && s->plan.stay == STAY_UNTIL_READY)
            return 0;
          continue;
        }
      if (fds[EXIT].revents)
        {
          send_message (s->runtime, MESSAGE_EXITED, reap (s));
          return 0;
        }
      if (fds[RUNTIME].revents)
        {
          /* The runtime says nothing unasked, so this is its end. */
          fds[RUNTIME].fd = -1;
          if (!ready || s->plan.die_with_runtime)
            return give_up (s, NULL);
        }
    }
}
