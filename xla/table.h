// Our table in front of a plugin's: see table.c.
#ifndef MOCOTPU_XLA_TABLE_H
#define MOCOTPU_XLA_TABLE_H
#include "abi.h"

enum { MT_SLOTS = 8 };  // different plugins in one process
enum { MT_ABORTED = 70 };  // the exit code of a fault in a program, as sysexits.h has it

// What Go decides about a program before the compiler sees it.
typedef struct {
  uintptr_t token;  // names the compilation in mocotpuCompiled
  char* code;       // malloc'ed program, NUL after its end; NULL if refused
  size_t code_size;
  char* refusal;    // malloc'ed text of an INVALID_ARGUMENT error, or NULL
  char* stored;     // malloc'ed: the program compiled earlier, as the plugin serialized it; NULL if there is none
  size_t stored_size;
  char* options;    // malloc'ed compile options to use instead; NULL for the caller's
  size_t options_size;
  bool only;        // what is stored is loaded or nothing is: a plugin that refuses it compiles nothing
} mt_decision;

// A failed call: code is PJRT's, text is malloc'ed; text NULL means success.
typedef struct { int code; char* text; } mt_failure;

// Opens the plugin of a slot (0 <= slot < MT_SLOTS, each once) without calling into it; afterwards major and minor say
// what it is. Returns a malloc'ed error text or NULL.
char* mt_open(int slot, const char* path, int* major, int* minor);
// Has an abort end the process with MT_ABORTED and a sentence, where the program asks Go for no stacks by GOTRACEBACK=none.
void mt_explain_aborts(void);
// Makes the table of an opened slot, before anyone uses it, that of a compiler without hardware: see topology.c.
void mt_compile_only(int slot);
// Names the store that the slot's next client shares with other processes; 0 for none.
void mt_share(int slot, uintptr_t store);
void* mt_table(int slot);        // our PJRT_Api for go-xla
void* mt_last_client(int slot);  // the client that the last Client_Create returned
// What the slot's programs have executed so far: how often, with how many arguments over all devices, and the time from
// each call until every device was done.
void mt_executing(int slot, int64_t* executions, int64_t* arguments, int64_t* nanoseconds);
// How many devices still run a program whose execution has failed, of a client; they may read its arguments.
int64_t mt_stragglers(int slot, void* client);
// Starts and ends a trace of the operations that programs run in this process. A start returns 1, 0 where the plugin cannot trace,
// or -1 where something else does already; the end returns malloc'ed text, a line for each mark, or NULL without memory.
int mt_trace_start(int slot);
char* mt_trace_stop(int slot);
// The first word that no library of the process has as a string that ends there, malloc'ed; NULL if all are known.
char* mt_unknown_word(const char* const* words, int count);

mt_failure mt_platform_version_of(int slot, void* client, const char** version, size_t* size);
// What a device's allocator says; peak is -1 where it says none.
mt_failure mt_device_memory_of(int slot, void* client, size_t device, int64_t* used, int64_t* peak);
mt_failure mt_memory_of(int slot, void* executable, int64_t bytes[MT_MEM_FIELDS]);
mt_failure mt_cost_of(int slot, void* executable, const mt_named_value** values, size_t* count);
double mt_number(const mt_named_value* value, bool* ok);
mt_failure mt_optimized_of(int slot, void* executable, char** program, size_t* size, char format[64]);
// The kind of an addressable device of a client and what else its description says, malloc'ed; NULL past the last.
char* mt_device_of(int slot, void* client, size_t index);
// All devices of a client, those of other processes included: at most room of them; count is how many there are, and own the
// process that the client is of.
typedef struct { int id, process; } mt_known_device;
mt_failure mt_devices_of(int slot, void* client, mt_known_device* devices, size_t room, size_t* count, int* own);
// What DeserializeAndLoad takes, malloc'ed.
mt_failure mt_serialize_of(int slot, void* executable, char** bytes, size_t* size);
mt_failure mt_release(int slot, void* executable);

#endif
