// One slot per plugin file: the plugin's own function table and our copy of it, in which Client_Create, Client_Compile
// and the error functions are replaced. go-xla gets our copy. The replaced functions have no argument that says which
// table they were called through, hence one set of trampolines per slot.
#define _GNU_SOURCE
#include "slot.h"
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "_cgo_export.h"

static slot slots[MT_SLOTS];

// ---- Errors: ours travel through the same handle as the plugin's, told apart by address.
typedef struct own_error { struct own_error* next; int code; char text[]; } own_error;
static own_error* own_errors;
static pthread_mutex_t own_mutex = PTHREAD_MUTEX_INITIALIZER;

void* mt_fail(int code, const char* text) {
  size_t n = strlen(text);
  own_error* e = malloc(sizeof *e + n + 1);
  e->code = code;
  memcpy(e->text, text, n + 1);
  pthread_mutex_lock(&own_mutex);
  e->next = own_errors;
  own_errors = e;
  pthread_mutex_unlock(&own_mutex);
  return e;
}

static own_error* own(const void* error, bool unlink) {
  pthread_mutex_lock(&own_mutex);
  own_error** at = &own_errors;
  while (*at && *at != error) at = &(*at)->next;
  own_error* found = *at;
  if (found && unlink) *at = found->next;
  pthread_mutex_unlock(&own_mutex);
  return found;
}

static void error_destroy(const slot* s, mt_error_destroy* a) {
  own_error* e = own(a->error, true);
  if (e) free(e);
  else ((void (*)(void*))s->real->fn[MT_Error_Destroy])(a);
}

static void error_message(const slot* s, mt_error_message* a) {
  own_error* e = own(a->error, false);
  if (!e) { ((void (*)(void*))s->real->fn[MT_Error_Message])(a); return; }
  a->message = e->text;
  a->message_size = strlen(e->text);
}

static void* error_code(const slot* s, mt_error_code* a) {
  own_error* e = own(a->error, false);
  if (!e) return call(s, MT_Error_GetCode, a);
  a->code = e->code;
  return NULL;
}

// The plugin's error as code and text; frees it if asked.
mt_failure mt_failure_of(const slot* s, void* error, bool destroy) {
  mt_failure f = {0, NULL};
  if (!error) return f;
  mt_error_message m = {.struct_size = sizeof m, .error = error};
  error_message(s, &m);
  f.text = malloc(m.message_size + 1);
  memcpy(f.text, m.message, m.message_size);
  f.text[m.message_size] = 0;
  mt_error_code c = {.struct_size = offsetof(mt_error_code, code) + sizeof c.code, .error = error};
  f.code = 2;  // UNKNOWN
  if (!error_code(s, &c)) f.code = c.code;
  if (destroy) {
    mt_error_destroy d = {.struct_size = sizeof d, .error = error};
    error_destroy(s, &d);
  }
  return f;
}

// Calls a function whose error is of no interest.
static bool failed(const slot* s, int function, void* args) {
  mt_failure f = mt_failure_of(s, ((mt_call)s->table.fn[function])(args), true);
  bool is = f.text != NULL;
  free(f.text);
  return is;
}

static void* missing(void* args) {
  (void)args;
  return mt_fail(12, "the plugin lacks this function: its PJRT API is older than the one go-xla was built with");
}

// ---- The client.
static void* client_create(slot* s, mt_client_create* a) {
  if (s->shared) mt_share_store(s, a);
  void* error = s->compile_only ? mt_topology_client(s, a) : call(s, MT_Client_Create, a);
  s->client = error ? NULL : a->client;
  return error;
}

// Loads what the plugin serialized earlier in place of compiling.
static mt_failure load(const slot* s, mt_client_compile* a, const mt_decision* d) {
  mt_deserialize l = {.struct_size = sizeof l, .client = a->client, .bytes = d->stored, .size = d->stored_size,
                      .options = a->options, .options_size = a->options_size};
  mt_failure f = mt_failure_of(s, ((mt_call)s->table.fn[MT_Executable_DeserializeAndLoad])(&l), true);
  if (!f.text) a->loaded = l.loaded;
  return f;
}

