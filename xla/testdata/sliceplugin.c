// A PJRT plugin that opens as libtpu does on a host of a v3-32: 32 devices, of which each host has 8, numbered as libtpu 0.0.52
// describes them. The host is MOCOTPU_TEST_HOST, and opening takes MOCOTPU_TEST_WAIT milliseconds.
#include <unistd.h>
#include "stub.h"

enum { HOSTS = 4, EACH = 8, UNIMPLEMENTED = 12 };

typedef struct { int id, process; } device;

static device devices[HOSTS * EACH];
static void* handles[HOSTS * EACH];  // in the order of their numbers
static void* own[EACH];
static int host;

static int number(const char* variable) {
  const char* text = getenv(variable);
  return text ? atoi(text) : 0;
}

static void* create(mt_client_create* a) {
  if (a->kv_put) return "it finds the other hosts without a store";
  usleep(1000 * number("MOCOTPU_TEST_WAIT"));
  host = number("MOCOTPU_TEST_HOST");
  int mine = 0;
  for (int id = 0; id < HOSTS * EACH; id++) {
    devices[id] = (device){id, id / 16 * 2 + id / 4 % 2};  // two rows of two boards, a row of cores at a time
    handles[id] = &devices[id];
    if (devices[id].process == host) own[mine++] = &devices[id];
  }
  a->client = &host;
  return NULL;
}

static void* name(mt_platform_name* a) {
  a->name = "tpu";
  a->name_size = 3;
  return NULL;
}

static void* version(mt_platform_version* a) {
  a->version = "a slice";
  a->version_size = 7;
  return NULL;
}

static void* process(mt_process_index* a) {
  a->process = host;
  return NULL;
}

static void* all(mt_client_devices* a) {
  a->devices = handles;
  a->count = HOSTS * EACH;
  return NULL;
}

static void* addressable(mt_client_devices* a) {
  a->devices = own;
  a->count = EACH;
  return NULL;
}

static void* description(mt_device_description* a) {
  a->description = a->device;
  return NULL;
}

static void* id_of(mt_description_id* a) {
  a->id = ((device*)a->description)->id;
  return NULL;
}

static void* process_of(mt_description_id* a) {
  a->id = ((device*)a->description)->process;
  return NULL;
}

const mt_api* GetPjrtApi(void) {
  stub(UNIMPLEMENTED, "a slice that only opens");
  api.fn[MT_Client_Create] = (void*)create;
  api.fn[MT_Client_PlatformName] = (void*)name;
  api.fn[MT_Client_PlatformVersion] = (void*)version;
  api.fn[MT_Client_ProcessIndex] = (void*)process;
  api.fn[MT_Client_Devices] = (void*)all;
  api.fn[MT_Client_AddressableDevices] = (void*)addressable;
  api.fn[MT_Device_GetDescription] = (void*)description;
  api.fn[MT_DeviceDescription_Id] = (void*)id_of;
  api.fn[MT_DeviceDescription_ProcessIndex] = (void*)process_of;
  return &api;
}
