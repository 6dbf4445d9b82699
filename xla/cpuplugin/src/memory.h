// Memory that the plugin keeps between programs, for whoever asks it back. Definitions: memory/all.cc, convolution/floats.h.
#pragma once

#include <cstddef>

namespace mocotpu {

// The bytes that the process may use: MOCOTPU_MEMORY, which whoever knows the container's limits sets before the first
// client is made, but no more than the machine has.
size_t MemoryOfProcess();

// Frees the large blocks that no array is in.
void ReleaseIdleMemory();

// Frees the blocks that no convolution works with.
void ReleaseConvolutionMemory();

}  // namespace mocotpu
