/* What programs share that serve containers from the host's side, and must not be worth taking over. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* The numbers of nobody and his group. */
#define NOBODY 65534

/* Ends the program with a line of what could not be done, and errno's words. */
__attribute__ ((noreturn, format (printf, 1, 2))) void die (const char *format, ...);
/* Keeps of all privileges these capabilities. `to_nobody`: becomes nobody where there is such a user, which in a user
 * namespace need not be; then it keeps its user, without what makes him root. */
void drop_privileges (bool to_nobody, uint32_t capabilities);
