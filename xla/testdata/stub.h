// What PJRT plugins of tests share: a table whose functions do nothing but for those that a plugin sets.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../abi.h"

static void* nothing(void* args) {
  (void)args;
  return NULL;
}

static mt_api api = {.struct_size = sizeof api};

// Every failure is of this code and text.
static int error_code;
static const char* error_text = "";

static void* message(mt_error_message* a) {
  a->message = error_text;
  a->message_size = strlen(error_text);
  return NULL;
}

static void* code(mt_error_code* a) {
  a->code = error_code;
  return NULL;
}

// Fills the table of a plugin whose failures have that code and text, which may change later.
static void stub(int failure, const char* text) {
  for (int i = 0; i < MT_CAPACITY; i++) api.fn[i] = (void*)nothing;
  api.version.struct_size = sizeof api.version;
  api.version.minor = 1000;
  api.fn[MT_Error_Message] = (void*)message;
  api.fn[MT_Error_GetCode] = (void*)code;
  error_code = failure, error_text = text;
}
