#pragma once

/* Says what went wrong, with errno. Returns the exit status of that. */
int fail (const char *what);

/* user_namespace_holder.c; FILE is PLACE, open and locked. */
/* Enters the namespaces that it names, in the directory where we are: 1; 0 where there are none; -1 and errno. HELD says
 * whether the process that keeps them is there. */
int join_namespace (int file, int *held);
/* Leaves a process behind that keeps our namespaces, and writes down which they are. -1 and errno. */
int hold_namespace (int file);
