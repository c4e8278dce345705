#include "nobody.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

void
die (const char *format, ...)
{
  int error = errno;
  va_list arguments;
  va_start (arguments, format);
  vfprintf (stderr, format, arguments);
  va_end (arguments);
  fprintf (stderr, ": %s\n", strerror (error));
  exit (1);
}

void
drop_privileges (bool to_nobody, uint32_t capabilities)
{
  struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
  struct __user_cap_data_struct kept[2] = { { .effective = capabilities, .permitted = capabilities } };
  prctl (PR_SET_KEEPCAPS, 1);
  if (to_nobody && setgroups (0, NULL) == 0 && setresgid (NOBODY, NOBODY, NOBODY) == 0)
    if (setresuid (NOBODY, NOBODY, NOBODY) < 0)
      die ("setresuid");
  if (syscall (SYS_capset, &header, kept) < 0)
    die ("capset");
  prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  prctl (PR_SET_DUMPABLE, 0);
}
