// A PJRT plugin that opens no client: its Client_Create fails with the options that it was given as the text.
#include <stdio.h>
#include <string.h>
#include "../abi.h"

enum { NOT_FOUND = 5 };

static char text[4096];

static void* nothing(void* args) {
  (void)args;
  return NULL;
}

static void* message(mt_error_message* a) {
  a->message = text;
  a->message_size = strlen(text);
  return NULL;
}

static void* code(mt_error_code* a) {
  a->code = NOT_FOUND;
  return NULL;
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
  return text;
}

static mt_api api = {.struct_size = sizeof api};

const mt_api* GetPjrtApi(void) {
  for (int i = 0; i < MT_CAPACITY; i++) api.fn[i] = (void*)nothing;
  api.version.struct_size = sizeof api.version;
  api.version.minor = 1000;
  api.fn[MT_Error_Message] = (void*)message;
  api.fn[MT_Error_GetCode] = (void*)code;
  api.fn[MT_Client_Create] = (void*)create;
  return &api;
}
