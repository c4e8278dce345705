/* Batches that run one after the other on a thread of their own, while whoever wrote them down writes the next ones.
 * What a batch needs is copied when it is added: the thread reads no memory of JavaScript's, which may be gone before it is.
 *
 *   add(A, 2) -> none done   add(B, 2) -> one done   wait(0) -> none done, and it has stopped: B has failed
 *     resume: B goes on at another record, and what follows it   or   drop: neither does
 */
#include "batch.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__ ((visibility ("default")))
#define MOST_JOBS 8
#define MOST_REGISTERS 64

/* Bytes that grow as they must and stay for the next job. */
struct bytes { char *at; size_t size; };

struct job
{
  struct bytes records, text, data;
  int from, count;
  /* The record at which it stopped. */
  long stop;
};

/* Where the one who adds writes batches down. Looked at only while he calls. */
struct source { const char *records, *text; int64_t *registers; };

struct queue
{
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  struct source source;
  /* From jobs[run % MOST_JOBS], which runs or has stopped, up to jobs[end % MOST_JOBS]; the caller knows of `told`. */
  struct job jobs[MOST_JOBS];
  unsigned told, run, end;
  /* One has failed: the thread does nothing until somebody has decided. */
  bool stopped, ending;
  int register_count;
  int64_t registers[MOST_REGISTERS];
};

static bool
keep (struct bytes *bytes, const void *from, size_t size)
{
  if (bytes->size < size)
    {
      char *at = realloc (bytes->at, size);
      if (!at)
        return false;
      *bytes = (struct bytes) { at, size };
    }
  if (size > 0)
    memcpy (bytes->at, from, size);
  return true;
}

static void *
run_jobs (void *arg)
{
  struct queue *q = arg;
  pthread_setname_np (pthread_self (), "runt-batches");
  pthread_mutex_lock (&q->lock);
  while (!q->ending)
    {
      if (q->stopped || q->run == q->end)
        {
          pthread_cond_wait (&q->changed, &q->lock);
          continue;
        }
      struct job *job = &q->jobs[q->run % MOST_JOBS];
      pthread_mutex_unlock (&q->lock);
      job->stop = runt_batch ((const struct record *) (void *) job->records.at, job->from, job->count, job->text.at,
                              job->data.at, q->registers);
      pthread_mutex_lock (&q->lock);
      if (job->stop < job->count)
        q->stopped = true;
      else
        q->run++;
      pthread_cond_broadcast (&q->changed);
    }
  pthread_mutex_unlock (&q->lock);
  return NULL;
}

/* A queue with its thread, for runt_queue_end to end; or -errno. What the pointers point to stays where it is, and is read
 * and written only during a call here. */
EXPORT long
runt_queue_begin (const char *records, const char *text, int64_t *registers, int register_count)
{
  sigset_t all, before;
  struct queue *q = register_count > MOST_REGISTERS ? NULL : calloc (1, sizeof *q);
  if (!q)
    return -ENOMEM;
  q->source = (struct source) { records, text, registers };
  q->register_count = register_count;
  pthread_mutex_init (&q->lock, NULL);
  pthread_cond_init (&q->changed, NULL);
  sigfillset (&all);
  pthread_sigmask (SIG_BLOCK, &all, &before);
  int error = pthread_create (&q->thread, NULL, run_jobs, q);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  if (error)
    {
      free (q);
      return -error;
    }
  return (long) q;
}

/* Waits until no more than `most` batches are left, or one has failed. Returns twice the number of those that were
 * carried out since it was asked last, and 1 more if it has stopped. The caller has the registers when nothing runs. */
EXPORT long
runt_queue_wait (long handle, int most)
{
  struct queue *q = (struct queue *) handle;
  pthread_mutex_lock (&q->lock);
  while (q->end - q->run > (unsigned) most && !q->stopped)
    pthread_cond_wait (&q->changed, &q->lock);
  long answer = 2 * (long) (q->run - q->told) + q->stopped;
  q->told = q->run;
  if (q->stopped || q->run == q->end)
    memcpy (q->source.registers, q->registers, (size_t) q->register_count * sizeof *q->registers);
  pthread_mutex_unlock (&q->lock);
  return answer;
}

