/* runt-shim: the part of a container's making that Node cannot do, between clone and execve.
 *
 * It is started with a socket to the runtime (fd 3), a sealed plan (fd 4) and the fds that the plan names
 * (5, 6, …). It checks the whole plan, then runs its ops. It reads no JSON, has no options and no globals,
 * and decides nothing. */
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "wire.h"

/* As many fds as the kernel takes with one message. */
#define SCM_MAX_FD 253
#define RUNTIME_FD 3
/* The network namespace that the shim was started in. */
#define NETWORK_FD 4
#define PLAN_FD 5
#define FIRST_INHERITED_FD 6
/* What the runtime may send ahead of the plan: a byte that says what the plan will have. */
#define ANTICIPATE_NETWORK 1

/* One decoded op. `otherwise` ops follow that run only if this one fails. */
struct op
{
  uint16_t kind;
  uint8_t phase;
  bool optional;
  uint32_t otherwise;
  union op_args u;
};

struct plan
{
  uint64_t clone_flags;
  uint32_t stay;
  uint32_t die_with_runtime;
  uint32_t cgroup;
  uint32_t inherited;
  uint32_t slots;
  uint32_t first[PHASE_COUNT];
  uint32_t count[PHASE_COUNT];
  struct op *ops;
};

/* As it travels, on sockets and in the fifo. */
struct record
{
  uint32_t type;
  uint32_t op;
  int64_t value;
  int32_t error;
  uint32_t text_length;
  char syscall[24];
  char text[RECORD_TEXT];
};
_Static_assert (sizeof (struct record) == RECORD_SIZE, "the record as the runtime reads it");

/* What the monitor's ops have noted: their arguments, and our ends of what they made. */
struct watch
{
  const union op_args *log, *oom, *exit, *restart, *health, *health_start, *health_change;
  const union op_args *runtime; /* who makes the container, if not we */
  const char *directory;
  int64_t oom_score;
  uint64_t input_mode;
  int listener;           /* where clients come from */
  int record;             /* the file that becomes the exit record */
  int log_fd;
  int input, output, errors; /* our ends of init's stdio */
  int console;            /* what the terminal's master comes from; -1 without a terminal */
  int console_listener;   /* where another runtime connects to send it; -1 without one */
};

struct shim
{
  struct plan plan;
  int slot[PLAN_MAX_SLOTS];
  /* The shim is in the network namespace that init is to have. */
  bool network_made;
  int runtime;            /* the runtime's socket; -1 in init */
  int peer;               /* between shim and init */
  int proc;               /* procfs of the host, opened before anything of the container existed */
  int root;               /* the rootfs, once it is attached */
  int start;              /* the fifo that wait_start reads, open for writing too */
  int fifo;               /* the same, once it is where init's failures go; -1 before */
  int listener;           /* seccomp listener, -1 without */
  int join_user;          /* the user namespace that init is born in, -1 for one of its own or ours */
  int former[3];          /* mount namespace, root and working directory, while we are in private_mounts */
  pid_t pid;              /* init, as the shim sees it; 0 before clone and in init */
  int pidfd;
  bool cwd_done;
  const char *executable; /* what find_executable found */
  struct watch watch;     /* what a monitor is to do */
  struct record failure;  /* of the op that failed last */
};

/* decode.c: checks `bytes` and fills `plan`, whose ops point into `bytes`. Returns NULL, or what is wrong. */
const char *decode_plan (const uint8_t *bytes, size_t size, struct plan *plan, void *arena, size_t arena_size);
/* An upper bound of the arena that decoding `size` bytes needs. */
size_t decode_arena_size (size_t size);
uint32_t blob_length (const uint8_t *blob);
size_t strs_count (const char *const *strs);

/* run.c */
int run_phase (struct shim *s, int phase);
/* _exit(2) for init once it may have its seccomp filter: one that denies even exit_group would let libc's try for ever,
 * at the expense of a whole CPU, and the runtime wait for as long. The trap no filter can deny. */
static inline void __attribute__ ((noreturn))
leave (int status)
{
  syscall (SYS_exit_group, status);
  __builtin_trap ();
}

/* Notes the failure and returns -1, so that an op can say `return fail (s, "mount", "%s", path)`. */
int fail (struct shim *s, const char *syscall_name, const char *format, ...) __attribute__ ((format (printf, 3, 4)));
int slot (struct shim *s, uint64_t n);
void set_slot (struct shim *s, uint64_t n, int fd);

/* conversation.c */
void send_record (int socket, const struct record *record);
void send_message (int socket, uint32_t type, int64_t value);
/* Waits for the peer's one byte; false when the peer is gone. */
bool await_go (int socket);
/* Reads one record of init's; false at the end. */
bool receive_record (int socket, struct record *record);

/* attend.c: the shim's side after clone. Returns its exit status. */
int attend (struct shim *s);
/* Closes what is for init alone. */
void let_go (struct shim *s);
/* monitor_runtime.c: the same as attend, where another OCI runtime makes the container. */
int adopt (struct shim *s);
/* monitor.c: the rest of a monitor's life, from where init is ready. */
int watch (struct shim *s);

/* path.c: everything a container's image can influence is looked up through these. */
/* From the fd of a directory, as `resolve` allows. */
int open_beneath (int directory, const char *path, uint64_t flags, uint64_t resolve);
int open_in_root (struct shim *s, const char *path, uint64_t flags, uint64_t resolve);
/* Makes what is missing on the way to `path`, and at its end a MAKE_DIRECTORY or MAKE_FILE. */
int make_in_root (struct shim *s, const char *path, int make, mode_t mode);
/* An O_PATH fd of the directory that holds the last component of `path`, made if missing; *name is it. */
int open_parent_in_root (struct shim *s, const char *path, const char **name);
int open_proc (struct shim *s, const char *path, int flags);
int write_all (int fd, const char *data, size_t length);

/* op_*.c: one function an op, named as in the table. */
#define X(name, phases, types) int op_##name (struct shim *s, const struct op *op);
OPS (X)
#undef X

static inline void
close_fd (const int *fd)
{
  if (*fd >= 0)
    close (*fd);
}
#define cleanup_fd __attribute__ ((cleanup (close_fd)))

static inline int
steal_fd (int *fd)
{
  int n = *fd;
  *fd = -1;
  return n;
}
