/* What init writes: from its pipes or its terminal into the log and to the clients. */
#include "monitor.h"

#define PARTIAL_MS 1000 /* how long the log waits for the rest of a line */
#define LAST_READS 128 /* of a pipe whose writers go on after init */

void
stream_close (struct monitor *m, struct stream *stream)
{
  log_take (&m->log, stream, true);
  stream->held_until = 0;
  close_fd (&stream->fd);
  stream->fd = -1;
}

bool
stream_read (struct monitor *m, struct stream *stream)
{
  if (stream->line > 0)
    {
      memmove (stream->buffer, stream->buffer + stream->line, stream->end - stream->line);
      stream->end -= stream->line;
      stream->line = 0;
    }
  stream->chunk = stream->end;
  ssize_t n = read (stream->fd, stream->buffer + stream->end, STREAM_BUFFER - stream->end);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return false;
  if (n <= 0)
    {
      /* EIO: nobody has the terminal open any more. */
      stream_close (m, stream);
      return false;
    }
  stream->end += (uint32_t) n;
  bool held = stream->held_until != 0 && stream->chunk > 0;
  log_take (&m->log, stream, false);
  if (stream->line == stream->end)
    stream->held_until = 0;
  else if (!held || stream->line > 0)
    stream->held_until = now_monotonic () + PARTIAL_MS * MS;
  clients_output (m, stream);
  return true;
}

void
stream_rest (struct monitor *m, struct stream *stream)
{
  for (int i = 0; i < LAST_READS && stream->fd >= 0 && !clients_owed (m, stream); i++)
    if (!stream_read (m, stream))
      return;
}

void
streams_release (struct monitor *m, int64_t now)
{
  for (struct stream *stream = m->stream; stream < m->stream + STREAMS; stream++)
    if (stream->held_until && stream->held_until <= now)
      {
        log_take (&m->log, stream, true);
        stream->held_until = 0;
      }
}
