// Executing a program: our Execute returns when its devices are done, which go-xla would wait for next. It waits for
// them in the order in which they finish, so that the first error is seen while other devices still run.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "slot.h"

// After the first error the other devices are waited for this long. Our CPU plugin ends their waiting for each other.
enum { MT_GRACE_SECONDS = 5 };

// The devices of one execution. The caller and every event hold a reference: an event may come after the caller left.
typedef struct {
  slot* slot;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  size_t references, running, devices;
  mt_failure first;  // error
  size_t failed;     // its device
  bool abandoned;    // the caller has left
} execution;

typedef struct { execution* of; size_t device; } completion;

static void release(execution* e, bool locked) {
  if (!locked) pthread_mutex_lock(&e->mutex);
  bool last = --e->references == 0;
  pthread_mutex_unlock(&e->mutex);
  if (!last) return;
  pthread_cond_destroy(&e->changed);
  pthread_mutex_destroy(&e->mutex);
  free(e->first.text);
  free(e);
}

static execution* begin(slot* s, size_t devices) {
  execution* e = calloc(1, sizeof *e);
  e->slot = s;
  e->references = 1;
  e->devices = devices;
  pthread_mutex_init(&e->mutex, NULL);
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&e->changed, &monotonic);
  pthread_condattr_destroy(&monotonic);
  return e;
}

// A device is done, or failed. Called by the plugin, on any thread.
static void done(void* error, void* argument) {
  completion* c = argument;
  execution* e = c->of;
  mt_failure f = mt_failure_of(e->slot, error, true);
  pthread_mutex_lock(&e->mutex);
  e->running--;
  if (f.text && !e->first.text) {
    e->first = f;
    e->failed = c->device;
    f.text = NULL;
  }
  if (e->abandoned) e->slot->abandoned--;
  pthread_cond_broadcast(&e->changed);
  free(f.text);
  free(c);
  release(e, true);
}

// Has done called when the event is ready. Where the plugin cannot do so it is waited for here.
static void watch(execution* e, completion* c, void* event) {
  pthread_mutex_lock(&e->mutex);
  e->references++;
  e->running++;
  pthread_mutex_unlock(&e->mutex);
  mt_event_on_ready r = {.struct_size = sizeof r, .event = event, .callback = done, .argument = c};
  mt_failure f = mt_failure_of(e->slot, ((mt_call)e->slot->table.fn[MT_Event_OnReady])(&r), true);
  if (!f.text) return;
  free(f.text);
  mt_event_await w = {.struct_size = sizeof w, .event = event};
  done(call(e->slot, MT_Event_Await, &w), c);
}

// Waits until all devices are done, or for a while after the first error; the caller holds the mutex.
static void wait_for(execution* e) {
  while (e->running > 0 && !e->first.text) pthread_cond_wait(&e->changed, &e->mutex);
  if (e->running == 0) return;
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += MT_GRACE_SECONDS;
  while (e->running > 0 && pthread_cond_timedwait(&e->changed, &e->mutex, &until) == 0) {}
}

// The results of a failed execution are nobody's: go-xla forgets them.
static void drop_results(const slot* s, mt_execute* a) {
  mt_get_executable g = {.struct_size = sizeof g, .loaded = a->loaded};
  mt_failure f = mt_failure_of(s, ((mt_call)s->table.fn[MT_LoadedExecutable_GetExecutable])(&g), true);
  if (f.text) { free(f.text); return; }
  mt_num_outputs n = {.struct_size = sizeof n, .executable = g.executable};
  f = mt_failure_of(s, ((mt_call)s->table.fn[MT_Executable_NumOutputs])(&n), true);
  for (size_t d = 0; !f.text && d < a->num_devices; d++)
    for (size_t i = 0; i < n.count; i++) {
      if (!a->outputs[d][i]) continue;
      mt_buffer_destroy b = {.struct_size = sizeof b, .buffer = a->outputs[d][i]};
      free(mt_failure_of(s, ((mt_call)s->table.fn[MT_Buffer_Destroy])(&b), true).text);
      a->outputs[d][i] = NULL;
    }
  free(f.text);
  mt_executable_destroy d = {.struct_size = sizeof d, .executable = g.executable};
  free(mt_failure_of(s, ((mt_call)s->table.fn[MT_Executable_Destroy])(&d), true).text);
}

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

// XLA's devices find each other by the launch's number, which go-xla leaves 0.
static void number_launch(mt_execute_options* o) {
  static _Atomic unsigned last;
  if (!o || o->struct_size < offsetof(mt_execute_options, launch_id) + sizeof o->launch_id || o->launch_id) return;
  unsigned next;
  do next = ++last & 0x7fffffff;
  while (next == 0);
  o->launch_id = (int)next;
}

void* mt_execute_on(slot* s, mt_execute* a) {
  int64_t start = now();
  number_launch(a->options);
  void* error = call(s, MT_LoadedExecutable_Execute, a);
  if (error) {
    if (a->num_devices > 1) s->abandoned += a->num_devices;  // some may run; nobody can say when they are done
    return error;
  }
  if (!a->complete) return NULL;
  execution* e = begin(s, a->num_devices);
  for (size_t i = 0; i < a->num_devices; i++) {
    completion* c = calloc(1, sizeof *c);
    c->of = e;
    c->device = i;
    watch(e, c, a->complete[i]);
  }
  pthread_mutex_lock(&e->mutex);
  wait_for(e);
  if (e->first.text) {
    char* text = NULL;
    const char* first = e->first.text;
    int n = e->running > 0 ? asprintf(&text, "device %zu: %s (%zu of %zu devices still run)", e->failed, first, e->running, e->devices)
            : s->stragglers || e->devices == 1 ? asprintf(&text, "%s", first)  // it names the device itself
                                               : asprintf(&text, "device %zu: %s", e->failed, first);
    s->abandoned += (int64_t)e->running;
    e->abandoned = true;
    error = mt_fail(e->first.code, n < 0 ? first : text);
    free(text);
  }
  release(e, true);
  if (error) {
    for (size_t i = 0; i < a->num_devices; i++) {
      mt_event_destroy d = {.struct_size = sizeof d, .event = a->complete[i]};
      free(mt_failure_of(s, ((mt_call)s->table.fn[MT_Event_Destroy])(&d), true).text);
      a->complete[i] = NULL;
    }
    drop_results(s, a);
    return error;
  }
  s->executions++;
  s->arguments += (int64_t)(a->num_devices * a->num_args);
  s->nanoseconds += now() - start;
  return NULL;
}