static void* client_compile(slot* s, mt_client_compile* a) {
  mt_decision d = {0};
  mt_program* p = a->program;
  mocotpuProgram(a->client, (char*)p->format, p->format_size, p->code, p->code_size, (char*)a->options, a->options_size, &d);
  if (d.refusal) {
    void* error = mt_fail(3, d.refusal);  // INVALID_ARGUMENT
    free(d.refusal);
    return error;
  }
  // The caller's struct is borrowed rather than copied: it may be longer than what is declared here.
  char* code = p->code;
  size_t size = p->code_size;
  p->code = d.code;
  p->code_size = d.code_size;
  const char* options = a->options;
  size_t options_size = a->options_size;
  if (d.options) {
    a->options = d.options;
    a->options_size = d.options_size;
  }
  mt_failure stale = {0, NULL};  // why what is stored is not used
  bool loaded = d.stored && !(stale = load(s, a, &d)).text;
  free(d.stored);
  void* error = NULL;
  if (stale.text && d.only) error = mt_fail(stale.code, stale.text);
  else if (!loaded) error = s->compile_only ? mt_topology_compile(s, a) : call(s, MT_Client_Compile, a);
  p->code = code;
  p->code_size = size;
  a->options = options;
  a->options_size = options_size;
  free(d.code);
  free(d.options);
  void* executable = NULL;
  mt_failure f = mt_failure_of(s, error, false);
  if (!error) {  // a reference of our own: go-xla may destroy its own at any time
    mt_get_executable g = {.struct_size = sizeof g, .loaded = a->loaded};
    f = mt_failure_of(s, ((mt_call)s->table.fn[MT_LoadedExecutable_GetExecutable])(&g), true);
    if (!f.text) executable = g.executable;
  }
  mocotpuCompiled(d.token, executable, f.code, f.text, loaded, stale.text);
  free(f.text);
  free(stale.text);
  return error;
}

// ---- One set of trampolines per slot.
#define TRAMPOLINES(i)                                                                                \
  static void error_destroy_##i(mt_error_destroy* a) { error_destroy(&slots[i], a); }                 \
  static void error_message_##i(mt_error_message* a) { error_message(&slots[i], a); }                 \
  static void* error_code_##i(mt_error_code* a) { return error_code(&slots[i], a); }                  \
  static void* client_create_##i(mt_client_create* a) { return client_create(&slots[i], a); }         \
  static void* client_compile_##i(mt_client_compile* a) { return client_compile(&slots[i], a); }       \
  static void* execute_##i(mt_execute* a) { return mt_execute_on(&slots[i], a); }
#define EACH_SLOT(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
EACH_SLOT(TRAMPOLINES)

typedef struct { void *error_destroy, *error_message, *error_code, *client_create, *client_compile, *execute; } trampolines;
#define ROW(i) {error_destroy_##i, error_message_##i, error_code_##i, client_create_##i, client_compile_##i, execute_##i},
static const trampolines rows[MT_SLOTS] = {EACH_SLOT(ROW)};

// ---- Opening.
static void notice(const char* text) { mocotpuNotice((char*)text); }

