// What table.c and topology.c share.
#ifndef MOCOTPU_XLA_SLOT_H
#define MOCOTPU_XLA_SLOT_H
#include "table.h"

typedef void* (*mt_call)(void* args);  // every function but the two of errors: returns an error or NULL

// One opened plugin.
typedef struct {
  const mt_api* real;  // the plugin's own table
  mt_api table;        // ours, which go-xla gets
  void* client;        // the last one created
  bool compile_only;
  uintptr_t shared;    // names the store that the next client shares with other processes, 0 for none
  _Atomic int64_t executions, arguments, nanoseconds;  // see mt_executing
  int (*stragglers)(void* client);                     // the plugin's own answer to mt_stragglers, or NULL
  bool (*trace_start)(void);                           // see mt_trace_start; NULL where the plugin cannot trace
  char* (*trace_stop)(void);
  _Atomic int64_t abandoned;                           // else ours
} slot;

static inline void* call(const slot* s, int function, void* args) { return ((mt_call)s->real->fn[function])(args); }

// The plugin's error as code and text, text NULL for none; frees the error if asked.
mt_failure mt_failure_of(const slot* s, void* error, bool destroy);

// An error of ours, which goes through the same handle as the plugin's.
void* mt_fail(int code, const char* text);

// Gives the client that is to be created the store that the slot names.
void mt_share_store(const slot* s, mt_client_create* a);

slot* mt_slot(int index);

void* mt_execute_on(slot* s, mt_execute* a);

void* mt_topology_client(slot* s, mt_client_create* a);
void* mt_topology_compile(const slot* s, mt_client_compile* a);
void mt_topology_table(slot* s);

#endif
