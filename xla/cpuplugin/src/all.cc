// A PJRT CPU plugin: the C functions of PJRT over XLA's C++ CPU client, which the TensorFlow wheel exports.
//
// Parsing XLA's headers is most of a compiler's work: what needs the same ones is one translation unit.
// Read in this order:
//   xla.h       what is used of XLA           status.h   errors, and the frame of every function
//   launch.h    programs on several devices   handles.h   what the C handles are        convert.cc types, dimensions and layouts between C and C++
//   processes.cc a client of one of several processes
//   client.cc device.cc event.cc compile.cc executable.cc serialize.cc execute.cc buffer.cc   the functions
//   trace.cc    what programs run, for a profiler
//   collectives/ what devices of one process exchange; gloo/ devices of several, where libgloo is
//   table.cc    the function table and GetPjrtApi
// stub/ stands in for headers that the wheel lacks (MLIR) or that cost much time and give us nothing.

#include "xla.h"

#include "status.h"

#include "handles.h"

#include "convert.cc"

#include "processes.cc"

#include "client.cc"
#include "device.cc"
#include "event.cc"

#include "compile.cc"
#include "executable.cc"
#include "serialize.cc"

#include "buffer.cc"
#include "execute.cc"

#include "trace.cc"

#include "collectives/collectives.cc"
#ifdef MOCOTPU_GLOO
#include "gloo/gloo.cc"
#endif

#include "table.cc"