char* mt_open(int index, const char* path, int* major, int* minor) {
  slot* s = &slots[index];
  mt_explain_aborts();
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) return strdup(dlerror());
  const mt_api* (*get)(void) = (const mt_api* (*)(void))dlsym(library, "GetPjrtApi");
  if (!get) return strdup("it exports no GetPjrtApi: not a PJRT plugin");
  const mt_api* real = get();
  if (!real) return strdup("GetPjrtApi returned NULL");
  *major = real->version.major;
  *minor = real->version.minor;
  size_t need = offsetof(mt_api, fn) + MT_NAMED * sizeof(void*);
  if (*major != 0 || real->struct_size < need) {
    char* text;
    if (asprintf(&text, "PJRT API %d.%d with a table of %zu bytes, want 0.x with at least %zu", *major, *minor,
                 real->struct_size, need) < 0) return strdup("incompatible PJRT API");
    return text;
  }
  size_t size = real->struct_size < sizeof s->table ? real->struct_size : sizeof s->table;
  memcpy(&s->table, real, size);
  for (int i = 0; i < MT_CAPACITY; i++)
    if (!s->table.fn[i]) s->table.fn[i] = (void*)missing;
  s->table.fn[MT_Error_Destroy] = rows[index].error_destroy;
  s->table.fn[MT_Error_Message] = rows[index].error_message;
  s->table.fn[MT_Error_GetCode] = rows[index].error_code;
  s->table.fn[MT_Client_Create] = rows[index].client_create;
  s->table.fn[MT_Client_Compile] = rows[index].client_compile;
  s->table.fn[MT_LoadedExecutable_Execute] = rows[index].execute;
  s->real = real;
  // What our CPU plugin has beside PJRT.
  s->stragglers = (int (*)(void*))dlsym(library, "mocotpu_stragglers");
  void (*set_notice)(void (*)(const char*)) = (void (*)(void (*)(const char*)))dlsym(library, "mocotpu_set_notice");
  if (set_notice) set_notice(notice);
  s->trace_start = (bool (*)(void))dlsym(library, "mocotpu_trace_start");
  s->trace_stop = (char* (*)(void))dlsym(library, "mocotpu_trace_stop");
  return NULL;
}

void mt_compile_only(int index) {
  slots[index].compile_only = true;
  mt_topology_table(&slots[index]);
}

slot* mt_slot(int index) { return &slots[index]; }
void* mt_table(int index) { return &slots[index].table; }
void* mt_last_client(int index) { return slots[index].client; }

void mt_executing(int index, int64_t* executions, int64_t* arguments, int64_t* nanoseconds) {
  *executions = slots[index].executions;
  *arguments = slots[index].arguments;
  *nanoseconds = slots[index].nanoseconds;
}

int64_t mt_stragglers(int index, void* client) {
  const slot* s = &slots[index];
  return s->stragglers ? s->stragglers(client) : s->abandoned;
}

int mt_trace_start(int index) {
  const slot* s = &slots[index];
  if (!s->trace_start || !s->trace_stop) return 0;
  return s->trace_start() ? 1 : -1;
}

char* mt_trace_stop(int index) { return slots[index].trace_stop(); }

// ---- Which words are strings of the plugin or of a library it brought with it.
typedef struct { const char* const* words; bool* found; int count, left; } search;

static int search_object(struct dl_phdr_info* info, size_t size, void* arg) {
  (void)size;
  search* s = arg;
  for (int i = 0; i < info->dlpi_phnum && s->left; i++) {
    const ElfW(Phdr)* h = &info->dlpi_phdr[i];
    if (h->p_type != PT_LOAD || !(h->p_flags & PF_R) || (h->p_flags & PF_W)) continue;
    for (int w = 0; w < s->count; w++)
      if (!s->found[w] &&
          memmem((const void*)(info->dlpi_addr + h->p_vaddr), h->p_filesz, s->words[w], strlen(s->words[w]) + 1)) {
        s->found[w] = true;
        s->left--;
      }
  }
  return s->left == 0;
}

char* mt_unknown_word(const char* const* words, int count) {
  search s = {words, calloc(count, sizeof(bool)), count, count};
  dl_iterate_phdr(search_object, &s);
  char* first = NULL;
  for (int w = 0; w < count && !first; w++)
    if (!s.found[w]) first = strdup(words[w]);
  free(s.found);
  return first;
}

// ---- Reading a client and a compiled program.
mt_failure mt_platform_version_of(int index, void* client, const char** version, size_t* size) {
  mt_platform_version a = {.struct_size = sizeof a, .client = client};
  mt_failure f = mt_failure_of(&slots[index], ((mt_call)slots[index].table.fn[MT_Client_PlatformVersion])(&a), true);
  *version = a.version;
  *size = a.version_size;
  return f;
}

