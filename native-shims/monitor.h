/* The monitor: one state, passed by pointer, and one poll loop. Its files share this and nothing else. */
#pragma once
#include <signal.h>

#include "shim.h"

/* A line that is longer comes in parts; so does what a client gets at once. */
#define STREAM_BUFFER FRAME_MAX_DATA
#define MAX_CLIENTS 64
#define CHECK_OUTPUT 4096
#define MAX_CHANGE_WORDS 30
#define RECORD_ROOM 1024

/* One of init's outputs: what was read of it last stays until everybody has it. */
struct stream
{
  int fd; /* -1 at its end */
  const char *name;
  int frame;
  uint32_t flag;  /* of the clients who want it */
  char *buffer;   /* STREAM_BUFFER bytes */
  uint32_t line;  /* where the log's next line begins */
  uint32_t chunk; /* what was read last: from here to `end` */
  uint32_t end;
  int64_t held_until; /* when the part of a line that is there goes to the log as a part; 0: there is none */
};
enum { STREAMS = 2 };

struct log
{
  int fd;
  const union op_args *args; /* NULL without a log */
  uint64_t size;
  uint64_t untold; /* bytes lost since the log said so last */
  int64_t lost;
  int error;
};

/* What a client is still to get, as bits, sent in this order. Those before are of the streams whose chunk it waits for;
 * these say what is so when they are sent. */
enum
{
  OWED_DONE = 1 << STREAMS,
  OWED_STATUS = OWED_DONE << 1,
  OWED_OOM = OWED_DONE << 2,
  OWED_HEALTH = OWED_DONE << 3,
  OWED_EXIT = OWED_DONE << 4,
};
/* It is not read before it has the answer to its last question. */
#define OWED_ANSWER (OWED_DONE | OWED_STATUS)

struct client
{
  int fd; /* -1: free */
  uint32_t flags;
  uint32_t have; /* bytes of `frame` that are there */
  uint32_t left; /* bytes of input that are still to come */
  uint32_t owed;
  int64_t error; /* what OWED_DONE is to say */
  bool check;    /* it is owed that once a health check has ended */
  uint64_t lost;
  bool gone; /* it has hung up, and left input that the container has not taken yet */
  uint8_t frame[FRAME_HEADER_SIZE + 16];
};

/* A health check that runs, and what came of those before. */
struct check
{
  pid_t pid; /* 0: none */
  int fd;
  bool asked; /* for one as soon as the program runs */
  bool timed_out;
  int64_t deadline;
  int64_t next; /* when the next begins; 0: never */
  int64_t began_ns;
  uint32_t length;
  int64_t count;
  int64_t failures;
  int64_t health;
  char *output; /* CHECK_OUTPUT bytes */
};

struct monitor
{
  struct shim *s;
  struct watch *watch;
  int phase; /* PHASE_OF_MONITOR_… */
  bool over; /* leave the loop */
  bool released;
  int signals;
  int memory_events;
  int terminal; /* the master; -1 without one */
  int held;     /* a slave of it: programs may close the terminal and open it again */
  int input;
  int64_t restart_on;
  int64_t restart_at; /* monotonic */
  int64_t drain_until;
  int64_t started; /* monotonic */
  struct exit_record exit;
  int64_t oom_before;
  char *pending; /* input that the container has not taken yet */
  uint32_t pending_at, pending_length;
  bool close_input; /* when it has */
  char old_oom_score[16];
  struct log log;
  struct check check;
  struct stream stream[STREAMS];
  struct client client[MAX_CLIENTS];
};

/* Nanoseconds of CLOCK_MONOTONIC, and since 1970. */
int64_t now_monotonic (void);
int64_t now_real (void);
#define MS 1000000ll

