// A compiler without hardware: a table over libtpu or the CUDA plugin whose client lists the devices of a topology description and compiles
// with PJRT_Compile. What needs a device answers UNIMPLEMENTED with its name; errors, descriptions of devices and the
// reading of executables are the plugin's own. Clients, devices and loaded executables are ours.
#define _GNU_SOURCE
#include "slot.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INVALID_ARGUMENT = 3, INTERNAL = 13, UNIMPLEMENTED = 12 };

// ---- What is not there.
#define UNAVAILABLE(name)                                                                                           \
  static void* unavailable_##name(void* args) {                                                                     \
    (void)args;                                                                                                     \
    return mt_fail(UNIMPLEMENTED, "PJRT_" #name ": this engine compiles for devices that are not there, it runs nothing"); \
  }
MT_FUNCTIONS(UNAVAILABLE)

static void* unavailable(void* args) {
  (void)args;
  return mt_fail(UNIMPLEMENTED, "this engine compiles for devices that are not there, it runs nothing");
}

// ---- The client.
typedef struct { void* description; int id, process; } device;

typedef struct {
  const slot* slot;
  void* topology;
  size_t count;
  device* devices;
  void** handles;  // to each of devices
  char *platform, *version;
} client;

static char* copy_text(const char* text, size_t size) {
  char* s = malloc(size + 1);
  memcpy(s, text, size);
  s[size] = 0;
  return s;
}

static void* destroy_client(mt_client_destroy* a) {
  client* c = a->client;
  mt_topology_destroy d = {.struct_size = sizeof d, .topology = c->topology};
  void* error = call(c->slot, MT_TopologyDescription_Destroy, &d);
  free(c->devices);
  free(c->handles);
  free(c->platform);
  free(c->version);
  free(c);
  return error;
}

// The order of the places of a mesh over several processes, see sortDevices.
static int by_process(const void* a, const void* b) {
  const device *x = a, *y = b;
  return x->process != y->process ? (x->process > y->process) - (x->process < y->process) : (x->id > y->id) - (x->id < y->id);
}

// Lists the topology's devices and names.
static void* describe(client* c) {
  mt_topology_devices d = {.struct_size = sizeof d, .topology = c->topology};
  void* error = call(c->slot, MT_TopologyDescription_GetDeviceDescriptions, &d);
  if (error) return error;
  c->count = d.count;
  c->devices = calloc(d.count, sizeof *c->devices);
  c->handles = calloc(d.count, sizeof *c->handles);
  for (size_t i = 0; i < d.count; i++) {
    mt_description_id id = {.struct_size = sizeof id, .description = d.descriptions[i]}, process = id;
    if ((error = call(c->slot, MT_DeviceDescription_Id, &id))) return error;
    if ((error = call(c->slot, MT_DeviceDescription_ProcessIndex, &process))) return error;
    c->devices[i] = (device){d.descriptions[i], id.id, process.id};
    c->handles[i] = &c->devices[i];
  }
  qsort(c->devices, c->count, sizeof *c->devices, by_process);
  mt_topology_platform p = {.struct_size = sizeof p, .topology = c->topology};
  if ((error = call(c->slot, MT_TopologyDescription_PlatformName, &p))) return error;
  c->platform = copy_text(p.name, p.name_size);
  if ((error = call(c->slot, MT_TopologyDescription_PlatformVersion, &p))) return error;
  c->version = copy_text(p.name, p.name_size);
  return NULL;
}

// Finds an option by its name, NULL if it is not there or is no text.
static const mt_named_value* option(const mt_client_create* a, const char* name) {
  const mt_named_value* v = a->options;
  for (const mt_named_value* end = v + a->num_options; v < end; v++)
    if (v->type == MT_STRING && v->name_size == strlen(name) && !memcmp(v->name, name, v->name_size)) return v;
  return NULL;
}

// The option "topology" is what libtpu calls a topology. With "target_config" beside it, a description of one GPU, it is
// the shape of a topology of such GPUs, which both have to be options for. Any other is for a client of real devices:
// go-xla adds one.
void* mt_topology_client(slot* s, mt_client_create* a) {
  const mt_named_value *topology = option(a, "topology"), *target = option(a, "target_config");
  if (!topology) return mt_fail(INVALID_ARGUMENT, "want the option topology, the name of a topology");
  mt_topology_create t = {.struct_size = sizeof t, .name = topology->text, .name_size = topology->value_size};
  mt_named_value both[2];
  if (target) {
    both[0] = *topology;
    both[1] = *target;
    t = (mt_topology_create){.struct_size = sizeof t, .name = "", .options = both, .num_options = 2};
  }
  void* error = call(s, MT_TopologyDescription_Create, &t);
  if (error) return error;
  client* c = calloc(1, sizeof *c);
  c->slot = s;
  c->topology = t.topology;
  if ((error = describe(c))) {
    mt_client_destroy d = {.struct_size = sizeof d, .client = c};
    destroy_client(&d);  // the first error is the one to tell
    return error;
  }
  a->client = c;
  return NULL;
}

static void* platform_name(mt_platform_name* a) {
  a->name = ((client*)a->client)->platform;
  a->name_size = strlen(a->name);
  return NULL;
}

static void* platform_version(mt_platform_version* a) {
  a->version = ((client*)a->client)->version;
  a->version_size = strlen(a->version);
  return NULL;
}

static void* process_index(mt_process_index* a) {
  a->process = 0;
  return NULL;
}

static void* client_devices(mt_client_devices* a) {
  client* c = a->client;
  a->devices = c->handles;
  a->count = c->count;
  return NULL;
}