/* Adds what is written down, and answers as runt_queue_wait does. The first batch begins with the caller's registers, the
 * others with what the one before leaves. -EAGAIN: there is no room; -ENOMEM: the same. */
EXPORT long
runt_queue_add (long handle, int count, int text_length, const char *data, int data_length, int most)
{
  struct queue *q = (struct queue *) handle;
  pthread_mutex_lock (&q->lock);
  /* The caller has been told of all there were, and has what the last one left. */
  bool is_first = q->told == q->end;
  bool is_full = q->end - q->run == MOST_JOBS;
  pthread_mutex_unlock (&q->lock);
  if (is_full)
    return -EAGAIN;
  /* The thread looks at no job from `end` on. */
  struct job *job = &q->jobs[q->end % MOST_JOBS];
  if (!keep (&job->records, q->source.records, (size_t) count * sizeof (struct record))
      || !keep (&job->text, q->source.text, (size_t) text_length) || !keep (&job->data, data, (size_t) data_length))
    return -ENOMEM;
  job->from = 0;
  job->count = count;
  if (is_first)
    memcpy (q->registers, q->source.registers, (size_t) q->register_count * sizeof *q->registers);
  pthread_mutex_lock (&q->lock);
  q->end++;
  pthread_cond_broadcast (&q->changed);
  pthread_mutex_unlock (&q->lock);
  return runt_queue_wait (handle, most);
}

/* Which record of the batch that has stopped failed. */
EXPORT long
runt_queue_failed (long handle)
{
  const struct queue *q = (const struct queue *) handle;
  return q->jobs[q->run % MOST_JOBS].stop;
}

/* The batch that has stopped goes on at record `from`, and what follows it then. */
EXPORT long
runt_queue_resume (long handle, int from)
{
  struct queue *q = (struct queue *) handle;
  pthread_mutex_lock (&q->lock);
  q->jobs[q->run % MOST_JOBS].from = from;
  q->stopped = false;
  pthread_cond_broadcast (&q->changed);
  pthread_mutex_unlock (&q->lock);
  return 0;
}

/* Copies the data of the batch that has stopped, or of the next one when that has been dropped. */
EXPORT long
runt_queue_data (long handle, char *data, int length)
{
  const struct queue *q = (const struct queue *) handle;
  const struct bytes *from = &q->jobs[q->run % MOST_JOBS].data;
  if (length < 0 || (size_t) length > from->size)
    return -EINVAL;
  if (length > 0)
    memcpy (data, from->at, (size_t) length);
  return 0;
}

/* Forgets the same one; when all are forgotten, the queue is as good as new. */
EXPORT long
runt_queue_drop (long handle)
{
  struct queue *q = (struct queue *) handle;
  pthread_mutex_lock (&q->lock);
  q->told = ++q->run;
  if (q->run == q->end)
    q->stopped = false;
  pthread_mutex_unlock (&q->lock);
  return 0;
}

/* Waits for the batch that runs, if one does, forgets the others, and gives the registers back. */
EXPORT long
runt_queue_end (long handle)
{
  struct queue *q = (struct queue *) handle;
  pthread_mutex_lock (&q->lock);
  /* Otherwise the caller has them already, and may have changed them. */
  bool has_registers = q->told != q->end;
  q->ending = true;
  pthread_cond_broadcast (&q->changed);
  pthread_mutex_unlock (&q->lock);
  pthread_join (q->thread, NULL);
  if (has_registers)
    memcpy (q->source.registers, q->registers, (size_t) q->register_count * sizeof *q->registers);
  for (int i = 0; i < MOST_JOBS; i++)
    {
      free (q->jobs[i].records.at);
      free (q->jobs[i].text.at);
      free (q->jobs[i].data.at);
    }
  pthread_mutex_destroy (&q->lock);
  pthread_cond_destroy (&q->changed);
  free (q);
  return 0;
}
