// Devices and their descriptions.

#include "handles.h"

namespace {

FN(PJRT_Device_GetDescription) {
  RETURN_IF_ERROR(NotNull(args->device, "device"));
  args->device_description = &args->device->description;
  return absl::OkStatus();
}

FN(PJRT_Device_IsAddressable) {
  RETURN_IF_ERROR(NotNull(args->device, "device"));
  args->is_addressable = args->device->device->IsAddressable();
  return absl::OkStatus();
}

FN(PJRT_Device_LocalHardwareId) {
  RETURN_IF_ERROR(NotNull(args->device, "device"));
  args->local_hardware_id = args->device->device->local_hardware_id().value();
  return absl::OkStatus();
}

FN(PJRT_DeviceDescription_Id) {
  RETURN_IF_ERROR(NotNull(args->device_description, "device_description"));
  args->id = args->device_description->description->id();
  return absl::OkStatus();
}

FN(PJRT_DeviceDescription_ProcessIndex) {
  RETURN_IF_ERROR(NotNull(args->device_description, "device_description"));
  args->process_index = args->device_description->description->process_index();
  return absl::OkStatus();
}

FN(PJRT_DeviceDescription_DebugString) {
  RETURN_IF_ERROR(NotNull(args->device_description, "device_description"));
  const absl::string_view s = args->device_description->description->DebugString();
  args->debug_string = s.data();
  args->debug_string_size = s.size();
  return absl::OkStatus();
}

}  // namespace