static void* default_assignment(mt_default_assignment* a) {
  client* c = a->client;
  size_t n = (size_t)a->replicas * (size_t)a->partitions;
  if (n > c->count || n > a->size) {
    char text[128];
    snprintf(text, sizeof text, "%zu devices asked for, the topology has %zu", n, c->count);
    return mt_fail(INVALID_ARGUMENT, text);
  }
  for (size_t i = 0; i < n; i++) a->ids[i] = c->devices[i].id;
  return NULL;
}

// ---- Devices.
static void* device_description(mt_device_description* a) {
  a->description = ((device*)a->device)->description;
  return NULL;
}

static void* device_addressable(mt_device_addressable* a) {
  a->addressable = true;
  return NULL;
}

static void* device_id(mt_device_id* a) {
  a->id = ((device*)a->device)->id;
  return NULL;
}

// ---- Executables. A PJRT_Executable is the plugin's. PJRT lets each holder destroy its own handle of one; the plugin
// made a single handle, so the holders are counted.
typedef struct holding { struct holding* next; const slot* slot; void* executable; int holders; } holding;
static holding* holdings;
static pthread_mutex_t holdings_mutex = PTHREAD_MUTEX_INITIALIZER;

static void hold(const slot* s, void* executable) {
  pthread_mutex_lock(&holdings_mutex);
  holding* h = holdings;
  while (h && h->executable != executable) h = h->next;
  if (!h) {
    h = calloc(1, sizeof *h);
    *h = (holding){.next = holdings, .slot = s, .executable = executable};
    holdings = h;
  }
  h->holders++;
  pthread_mutex_unlock(&holdings_mutex);
}

static void* let_go(mt_executable_destroy* a) {
  pthread_mutex_lock(&holdings_mutex);
  holding** at = &holdings;
  while (*at && (*at)->executable != a->executable) at = &(*at)->next;
  holding* h = *at;
  bool last = h && --h->holders == 0;
  if (last) *at = h->next;
  pthread_mutex_unlock(&holdings_mutex);
  if (!h) return mt_fail(INTERNAL, "an executable is destroyed that nobody holds");
  if (!last) return NULL;
  void* error = call(h->slot, MT_Executable_Destroy, a);
  free(h);
  return error;
}

typedef struct { const slot* slot; void* executable; } loaded;

void* mt_topology_compile(const slot* s, mt_client_compile* a) {
  mt_compile c = {
      .struct_size = sizeof c, .topology = ((client*)a->client)->topology, .program = a->program,
      .options = a->options, .options_size = a->options_size,
  };
  void* error = call(s, MT_Compile, &c);
  if (error) return error;
  hold(s, c.executable);
  loaded* l = calloc(1, sizeof *l);
  *l = (loaded){s, c.executable};
  a->loaded = l;
  return NULL;
}

static void* get_executable(mt_get_executable* a) {
  loaded* l = a->loaded;
  hold(l->slot, l->executable);
  a->executable = l->executable;
  return NULL;
}

static void* destroy_loaded(mt_loaded_destroy* a) {
  loaded* l = a->loaded;
  mt_executable_destroy d = {.struct_size = sizeof d, .executable = l->executable};
  free(l);
  return let_go(&d);
}

// ---- The table.
void mt_topology_table(slot* s) {
  static const int kept[] = {  // Error_* and Client_Create, Client_Compile are table.c's
      MT_Error_Destroy, MT_Error_Message, MT_Error_GetCode, MT_Plugin_Initialize, MT_Plugin_Attributes,
      MT_Client_Create, MT_Client_Compile,
      MT_DeviceDescription_Id, MT_DeviceDescription_ProcessIndex, MT_DeviceDescription_Attributes,
      MT_DeviceDescription_Kind, MT_DeviceDescription_DebugString, MT_DeviceDescription_ToString,
      MT_Executable_Name, MT_Executable_NumReplicas, MT_Executable_NumPartitions, MT_Executable_NumOutputs,
      MT_Executable_SizeOfGeneratedCodeInBytes, MT_Executable_GetCostAnalysis, MT_Executable_OutputMemoryKinds,
      MT_Executable_OptimizedProgram, MT_Executable_Serialize, MT_Executable_OutputElementTypes,
      MT_Executable_OutputDimensions, MT_Executable_Fingerprint, MT_Executable_GetCompiledMemoryStats,
  };
  void* fn[MT_CAPACITY];
  for (int i = 0; i < MT_CAPACITY; i++) fn[i] = (void*)unavailable;
#define NAME_IT(name) fn[MT_##name] = (void*)unavailable_##name;
  MT_FUNCTIONS(NAME_IT)
  for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) fn[kept[i]] = s->table.fn[kept[i]];
  fn[MT_Client_Destroy] = (void*)destroy_client;
  fn[MT_Client_PlatformName] = (void*)platform_name;
  fn[MT_Client_PlatformVersion] = (void*)platform_version;
  fn[MT_Client_ProcessIndex] = (void*)process_index;
  fn[MT_Client_Devices] = (void*)client_devices;
  fn[MT_Client_AddressableDevices] = (void*)client_devices;
  fn[MT_Client_DefaultDeviceAssignment] = (void*)default_assignment;
  fn[MT_Device_GetDescription] = (void*)device_description;
  fn[MT_Device_IsAddressable] = (void*)device_addressable;
  fn[MT_Device_LocalHardwareId] = (void*)device_id;
  fn[MT_Executable_Destroy] = (void*)let_go;
  fn[MT_LoadedExecutable_GetExecutable] = (void*)get_executable;
  fn[MT_LoadedExecutable_Destroy] = (void*)destroy_loaded;
  memcpy(s->table.fn, fn, sizeof fn);
}
