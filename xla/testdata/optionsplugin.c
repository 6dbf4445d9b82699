// A PJRT plugin that opens no client: its Client_Create fails with the options that it was given as the text.
#include "stub.h"

enum { NOT_FOUND = 5 };

static char text[4096];

static int failed_with;

static void* fail(int code, const char* why, size_t size) {
  (void)why;
  (void)size;
  failed_with = code;
  return text;
}

// A flag of XLA that this plugin knows: words of XLA_FLAGS that no library has are refused.
const char* const flag = "xla_gpu_shard_autotuning";

// Uses the store that several processes share, and tells what comes of it, and the flags.
static int share(mt_client_create* a, char* at) {
  static mt_callback_error make = fail;
  char* begin = at;
  mt_kv_put put = {.struct_size = sizeof put, .key = "topology", .key_size = 8, .value = "\0two", .value_size = 4, .fail = &make, .arg = a->kv_put_arg};
  at += sprintf(at, " put:%d", ((void* (*)(mt_kv_put*))a->kv_put)(&put) == NULL);
  mt_kv_get get = {.struct_size = sizeof get, .key = "topology", .key_size = 8, .timeout_ms = 60000, .fail = &make, .arg = a->kv_get_arg};
  if (((void* (*)(mt_kv_get*))a->kv_get)(&get) == NULL) {
    at += sprintf(at, " get:%zu:%.*s", get.value_size, (int)get.value_size - 1, get.value + 1);
    get.free_value(get.value);
  }
  mt_kv_get late = {.struct_size = sizeof late, .key = "late", .key_size = 4, .timeout_ms = 1, .fail = &make, .arg = a->kv_get_arg};
  if (((void* (*)(mt_kv_get*))a->kv_get)(&late)) at += sprintf(at, " late:%d", failed_with);
  mt_kv_try_get try = {.struct_size = sizeof try, .key = "nothing", .key_size = 7, .fail = &make, .arg = a->kv_try_get_arg};
  if (((void* (*)(mt_kv_try_get*))a->kv_try_get)(&try)) at += sprintf(at, " try:%d", failed_with);
  const char* flags = getenv("XLA_FLAGS");
  at += sprintf(at, " flags:%s", flags ? strstr(flags, flag) : "none");
  return (int)(at - begin);
}

static void* create(mt_client_create* a) {
  const mt_named_value* v = a->options;
  char* at = text + sprintf(text, "options");
  for (size_t i = 0; i < a->num_options; i++, v = (const mt_named_value*)((const char*)v + v->struct_size)) {
    at += sprintf(at, " %.*s=", (int)v->name_size, v->name);
    switch (v->type) {
      case MT_STRING: at += sprintf(at, "string:%.*s", (int)v->value_size, v->text); break;
      case MT_INT64: at += sprintf(at, "int64:%lld", (long long)v->integer); break;
      case MT_FLOAT: at += sprintf(at, "float:%g", v->real); break;
      case MT_BOOL: at += sprintf(at, "bool:%d", v->truth); break;
      case MT_INT64_LIST:
        at += sprintf(at, "list");
        for (size_t j = 0; j < v->value_size; j++) at += sprintf(at, ":%lld", (long long)v->integers[j]);
    }
  }
  if (a->kv_put) at += share(a, at);
  return text;
}

const mt_api* GetPjrtApi(void) {
  stub(NOT_FOUND, text);
  api.fn[MT_Client_Create] = (void*)create;
  return &api;
}