/* monitor_init.c */
/* Whether and when the container is to be started again. Asked anew when somebody changes his mind. */
void monitor_decide (struct monitor *m);
/* What init says after it was released: that it goes on, that it cannot, and by the end of it that it has. */
void monitor_hear (struct monitor *m);
/* Takes in what init has said already: who has just started it is not to be told that it was not. */
void monitor_catch_up (struct monitor *m);
/* The container's program runs. */
void monitor_started (struct monitor *m);
/* How often the kernel has killed in its cgroup; and the news of it. */
int64_t monitor_oom_kills (const struct monitor *m);
void monitor_look_at_memory (struct monitor *m);
/* Init, a check, and whoever else has become our child. */
void monitor_reap (struct monitor *m);

/* monitor_stream.c */
/* Reads once. False when there was nothing, or nothing more will come. */
bool stream_read (struct monitor *m, struct stream *stream);
/* Reads what is there now, as far as clients let it. */
void stream_rest (struct monitor *m, struct stream *stream);
void stream_close (struct monitor *m, struct stream *stream);
/* A part of a line has waited long enough; whoever follows the log wants to see the prompt. */
void streams_release (struct monitor *m, int64_t now);

/* monitor_end.c */
/* We are the last to be killed for want of memory: who else would tell of it? As far as we may. */
void monitor_protect (struct monitor *m);
/* Resets what a program of the host expects to find as it usually is: signals and oom_score_adj. */
void monitor_as_usual (const struct monitor *m);
/* Init has ended, so what it wrote is there to be read; what others still write is not waited for. */
void monitor_drain (struct monitor *m);
/* From the end of init to ours. */
void monitor_proceed (struct monitor *m, int64_t now);
/* The monitor's last act. Only what it says goes anywhere. */
int monitor_become_exit_command (const struct monitor *m);

/* monitor_log.c */
int log_open (const char *path);
void log_start (struct log *log, int fd, const union op_args *args);
/* Writes the whole lines of a stream's buffer; with `everything` the rest as a part of one. */
void log_take (struct log *log, struct stream *stream, bool everything);
/* The file has been renamed: 0, or an errno and the old one is kept. */
int log_reopen (struct log *log);

/* monitor_client.c */
void client_accept (struct monitor *m);
void client_read (struct monitor *m, struct client *c);
/* It can take more: what it is owed. */
void client_write (struct monitor *m, struct client *c);
void client_drop (struct monitor *m, struct client *c);
/* The chunk of a stream to all who want it. */
void clients_output (struct monitor *m, const struct stream *stream);
/* Does anybody have to get a stream's chunk before there can be another one? */
bool clients_owed (const struct monitor *m, const struct stream *stream);
/* All who asked for events, or for anything, get what `owed` stands for. */
void clients_event (struct monitor *m, uint32_t owed);
void clients_exit (struct monitor *m);
/* Who waits for the end of a health check has the answer: 0 or an errno. */
void clients_checked (struct monitor *m, int error);

/* monitor_input.c */
void input_flush (struct monitor *m);
void input_close (struct monitor *m);
/* One client has no more input. For `docker run -i` that is the end of the container's. */
void input_end (struct monitor *m, struct client *c);
/* Takes input that belongs to a frame of it. False when there is no more for now. */
bool input_take (struct monitor *m, struct client *c);

/* monitor_check.c */
void check_begin (struct monitor *m); /* the container runs: the first check is due after a while */
int check_now (struct monitor *m); /* somebody asks for one: 0 and there will be a clients_checked, or an errno */
void check_tick (struct monitor *m, int64_t now);
void check_read (struct monitor *m);
void check_ended (struct monitor *m, const siginfo_t *info);
void check_stop (struct monitor *m);

/* monitor_record.c */
/* Room for a record in the file system, so that a full one cannot keep us from writing it. Returns an fd. */
int record_reserve (const char *directory);
/* Writes `values` with the names `names` (NULL ends them), then `tail`, to directory/name, by way of another name.
 * The room of `reserved` is used and closed, where that is not -1. */
int record_write (const char *directory, const char *name, const char *const *names, const int64_t *values, int *reserved,
                  const char *tail, uint32_t tail_length);
