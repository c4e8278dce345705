/* What clients send for init to read. One piece of it waits here; more than that waits with its client. */
#include "monitor.h"

void
input_close (struct monitor *m)
{
  close_fd (&m->input);
  m->input = -1;
  m->pending_length = m->pending_at = 0;
}

void
input_flush (struct monitor *m)
{
  while (m->input >= 0 && m->pending_at < m->pending_length)
    {
      ssize_t n = write (m->input, m->pending + m->pending_at, m->pending_length - m->pending_at);
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0 && errno == EAGAIN)
        return;
      if (n < 0)
        {
          input_close (m); /* nobody reads it any more */
          return;
        }
      m->pending_at += (uint32_t) n;
    }
  m->pending_at = m->pending_length = 0;
  if (m->close_input)
    input_close (m);
}

void
input_end (struct monitor *m, struct client *c)
{
  if (!(c->flags & ATTACH_INPUT))
    return;
  c->flags &= ~(uint32_t) ATTACH_INPUT;
  if (m->watch->input_mode != INPUT_ONCE || m->input < 0)
    return;
  m->close_input = true;
  input_flush (m);
}

bool
input_take (struct monitor *m, struct client *c)
{
  bool wanted = m->input >= 0 && !m->close_input && c->flags & ATTACH_INPUT;
  if (wanted && m->pending_length > 0)
    return false;
  uint32_t most = c->left < FRAME_MAX_DATA ? c->left : FRAME_MAX_DATA;
  ssize_t n = read (c->fd, m->pending + (wanted ? 0 : FRAME_MAX_DATA), most);
  if (n <= 0)
    {
      if (n == 0 || (errno != EAGAIN && errno != EINTR))
        client_drop (m, c);
      return false;
    }
  c->left -= (uint32_t) n;
  if (wanted)
    {
      m->pending_length = (uint32_t) n;
      input_flush (m);
    }
  return true;
}
