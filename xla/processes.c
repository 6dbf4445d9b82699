// What a client of one of several processes needs: the store that they share, as the plugin's callbacks, and the devices of
// all of them.
#include <stdlib.h>
#include <string.h>
#include "slot.h"
#include "_cgo_export.h"

void mt_share(int index, uintptr_t store) { mt_slot(index)->shared = store; }

// Our error as the plugin's: it knows no others. Frees the text.
static void* store_failed(mt_callback_error* fail, int code, char* text) {
  void* error = (*fail)(code, text, strlen(text));
  free(text);
  return error;
}

static void free_value(char* value) { free(value); }

static void* kv_get(mt_kv_get* a) {
  a->free_value = free_value;
  int code = 0;
  char* text = mocotpuGet((uintptr_t)a->arg, (char*)a->key, a->key_size, a->timeout_ms, &a->value, &a->value_size, &code);
  return text ? store_failed(a->fail, code, text) : NULL;
}

static void* kv_try_get(mt_kv_try_get* a) {
  a->free_value = free_value;
  int code = 0;
  char* text = mocotpuGet((uintptr_t)a->arg, (char*)a->key, a->key_size, 0, &a->value, &a->value_size, &code);
  return text ? store_failed(a->fail, code, text) : NULL;
}

static void* kv_put(mt_kv_put* a) {
  int code = 0;
  char* text = mocotpuPut((uintptr_t)a->arg, (char*)a->key, a->key_size, (char*)a->value, a->value_size, &code);
  return text ? store_failed(a->fail, code, text) : NULL;
}

void mt_share_store(const slot* s, mt_client_create* a) {
  a->kv_get = (void*)kv_get;
  a->kv_put = (void*)kv_put;
  a->kv_get_arg = a->kv_put_arg = (void*)s->shared;
  if (a->struct_size < offsetof(mt_client_create, kv_try_get_arg) + sizeof a->kv_try_get_arg) return;
  a->kv_try_get = (void*)kv_try_get;
  a->kv_try_get_arg = (void*)s->shared;
}

mt_failure mt_devices_of(int index, void* client, mt_known_device* devices, size_t room, size_t* count, int* own) {
  const slot* s = mt_slot(index);
  const mt_api* t = s->compile_only ? &s->table : s->real;  // whose client it is
  mt_client_devices d = {.struct_size = sizeof d, .client = client};
  mt_failure f = mt_failure_of(s, ((mt_call)t->fn[MT_Client_Devices])(&d), true);
  if (f.text) return f;
  *count = d.count;
  mt_process_index p = {.struct_size = sizeof p, .client = client};
  f = mt_failure_of(s, ((mt_call)t->fn[MT_Client_ProcessIndex])(&p), true);
  if (f.text) return f;
  *own = p.process;
  for (size_t i = 0; i < d.count && i < room; i++) {
    mt_device_description g = {.struct_size = sizeof g, .device = d.devices[i]};
    f = mt_failure_of(s, ((mt_call)t->fn[MT_Device_GetDescription])(&g), true);
    if (f.text) return f;
    mt_description_id id = {.struct_size = sizeof id, .description = g.description}, process = id;
    f = mt_failure_of(s, call(s, MT_DeviceDescription_Id, &id), true);
    if (f.text) return f;
    f = mt_failure_of(s, call(s, MT_DeviceDescription_ProcessIndex, &process), true);
    if (f.text) return f;
    devices[i] = (mt_known_device){id.id, process.id};
  }
  return f;
}
