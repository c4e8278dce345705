/* Batches that run one after the other on a thread of their own, while whoever wrote them down writes the next ones.
 * Everything a batch needs is copied: the thread reads no memory of JavaScript's, which may be gone before it is.
 *
 *   add(A) add(B) next -> count: A is done      add(C) next -> less: B failed, and what follows it waits
 *     resume: B goes on at another record         drop, drop: neither goes on
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
  /* The record at which it stopped; `count` when all were run. */
  long stop;
};

struct queue
{
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  struct job jobs[MOST_JOBS];
  /* jobs[oldest % MOST_JOBS] is the oldest that nobody has taken back; then those that are done up to `run`. */
  unsigned oldest, run, end;
  /* One has failed: the thread runs no other until somebody has decided. */
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
      q->run++;
      pthread_cond_broadcast (&q->changed);
    }
  pthread_mutex_unlock (&q->lock);
  return NULL;
}

/* A queue with its thread, for runt_queue_end to end; or -errno. */
EXPORT long
runt_queue_begin (int register_count)
{
  sigset_t all, before;
  struct queue *q = register_count > MOST_REGISTERS ? NULL : calloc (1, sizeof *q);
  if (!q)
    return -ENOMEM;
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

/* Adds a batch. Where nothing is in the queue it begins with `registers`, and otherwise with what the one before it leaves.
 * -EAGAIN: there is no room, one must be waited for. */
EXPORT long
runt_queue_add (long handle, const char *records, int count, const char *text, int text_length, const char *data,
                int data_length, const int64_t *registers)
{
  struct queue *q = (struct queue *) handle;
  /* Nobody but the caller adds or takes, so these are the caller's own. */
  if (q->end - q->oldest == MOST_JOBS)
    return -EAGAIN;
  struct job *job = &q->jobs[q->end % MOST_JOBS];
  if (!keep (&job->records, records, (size_t) count * sizeof (struct record))
      || !keep (&job->text, text, (size_t) text_length) || !keep (&job->data, data, (size_t) data_length))
    return -ENOMEM;
  job->from = 0;
  job->stop = 0;
  job->count = count;
  pthread_mutex_lock (&q->lock);
  if (q->end == q->oldest)
    memcpy (q->registers, registers, (size_t) q->register_count * sizeof *registers);
  q->end++;
  pthread_cond_broadcast (&q->changed);
  pthread_mutex_unlock (&q->lock);
  return 0;
}

/* Waits for the oldest batch. Returns its count: it is done and no longer in the queue. Or the record that failed: it
 * stays, and nothing else runs, until runt_queue_resume or runt_queue_drop. `registers` are only good when nothing runs. */
EXPORT long
runt_queue_next (long handle, int64_t *registers)
{
  struct queue *q = (struct queue *) handle;
  struct job *job = &q->jobs[q->oldest % MOST_JOBS];
  pthread_mutex_lock (&q->lock);
  while (q->run == q->oldest)
    pthread_cond_wait (&q->changed, &q->lock);
  if (job->stop == job->count)
    q->oldest++;
  if (q->stopped || q->run == q->end)
    memcpy (registers, q->registers, (size_t) q->register_count * sizeof *registers);
  pthread_mutex_unlock (&q->lock);
  return job->stop;
}

/* The oldest batch, which has failed, goes on at record `from`, and what follows it then. */
EXPORT long
runt_queue_resume (long handle, int from)
{
  struct queue *q = (struct queue *) handle;
  pthread_mutex_lock (&q->lock);
  q->jobs[q->oldest % MOST_JOBS].from = from;
  q->run = q->oldest;
  q->stopped = false;
  pthread_cond_broadcast (&q->changed);
  pthread_mutex_unlock (&q->lock);
  return 0;
}

/* Copies the data of the oldest batch, which has failed or follows one that has. */
EXPORT long
runt_queue_data (long handle, char *data, int length)
{
  const struct queue *q = (const struct queue *) handle;
  const struct bytes *from = &q->jobs[q->oldest % MOST_JOBS].data;
  if (length < 0 || (size_t) length > from->size)
    return -EINVAL;
  if (length > 0)
    memcpy (data, from->at, (size_t) length);
  return 0;
}

/* Takes the same one out of the queue, not run or only a part of it. */
EXPORT long
runt_queue_drop (long handle)
{
  struct queue *q = (struct queue *) handle;
  pthread_mutex_lock (&q->lock);
  q->oldest++;
  if (q->run < q->oldest)
    q->run = q->oldest;
  if (q->oldest == q->end)
    q->stopped = false;
  pthread_mutex_unlock (&q->lock);
  return 0;
}

/* Waits for the batch that runs, if one does, forgets the others, and gives the registers back. */
EXPORT long
runt_queue_end (long handle, int64_t *registers)
{
  struct queue *q = (struct queue *) handle;
  pthread_mutex_lock (&q->lock);
  q->ending = true;
  pthread_cond_broadcast (&q->changed);
  pthread_mutex_unlock (&q->lock);
  pthread_join (q->thread, NULL);
  if (q->end != q->oldest)
    memcpy (registers, q->registers, (size_t) q->register_count * sizeof *registers);
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
