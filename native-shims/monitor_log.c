/* The log: a line for each line of output, as the CRI has it: `TIME stdout|stderr P|F TEXT`. */
#include <limits.h>
#include <sys/uio.h>
#include <time.h>

#include "monitor.h"

enum { BATCH = 64, HEADER = 64, PIECES = 3 };

int64_t
now_monotonic (void)
{
  struct timespec now;
  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 * MS + now.tv_nsec;
}

int64_t
now_real (void)
{
  struct timespec now;
  clock_gettime (CLOCK_REALTIME, &now);
  return now.tv_sec * 1000 * MS + now.tv_nsec;
}

/* The file is only ever appended to, so that one who truncates it under us leaves no hole. */
int
log_open (const char *path)
{
  return open (path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

/* Somebody may have truncated it under us. */
static void
look_at_size (struct log *log)
{
  struct stat st;
  log->size = log->fd >= 0 && fstat (log->fd, &st) == 0 ? (uint64_t) st.st_size : 0;
}

void
log_start (struct log *log, int fd, const union op_args *args)
{
  log->args = args;
  log->fd = fd;
  look_at_size (log);
}

int
log_reopen (struct log *log)
{
  if (!log->args)
    return ENOENT;
  int fd = log_open (log->args->monitor_log.path);
  if (fd < 0)
    return errno;
  close_fd (&log->fd);
  log_start (log, fd, log->args);
  return 0;
}

/* path becomes path.1, path.1 becomes path.2, … and the last is gone. Where that cannot be, or one file is all there
 * may be, it starts from nothing: what was asked for is a limit. */
static void
rotate (struct log *log)
{
  const char *path = log->args->monitor_log.path;
  char from[PATH_MAX], to[PATH_MAX];
  unsigned files = (unsigned) log->args->monitor_log.max_files;
  bool moved = files > 1;
  for (unsigned n = files > 1 ? files - 1 : 0; n > 0; n--)
    {
      snprintf (from, sizeof from, n > 1 ? "%s.%u" : "%s", path, n - 1);
      snprintf (to, sizeof to, "%s.%u", path, n);
      if (rename (from, to) < 0 && n == 1)
        moved = false;
    }
  if (moved)
    {
      close_fd (&log->fd);
      int fd = log_open (path);
      if (fd < 0)
        log->error = errno;
      log_start (log, fd, log->args);
    }
  else if (log->fd >= 0 && ftruncate (log->fd, 0) == 0)
    log->size = 0;
}

/* Writes it all, or takes back what it has written: the file holds whole lines. */
static bool
append (struct log *log, struct iovec *io, int count, size_t total)
{
  struct iovec *at = io;
  size_t done = 0;
  while (done < total)
    {
      ssize_t n = writev (log->fd, at, count - (int) (at - io));
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        {
          log->error = n < 0 ? errno : ENOSPC;
          look_at_size (log);
          if (done && log->size >= done && ftruncate (log->fd, (off_t) (log->size - done)) == 0)
            log->size -= done;
          return false;
        }
      done += (size_t) n;
      for (; done < total && (size_t) n >= at->iov_len; at++)
        n -= (ssize_t) at->iov_len;
      if (done < total)
        {
          at->iov_base = (char *) at->iov_base + n;
          at->iov_len -= (size_t) n;
        }
    }
  log->size += total;
  return true;
}

/* Returns the length of "2026-01-31T23:59:59.123456789Z stdout F ". */
static size_t
write_header (char *header, const char *stream, char tag)
{
  struct timespec now;
  struct tm tm;
  clock_gettime (CLOCK_REALTIME, &now);
  gmtime_r (&now.tv_sec, &tm);
  return (size_t) snprintf (header, HEADER, "%04d-%02d-%02dT%02d:%02d:%02d.%09ldZ %s %c ", tm.tm_year + 1900, tm.tm_mon + 1,
                            tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, now.tv_nsec, stream, tag);
}

static void
tell_loss (struct log *log)
{
  char line[160];
  size_t length = write_header (line, "stderr", 'F');
  length += (size_t) snprintf (line + length, sizeof line - length, "runt: %llu bytes of output are missing here (errno %d)\n",
                               (unsigned long long) log->untold, log->error);
  struct iovec io = { .iov_base = line, .iov_len = length };
  if (append (log, &io, 1, length))
    log->untold = 0;
}

static void
flush (struct log *log, struct iovec *io, int count, size_t total, size_t text)
{
  if (count == 0)
    return;
  if (log->fd < 0)
    log_reopen (log);
  if (log->fd >= 0 && log->untold)
    tell_loss (log);
  if (log->fd >= 0 && !log->untold && append (log, io, count, total))
    return;
  log->untold += text;
  log->lost += (int64_t) text;
}

void
log_take (struct log *log, struct stream *stream, bool everything)
{
  char full[HEADER], part[HEADER];
  struct iovec io[BATCH * PIECES];
  int count = 0;
  size_t total = 0, text = 0;

  if (!log->args)
    {
      stream->line = stream->end;
      return;
    }
  size_t header = write_header (full, stream->name, 'F');
  memcpy (part, full, header);
  part[header - 2] = 'P';
  uint64_t limit = log->args->monitor_log.max_size;

  while (stream->line < stream->end)
    {
      char *line = stream->buffer + stream->line;
      size_t there = stream->end - stream->line;
      char *newline = memchr (line, '\n', there);
      /* Without its end a line waits, unless there is no room for more of it. */
      if (!newline && !everything && there < STREAM_BUFFER)
        break;
      size_t length = newline ? (size_t) (newline - line) : there;
      stream->line += (uint32_t) (length + (newline ? 1 : 0));
      bool trim = newline && length > 0 && line[length - 1] == '\r' && log->args->monitor_log.trim_cr;
      size_t kept = trim ? length - 1 : length;
      size_t size = header + kept + 1;

      if (count > (BATCH - 1) * PIECES || (limit && log->size + total + size > limit))
        {
          flush (log, io, count, total, text);
          count = 0;
          total = text = 0;
        }
      if (limit && log->size + size > limit)
        look_at_size (log);
      if (limit && log->size > 0 && log->size + size > limit)
        rotate (log);
      io[count++] = (struct iovec){ .iov_base = newline ? full : part, .iov_len = header };
      if (kept)
        io[count++] = (struct iovec){ .iov_base = line, .iov_len = kept };
      io[count++] = (struct iovec){ .iov_base = (char *) (uintptr_t) "\n", .iov_len = 1 };
      total += size;
      text += length + (newline ? 1 : 0);
    }
  flush (log, io, count, total, text);
}
