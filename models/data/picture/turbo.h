// TurboJPEG, loaded when it is first wanted. The calls and numbers are those of turbojpeg.h since libjpeg-turbo 2.0,
// which 3.x keeps.
#ifndef MOCOTPU_TURBO_H
#define MOCOTPU_TURBO_H

enum { TURBO_CMYK = 3, TURBO_YCCK = 4 };                // enum TJCS
enum { TURBO_PIXELS_RGB = 0, TURBO_PIXELS_CMYK = 11 };  // enum TJPF

// turbo_load returns what is missing, or null. Call it once, before the others.
const char *turbo_load(void);

void *turbo_new(void);
void turbo_free(void *handle);

// turbo_header and turbo_decode return 0, or -1 for an error or a warning.
int turbo_header(void *handle, const unsigned char *file, unsigned long size, int *width, int *height, int *space);
int turbo_decode(void *handle, const unsigned char *file, unsigned long size, unsigned char *pixels, int width,
                 int height, int format);

// turbo_warned tells whether the last -1 was only a warning; turbo_problem is its text.
int turbo_warned(void *handle);
const char *turbo_problem(void *handle);

#endif
