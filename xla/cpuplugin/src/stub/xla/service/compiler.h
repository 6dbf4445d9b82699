// Stands in for XLA's header, of which the client's header needs only GpuTargetConfig: saves compile time.
#pragma once
#include "xla/backends/gpu/target_config/target_config.h"
