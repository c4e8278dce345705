#pragma once

/* Says what went wrong, with errno. Returns the exit status of that. */
int fail (const char *what);

/* user_namespace_holder.c; PLACE is open and locked. */
/* Enters the namespaces that PLACE names: 1; 0 where there are none; -1 and errno. */
int join_namespace (int place);
/* Leaves a process behind that keeps our namespaces, and PLACE with its name. -1 and errno. */
int hold_namespace (int place);
