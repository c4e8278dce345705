/* Only in the sanitized shim: options for the sanitizers, because the shim starts without an environment. */
const char *__asan_default_options (void);
const char *__ubsan_default_options (void);

/* No look for leaks, which would need ptrace and finds only what lives until exit on purpose. Signals are the
 * shim's own: it blocks and resets them all. Exit status 99 is a finding, and no status of the shim's. */
const char *
__asan_default_options (void)
{
  return "detect_leaks=0:handle_segv=0:handle_sigbus=0:handle_sigill=0:handle_sigfpe=0:handle_abort=0:"
         "exitcode=99:allocator_may_return_null=1";
}

const char *
__ubsan_default_options (void)
{
  return "print_stacktrace=1:exitcode=99";
}
