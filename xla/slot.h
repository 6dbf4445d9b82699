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
  _Atomic int64_t executions, arguments, nanoseconds;  // see mt_executing
} slot;

static inline void* call(const slot* s, int function, void* args) { return ((mt_call)s->real->fn[function])(args); }

// An error of ours, which goes through the same handle as the plugin's.
void* mt_fail(int code, const char* text);

void* mt_topology_client(slot* s, mt_client_create* a);
void* mt_topology_compile(const slot* s, mt_client_compile* a);
void mt_topology_table(slot* s);

#endif
