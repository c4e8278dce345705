/* Records: small text files of names and numbers, whole or not there at all. */
#include <limits.h>

#include "monitor.h"

static const char reserved_name[] = ".exit";

int
record_reserve (const char *directory)
{
  char path[PATH_MAX], room[RECORD_ROOM] = { 0 };
  snprintf (path, sizeof path, "%s/%s", directory, reserved_name);
  int fd = open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0)
    return -1;
  if (write_all (fd, room, sizeof room) < 0)
    {
      int error = errno;
      close (fd);
      unlink (path);
      errno = error;
      return -1;
    }
  return fd;
}

int
record_write (const char *directory, const char *name, const char *const *names, const int64_t *values, int *reserved,
              const char *tail, uint32_t tail_length)
{
  char temporary[PATH_MAX], path[PATH_MAX], text[RECORD_ROOM];
  size_t length = 0;
  for (int i = 0; names[i] && length < sizeof text; i++)
    length += (size_t) snprintf (text + length, sizeof text - length, "%s %lld\n", names[i], (long long) values[i]);
  if (length >= sizeof text)
    return ERANGE;
  bool use_reserved = reserved && *reserved >= 0;
  snprintf (path, sizeof path, "%s/%s", directory, name);
  snprintf (temporary, sizeof temporary, "%s/%s%s", directory, use_reserved ? reserved_name : ".new-", use_reserved ? "" : name);
  cleanup_fd int fd = use_reserved ? steal_fd (reserved) : open (temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0)
    return errno;
  if (lseek (fd, 0, SEEK_SET) < 0 || write_all (fd, text, length) < 0 || (tail && write_all (fd, "\n", 1) < 0)
      || (tail && write_all (fd, tail, tail_length) < 0)
      || (use_reserved && ftruncate (fd, (off_t) length) < 0) || rename (temporary, path) < 0)
    {
      int error = errno;
      unlink (temporary);
      return error;
    }
  return 0;
}
