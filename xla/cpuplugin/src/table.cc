// The function table. What go-xla does not call answers UNIMPLEMENTED with its own name.

#include "handles.h"

namespace {

// The table's slots after the last one that the wheel's header knows, as PJRT C API 0.104 has them.
// Callers look at a slot without comparing sizes first, so that they must exist.
struct Table {
  PJRT_Api api;
  void* device_get_attributes;
  void* client_load;
  void* loaded_executable_addressable_device_logical_ids;
  PJRT_Error* (*buffer_bitcast)(PJRT_Buffer_Bitcast_Args*);
  void* error_for_each_payload;
  void* topology_description_fingerprint;
  void* executable_parameter_memory_kinds;
};
static_assert(PJRT_API_MAJOR == 0 && PJRT_API_MINOR == 90, "the wheel's C API is not the one of Table");
static_assert(offsetof(Table, device_get_attributes) == PJRT_Api_STRUCT_SIZE, "Table has a hole");
constexpr int kMinorVersion = 104;

// TensorFlow's own variable; here only warnings and worse are logged unless it says otherwise.
void SetLogLevel() {
  int level = 1;
  if (const char* env = std::getenv("TF_CPP_MIN_LOG_LEVEL")) level = std::atoi(env);
  absl::SetMinLogLevel(static_cast<absl::LogSeverityAtLeast>(std::clamp(level, 0, 3)));
}

PJRT_Error* Lacks(const char* name) {
  return ToError(
      absl::UnimplementedError(absl::StrCat(name, " is not implemented by mocotpu's CPU plugin")));
}

Table MakeTable() {
  Table t;
  std::memset(&t, 0, sizeof(t));
  PJRT_Api& api = t.api;
  api.struct_size = sizeof(Table);
  api.pjrt_api_version.struct_size = PJRT_Api_Version_STRUCT_SIZE;
  api.pjrt_api_version.major_version = PJRT_API_MAJOR;
  api.pjrt_api_version.minor_version = kMinorVersion;

#define HAVE(name) api.name = Fn_##name;
  HAVE(PJRT_Error_Destroy)
  HAVE(PJRT_Error_Message)
  HAVE(PJRT_Error_GetCode)
  HAVE(PJRT_Plugin_Initialize)
  HAVE(PJRT_Plugin_Attributes)
  HAVE(PJRT_Event_Destroy)
  HAVE(PJRT_Event_IsReady)
  HAVE(PJRT_Event_Await)
  HAVE(PJRT_Event_OnReady)
  HAVE(PJRT_Client_Create)
  HAVE(PJRT_Client_Destroy)
  HAVE(PJRT_Client_PlatformName)
  HAVE(PJRT_Client_ProcessIndex)
  HAVE(PJRT_Client_PlatformVersion)
  HAVE(PJRT_Client_Devices)
  HAVE(PJRT_Client_AddressableDevices)
  HAVE(PJRT_Client_Compile)
  HAVE(PJRT_Client_DefaultDeviceAssignment)
  HAVE(PJRT_Client_BufferFromHostBuffer)
  HAVE(PJRT_DeviceDescription_Id)
  HAVE(PJRT_DeviceDescription_ProcessIndex)
  HAVE(PJRT_DeviceDescription_DebugString)
  HAVE(PJRT_Device_GetDescription)
  HAVE(PJRT_Device_IsAddressable)
  HAVE(PJRT_Device_LocalHardwareId)
  HAVE(PJRT_Executable_Destroy)
  HAVE(PJRT_Executable_Name)
  HAVE(PJRT_Executable_NumOutputs)
  HAVE(PJRT_Executable_SizeOfGeneratedCodeInBytes)
  HAVE(PJRT_Executable_GetCostAnalysis)
  HAVE(PJRT_Executable_OptimizedProgram)
  HAVE(PJRT_Executable_Serialize)
  HAVE(PJRT_LoadedExecutable_Destroy)
  HAVE(PJRT_LoadedExecutable_GetExecutable)
  HAVE(PJRT_LoadedExecutable_Execute)
  HAVE(PJRT_Executable_DeserializeAndLoad)
  HAVE(PJRT_Buffer_Destroy)
  HAVE(PJRT_Buffer_ElementType)
  HAVE(PJRT_Buffer_Dimensions)
  HAVE(PJRT_Buffer_Device)
  HAVE(PJRT_Buffer_CopyToDevice)
  HAVE(PJRT_Buffer_ToHostBuffer)
  HAVE(PJRT_Buffer_UnsafePointer)
  HAVE(PJRT_Executable_OutputElementTypes)
  HAVE(PJRT_Executable_OutputDimensions)
  HAVE(PJRT_Client_CreateViewOfDeviceBuffer)
  HAVE(PJRT_Executable_Fingerprint)
  HAVE(PJRT_Executable_GetCompiledMemoryStats)
  t.buffer_bitcast = Fn_PJRT_Buffer_Bitcast;

#define LACK(name) api.name = [](name##_Args*) { return Lacks(#name); };
  LACK(PJRT_Event_Error)
  LACK(PJRT_Client_LookupDevice)
  LACK(PJRT_Client_LookupAddressableDevice)
  LACK(PJRT_Client_AddressableMemories)
  LACK(PJRT_DeviceDescription_Attributes)
  LACK(PJRT_DeviceDescription_Kind)
  LACK(PJRT_DeviceDescription_ToString)
  LACK(PJRT_Device_AddressableMemories)
  LACK(PJRT_Device_DefaultMemory)
  LACK(PJRT_Device_MemoryStats)
  LACK(PJRT_Memory_Id)
  LACK(PJRT_Memory_Kind)
  LACK(PJRT_Memory_DebugString)
  LACK(PJRT_Memory_ToString)
  LACK(PJRT_Memory_AddressableByDevices)
  LACK(PJRT_Executable_NumReplicas)
  LACK(PJRT_Executable_NumPartitions)
  LACK(PJRT_Executable_OutputMemoryKinds)
  LACK(PJRT_LoadedExecutable_AddressableDevices)
  LACK(PJRT_LoadedExecutable_Delete)
  LACK(PJRT_LoadedExecutable_IsDeleted)
  LACK(PJRT_LoadedExecutable_Fingerprint)
  LACK(PJRT_Buffer_UnpaddedDimensions)
  LACK(PJRT_Buffer_DynamicDimensionIndices)
  LACK(PJRT_Buffer_GetMemoryLayout)
  LACK(PJRT_Buffer_OnDeviceSizeInBytes)
  LACK(PJRT_Buffer_Memory)
  LACK(PJRT_Buffer_Delete)
  LACK(PJRT_Buffer_IsDeleted)
  LACK(PJRT_Buffer_IsOnCpu)
  LACK(PJRT_Buffer_ReadyEvent)
  LACK(PJRT_Buffer_IncreaseExternalReferenceCount)
  LACK(PJRT_Buffer_DecreaseExternalReferenceCount)
  LACK(PJRT_Buffer_OpaqueDeviceMemoryDataPointer)
  LACK(PJRT_CopyToDeviceStream_Destroy)
  LACK(PJRT_CopyToDeviceStream_AddChunk)
  LACK(PJRT_CopyToDeviceStream_TotalBytes)
  LACK(PJRT_CopyToDeviceStream_GranuleSize)
  LACK(PJRT_CopyToDeviceStream_CurrentBytes)
  LACK(PJRT_TopologyDescription_Create)
  LACK(PJRT_TopologyDescription_Destroy)
  LACK(PJRT_TopologyDescription_PlatformName)
  LACK(PJRT_TopologyDescription_PlatformVersion)
  LACK(PJRT_TopologyDescription_GetDeviceDescriptions)
  LACK(PJRT_TopologyDescription_Serialize)
  LACK(PJRT_TopologyDescription_Attributes)
  LACK(PJRT_Compile)
  LACK(PJRT_Buffer_CopyToMemory)
  LACK(PJRT_Client_TopologyDescription)
  LACK(PJRT_Memory_Kind_Id)
  LACK(PJRT_ExecuteContext_Create)
  LACK(PJRT_ExecuteContext_Destroy)
  LACK(PJRT_Buffer_CopyRawToHost)
  LACK(PJRT_AsyncHostToDeviceTransferManager_Destroy)
  LACK(PJRT_AsyncHostToDeviceTransferManager_TransferData)
  LACK(PJRT_Client_CreateBuffersForAsyncHostToDevice)
  LACK(PJRT_AsyncHostToDeviceTransferManager_RetrieveBuffer)
  LACK(PJRT_AsyncHostToDeviceTransferManager_Device)
  LACK(PJRT_AsyncHostToDeviceTransferManager_BufferCount)
  LACK(PJRT_AsyncHostToDeviceTransferManager_BufferSize)
  LACK(PJRT_AsyncHostToDeviceTransferManager_SetBufferError)
  LACK(PJRT_AsyncHostToDeviceTransferManager_AddMetadata)
  LACK(PJRT_Client_DmaMap)
  LACK(PJRT_Client_DmaUnmap)
  LACK(PJRT_Client_CreateUninitializedBuffer)
  LACK(PJRT_Client_UpdateGlobalProcessInfo)
  LACK(PJRT_TopologyDescription_Deserialize)
  LACK(PJRT_Client_CreateAliasBuffer)
  LACK(PJRT_Client_FulfillAliasBuffer)
  LACK(PJRT_LoadedExecutable_GetDeviceAssignment)
  LACK(PJRT_Client_CreateErrorBuffer)
  LACK(PJRT_AsyncHostToDeviceTransferManager_TransferLiteral)
  LACK(PJRT_Buffer_CopyRawToHostFuture)
  LACK(PJRT_Device_PoisonExecution)
  LACK(PJRT_Device_CreateAsyncTrackingEvent)
  LACK(PJRT_AsyncTrackingEvent_Destroy)
  LACK(PJRT_Executable_GetCompileOptions)
  LACK(PJRT_Buffer_DonateWithControlDependency)
  LACK(PJRT_Event_Create)
  LACK(PJRT_Event_Set)
#define LACK_LATER(field, name) t.field = reinterpret_cast<void*>(+[](void*) { return Lacks(name); });
  LACK_LATER(device_get_attributes, "PJRT_Device_GetAttributes")
  LACK_LATER(client_load, "PJRT_Client_Load")
  LACK_LATER(loaded_executable_addressable_device_logical_ids, "PJRT_LoadedExecutable_AddressableDeviceLogicalIds")
  LACK_LATER(error_for_each_payload, "PJRT_Error_ForEachPayload")
  LACK_LATER(topology_description_fingerprint, "PJRT_TopologyDescription_Fingerprint")
  LACK_LATER(executable_parameter_memory_kinds, "PJRT_Executable_ParameterMemoryKinds")
#undef HAVE
#undef LACK
#undef LACK_LATER
  return t;
}

}  // namespace

extern "C" {

// Beside PJRT: who hears of a program that makes no progress, instead of standard error. The text is the callee's only
// during the call.
__attribute__((visibility("default"))) void mocotpu_set_notice(void (*notice)(const char* text)) {
  mocotpu::SetNotice(notice);
}

// Beside PJRT: how many devices still run a program that was reported as failed. They may read its arguments.
__attribute__((visibility("default"))) int mocotpu_stragglers(PJRT_Client* client) {
  const auto last = client->LastLaunch();
  return last == nullptr ? 0 : last->Stragglers();
}

__attribute__((visibility("default"))) const PJRT_Api* GetPjrtApi() {
  static const Table table = [] {
    SetLogLevel();
    return MakeTable();
  }();
  return &table.api;
}

}  // extern "C"
