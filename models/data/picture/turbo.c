//go:build cgo && (linux || darwin)

#include "turbo.h"

#include <dlfcn.h>
#include <stddef.h>

static struct {
  void *(*new)(void);
  int (*destroy)(void *);
  int (*header)(void *, const unsigned char *, unsigned long, int *, int *, int *, int *);
  int (*decompress)(void *, const unsigned char *, unsigned long, unsigned char *, int, int, int, int, int);
  char *(*error)(void *);
  int (*code)(void *);
} turbo;

static const char *const names[] = {
    "libturbojpeg.so.0", "libturbojpeg.0.dylib", "/opt/homebrew/lib/libturbojpeg.0.dylib",
    "/usr/local/lib/libturbojpeg.0.dylib", NULL,
};

enum { ACCURATE_DCT = 4096 };  // TJFLAG_ACCURATEDCT, what Pillow uses

const char *turbo_load(void) {
  void *library = NULL;
  for (int i = 0; library == NULL && names[i] != NULL; i++) library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) return "libturbojpeg is not installed";
  struct {
    void *to;
    const char *name;
  } symbols[] = {
      {&turbo.new, "tjInitDecompress"},       {&turbo.destroy, "tjDestroy"},
      {&turbo.header, "tjDecompressHeader3"}, {&turbo.decompress, "tjDecompress2"},
      {&turbo.error, "tjGetErrorStr2"},       {&turbo.code, "tjGetErrorCode"},
  };
  for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
    void *symbol = dlsym(library, symbols[i].name);
    if (symbol == NULL) {
      dlclose(library);
      return "libturbojpeg is older than 2.0";
    }
    *(void **)symbols[i].to = symbol;
  }
  return NULL;
}

void *turbo_new(void) { return turbo.new(); }

void turbo_free(void *handle) { turbo.destroy(handle); }

int turbo_header(void *handle, const unsigned char *file, unsigned long size, int *width, int *height, int *space) {
  int subsampling;
  return turbo.header(handle, file, size, width, height, &subsampling, space);
}

int turbo_decode(void *handle, const unsigned char *file, unsigned long size, unsigned char *pixels, int width,
                 int height, int format) {
  return turbo.decompress(handle, file, size, pixels, width, 0, height, format, ACCURATE_DCT);
}

int turbo_warned(void *handle) { return turbo.code(handle) == 0; }

const char *turbo_problem(void *handle) { return turbo.error(handle); }