mt_failure mt_memory_of(int index, void* executable, int64_t bytes[MT_MEM_FIELDS]) {
  mt_memory_stats a = {.struct_size = sizeof a, .executable = executable};
  mt_failure f = mt_failure_of(&slots[index], call(&slots[index], MT_Executable_GetCompiledMemoryStats, &a), true);
  memcpy(bytes, a.bytes, sizeof a.bytes);
  return f;
}

mt_failure mt_cost_of(int index, void* executable, const mt_named_value** values, size_t* count) {
  mt_cost_analysis a = {.struct_size = sizeof a, .executable = executable};
  mt_failure f = mt_failure_of(&slots[index], call(&slots[index], MT_Executable_GetCostAnalysis, &a), true);
  *values = a.values;
  *count = a.count;
  return f;
}

double mt_number(const mt_named_value* v, bool* ok) {
  *ok = true;
  switch (v->type) {
    case MT_INT64: return (double)v->integer;
    case MT_FLOAT: return v->real;
    case MT_BOOL: return v->truth;
  }
  *ok = false;
  return 0;
}

mt_failure mt_optimized_of(int index, void* executable, char** program, size_t* size, char format[64]) {
  mt_program p = {.struct_size = sizeof p};
  mt_optimized_program a = {.struct_size = sizeof a, .executable = executable, .program = &p};
  mt_failure f = mt_failure_of(&slots[index], call(&slots[index], MT_Executable_OptimizedProgram, &a), true);  // the size
  if (f.text) return f;
  p.code = malloc(p.code_size + 1);
  f = mt_failure_of(&slots[index], call(&slots[index], MT_Executable_OptimizedProgram, &a), true);
  if (f.text) {
    free(p.code);
    return f;
  }
  *program = p.code;
  *size = p.code_size;
  snprintf(format, 64, "%.*s", (int)p.format_size, p.format);
  return f;
}

char* mt_device_of(int index, void* client, size_t device) {
  const slot* s = &slots[index];
  mt_client_devices d = {.struct_size = sizeof d, .client = client};
  if (failed(s, MT_Client_AddressableDevices, &d) || device >= d.count) return NULL;
  mt_device_description g = {.struct_size = sizeof g, .device = d.devices[device]};
  if (failed(s, MT_Device_GetDescription, &g)) return NULL;
  mt_description_text kind = {.struct_size = sizeof kind, .description = g.description}, text = kind;
  if (failed(s, MT_DeviceDescription_Kind, &kind)) kind.text_size = 0;
  if (failed(s, MT_DeviceDescription_DebugString, &text)) text.text_size = 0;
  char* both;
  if (asprintf(&both, "%.*s %.*s", (int)kind.text_size, kind.text, (int)text.text_size, text.text) < 0) return NULL;
  return both;
}

mt_failure mt_device_memory_of(int index, void* client, size_t device, int64_t* used, int64_t* peak) {
  const slot* s = &slots[index];
  mt_client_devices d = {.struct_size = sizeof d, .client = client};
  mt_failure f = mt_failure_of(s, ((mt_call)s->table.fn[MT_Client_AddressableDevices])(&d), true);
  if (f.text || device >= d.count) return f;
  mt_device_memory a = {.struct_size = sizeof a, .device = d.devices[device]};
  f = mt_failure_of(s, call(s, MT_Device_MemoryStats, &a), true);
  *used = a.used;
  *peak = a.has_peak ? a.peak : -1;
  return f;
}

mt_failure mt_serialize_of(int index, void* executable, char** bytes, size_t* size) {
  mt_serialize a = {.struct_size = sizeof a, .executable = executable};
  mt_failure f = mt_failure_of(&slots[index], ((mt_call)slots[index].table.fn[MT_Executable_Serialize])(&a), true);
  if (f.text) return f;
  *bytes = malloc(a.size);
  memcpy(*bytes, a.bytes, a.size);
  *size = a.size;
  a.free_serialized(a.serialized);
  return f;
}

mt_failure mt_release(int index, void* executable) {
  mt_executable_destroy a = {.struct_size = sizeof a, .executable = executable};
  return mt_failure_of(&slots[index], ((mt_call)slots[index].table.fn[MT_Executable_Destroy])(&a), true);
}
